#!/usr/bin/env bats
# The first process that opens a spool of an earlier format upgrades it, once, and loses nothing. tests/data contains a
# spool of each released format. A spool of a newer format, and one that was changed by hand, are refused and not
# touched. TORTURE is the number of rounds in which many processes upgrade a spool (default 2; 30 times TORTURE if that
# is 1 or more), and kills before every system call.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup() {
  chat_setup
  MOUNTS=()
  mkdir -p "${SPOOL%/*}"
  chmod 700 "${SPOOL%/*}"
  old "$SPOOL"
}

teardown() {
  chat_teardown
  local place
  for place in "${MOUNTS[@]}"; do umount "$place"; done
}

# old SPOOL [FORMAT]: create a copy of the spool of format 1, or another, there.
old() {
  rm -rf "$1"-* "$1"
  install -m 600 "$BATS_TEST_DIRNAME/data/spool-${2:-1}.db" "$1"
}

# Print the format of a spool; reads a copy, so that the spool is not touched.
format() { ask 'PRAGMA user_version' "$@"; }

# The rows of the spool of format 1, as they must remain forever.
original() {
  [[ -e one.db ]] || old one.db
  rows one.db
}

# schema SPOOL: print all of it.
schema() { sqlite3 "$1" 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid'; }

# now: the format of a new spool.
now() {
  chat-send -s "$BATS_TEST_TMPDIR/new/new.db" x
  format "$BATS_TEST_TMPDIR/new/new.db"
}

# ---------------------------------------------------------------- the first command

@test "the test data is a spool of format 1 with messages of all kinds" {
  assert_equal "$(format)" 1
  assert_equal "$(now)" 3
  assert_equal "$(rows | wc -l)" 8
}

@test "a backup of format 1 is restored and upgraded" {
  old saved.db
  chat-send x
  run --separate-stderr -0 chat-spool restore -y saved.db
  assert_equal "$(format)" "$(now)"
  assert_equal "$(rows)" "$(original)"
  run -0 chat-spool check
}

@test "a send, a receive, a peek and a list upgrade a spool and keep every message unchanged" {
  local command
  for command in 'chat-send -r new x' 'chat-recv -q -r new' 'chat-recv -p -r main' 'chat-recv -t 0.1 -q -r new' 'chat-spool list' \
    'chat-spool show' 'chat-spool dump' 'chat-spool check' 'chat-spool config' 'chat-spool init' 'chat-spool compact' 'chat-spool backup b.db'; do
    old "$SPOOL"
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr timeout 20 $command
    [[ $status == 0 || $status == 1 && $command == *new ]] || fail "$command: $status: $stderr"
    assert_equal "$stderr" ''
    assert_equal "$command: $(format)" "$command: 3"
    assert_equal "$(rows | grep -v '|new|')" "$(original)"
    sound
    rm -f b.db
  done
}

@test "an upgraded spool has exactly the schema of a new one" {
  now >/dev/null
  chat-send x
  diff <(schema new/new.db) <(schema "$SPOOL")
  assert_equal "$(ask 'PRAGMA application_id; PRAGMA auto_vacuum')" "$(ask 'PRAGMA application_id; PRAGMA auto_vacuum' new/new.db)"
  # And the properties of a new spool, except its contents.
  diff <(ask 'SELECT * FROM room WHERE number = 0' new/new.db | cut -d '|' -f 1-7,9-) <(ask 'SELECT * FROM room WHERE number = 0' | cut -d '|' -f 1-7,9-)
  run -0 chat-spool check
}

@test "the messages of an upgraded spool are received as before" {
  run -0 chat-recv -a -o '%i %u %k %b|'
  assert_output '1 alice  first in main|2 bob sync with a key|10 root  |'
  printf 'a\0b\xff\n' >expected
  chat-recv -r bytes -n | cmp expected -
  chat-recv -r zeros -n | cmp <(head -c 10000 /dev/zero) -
  run -0 chat-recv -r jobs.dead -o '%u %n %b'
  assert_output 'carol 1 poison'
  run -0 chat-spool show -j jobs
  assert_line --partial '"attempts":2,"key":null,"place":4,"due":"2036-'
  assert_line --partial '"due":"2099-12-31T23:55:00.000Z","expires":null,"state":"delayed","next_id":11,"body":"new year"'
  run -1 chat-recv -q -r jobs
  run -0 chat-send -i next
  assert [ "$output" -ge 11 ]
  sound
}

@test "the keys and the limits of a room apply after the upgrade" {
  run -0 chat-send -k sync -i again
  assert_output 2
  old "$SPOOL"
  run -75 chat-send -m 3 'one too many'
  run -0 chat-send -m 4 'one more'
}

@test "the dump of an upgraded spool can be loaded unchanged" {
  chat-spool dump | chat-spool load -s fresh.db
  assert_equal "$(rows fresh.db)" "$(original)"
}

@test "the upgrade of a spool of format 1 includes messages that are still in the WAL" {
  local keep
  mkfifo input
  exec {keep}<>input
  # Another process has it open, so the WAL stays.
  eval "background sqlite3 -batch \"\$SPOOL\" <input >shell $keep<&-"
  echo "UPDATE message SET attempts = 5 WHERE id = 7; BEGIN; SELECT count(*) FROM message;" >&"$keep"
  wait_until file_has shell 8
  assert [ -s "$SPOOL-wal" ]
  # An open read transaction does not prevent it.
  run -0 timeout 20 chat-send -r new x
  run -0 timeout 20 chat-recv -r jobs.dead -o '%n %b'
  assert_output '5 poison'
  echo 'COMMIT;' >&"$keep"
  exec {keep}>&-
  finish "$BACKGROUND_PID"
  assert_equal "$(format)" 3
}

@test "a spool of format 2 is upgraded and keeps every message unchanged" {
  local command
  old two.db 2
  assert_equal "$(format two.db)" 2
  rows two.db >as-it-was
  assert_equal "$(wc -l <as-it-was)" 10
  for command in 'chat-send -r new x' 'chat-recv -p -r main' 'chat-spool list'; do
    old "$SPOOL" 2
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr -0 timeout 20 $command
    assert_equal "$command: $(format)" "$command: 3"
    diff as-it-was <(rows | grep -v '|new|')
    sound
    chat-spool check
  done
}

@test "an upgrade of format 2 changes rooms and messages as recorded, and nothing else" {
  local data=$BATS_TEST_DIRNAME/data
  unsound 'its counters are wrong'
  old "$SPOOL" 2
  sqlite3 "$SPOOL" <"$data/upgrade.sql"
  chat-spool list -1 >listed
  sqlite3 "$SPOOL" 'SELECT * FROM room ORDER BY number' "SELECT '--'" "SELECT position, id, room, key, place, due, expires, sent, sender,
    host, attempts, failed, failure, checksum, length(body) FROM message ORDER BY position" "SELECT '--'" \
    "SELECT type, name, iif(type = 'index', sql, '') FROM sqlite_schema" 'PRAGMA user_version' 'PRAGMA integrity_check' | is_recorded data/upgrade.txt
}

@test "two messages of format 2 in one position are both kept, one of them at the end" {
  old "$SPOOL" 2
  sqlite3 "$SPOOL" "UPDATE message SET place = (SELECT min(place) FROM message WHERE room = m.room AND due IS NULL)
    FROM (SELECT number AS room FROM room WHERE name = 'main') AS m WHERE message.room = m.room AND due IS NULL"
  run -0 chat-recv -a -o '%i|'
  assert_output '1|2|10|13|'
  chat-spool check
}

@test "a spool of format 2 with ids above the limit of format 3 is refused with 65 and not touched" {
  old "$SPOOL" 2
  sqlite3 "$SPOOL" 'UPDATE room SET next_id = 1 << 41 WHERE number = 0'
  refused 'ids beyond'
}

@test "no spool is upgraded while a receiver of an older version has claims" {
  local locker
  # Such a receiver locks the byte of an id.
  mkfifo go
  : >>"$SPOOL-lock"
  chmod 600 "$SPOOL-lock"
  background python3 -c '
import fcntl, struct, sys
f = open(sys.argv[1], "r+b")
fcntl.fcntl(f, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 5, 1, 0))
print("locked", flush=True)
open("go").read()' "$SPOOL-lock" >locked
  locker=$BACKGROUND_PID
  wait_until file_has locked locked
  background chat-recv -q -r main >out
  wait_until asleep_or_ended "$BACKGROUND_PID" '*@(lock|setlk)*'
  assert_equal "$(format)" 1
  echo >go
  finish "$locker"
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'first in main\n'
  assert_equal "$(format)" 3
}

