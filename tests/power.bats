#!/usr/bin/env bats
# The power fails: acknowledged messages are on disk, and received messages were delivered (promises 1 and 2).
#
# A real ext4 is cut off from its disk (tests/fault/power.c); all processes that use it are killed, it is mounted again,
# and its journal recovers the data that had reached the disk. Data in a cache of the disk itself is not lost here.
#
# Also the index of the WAL (-shm), which the commands keep for each other while none of them is running
# (lib/sqlite/wal_index.c): whatever happens to that file in between, and however old the one on the disk is after a
# power cut, nothing depends on it.
#
# DOSE=full gives two doses and tries every call, TORTURE=1 or more gives ten times that many doses. Senders and
# receivers that work when the power fails are in tests/torture/power.bats.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper
load disk

setup_file() {
  export POWER="$BATS_FILE_TMPDIR/power" NOSYNC_LIBRARY="$BATS_FILE_TMPDIR/nosync.so"
  command -v "${CC:-cc}" >/dev/null || return 0
  "${CC:-cc}" -D_GNU_SOURCE -o "$POWER" "$BATS_TEST_DIRNAME/fault/power.c"
  "${CC:-cc}" -D_GNU_SOURCE -shared -fPIC -o "$NOSYNC_LIBRARY" "$BATS_TEST_DIRNAME/fault/nosync.c" -ldl
}

setup() {
  chat_setup
  DISK=
  if [[ ${DOSE:-} == full ]]; then DOSE=2; else DOSE=$((${TORTURE:-0} ? TORTURE * 10 : 1)); fi
}

teardown() { disk_teardown; }

# ---------------------------------------------------------------- tools

# frames FILE: print how many frames of the WAL this index knows; 0: unknown (sqlite.org/walformat.html, mxFrame).
frames() {
  if (($(stat -c %s "$1" 2>/dev/null || echo 0) < 48)); then
    echo 0
  else
    od -An -tu4 -j16 -N4 "$1" | tr -d ' '
  fi
}

# kill_after SECONDS COMMAND [ARG ...]: run it, and kill it after that time; its status is 137 then.
kill_after() { timeout -s KILL "$@" 2>/dev/null; }

# is_whole: the spool's structure and counters are right.
is_whole() {
  run sqlite3 "$CHAT_SPOOL" 'PRAGMA integrity_check; SELECT name FROM room WHERE number > 0 AND
    (depth <> (SELECT count(*) FROM message WHERE ifnull(message.room, position >> 40) = number) OR
     bytes <> (SELECT coalesce(sum(length(body)), 0) FROM message WHERE ifnull(message.room, position >> 40) = number))'
  assert_output ok
}

# ---------------------------------------------------------------- senders

@test "after a power cut the last acknowledged message is stored and its id is not used again" {
  local n id last=0
  disk
  for ((n = 1; n <= 15 * DOSE; n++)); do
    run -0 chat-send -i "$n"
    id=$output
    assert [ "$id" -gt "$last" ]
    last=$id
    power_cut
  done
  run -0 chat-recv -p -a
  assert_output "$(seq $((15 * DOSE)))"
  # Nor is the id of one that was received.
  chat-recv -a >received
  power_cut
  run -0 chat-send -i next
  assert [ "$output" -gt "$last" ]
  run -0 chat-recv -a
  assert_output next
  is_whole
}

@test "after a power cut many lines and a long message are stored" {
  disk
  seq 3000 | chat-send -l
  power_cut
  seq 300000 | chat-send
  power_cut
  seq 3001 4000 | chat-send -1 -l
  power_cut
  run cmp <(chat-recv -a) <(seq 3000 && seq 300000 && seq 3001 4000)
  assert_success
  power_cut
  assert_empty_room
  is_whole
}

# The success of a sender is an acknowledgement if the disk still accepts something after it: if this power cut happens
# while fdatasync() waits for the journal, fdatasync() returns 0 once in a thousand times. (Seen with the ext4 of Linux
# 6.18: data synced before was there, and the disk accepted nothing more.) Each sender writes to a separate file for
# that: a sender that is killed in between may write it a little later.
before_the_cut=': >disk/alive'

@test "a power cut during an atomic stream leaves all of its lines or none" {
  local n all=0 nothing=0 sender
  disk
  chat-send first
  for ((n = 0; n < 10 * DOSE; n++)); do
    background bash -c "seq 2000 | chat-send -1 -l && $before_the_cut && touch acknowledged-$n" 2>/dev/null
    sleep "$(a_moment 40)"
    power_cut
    chat-recv -p -a >seen
    if [[ -e acknowledged-$n ]] || (($(wc -l <seen) > 1)); then
      cmp seen <(echo first && seq 2000)
      chat-recv -c 2001 >/dev/null
      chat-send first
    else
      assert_equal "$(cat seen)" first
    fi
  done
  is_whole
}

