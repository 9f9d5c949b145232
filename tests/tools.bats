#!/usr/bin/env bats
# Other tools start the programs, stop them, and connect their input and output; and several shells do. Each test is
# about one of them. A test whose tool is not installed is skipped.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper
load ssh

# See public in helper.bash.
ALICE=54321
MALLORY=54322

# received LINE ...: these messages are received, in this order, and no others.
received() {
  run -0 chat-recv -a
  assert_output "$(printf '%s\n' "$@")"
}

# ---------------------------------------------------------------- one command for each of many

# The commands of busybox are other programs with the same names.
with_and_without_busybox() { # COMMAND [ARG ...]
  "$@"
  ! command -v busybox >/dev/null || "$@" busybox
}

xargs_sends() { # [busybox]
  printf '%s\0' 'two  words' $'two\nlines' '$(no shell)' | "$@" xargs -0 -n 1 chat-send
  received 'two  words' $'two\nlines' '$(no shell)'
  # No line of the standard input of xargs is lost.
  seq 5 | "$@" xargs -n 2 chat-send
  received '1 2' '3 4' 5
}

@test "xargs sends its input and receives messages" {
  with_and_without_busybox xargs_sends
  printf '%s\0' 'two  words' $'two\nlines' | chat-send -0
  run -0 bash -c "chat-recv -a -0 | xargs -0 -n 1 printf '<%s>'"
  assert_output $'<two  words><two\nlines>'
  seq 8 | chat-send -l
  run -0 bash -c 'seq 8 | xargs -P 4 -n 1 sh -c "exec chat-recv" | sort'
  assert_output "$(seq 8)"
  # xargs does not stop because of "No message".
  run -123 --separate-stderr bash -c 'seq 3 | xargs -n 1 sh -c "exec chat-recv -q"'
  assert_equal "$output$stderr" ''
}

@test "parallel sends and receives with many processes" {
  needs parallel
  [[ $(parallel --version 2>/dev/null) == GNU* ]] || skip 'another parallel'
  seq 30 | parallel -j 4 chat-send -r one
  run -0 bash -c 'seq 30 | parallel -j 4 -n 1 "chat-recv -r one #" {} | sort -n'
  assert_output "$(seq 30)"
  seq 100 | parallel --pipe -j 4 -N 10 chat-send -l -r many
  run -0 bash -c 'chat-recv -a -r many | sort -n'
  assert_output "$(seq 100)"
  seq 3 | chat-send -l
  run -0 bash -c "chat-recv -a | parallel -k echo 'got {}'"
  assert_output $'got 1\ngot 2\ngot 3'
}

find_sends() { # [busybox]
  "$@" find files -type f -exec chat-send {} \;
  "$@" find files -name 'a*' -exec chat-send -f {} \;
  "$@" find files -name 'a*' -exec chat-send -r all -- {} +
  run -0 bash -c 'chat-recv -a | sort'
  assert_output $'files/-r\nfiles/a file\nwhat is in it'
  run -0 chat-recv -r all
  assert_output 'files/a file'
}

@test "find -exec sends the names or the contents of files" {
  mkdir files
  echo 'what is in it' >'files/a file'
  : >files/-r
  with_and_without_busybox find_sends
}

# ---------------------------------------------------------------- for some time, or later

@test "watch shows the waiting messages and takes none" {
  needs watch script
  chat-send one
  background script --quiet --return --command 'TERM=xterm watch -g -t -n 0.1 chat-recv -p -a' /dev/null >seen
  wait_until grep -q one seen
  chat-send two
  finish "$BACKGROUND_PID" # with -g it ends at the first change
  assert_success
  received one two
}

timeout_ends() { # [busybox]
  run --separate-stderr "$@" timeout 0.2 chat-recv -w
  [[ $status == @(124|143) ]] || fail "status $status"
  assert_equal "$output$stderr" ''
  run "$@" timeout -s KILL 0.2 chat-recv -w
  assert_failure 137
  chat-send hello
  run -0 "$@" timeout 20 chat-recv -w
  assert_output hello
  # The child of timeout would be stopped if it read from a terminal; this one reads nothing.
  run -0 "$@" timeout 20 chat-send hello
  received hello
}

@test "timeout ends a waiting receiver, which has taken nothing" {
  timeout_ends
  # Some versions of busybox do not know fractions of a second.
  if busybox timeout 0.1 true 2>/dev/null; then timeout_ends busybox; fi
}

@test "nohup starts a receiver that survives the terminal" {
  chat-send -r other x
  background script --quiet --return --command 'nohup chat-recv -w >out 2>err & echo $! >pid; exec tail -f pid' /dev/null >seen
  wait_until test -s pid
  local receiver
  receiver=$(cat pid)
  wait_blocked "$receiver"
  kill -KILL -- "-$BACKGROUND_PID" # the terminal is gone
  wait_until process_ended "$BACKGROUND_PID"
  chat-send hello
  wait_until process_ended "$receiver"
  assert_equal "$(cat out)" hello
}