@test "a waiting receiver upgrades the spool, too" {
  background chat-recv -w -r new >out
  wait_blocked "$BACKGROUND_PID"
  chat-send -r new x
  finish "$BACKGROUND_PID"
  assert_bytes out 'x\n'
  assert_equal "$(format)" 3
}

# ---------------------------------------------------------------- many at once

# stopped PID: true if a signal has stopped it (for wait_until).
stopped() { grep -q '^State:.*T' "/proc/$1/status"; }

# bats test_tags=full
@test "twenty concurrent senders and receivers upgrade a spool once and lose nothing" {
  local round n pids rounds
  rounds=$(dosed 1 2)
  ((${TORTURE:-0} == 0)) || rounds=$((TORTURE * 30))
  for ((round = 1; round <= rounds; round++)); do
    old "$SPOOL"
    rm -f out-* wrong
    pids=()
    for n in {1..10}; do
      background bash -c 'kill -STOP $$; chat-send -r crowd "$1" || echo "send $?" >>wrong' crowd "$n" 2>>errors
      pids+=("$BACKGROUND_PID")
      background bash -c 'kill -STOP $$; chat-recv -q -r main >"out-$1"; (($? <= 1)) || echo "recv $?" >>wrong' crowd "$n" 2>>errors
      pids+=("$BACKGROUND_PID")
    done
    for n in "${pids[@]}"; do wait_until stopped "$n"; done
    kill -CONT "${pids[@]}"
    for n in "${pids[@]}"; do finish "$n"; done
    run cat errors
    assert_not_exist wrong
    assert_output ''
    # Each of the three went to one receiver.
    assert_equal "$(cat out-* | grep . | sort)" $'first in main\nwith a key'
    assert_empty_room
    assert_equal "$(chat-recv -a -r crowd | sort -n)" "$(seq 10)"
    assert_equal "$(format)" 3
    assert_equal "$(rows)" "$(original | grep -v '|main|')"
    sound
  done
}