@test "a first send into new directories survives a power cut" {
  local n
  disk
  for n in 1 2 3; do
    export CHAT_SPOOL=$PWD/disk/a$n/b/c/spool.db
    run -0 chat-send "first $n"
    power_cut
    run -0 chat-recv
    assert_output "first $n"
  done
  # A directory that was never synced, and a spool directly in the root of the file system.
  mkdir -p disk/d/e
  export CHAT_SPOOL=$PWD/disk/d/e/spool.db
  chat-send first
  export CHAT_SPOOL=$PWD/disk/spool.db
  chat-send second
  power_cut
  run -0 chat-recv
  assert_output second
  export CHAT_SPOOL=$PWD/disk/d/e/spool.db
  run -0 chat-recv
  assert_output first
}

@test "a power cut during a first send leaves the message whole or absent, and the next send works" {
  local n
  disk
  for ((n = 1; n <= 12 * DOSE; n++)); do
    export CHAT_SPOOL=$PWD/disk/$n/chat/spool.db
    background bash -c "chat-send first && $before_the_cut && touch acknowledged-$n" 2>/dev/null
    sleep "$(a_moment 12)"
    power_cut
    run -0 chat-send second
    run -0 chat-recv -a
    if [[ -e acknowledged-$n || $output == first* ]]; then
      assert_output $'first\nsecond'
    else
      assert_output second
    fi
    rm -r "disk/$n"
    sync -f disk
  done
}

# A kill before a system call that changes nothing has the same effect as a kill before the next one that does.
CHANGING='open|openat|creat|write|pwrite64|writev|fsync|fdatasync|ftruncate|fallocate|fcntl|link|rename|renameat2?|mkdir|mkdirat|unlink|unlinkat|chmod|fchmod|mmap|munmap|exit_group'

# changing_calls COMMAND [ARG ...]: print each of them, as "NAME N": the N-th call of that name.
changing_calls() {
  strace -o trace "$@"
  own_calls trace | awk -v names="^($CHANGING)\$" '$1 ~ names { print $1, $2 }'
}

# killed_before CALL COMMAND [ARG ...]: run it, killed before that CALL ("NAME N"). Its status is in $result.
killed_before() {
  local name=${1% *} n=${1#* }
  shift
  result=0
  { timeout 20 strace -qq -o trace -e "trace=$name" -e "inject=$name:signal=KILL:when=$n" "$@" || result=$?; } 2>/dev/null
  [[ $result == 137 || $result == 0 ]] || fail "killed before $name $n: status $result"
}

can_kill() {
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
}

# bats test_tags=full
@test "after a first send that is killed before any system call a second send survives a power cut" {
  local calls n result first=0 killed=0
  can_kill
  disk
  export CHAT_SPOOL=$PWD/disk/chat/0/spool.db
  mapfile -t calls < <(changing_calls chat-send first)
  for ((n = 0; n < ${#calls[@]}; n += DOSE > 1 ? 1 : 8)); do
    export CHAT_SPOOL=$PWD/disk/chat$n/a/spool.db
    killed_before "${calls[n]}" chat-send first
    run -0 chat-send second
    power_cut
    run -0 chat-recv -a
    [[ $output == second || $output == $'first\nsecond' ]] || fail "${calls[n]}: $output"
    ((result == 0)) || killed=$((killed + 1))
    [[ $output == second ]] || first=$((first + 1))
    rm -rf "disk/chat$n" # the disk is small
  done
  # Some of the kills came too early for the first message, and some too late.
  assert [ "$killed" -ge $((DOSE > 1 ? 10 : 5)) ]
  assert [ "$first" -ge 1 ]
  assert [ "$first" -lt "$killed" ]
}

# ---------------------------------------------------------------- receivers

@test "output that a receiver wrote to a file is on the disk before the message is deleted" {
  local n
  disk
  for ((n = 1; n <= 10 * DOSE; n++)); do
    chat-send "$n"
    chat-send "next"
    chat-recv >"disk/out-$n"
    power_cut
    assert_equal "$(cat "disk/out-$n")" "$n"
    run -0 chat-recv
    assert_output next
  done
}

# ---------------------------------------------------------------- the control

# without CALLS COMMAND [ARG ...]: run it so that these calls do nothing.
without() {
  NOSYNC=$1 LD_PRELOAD=$NOSYNC_LIBRARY ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" "${@:2}"
}

@test "a control: a sender that does not sync loses acknowledged messages in a power cut" {
  local n
  disk
  chat-send -r other first
  for n in {1..20}; do without 'fsync fdatasync' chat-send "$n"; done
  power_cut
  run chat-recv -a
  assert [ "${#lines[@]}" -lt 20 ]
  run -0 chat-recv -r other
  assert_output first
  # A first send loses even its spool.
  CHAT_SPOOL=$PWD/disk/a/b/spool.db without 'fsync fdatasync' chat-send first
  power_cut
  run chat-recv -s disk/a/b/spool.db
  refute_output first
}

@test "a control: a receiver that does not sync its output loses messages in a power cut" {
  disk
  chat-send first
  sync -f disk
  without fsync chat-recv >disk/out
  assert_equal "$(cat disk/out)" first
  power_cut
  assert_empty_room
  run cat disk/out
  refute_output first
}

# ---------------------------------------------------------------- the index of the WAL

# old_index WHAT BEFORE AFTER: send some messages, sync WHAT (one of the files; dir; all; nothing), send more, and cut
# the power. $known is the number of frames that the index knew then, and $old the number that the index on the disk
# knows.
old_index() {
  rm -rf disk/chat
  sent=0
  send_more "$2"
  case $1 in
    nothing) ;;
    all) sync -f disk ;;
    dir) sync disk/chat ;;
    *) sync "disk/chat/spool.db${1#db}" ;;
  esac
  send_more "$3"
  known=$(frames disk/chat/spool.db-shm)
  power_cut
  old=$(frames disk/chat/spool.db-shm)
}

