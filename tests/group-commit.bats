#!/usr/bin/env bats
# A process that has committed lets other processes write before it syncs; and no process treats a commit as stored
# before it is synced.

# The scripts in single quotes expand later; the helper sets $SPOOL.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  : >in
  chat-send first # a log with a header
  chat-recv -q >first
}

# traced COMMAND [ARG ...]: store its system calls, with the names of the files, in ./calls.
traced() { strace -y -s 20 -o calls "$@"; }

# line_of PATTERN: store the line of the last matching call of the trace in $LINE; fails without one.
line_of() {
  local line
  line=$(grep -nE -- "$1" calls | tail -n 1 | cut -d: -f1)
  assert [ -n "$line" ]
  LINE=$line
}

SYNC='fdatasync\([0-9]+<[^>]*/spool\.db-wal>\) += 0'
TURN_ENDS='F_OFD_SETLK, \{l_type=F_UNLCK, l_whence=SEEK_SET, l_start=0, l_len=1\}\) = 0'

# syncs_after_its_turn COMMAND [ARG ...]
syncs_after_its_turn() {
  local written left
  traced "$@" >out
  line_of 'write.*<[^>]*/spool\.db-wal>'
  written=$LINE
  line_of "$TURN_ENDS"
  left=$LINE
  line_of "$SYNC"
  assert [ "$written" -lt "$left" ]
  assert [ "$left" -lt "$LINE" ]
}

@test "a sender releases the write lock before it syncs" { syncs_after_its_turn chat-send hello; }

@test "a receiver releases the write lock before it syncs" {
  chat-send hello
  syncs_after_its_turn chat-recv
}

@test "a stream of lines releases the write lock before it syncs" {
  seq 2000 >in
  syncs_after_its_turn chat-send -l <in
}

@test "a worker releases the write lock before it syncs" {
  chat-send hello
  syncs_after_its_turn chat-recv -- cat
}

@test "a new header of the WAL is synced before frames follow it" {
  sqlite3 "$SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  traced chat-send hello
  run grep -E 'write.*<[^>]*/spool\.db-wal>|fdatasync.*<[^>]*/spool\.db-wal>' calls
  assert_regex "${lines[0]}" '"7\\177\\6\\20[23].*, 32, 0\) = 32$'
  assert_regex "${lines[1]}" "$SYNC"
  assert_regex "${lines[2]}" 'write'
  assert_regex "${lines[-1]}" "$SYNC"
}

# ---------------------------------------------------------------- other processes continue

# at_its_sync COMMAND [ARG ...]: run the command and stop it where it syncs its commit, before the sync.
at_its_sync() {
  stop_at 'fdatasync:retval=0 1' "$@"
  assert [ -n "$STOPPED" ]
}

@test "a sender that syncs delays no other sender" {
  at_its_sync chat-send one
  run -0 chat-send two
  run -0 chat-recv -a
  assert_output $'one\ntwo'
  let_go
  assert_equal "$status" 0
}

@test "a receiver that syncs delays no other process and has its message for itself" {
  seq 2 | chat-send -l
  at_its_sync chat-recv
  run -0 chat-send 3
  run -0 chat-recv -a
  assert_output $'2\n3'
  let_go
  assert_equal "$status: $(<out)" '0: 1'
}

@test "a receiver syncs a message that is not on the disk yet before it prints it" {
  local synced options
  for options in '' -a '-F -t 0.01' '-c 1'; do
    at_its_sync chat-send 'to be kept'
    # shellcheck disable=SC2086
    traced chat-recv $options >seen
    assert_bytes seen 'to be kept\n'
    synced=$(grep -nE -- "$SYNC" calls | head -n 1 | cut -d: -f1)
    line_of 'write\(1<.*"to be kept'
    assert [ "$synced" -lt "$LINE" ]
    let_go
  done
}