# ---------------------------------------------------------------- killed, and without space

# upgraded_or_not: the format is one of the two and every command works. (Starts few programs, because it runs often.)
upgraded_or_not() {
  local before
  WHY='the format is 1 or 3'
  rm -rf look && cp -a "${SPOOL%/*}" look || return
  before=$(sqlite3 look/spool.db 'PRAGMA user_version') || return
  [[ $before == 1 || $before == 3 ]] || return
  WHY='after status 0 the format is 3'
  [[ $result != 0 || $before == 3 ]] || return
  if [[ $before == 1 ]]; then ABSENT=$((ABSENT + 1)); else PRESENT=$((PRESENT + 1)); fi
  WHY='another send works'
  chat-send -r last x >rest 2>&1 || return
  WHY='no message is lost or changed'
  rows | grep -vE '\|(last|new)\|' >rest
  cmp -s rest as-it-was
}

killed_upgrade() {
  local calls=$CHANGING
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  ((${TORTURE:-0} == 0)) || calls='.*'
  : >in
  original >as-it-was
  ABSENT=0 PRESENT=0
  keep_spool
  at_each_call upgraded_or_not signal=KILL "$calls" "$@"
  assert [ "$ABSENT" -ge 5 ]
  assert [ "$PRESENT" -ge 1 ]
}

# bats test_tags=full
@test "a send killed before any system call leaves a working spool of format 1 or 3" {
  killed_upgrade chat-send -r new x
}

# bats test_tags=full
@test "a peek killed before any system call leaves a working spool of format 1 or 3" {
  killed_upgrade chat-recv -p
}

# bats test_tags=full
@test "an upgrade that fails at any system call leaves a working spool of format 1 or 3" {
  local calls
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  : >in
  original >as-it-was
  ABSENT=0 PRESENT=0
  keep_spool
  MOST=16 # fewer might all be too late
  at_each_call upgraded_or_not error=EIO 'write|pwrite64|fsync|fdatasync|ftruncate|fallocate|fcntl|open|openat|mmap' chat-recv -p
  assert [ "$ABSENT" -ge "$(dosed 1 3)" ]
}