send_more() {
  local n
  for ((n = 0; n < $1; n++)); do chat-send $((++sent)); done
}

@test "after a power cut an index that is older than the WAL is not used" {
  local what counts older=0 sent known old
  disk
  for what in nothing -shm -wal db dir all; do
    for counts in '1 1' '3 2' '5 60' '50 3'; do
      # Send many messages, so that the WAL begins again, only where it matters most.
      [[ $counts != *0* || $what == -shm ]] || ((DOSE > 1)) || continue
      # shellcheck disable=SC2086  # two words
      old_index "$what" $counts
      ((old == 0 || old == known)) || older=$((older + 1))
      # Either of them may be the first.
      if [[ $counts == 3* ]]; then
        run -0 chat-send $((++sent))
      fi
      run -0 chat-recv -a
      assert_equal "$what $counts: $output" "$what $counts: $(seq "$sent")"
      power_cut
      assert_empty_room
    done
  done
  is_whole
  # The test proves something only if there were such cases.
  assert [ "$older" -ge $((DOSE > 1 ? 5 : 3)) ]
}

@test "a control: a process that uses the old index misses messages" {
  local sent known old
  disk
  old_index -shm 3 2
  assert [ "$old" -gt 0 ]
  assert [ "$old" -lt "$known" ]
  # Beside a process that uses it SQLite takes it for a good one.
  background "$POWER" hold disk/chat/spool.db-shm >held
  wait_until file_has held held
  run chat-recv -p -a
  refute_output "$(seq "$sent")"
}

@test "two power cuts with one command between them lose nothing" {
  local n
  disk
  for n in 1 2 3; do chat-send "$n"; done
  for ((n = 4; n < 10 + 5 * DOSE; n++)); do
    sync disk/chat/spool.db-shm
    chat-send "$n"
    power_cut
    run -0 chat-recv -p
    power_cut
  done
  run -0 chat-recv -a
  assert_output "$(seq $((n - 1)))"
}

@test "an unmount between two commands loses nothing" {
  local n
  disk
  for n in {1..10}; do
    chat-send "$n"
    switch_off
    switch_on
    chat-send -r other "$n"
    run -0 chat-recv -p -a
    assert_output "$(seq "$n")"
  done
  run -0 chat-recv -a -r other
  assert_output "$(seq 10)"
}

@test "dropped kernel caches between two commands lose nothing" {
  local n how
  disk
  [[ -w /proc/sys/vm/drop_caches ]] || skip 'no right to drop caches'
  for ((n = 1; n <= 12; n++)); do
    chat-send "$n"
    # With and without unwritten data: with it the kernel keeps the file, without it drops the file.
    ((n % 3)) || sync -f disk
    how=$((n % 2 + 2))
    echo "$how" >/proc/sys/vm/drop_caches 2>/dev/null || skip 'no right to drop caches'
    run -0 chat-recv -p -a
    assert_output "$(seq "$n")"
  done
  power_cut
  run -0 chat-recv -a
  assert_output "$(seq 12)"
}

