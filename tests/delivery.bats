#!/usr/bin/env bats
# A message leaves the spool only after it was written completely, and an acknowledged message is never missing: when
# the output breaks, or a signal arrives. Kills and failing calls are tested in tests/torture.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup() {
  chat_setup
  MOUNTS=()
}

teardown() {
  chat_teardown
  local place
  for place in "${MOUNTS[@]}"; do umount "$place"; done
}

# ---------------------------------------------------------------- outputs that break

# The output broke (the command's status is 74, and it prints one line); both messages are still there.
broken_output() {
  run --separate-stderr "$@"
  assert_equal "$status: $stderr" "74: chat-recv: cannot write standard output: $CAUSE"
  run -0 chat-recv -p -a
  assert_output $'first\nsecond'
}

two_messages() {
  chat-send first
  chat-send second
}

@test "a full device as output exits with 74, and the messages stay" {
  CAUSE='no space left on device'
  two_messages
  broken_output bash -c 'chat-recv >/dev/full'
  broken_output bash -c 'chat-recv -a >/dev/full'
  broken_output bash -c 'chat-recv -c 2 >/dev/full'
  broken_output bash -c 'chat-recv -w >/dev/full'
  broken_output bash -c 'chat-recv -t 1 >/dev/full'
  broken_output bash -c 'timeout 20 chat-recv -F >/dev/full'
  broken_output bash -c 'chat-recv -n >/dev/full'
  broken_output bash -c 'chat-recv -0 >/dev/full'
  broken_output bash -c 'chat-recv -v >/dev/full'
  broken_output bash -c 'chat-recv -o "%i %b" >/dev/full'
  broken_output bash -c 'chat-recv -p >/dev/full'
}

@test "chat-recv notices a full device for a message that fills no buffer and for one that fills many" {
  CAUSE='no space left on device'
  head -c 10000000 /dev/zero | tr '\0' x | chat-send -r long
  run --separate-stderr bash -c 'chat-recv -r long >/dev/full'
  assert_equal "$status" 74
  run -0 bash -c 'chat-recv -n -r long | wc -c'
  assert_output 10000000
}

# broken_pipe COMMAND: let bash run it with an output pipe whose reader is gone.
broken_pipe() {
  rm -f pipe
  mkfifo pipe
  bash -c 'exec {both}<>pipe >pipe {both}<&-; '"$1"
}

@test "an output pipe without a reader exits with 74, and the messages stay" {
  CAUSE='broken pipe'
  two_messages
  broken_output broken_pipe 'chat-recv'
  broken_output broken_pipe 'chat-recv -a'
  broken_output broken_pipe 'timeout 20 chat-recv -F'
  broken_output broken_pipe 'chat-recv -p -a'
}

@test "an output pipe without a reader exits with 74, whether the parent ignored SIGPIPE or not" {
  CAUSE='broken pipe'
  two_messages
  broken_output broken_pipe 'env --default-signal=PIPE chat-recv'
  broken_output broken_pipe 'env --ignore-signal=PIPE chat-recv'
  broken_output broken_pipe 'env --block-signal=PIPE chat-recv'
}

@test "a reader that closes the pipe in the middle of a message leaves the message in the spool" {
  { head -c 1000000 /dev/zero | tr '\0' x; } | chat-send
  chat-send second
  mkfifo narrow
  background bash -c 'exec chat-recv >narrow 2>err'
  head -c 10 narrow >/dev/null
  finish "$BACKGROUND_PID"
  assert_equal "$status" 74
  run -0 bash -c 'chat-recv -n | wc -c'
  assert_output 1000000
  run -0 chat-recv
  assert_output second
}

@test "a reader that closes the pipe during a stream loses only what it was given" {
  seq 80000 | chat-send -l
  # Messages that the pipe accepted were delivered; all others must be there, in order.
  run bash -c 'chat-recv -a 2>err | head -n 1; exit "${PIPESTATUS[0]}"'
  assert_equal "$status" 74
  assert_output 1
  assert_equal "$(cat err)" 'chat-recv: cannot write standard output: broken pipe'
  chat-recv -a >rest
  local first
  first=$(head -n 1 rest)
  # A pipe holds 64 KiB; bytes that were written into it and never read count as delivered.
  ((first <= 65536))
  run cmp rest <(seq "$first" 80000)
  assert_success
}