@test "flock starts one of several commands, and the children of COMMAND do not hold its lock" {
  flock lock chat-send hello
  run -0 flock lock chat-recv -- sh -c 'cat; sleep 60 >/dev/null 2>&1 & echo $! >left'
  assert_output hello
  run -0 flock -n lock chat-send 'the lock is free'
  kill -KILL "$(cat left)"
  received 'the lock is free'
}

# In a separate namespace, so that the jobs of this machine are not affected.
@test "at runs a sender and a receiver at the given time" {
  needs at atd
  ((EUID == 0)) && unshare --mount true 2>/dev/null || skip 'needs root, and the right to mount'
  id daemon >/dev/null 2>&1 && [[ -d /var/spool/cron/atjobs && -d /var/spool/cron/atspool ]] || skip 'not the at of Debian'
  mkdir run
  install -d -m 1770 -o daemon -g daemon jobs spool
  echo 1 >jobs/.SEQ
  chown daemon:daemon jobs/.SEQ
  chat-send 'sent before'
  background unshare --mount bash -c '
    mount --bind jobs /var/spool/cron/atjobs && mount --bind spool /var/spool/cron/atspool && mount --bind run /run || exit
    echo "chat-recv >$PWD/out 2>&1" | at -M now &&
    echo "chat-send -r later \"sent by at\"" | at -M now &&
    exec $(PATH=$PATH:/usr/sbin command -v atd) -f' 2>errors
  run -0 chat-recv -t 60 -r later -o '%u: %b'
  assert_output "$(id -un): sent by at"
  wait_until file_has out 'sent before'
}

@test "systemd-run sends and receives" {
  needs systemd-run
  [[ -d /run/systemd/system ]] || skip 'systemd does not run here'
  ((EUID == 0)) || skip 'needs root'
  local run=(systemd-run --quiet --wait --pipe --collect "--setenv=CHAT_SPOOL=$PWD/spool.db")
  "${run[@]}" "$CHAT_BIN/chat-send" hello
  echo 'from a pipe' | "${run[@]}" "$CHAT_BIN/chat-send"
  run -0 "${run[@]}" "$CHAT_BIN/chat-recv" -a
  assert_output $'hello\nfrom a pipe'
  run -1 "${run[@]}" "$CHAT_BIN/chat-recv"
}

# ---------------------------------------------------------------- with terminals and without

@test "script records what a terminal would show, without control sequences" {
  needs script
  printf 'one \033[2J two\n' | chat-send
  run -0 script --quiet --return --command chat-recv typescript </dev/null
  run -0 grep -c 'one \\x1b\[2J two' typescript
}

@test "ssh without a terminal sends and receives, with and without an input" {
  there
  ssh there chat-send hello </dev/null
  ssh -n there chat-send again
  printf 'an input\n' | ssh -T there chat-send
  run -0 ssh -n there chat-recv -a
  assert_output $'hello\nagain\nan input'
  run -1 --separate-stderr ssh -n there chat-recv
  assert_stderr 'chat-recv: No new messages'
  # With a terminal, control characters are escaped.
  printf '\033' | ssh there chat-send
  run -0 on_terminal ssh -tt there chat-recv
  assert_output '\x1b'
}

@test "a receiver whose ssh connection is gone loses nothing" {
  there
  ssh -n there chat-send -r other x
  background ssh -n there "echo \$\$ >$PWD/pid; exec chat-recv -w"
  wait_until test -s pid
  local receiver
  receiver=$(cat pid)
  wait_blocked "$receiver"
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  chat-send -s "$THERE" hello
  run -0 timeout 60 chat-recv -s "$THERE" -t 50
  assert_output hello
  # If it did not wake before this message came, it still waits.
  kill "$receiver" 2>/dev/null || true
  wait_until process_ended "$receiver"
}

# ---------------------------------------------------------------- as another user: whose spool is it?

# accounts: create in $PUBLIC the accounts alice and mallory, both with all rights of sudo, for commands run by
# with_accounts.
accounts() {
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  public
  local name uid
  echo "root:x:0:0:root:$HOME:/bin/sh" >passwd
  echo 'root:*:1::::::' >shadow
  echo 'root:x:0:' >group
  for name in alice mallory; do
    uid=$ALICE
    [[ $name == alice ]] || uid=$MALLORY
    echo "$name:x:$uid:$uid::$PUBLIC/$name:/bin/sh" >>passwd
    echo "$name:*:1::::::" >>shadow
    echo "$name:x:$uid:" >>group
  done
  printf '%s\n' 'Defaults !use_pty' "Defaults secure_path=\"$PUBLIC/bin:/usr/sbin:/usr/bin:/sbin:/bin\"" \
    'ALL ALL=(ALL:ALL) NOPASSWD:SETENV: ALL' >sudoers
  chmod 440 sudoers
  chmod 600 shadow
}

with_accounts() { # COMMAND [ARG ...]
  unshare --mount bash -c '
    for file in passwd shadow group; do mount --bind "$file" "/etc/$file" || exit; done
    [ ! -e /etc/sudoers ] || mount --bind sudoers /etc/sudoers || exit
    exec "$@"' - "$@"
}