# few: create a spool with some messages at dir/spool.db and its index, while no command runs.
few() {
  rm -rf dir
  export CHAT_SPOOL=$PWD/dir/spool.db
  local n
  for n in 1 2 3 4 5; do chat-send "$n"; done
  chat-recv >/dev/null
}

# few_are_there WHAT: the messages are there, for a receiver and for a sender that comes first; afterwards the spool
# works as before.
few_are_there() {
  run chat-recv -p -a
  assert_equal "$1: $status: $output" "$1: 0: "$'2\n3\n4\n5'
  chat-send 6
  run chat-recv -a
  assert_equal "$1: $status: $output" "$1: 0: "$'2\n3\n4\n5\n6'
  is_whole
}

sent_first() {
  run chat-send 5+
  assert_equal "$1: $status: $output" "$1: 0: "
  run chat-recv -a
  assert_equal "$1: $status: $output" "$1: 0: "$'2\n3\n4\n5\n5+'
  is_whole
}

@test "an index that is deleted between two commands is rebuilt" {
  few
  rm dir/spool.db-shm
  few_are_there deleted
  few
  rm dir/spool.db-shm
  sent_first deleted
  few
  : >new
  chmod 600 new
  mv new dir/spool.db-shm
  few_are_there replaced
}

@test "an index that is truncated or overwritten between two commands is rebuilt" {
  local size first
  for first in few_are_there sent_first; do
    for size in 0 1 3 48 96 136 1000 4096 8192 16384 20480 32767 65536; do
      few
      truncate -s $size dir/spool.db-shm
      $first "$size bytes"
    done
    few
    head -c 32768 /dev/urandom >dir/spool.db-shm
    $first 'rubbish'
    few
    head -c 32768 /dev/zero >dir/spool.db-shm
    $first 'zeros'
    few
    head -c 100000 /dev/urandom >dir/spool.db-shm
    $first 'much rubbish'
  done
}

@test "a copy of a spool works like the spool" {
  few
  cp -a dir copy
  chat-recv -a >/dev/null
  chat-send later
  CHAT_SPOOL=$PWD/copy/spool.db few_are_there copy
  run -0 chat-recv -a
  assert_output later
}

# more N: send N more messages, and receive some of the old ones.
more() {
  local n
  for ((n = 0; n < $1; n++)); do chat-send "more $n"; done
  chat-recv -c 3 >/dev/null
}

@test "a copy of the file and its WAL that replaces a spool works like the spool" {
  local first count
  for first in few_are_there sent_first; do
    for count in 1 60; do
      few
      rm -rf backup
      mkdir backup
      cp -a dir/spool.db dir/spool.db-wal backup
      more $count
      cp -a backup/spool.db backup/spool.db-wal dir # the same files, with other bytes
      $first "copied, $count"
      few
      rm -rf backup
      mkdir backup
      cp -a dir/spool.db dir/spool.db-wal backup
      more $count
      mv backup/spool.db backup/spool.db-wal dir # other files
      $first "moved, $count"
    done
  done
}

@test "the sqlite3 shell may open and close a spool between any two commands" {
  local n
  few
  chat-recv -a >/dev/null
  for ((n = 1; n <= 40; n++)); do
    chat-send "$n"
    case $((n % 4)) in
      0) sqlite3 "$CHAT_SPOOL" 'SELECT count(*) FROM message' >/dev/null ;;
      1) sqlite3 "$CHAT_SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null ;;
      2) kill_after "$(a_moment 10)" sqlite3 "$CHAT_SPOOL" 'SELECT count(*) FROM message; PRAGMA wal_checkpoint(FULL)' >/dev/null || true ;;
    esac
    ((n % 5)) || chat-send -r other "$n"
  done
  run -0 chat-recv -a
  assert_output "$(seq 40)"
  run -0 chat-recv -a -r other
  assert_output "$(seq 5 5 40)"
  is_whole
}

# begin: create a spool whose WAL is nearly so long that a send empties it.
begin() {
  rm -rf "${CHAT_SPOOL%/*}"
  head -c 960000 /dev/zero | tr '\0' x | chat-send -r other
}

# until_emptied: print how many sends it takes then until one of them empties the WAL.
until_emptied() {
  local before n
  for ((n = 1; n <= 200; n++)); do
    before=$(frames "$CHAT_SPOOL-shm")
    chat-send "$n"
    if (($(frames "$CHAT_SPOOL-shm") < before)); then
      echo "$n"
      return
    fi
  done
  return 1
}