@test "a closed output exits with 74, and the message stays" {
  chat-send first
  run --separate-stderr bash -c 'chat-recv >&-'
  assert_equal "$status" 74
  assert_regex "$stderr" '^chat-recv: [^'$'\n'']*$'
  run -0 chat-recv
  assert_output first
}

@test "an output file that reaches the size limit exits with 74 without SIGXFSZ, and the message stays" {
  CAUSE='file too large'
  head -c 100000 /dev/zero | tr '\0' x | chat-send
  run --separate-stderr bash -c 'ulimit -f 64; chat-recv >out'
  assert_equal "$status: $stderr" "74: chat-recv: cannot write standard output: $CAUSE"
  run -0 bash -c 'chat-recv -n | wc -c'
  assert_output 100000
}

# small_disk SIZE: mount a file system of that size at ./small.
small_disk() {
  mkdir small
  mount -t tmpfs -o "size=$1,mode=700" chat-test small 2>/dev/null || skip 'no right to mount'
  MOUNTS+=("$PWD/small")
}

@test "a full file system as output exits with 74, and the message stays until there is space" {
  small_disk 64k
  head -c 100000 /dev/zero | tr '\0' x | chat-send
  run --separate-stderr bash -c 'chat-recv >small/out'
  assert_equal "$status: $stderr" '74: chat-recv: cannot write standard output: no space left on device'
  mount -o remount,size=1m small
  run --separate-stderr -0 bash -c 'chat-recv -n >small/out'
  assert_equal "$(stat -c %s small/out)" 100000
  assert_empty_room
}

# ---------------------------------------------------------------- the order of writing and deleting

# traced COMMAND [ARG ...]: store its system calls, with the names of the files, in ./trace; the leak checker does not
# work under strace.
traced() {
  ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -y -s 20 -o trace "$@"
}

# lines_of PATTERN: print the numbers of the matching lines of the trace.
lines_of() { grep -nE -- "$1" trace | cut -d: -f1; }

@test "chat-recv syncs an output file before it deletes the message" {
  local options written synced deleted
  for options in '' -a '-F -t 0.01' '-c 1' -w; do
    chat-send 'to be kept'
    # shellcheck disable=SC2086
    traced chat-recv $options >out
    written=$(lines_of 'write.*<[^>]*/out>.*to be kept' | tail -n 1)
    synced=$(lines_of '(fsync|fdatasync)\([0-9]*<[^>]*/out>\) *= 0' | head -n 1)
    deleted=$(lines_of 'write.*<[^>]*/spool\.db(-wal)?>' | head -n 1)
    assert [ -n "$written" ]
    assert [ -n "$synced" ]
    assert [ -n "$deleted" ]
    assert [ "$written" -lt "$synced" ]
    assert [ "$synced" -lt "$deleted" ]
  done
}

@test "chat-recv writes to a pipe before it deletes the message" {
  chat-send 'to be kept'
  local written deleted
  traced chat-recv | cat >out
  written=$(lines_of 'write.*<pipe:.*to be kept' | head -n 1)
  deleted=$(lines_of 'write.*<[^>]*/spool\.db(-wal)?>' | head -n 1)
  assert [ -n "$written" ]
  assert [ -n "$deleted" ]
  assert [ "$written" -lt "$deleted" ]
}

@test "a send syncs before it exits and before it wakes receivers" {
  chat-send first
  chat-recv
  background chat-recv -w >out
  wait_blocked "$BACKGROUND_PID"
  traced chat-send 'to be kept'
  local written synced rung
  written=$(lines_of 'write.*<[^>]*/spool\.db-wal>' | tail -n 1)
  synced=$(lines_of '(fsync|fdatasync)\([0-9]*<[^>]*/spool\.db-wal>\) *= 0' | tail -n 1)
  rung=$(lines_of 'write.*<[^>]*/spool\.db-bell/main>' | head -n 1)
  assert [ -n "$written" ]
  assert [ -n "$synced" ]
  assert [ -n "$rung" ]
  assert [ "$written" -lt "$synced" ]
  assert [ "$synced" -lt "$rung" ]
  finish "$BACKGROUND_PID"
  assert_equal "$(cat out)" 'to be kept'
}