@test "a receiver does not sync a message that is on the disk already" {
  chat-send one
  at_its_sync chat-send two
  traced chat-recv >seen
  assert_bytes seen 'one\n'
  run -0 grep -cE -- "$SYNC" calls
  assert_output 1
  let_go
}

@test "a message that cannot be synced is not received" {
  at_its_sync chat-send 'to be kept'
  run --separate-stderr strace -o /dev/null -P "$SPOOL-wal" -e inject=fdatasync:error=EIO chat-recv
  assert_regex "$status: $stderr" "^74: chat-recv: cannot write spool '$SPOOL': $IO_ERROR\$"
  let_go
  run -0 chat-recv
  assert_output 'to be kept'
}

@test "a message that chat-send found by its key is on the disk before chat-send exits" {
  at_its_sync chat-send --key nightly one
  traced chat-send --key nightly two
  line_of "$SYNC"
  let_go
  run -0 chat-recv -a
  assert_output one
}

@test "a sender that is killed while it syncs leaves its message to a waiting receiver" {
  background chat-recv -w >seen
  local receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  at_its_sync chat-send hello
  kill -KILL "$STOPPED"
  finish "$receiver"
  assert_equal "$status: $(<seen)" '0: hello'
}

@test "--drop can drop messages that are not on the disk yet" {
  at_its_sync chat-send one
  run -0 chat-send --max 1 --drop two
  let_go
  assert_equal "$status" 0
  run -0 chat-recv -a
  assert_output two
}

# ---------------------------------------------------------------- a sync that fails

# The kernel would not write the pages of a failed sync again, and commits of other processes after them would be lost
# with them.
@test "after one failed sync the WAL is written and synced again, and the message is stored" {
  run -0 strace -y -s 0 -o calls -P "$SPOOL-wal" -e inject=fdatasync:error=EIO:when=1 chat-send hello
  run -0 awk '/fdatasync.* -1 EIO/ { failed = 1; next } failed && /^pwrite64/ { print "write" } failed && /^fdatasync.* = 0/ { print "sync" }' calls
  assert_output $'write\nsync'
  run -0 chat-recv
  assert_output hello
}

@test "a sync that keeps failing exits with 74, and the message may be stored" {
  run --separate-stderr strace -o trace -P "$SPOOL-wal" -e inject=fdatasync:error=EIO chat-send hello
  assert_regex "$status: $stderr" "^74: chat-send: cannot write spool '$SPOOL': $IO_ERROR; the message may be stored\$"
  run -0 chat-recv
  assert_output hello
}

# written_again COMMAND [ARG ...]: the command writes the WAL again and syncs it before its own writes.
written_again() {
  traced "$@" >out
  run -0 awk '/pwrite64.*spool\.db-wal>/ { print "write" } /fdatasync.*spool\.db-wal>.* = 0/ { print "sync" }' calls
  assert_regex "${lines[0]} ${lines[1]} ${lines[2]:-}" '^write sync'
}

@test "after a sync that kept failing the next sender, receiver or worker first writes the WAL again" {
  local command
  for command in 'chat-send two' chat-recv 'chat-recv -- cat'; do
    run -74 strace -o trace -P "$SPOOL-wal" -e inject=fdatasync:error=EIO chat-send one
    # shellcheck disable=SC2086
    written_again $command
    chat-recv -aq >out || [[ $? == 1 ]]
    traced chat-send three # and no other does
    run -1 grep 'pread64.*spool\.db-wal>.*, 1048576, 0)' calls
    chat-recv -aq >out
  done
}

@test "a receiver whose sync fails still deletes its message, or reports the failure" {
  chat-send hello
  run --separate-stderr strace -o trace -P "$SPOOL-wal" -e inject=fdatasync:error=EIO:when=1 chat-recv
  assert_equal "$output" hello
  assert_equal "$status: $stderr" '0: '
  assert_empty_room
  chat-send hello
  run --separate-stderr strace -o trace -P "$SPOOL-wal" -P "$SPOOL" -e inject=fdatasync:error=EIO chat-recv
  assert_equal "$status" 74
}