# emptying_killed STEP AFTER: kill a send that empties the WAL before each of its system calls, or every STEP-th; then
# run the command AFTER, if any. The old messages are there, in a good spool.
emptying_killed() {
  local count calls call n result stored=0 killed=0
  begin
  count=$(until_emptied)
  assert [ "$count" -ge 3 ]
  begin
  for ((n = 1; n < count; n++)); do chat-send "$n"; done
  mapfile -t calls < <(changing_calls chat-send last)
  for ((call = ${#calls[@]} - 1; call >= 0; call -= DOSE > 1 ? 1 : $1)); do
    begin
    for ((n = 1; n < count; n++)); do chat-send "$n"; done
    killed_before "${calls[call]}" chat-send last
    ((result == 0)) || killed=$((killed + 1))
    if ((call % 3)); then run -0 chat-send after; fi
    ${2:-true}
    chat-recv -p -a >seen
    if grep -qx last seen; then stored=$((stored + 1)); fi
    ((result)) || grep -qx last seen
    diff <(grep -vx last seen) <(seq $((count - 1)) && if ((call % 3)); then echo after; fi) || fail "${calls[call]}"
    ((call % 2)) || is_whole
    run -0 chat-recv -a
    assert_output "$(cat seen)"
    chat-recv -r other | cmp - <(head -c 960000 /dev/zero | tr '\0' x && echo)
  done
  assert [ "$killed" -ge 3 ]
  assert [ "$stored" -ge 1 ]
  assert [ "$stored" -lt "$killed" ]
}

# bats test_tags=full
@test "a send that is killed while it empties the WAL leaves a valid index" {
  can_kill
  export CHAT_SPOOL=$PWD/dir/spool.db
  emptying_killed 9
}

# bats test_tags=full
@test "a send that is killed while it empties the WAL loses nothing in a power cut" {
  can_kill
  disk
  emptying_killed 11 power_cut
}

# bats test_tags=full
@test "commands that are killed one after the other at random moments leave a valid index" {
  local n=0 kills=0 line result
  export CHAT_SPOOL=$PWD/dir/spool.db
  mkdir seen
  : >acknowledged
  chat-send -r other first
  while ((kills < 50 * DOSE)); do
    n=$((n + 1))
    result=0
    case $((n % 8)) in
      0 | 2 | 4 | 5)
        kill_after "$(a_moment 4)" chat-send "a $n" || result=$?
        ((result)) || echo "a $n" >>acknowledged
        ;;
      1)
        seq -f "b $n.%03.0f" 30 >in
        kill_after "$(a_moment 6)" chat-send -l <in || result=$?
        ((result)) || cat in >>acknowledged
        ;;
      3) kill_after "$(a_moment 4)" chat-recv -q -c 3 >"seen/$n" || result=$? ;;
      6) kill_after "$(a_moment 6)" chat-recv -q -c 20 >"seen/$n" || result=$? ;;
      7) kill_after "$(a_moment 4)" chat-recv -q -p -a >/dev/null || result=$? ;;
    esac
    case $result in
      0 | 1) ;;
      137) kills=$((kills + 1)) ;;
      *) fail "command $n: status $result" ;;
    esac
    ((n % 50)) || sqlite3 "$CHAT_SPOOL" 'SELECT count(*) FROM message' >/dev/null
    ((n < 5000 * DOSE)) || fail "only $kills of $n commands were killed"
  done
  cp -a dir copy
  CHAT_SPOOL=$PWD/copy/spool.db is_whole
  chat-recv -p -a >left || [[ $? == 1 ]]
  for line in seen/*; do whole_lines "$line"; done >received
  run awk '{ there[$0] = 1 } END { while ((getline < "acknowledged") > 0) if (!($0 in there)) print "lost: " $0 }' received left
  assert_output ''
  # In the order of the numbers. A message comes again only if its receiver was killed.
  run bash -c 'tr . " " <left | awk "\$2 + \$3 / 1000 <= last { print } { last = \$2 + \$3 / 1000 }"'
  assert_output ''
  run -0 chat-recv -r other
  assert_output first
  run cmp left <(chat-recv -a)
  assert_success
}

@test "a new spool of init and a backup survive a power cut" {
  disk
  run -0 chat-spool init
  power_cut
  assert_file_exist "$CHAT_SPOOL"
  run -1 chat-recv -q
  seq 100 | chat-send -l
  mkdir disk/saved
  sync disk
  run -0 chat-spool backup -q disk/saved/backup.db
  power_cut
  run -0 chat-spool check -q -s disk/saved/backup.db
  chat-recv -a -s disk/saved/backup.db | cmp - <(seq 100)
}