# assert_order PATTERN ...: lines of the trace match these in this order, possibly with others between them.
assert_order() {
  local pattern line at=0
  for pattern; do
    line=$(tail -n "+$((at + 1))" trace | grep -nE -m 1 -- "$pattern" | cut -d: -f1)
    [[ $line ]] || fail "not behind line $at of the trace: $pattern"$'\n'"$(cat trace)"
    at=$((at + line))
  done
}

@test "a first send syncs the new file, names it, syncs the directory, and then syncs the message" {
  local sync='(fsync|fdatasync)\([0-9]+<[^>]*'
  traced chat-send first
  assert_order 'write.*/chat/spool\.db-new>.*= [0-9]' "$sync/chat/spool\\.db-new>\\) *= 0" 'rename.*"spool\.db-new".*"spool\.db".*= 0' \
    "$sync/chat>\\) *= 0" 'write.*/chat/spool\.db-wal>.*= [0-9]' "$sync/chat/spool\\.db-wal>\\) *= 0"
  # And nothing is written after its last sync.
  refute [ "$(lines_of 'write.*/chat/spool\.db-wal>' | tail -n 1)" -gt "$(lines_of "$sync/chat/spool\\.db-wal>\\) *= 0" | tail -n 1)" ]
}

@test "a first send syncs each new directory and the directory above the first new one" {
  traced chat-send first
  local directory
  for directory in "$HOME" "$HOME/.local" "$HOME/.local/state" "$HOME/.local/state/chat"; do
    run grep -E "(fsync|fdatasync)\\([0-9]+<$directory>\\) *= 0" trace
    assert_success
  done
}

@test "an output file that cannot be synced exits with 74, and the message stays" {
  chat-send first
  sanitized && export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  run --separate-stderr bash -c 'strace -o trace -P "$PWD/out" -e inject=fsync,fdatasync:error=EIO chat-recv >out'
  assert_regex "$status: $stderr" "^74: chat-recv: cannot write standard output: $IO_ERROR\$"
  run -0 grep -c INJECTED trace
  run -0 chat-recv
  assert_output first
}

# ---------------------------------------------------------------- signals

@test "an interrupted read or write of a message is repeated" {
  local result
  sanitized && export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  echo body >in
  mkdir before
  # Only the calls on descriptors 0 and 1.
  strace -qq -o trace -P "$PWD/in" -e inject=read:error=EINTR:when=1 chat-send <in
  run -0 grep -c INJECTED trace
  strace -qq -o trace -P "$PWD/out" -e inject=write,writev:error=EINTR:when=1 chat-recv >out
  run -0 grep -c INJECTED trace
  assert_bytes out 'body\n'
  assert_empty_room
}

@test "-F on a signal deletes the messages that were written completely, and no others" {
  local receiver reader
  mkfifo pipe
  exec {reader}<>pipe
  seq 100000 100999 | sed 's/$/ of a length that fills a pipe before they have all gone out of it, I should think/' >sent
  chat-send -l <sent
  background chat-recv -F >pipe
  receiver=$BACKGROUND_PID
  wait_until stuck_in_write "$receiver"
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  dd iflag=nonblock <&"$reader" >got 2>/dev/null || true
  exec {reader}<&-
  # A truncated last line is not a message.
  [[ -z $(tail -c 1 got) ]] || sed -i '$d' got
  assert [ "$(wc -l <got)" -gt 100 ]
  chat-recv -a >>got
  run diff sent got
  assert_success
}

# stuck_in_write PID: the process sleeps in write(), which has the number 1, on i386 4.
stuck_in_write() { [[ $(cut -d ' ' -f 1 "/proc/$1/syscall") == [14] ]]; }