@test "su: the spool and the sender are those of the new user" {
  needs su
  accounts
  local send="PATH=$PUBLIC/bin:\$PATH; chat-send"
  chat-send 'of root'
  with_accounts su -l alice -c "$send 'su -l'"
  with_accounts su alice -c "$send su"
  run -0 as_user $ALICE chat-recv -a -o '%u: %b\n'
  assert_output $'alice: su -l\nalice: su'
  # With the old environment the spool is still root's, and is refused.
  run --separate-stderr with_accounts su -p alice -c "exec $PUBLIC/bin/chat-recv"
  assert_error 77 "chat-recv: cannot open spool '$SPOOL': "
  received 'of root'
}

@test "sudo: the spool and the sender are those of the new user" {
  needs sudo su
  accounts
  sudo_as_alice() { with_accounts setpriv --reuid=$ALICE --regid=$ALICE --init-groups env HOME="$PUBLIC/alice" sudo -n "$@"; }
  sudo_as_alice true || skip 'sudo does not work here'
  as_user $ALICE chat-send 'of alice'
  chat-send 'of root'
  sudo_as_alice chat-send sudo
  sudo_as_alice -u mallory chat-send 'sudo -u'
  run -0 chat-recv -a -o '%u: %b\n'
  assert_output "$(id -un): of root"$'\nroot: sudo'
  run -0 as_user $MALLORY chat-recv -a -o '%u: %b\n'
  assert_output 'mallory: sudo -u'
  # With the old home the spool still belongs to alice: root is refused, and the error names the owner.
  run --separate-stderr sudo_as_alice --preserve-env=HOME HOME="$PUBLIC/alice" chat-recv
  assert_error 77 "chat-recv: spool '$PUBLIC/alice/.local/state/chat/spool.db' is not safe to use: its directory belongs to another user"
  run -0 as_user $ALICE chat-recv
  assert_output 'of alice'
}

@test "the programs work under env -i with a bare PATH" {
  run -0 env -i HOME="$HOME" PATH="$CHAT_BIN" ${CHAT_SPOOL:+CHAT_SPOOL="$CHAT_SPOOL"} chat-send hello
  run -0 env -i CHAT_SPOOL="$SPOOL" "$CHAT_BIN/chat-recv" -o '%u: %b'
  assert_output "$(id -un): hello"
}

# ---------------------------------------------------------------- shells

# For all shells with the grammar of sh: arguments, a here-document, a loop, statuses, a pipe whose reader is gone, and
# background jobs.
shell_script() {
  cat <<'SCRIPT'
set -u
word='two  words; $(no more)'
chat-send "$word" && chat-send <<END
a here-document
END
printf '%s\n' 1 2 3 | chat-send -l
while message=$(chat-recv -q); do echo "got $message"; done
echo "status $?"
if chat-recv -q; then echo no; else echo "empty: $?"; fi
chat-recv -w -r ready >background &
chat-send -r ready 'to the background'
wait $! && cat background
chat-send -r work 'a job'
chat-recv -r work -- sh -c 'read -r job || :; echo "$CHAT_MESSAGE_ROOM: $job"'
chat-send -l -r pipe <<END
one
two
END
chat-recv -r pipe | { read -r line; echo "$line"; }
chat-recv -n -r pipe | cat; echo
chat-send --room= 2>/dev/null || echo "usage: $?"
SCRIPT
}

shell_runs() { # SHELL [ARG ...]
  shell_script >script
  capture "$@" ./script
  assert_equal "$1: $status: $stderr" "$1: 0: "
  assert_output 'got two  words; $(no more)
got a here-document
got 1
got 2
got 3
status 0
empty: 1
to the background
work: a job
one
two
usage: 64'
}

@test "sh, dash, bash, busybox sh, ksh and zsh: arguments, here-documents, loops, statuses, pipes and jobs work" {
  local shell seen=0
  for shell in sh dash bash 'busybox sh' ksh mksh 'zsh -f'; do
    command -v "${shell%% *}" >/dev/null || continue
    # shellcheck disable=SC2086  # words
    shell_runs $shell
    seen=$((seen + 1))
  done
  ((seen >= 2))
}

@test "fish: arguments, loops, statuses, pipes and jobs work" {
  needs fish
  cat >script <<'SCRIPT'
set word 'two  words; $(no more)'
chat-send $word
printf '%s\n' 1 2 3 | chat-send -l
while set message (chat-recv -q)
    echo "got $message"
end
chat-recv -q
echo "empty: $status"
chat-recv -w -r ready >background &
chat-send -r ready 'to the background'
wait
cat background
chat-send -r work 'a job'
chat-recv -r work -- sh -c 'read -r job || :; echo "$CHAT_MESSAGE_ROOM: $job"'
chat-send --room= 2>/dev/null; or echo "usage: $status"
SCRIPT
  capture fish --no-config ./script
  assert_equal "$status: $stderr" '0: '
  assert_output 'got two  words; $(no more)
got 1
got 2
got 3
empty: 1
to the background
work: a job
usage: 64'
}