@test "on a full disk receiving from a spool of format 1 works" {
  local message
  mkdir small
  mount -t tmpfs -o 'size=2m,mode=700' chat-test small 2>/dev/null || skip 'no right to mount'
  MOUNTS+=("$PWD/small")
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  # As the first program left it: with a reserve and a lock file.
  chat-send x
  closed "$CHAT_SPOOL"
  install -m 600 "$BATS_TEST_DIRNAME/data/spool-1.db" "$CHAT_SPOOL"
  assert_exist "$CHAT_SPOOL-reserve"
  dd if=/dev/zero of=small/filler bs=4k 2>/dev/null || true
  dd if=/dev/zero of=small/filler bs=512 oflag=append conv=notrunc 2>/dev/null || true
  run -0 stat -f -c %a small
  assert_output 0
  for message in 'first in main' 'with a key' ''; do
    run --separate-stderr -0 timeout 20 chat-recv
    assert_output "$message"
  done
  assert_empty_room
  run -0 timeout 20 chat-recv -r jobs.dead
  assert_output poison
  rm small/filler
  run -0 chat-send again
  run -0 chat-recv
  assert_output again
  assert_equal "$(format small/chat/spool.db)" 3
}

# ---------------------------------------------------------------- refused input

# refused PATTERN: every command exits with 65 and an error that matches, and the file does not change.
refused() {
  local before command
  closed "$SPOOL"
  before=$(sha256sum "$SPOOL")
  for command in 'chat-send x' chat-recv 'chat-recv -p' 'chat-recv -t 0.1' 'chat-spool list' 'chat-spool show' 'chat-spool dump' \
    'chat-spool move main to' 'chat-spool delete -y main' 'chat-spool config max-length 5' 'chat-spool compact' 'chat-spool backup b.db' \
    'chat-spool init'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr timeout 20 $command
    assert_equal "$command: $status" "$command: 65"
    assert_error 65 "${command%% *}: "
    assert_regex "$stderr" "$1"
    assert_equal "$(sha256sum "$SPOOL")" "$before"
    assert_not_exist b.db
  done
}

# tests/data/schemas.txt has for a format, and a change to a spool of that format, the error or the format afterwards.
@test "each difference in the schema or the format of a spool is refused as recorded" {
  local data=$BATS_TEST_DIRNAME/data n=0 format change
  unsound 'they are refused'
  cd "${SPOOL%/*}" || return
  chat-send -s 3.db -u u -r jobs x
  closed 3.db
  old 1.db
  old 2.db 2
  while read -r _ format change; do
    cp -p "$format.db" "$((++n)).s"
    printf '.open %s.s\n%s;\n' "$n" "$change"
  done < <(grep '^> ' "$data/schemas.txt") | sqlite3
  n=0
  while read -r line; do
    echo "$line"
    chat-spool list -1 -s "$((++n)).s" 2>&1 >listed || echo "status $?"
    [[ ! -s listed ]] || sqlite3 "$n.s" 'PRAGMA user_version'
  done < <(grep '^> ' "$data/schemas.txt") | sed "s|$PWD/[0-9]*.s|SPOOL|" | is_recorded data/schemas.txt
}

@test "a spool of format 1 with a changed schema is refused with 65 and not touched" {
  local change
  for change in 'CREATE TRIGGER evil AFTER INSERT ON message BEGIN DELETE FROM message; END' 'CREATE VIEW v AS SELECT 1' \
    'ALTER TABLE room ADD COLUMN more TEXT' 'DROP INDEX message_key'; do
    old "$SPOOL"
    sqlite3 "$SPOOL" "$change"
    refused 'schema.*changed'
  done
}

@test "a spool whose format and schema differ is refused with 65" {
  sqlite3 "$SPOOL" 'PRAGMA user_version = 2'
  refused "'$SPOOL'"
  old "$SPOOL"
  sqlite3 "$SPOOL" 'PRAGMA user_version = 3'
  refused "'$SPOOL'"
  old "$SPOOL"
  chat-send -r new x
  sqlite3 "$SPOOL" 'PRAGMA user_version = 1'
  refused "'$SPOOL'"
}

@test "a spool of a newer format is refused with 65 and advice" {
  sqlite3 "$SPOOL" 'PRAGMA user_version = 99'
  refused 'format 99.*(install|newer)'
  # Even if its schema is unknown.
  sqlite3 "$SPOOL" 'ALTER TABLE message ADD COLUMN colour TEXT'
  refused 'format 99.*(install|newer)'
  old "$SPOOL"
  chat-send -r new x
  sqlite3 "$SPOOL" 'PRAGMA user_version = 4'
  refused 'format 4.*(install|newer)'
}

@test "a format below 1 is refused with 65" {
  local version
  for version in 0 -1; do
    old "$SPOOL"
    sqlite3 "$SPOOL" "PRAGMA user_version = $version"
    refused "'$SPOOL'"
  done
}
