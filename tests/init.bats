#!/usr/bin/env bats
# Files that start the programs on a machine: systemd units, a crontab, a plain script; as "make install" installs them.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup_file() {
  export ROOT=$BATS_FILE_TMPDIR/root
  local unit bin
  bin=$(cd "${CHAT_BIN:-$REPOSITORY/bin}" && pwd)
  mkdir -p "$ROOT/usr/bin" "$ROOT/usr/lib/systemd/system" "$ROOT/etc/chat/handlers"
  ln -s "$bin"/chat-{send,recv,spool} "$ROOT/usr/bin"
  for unit in chat-worker@.service chat-nightly.service chat-nightly.timer; do
    "$BATS_TEST_DIRNAME/../init/unit" "$BATS_TEST_DIRNAME/../init/$unit" /usr/bin >"$ROOT/usr/lib/systemd/system/$unit"
  done
  printf '#!/bin/sh\ncat\n' >"$ROOT/etc/chat/handlers/jobs"
  chmod +x "$ROOT/etc/chat/handlers/jobs"
}

setup() {
  chat_setup
  INIT=$(cd "$BATS_TEST_DIRNAME/../init" && pwd)
}

teardown() {
  [[ ! -e configuration ]] || { touch go && worker stop; }
  chat_teardown
  [[ ! ${PUBLIC:-} ]] || rm -rf "$PUBLIC"
}

# ---------------------------------------------------------------- systemd

needs_systemd() { command -v systemd-analyze >/dev/null || skip 'needs systemd'; }

# here FILE: print a copy whose commands and programs are in $ROOT.
here() { sed "s|/usr/bin/chat|$ROOT&|; s| /etc/chat| $ROOT/etc/chat|; s|=/etc/chat|=$ROOT/etc/chat|" "$ROOT/usr/lib/systemd/system/$1"; }

@test "systemd finds no mistake in the units" {
  needs_systemd
  mkdir units
  here chat-worker@.service >units/chat-worker@jobs.service
  here chat-nightly.service >units/chat-nightly.service
  here chat-nightly.timer >units/chat-nightly.timer
  run systemd-analyze verify --man=no units/*
  assert_output ''
  assert_success
}

@test "no unit has a placeholder left, and both services have the same limits" {
  local unit
  run -1 grep -n '@[A-Z]*@' "$ROOT"/usr/lib/systemd/system/*
  for unit in chat-worker@.service chat-nightly.service; do
    sed '/^DynamicUser=/,/^SystemCallFilter=~/!d' "$ROOT/usr/lib/systemd/system/$unit" >"${unit%%[@.]*}.limits"
  done
  run -0 cat chat-nightly.limits
  assert_line 'CapabilityBoundingSet='
  run -0 diff chat-nightly.limits chat-worker.limits
}

@test "systemd reports a mistake in a unit" {
  needs_systemd
  mkdir units
  here chat-nightly.service | sed 's|/chat-send|/chat-sent|; s/^UMask/Umask/' >units/chat-nightly.service
  run systemd-analyze verify --man=no units/*
  assert_output --partial 'chat-sent is not executable'
  assert_output --partial "Unknown key 'Umask'"
}

@test "systemd rates the exposure of the services as low" {
  needs_systemd
  mkdir units
  here chat-worker@.service >units/chat-worker@jobs.service
  here chat-nightly.service >units/chat-nightly.service
  run systemd-analyze security --offline=yes --threshold=15 units/chat-worker@jobs.service
  assert_success
  run systemd-analyze security --offline=yes --threshold=15 units/chat-nightly.service
  assert_success
}

# command_of UNIT: print what the unit starts for the room jobs, with the spool of this test, one argument per line.
command_of() {
  here "$1" | sed -n 's/^ExecStart=//p' | sed "s|%i|jobs|g; s|/var/spool/chat/spool.db|$PWD/spool/spool.db|" | tr ' ' '\n'
}

@test "the timer's service sends one job even if it runs often, and the worker's service processes it" {
  local send receive
  mapfile -t send < <(command_of chat-nightly.service)
  mapfile -t receive < <(command_of chat-worker@.service)
  assert_equal "${#send[@]} ${#receive[@]}" '9 11'
  "${send[@]}"
  "${send[@]}"
  background "${receive[@]}" >out
  wait_until file_has out nightly
  wait_blocked "$BACKGROUND_PID"
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(cat out)" nightly
}

@test "the group and the directory that systemd creates are a spool for the members of the group only" {
  command -v systemd-tmpfiles >/dev/null || skip 'needs systemd'
  ((EUID == 0)) || skip 'needs root'
  PUBLIC=$(mktemp -d "${TMPDIR:-/tmp}/chat-test-XXXXXX")
  chmod 755 "$PUBLIC"
  cd "$PUBLIC"
  mkdir -p root/etc root/var/spool
  echo 'root:x:0:0:root:/root:/bin/sh' >root/etc/passwd
  printf '%s\n' 'root:x:0:' >root/etc/group
  systemd-sysusers --root="$PWD/root" "$INIT/chat.sysusers"
  local group
  group=$(sed -n 's/^chat:[^:]*:\([0-9]*\):.*/\1/p' root/etc/group)
  assert [ "$group" -gt 0 ]
  systemd-tmpfiles --create --root="$PWD/root" "$INIT/chat.tmpfiles"
  export CHAT_SPOOL=$PWD/root/var/spool/chat/spool.db
  # The programs may be where only root can go.
  cp "$CHAT_BIN"/chat-{send,recv} root
  setpriv --reuid=12345 --clear-groups root/chat-send --version >/dev/null || skip 'other users cannot run the programs'
  run -0 setpriv --reuid=12345 --regid=12345 --groups="$group" root/chat-send hello
  run -0 setpriv --reuid=12346 --regid=12346 --groups="$group" root/chat-recv
  assert_output hello
  run -77 setpriv --reuid=12347 --regid=12347 --clear-groups root/chat-send hello
  run -77 root/chat-send hello
}

# ---------------------------------------------------------------- cron

# bats test_tags=full
@test "cron runs the lines of the crontab unchanged" {
  local cron
  full_dose 'waits for a full minute'
  cron=$(PATH=$PATH:/usr/sbin command -v cron) || skip 'needs cron'
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  [[ -d /var/spool/cron/crontabs && -d /etc/cron.d && -e /etc/crontab ]] || skip 'not the cron of Debian'
  mkdir -m 1730 crontabs
  mkdir programs empty run
  local program
  for program in chat-send chat-recv; do
    # Print the arguments, then do the work.
    printf '#!/bin/bash\nprintf -v line "%%q " %s "$@"\necho "$line" >>%q\nexec %q "$@"\n' \
      "$program" "$PWD/log" "$CHAT_BIN/$program" >"programs/$program"
  done
  chmod +x programs/*
  {
    echo "CHAT_SPOOL=$PWD/spool.db"
    sed -E "s|^PATH=|&$PWD/programs:|; s/^[*0-9][^ ]* +[^ ]+ [^ ]+ [^ ]+ [^ ]+ /* * * * * /" "$INIT/crontab"
  } >crontabs/root
  chmod 600 crontabs/root
  printf '%s\n' one two | chat-send -s spool.db -l -r jobs
  background unshare --mount bash -c '
    mount --bind crontabs /var/spool/cron/crontabs && mount --bind empty /etc/cron.d && mount --bind run /run &&
    mount --bind /dev/null /etc/crontab && exec "$0" -f' "$cron" 2>errors
  # Begin at a full minute.
  WAIT_LIMIT=100 wait_until logged_all
  assert_line_of log 'chat-send -q -k sync -r jobs sync '
  assert_line_of log "chat-recv -q -a --tries 2 -r jobs -- sh -c echo\\ \\\"done:\\ \\\$\\(cat\\)\\\"\\ \\|\\ chat-send\\ -q\\ -l\\ -r\\ report "
  assert_line_of log 'chat-recv -q -a -r report -o %t\ %b\\n '
  # The old job is done; the new job may have been sent later.
  wait_until those_are_done
}

logged_all() { [[ -e log ]] && grep -q 'tries' log && grep -q 'sync' log && grep -q '%b' log; }
assert_line_of() { grep -qxF -- "$2" "$1" || fail "not in $1: $2"$'\n'"$(cat "$1")"; }
those_are_done() {
  local result=0
  chat-recv -s spool.db -q -p -a -r jobs >left || result=$?
  ((result <= 1)) && ! grep -qE '^(one|two)$' left
}

# ---------------------------------------------------------------- a plain script

# worker WORD: run the script with a configuration of this test.
worker() {
  CHAT_WORKER=$PWD/configuration "$INIT/chat-worker" "$@"
}

setup_worker() {
  cat >handler <<'HANDLER'
#!/bin/sh
read -r job
echo "begun $job" >>done
[ "$job" != slow ] || until [ -e go ]; do sleep 0.05; done
echo "done $job" >>done
HANDLER
  chmod +x handler
  printf '%s\n' "handler=$PWD/handler" "spool=$PWD/spool.db" "log=$PWD/log" "run=$PWD" >configuration
}


@test "the script starts a worker once, reports its status, and stops it when its job is done" {
  setup_worker
  run -3 worker status
  assert_output 'chat-worker: not running'
  worker start
  run -0 worker status
  local pid=${output##* }
  worker start
  run -0 worker status
  assert_output "chat-worker: running as process $pid"
  chat-send -s spool.db -r jobs slow
  wait_until file_has 'done' 'begun slow'
  background env "CHAT_WORKER=$PWD/configuration" "$INIT/chat-worker" stop
  sleep 0.3 # it would be gone by now, if it did not wait
  run -0 worker status
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  run -3 worker status
  assert_equal "$(cat 'done')" $'begun slow\ndone slow'
  run chat-recv -s spool.db -r jobs
  assert_failure 1
}

@test "the script names the place to look if the worker cannot start" {
  setup_worker
  echo "options=--nonsense" >>configuration
  run -1 worker start
  assert_output "chat-worker: cannot start, see $PWD/log"
  run -0 grep -c nonsense log
  run -64 worker
  assert_output 'usage: chat-worker start | stop | restart | status'
}
