#!/usr/bin/env bats
# The cost of a warm `chat-send hello` and a warm `chat-recv`, in syncs, system calls, instructions and libraries, against the
# limits of tests/counts.txt. The output of chat-recv is a pipe here: a file would be synced as well.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load helper

setup() {
  chat_setup
  sanitized && skip 'what a sanitized program costs says nothing'
  chat-send first
  chat-recv >/dev/null
}

# limit COMMAND WHAT: print the limit from the table.
limit() {
  awk -v command="$1" -v what="$2" '
    $1 != "#" && index($0, command " ") == 1 {
      line = substr($0, length(command) + 1)
      sub(/^ +/, "", line)
      if (split(line, word, / +/) && word[1] == what) { sub(/^[^ ]+ +/, "", line); print line }
    }' "$BATS_TEST_DIRNAME/counts.txt" | grep . || fail "counts.txt has no limit for: $1, $2"
}

# within COMMAND WHAT NUMBER: print the number, and compare it with the table's limit.
within() {
  local most least
  most=$(limit "$1" "$2")
  echo "# $1: $3 $2 (at most $most)" >&3
  least=$(limit any "least-$2" 2>/dev/null) || least=1
  awk -v seen="$3" -v least="$least" -v most="$most" 'BEGIN { exit !(seen >= least && seen <= most) }' ||
    fail "$1: $3 $2, and not from $least to $most"
}

mean() { awk '{ sum += $1 } END { printf "%.*f\n", sum / NR < 10 ? 2 : 0, sum / NR }'; }

# has_sent COUNT, has_received COUNT: that many runs have sent hello, or received all messages that seq has put there
# except the last.
has_sent() {
  run chat-recv -a
  assert_output "$(yes hello | head -n "$1")"
}

has_received() {
  run chat-recv -a
  assert_output "$(($1 + 1))"
}

# traced_calls FILTER RUNS COMMAND [ARG ...]: print the mean number of such system calls in RUNS consecutive runs. A
# failed run counts as a million.
traced_calls() {
  local filter=$1 runs=$2 n
  shift 2
  for ((n = 0; n < runs; n++)); do
    strace -f -qq -o trace -e "trace=$filter" "$@" 2>&1 </dev/null | cat >seen
    if ((PIPESTATUS[0])); then echo 1000000; else grep -cE '^[0-9]+ +[a-z]' trace || true; fi
  done | mean
}

syncs=fsync,fdatasync,sync,syncfs,sync_file_range,msync

# Without DOSE=full, the WAL is nearly so long that a command empties it, so that fewer runs have a checkpoint among them.
nearly_emptied() { [[ ${DOSE:-} == full ]] || head -c 940000 /dev/zero | tr '\0' x | chat-send -r other; }

# bats test_tags=full
@test "a warm chat-send syncs once, and checkpoints add few syncs" {
  local runs
  runs=$(dosed 25 100)
  nearly_emptied
  within 'chat-send hello' syncs "$(traced_calls $syncs "$runs" chat-send hello)"
  has_sent "$runs"
}

# bats test_tags=full
@test "a warm chat-recv syncs once, and checkpoints add few syncs" {
  local runs
  runs=$(dosed 25 100)
  seq $((runs + 1)) | chat-send -l
  nearly_emptied
  within chat-recv syncs "$(traced_calls $syncs "$runs" chat-recv)"
  has_received "$runs"
}

@test "a warm chat-send makes few system calls" {
  within 'chat-send hello' calls "$(traced_calls all 32 chat-send hello)"
  has_sent 32
}

@test "a warm chat-recv makes few system calls" {
  seq 33 | chat-send -l
  within chat-recv calls "$(traced_calls all 32 chat-recv)"
  has_received 32
}

@test "a chat-send by a user at the end of a long password file makes no more system calls" {
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  seq -f 'user:x:%.0f:100::/:/bin/sh' 2000 2099 >passwd
  echo 'root:x:0:0:root:/root:/bin/sh' >>passwd
  export -f traced_calls mean
  within 'chat-send hello' calls "$(unshare --mount bash -c '
    mount --bind passwd /etc/passwd && traced_calls all 32 chat-send hello')"
  has_sent 32
}

# instructions COUNTER RUNS COMMAND [ARG ...]: print the mean instructions of RUNS consecutive runs in user mode. A
# failed run counts as a billion.
instructions() {
  local counter=$1 runs=$2 n
  shift 2
  for ((n = 0; n < runs; n++)); do "$counter" "$@" || echo 1000000000; done | "$AVERAGE"
}

# One run, without a checkpoint. With DOSE=full the mean of 16 runs, which includes a share of one.
RUNS=1 AVERAGE=median
[[ ${DOSE:-} != full ]] || RUNS=16 AVERAGE=mean

# bats test_tags=full
@test "a warm chat-send executes few instructions" {
  command -v valgrind >/dev/null || skip 'needs valgrind'
  keep_index
  within 'chat-send hello' instructions "$(instructions counted_by_callgrind "$RUNS" chat-send hello)"
  has_sent "$RUNS"
}

# bats test_tags=full
@test "a warm chat-recv executes few instructions" {
  command -v valgrind >/dev/null || skip 'needs valgrind'
  keep_index
  seq $((RUNS + 1)) | chat-send -l
  within chat-recv instructions "$(instructions counted_by_callgrind "$RUNS" chat-recv)"
  has_received "$RUNS"
}

# bats test_tags=full
@test "commands that lose the index of the WAL each time cost little more" {
  command -v valgrind >/dev/null || skip 'needs valgrind'
  within 'chat-send hello' unindexed "$(instructions counted_by_callgrind "$RUNS" chat-send hello)"
  empty_wal # each command reads the WAL, and both begin with an empty one
  within chat-recv unindexed "$(instructions counted_by_callgrind "$RUNS" chat-recv)"
  assert_empty_room
}

median() { sort -n | awk '{ sorted[NR] = $1 } END { print sorted[int((NR + 1) / 2)] }'; }

# alternately COUNTER RUNS: store the median instructions of RUNS alternate sends and receives, which keep the number of
# waiting messages the same, in $SEND and $RECV. (A mean would include a checkpoint or not, by chance. A single run
# includes no checkpoint.)
alternately() {
  local n
  (($2 > 1)) || empty_wal
  : >sends
  : >recvs
  for ((n = 0; n < $2; n++)); do
    instructions "$1" 1 chat-send hello >>sends
    instructions "$1" 1 chat-recv >>recvs
  done
  SEND=$(median <sends)
  RECV=$(median <recvs)
}

# bats test_tags=full
@test "a send and a receive cost the same with one message waiting as with very many" {
  full_dose 'counts instructions'
  local one_send one_recv counter runs=64 many=1000000
  counter=$(instruction_counter) || skip 'needs perf or valgrind'
  [[ $counter == counted_by_perf ]] || runs=1 # callgrind is slow
  keep_index
  chat-send waiting
  alternately "$counter" "$runs"
  one_send=$SEND one_recv=$RECV
  chat-recv >/dev/null
  seq "$many" | chat-send -l
  alternately "$counter" "$runs"
  within 'chat-send hello' million "$((100 * SEND / one_send))"
  within chat-recv million "$((100 * RECV / one_recv))"
  run -0 chat-spool list
  assert_line --regexp "^main +$many "
}

# ---------------------------------------------------------------- open rooms

# with_readers COUNT: make the open room tea with this number of readers, r1 and so on, and put 20 messages into it and into the room
# plain.
with_readers() {
  chat-spool open tea
  sqlite3 "$SPOOL" "WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < $1)
    INSERT INTO room (number, name, depth, bytes, returned, source, seen, missed)
    SELECT (SELECT max(number) FROM room) + n, 'tea/r' || n, 0, 0, 0, (SELECT number FROM room WHERE name = 'tea'), 0, 0 FROM n"
  seq 20 | chat-send -l -r tea -r plain
}

# without_checkpoint COMMAND [ARG ...]: print the number of instructions of a run that does not empty the WAL.
without_checkpoint() {
  empty_wal
  instructions counted_by_callgrind 1 "$@"
}

# share A B: print A in percent of B, rounded up.
share() { echo $((($1 * 100 + $2 - 1) / $2)); }

# written COMMAND [ARG ...]: print how many bytes of the WAL it writes, the mean of eight runs.
written() {
  local n
  for n in {1..8}; do
    strace -qq -o trace -P "$SPOOL-wal" -e trace=pwrite64 "$@" >/dev/null
    awk '{ sum += $NF } END { print sum + 0 }' trace
  done | mean
}

@test "a send to an open room writes what a send to a plain room writes, and a receive as a reader half" {
  local count
  for count in 1 $(dosed 100 '100 10000'); do
    rm -rf "$HOME/.local"
    with_readers "$count"
    within 'chat-send -r tea' bytes "$(share "$(written chat-send -r tea hello)" "$(written chat-send -r plain hello)")"
    within 'chat-recv -r tea/r1' bytes "$(share "$(written chat-recv -r tea/r1)" "$(written chat-recv -r plain)")"
  done
}

# bats test_tags=full
@test "a send to an open room takes as many instructions as one to a plain room, whatever the number of readers" {
  local count plain
  command -v valgrind >/dev/null || skip 'needs valgrind'
  for count in $(dosed 100 '1 100 10000'); do
    rm -rf "$HOME/.local"
    with_readers "$count"
    keep_index
    plain=$(without_checkpoint chat-send -r plain hello)
    within 'chat-send -r tea' "readers-$count" "$(share "$(without_checkpoint chat-send -r tea hello)" "$plain")"
    kill "$BACKGROUND_PID"
  done
}

# bats test_tags=full
@test "a reader that was away for very many messages does not slow down the others" {
  local send='' recv many
  many=$(dosed 20000 1000000)
  command -v valgrind >/dev/null || skip 'needs valgrind'
  with_readers 2
  chat-spool open -m 2000000 tea
  chat-recv -c 10 -r tea/r1 >/dev/null
  keep_index
  [[ ${DOSE:-} != full ]] || send=$(without_checkpoint chat-send -r tea hello)
  recv=$(without_checkpoint chat-recv -r tea/r1)
  seq "$many" | chat-send -l -r tea
  chat-recv -q -a -r tea/r1 >/dev/null
  seq 10 | chat-send -l -r tea
  [[ ! $send ]] || within 'chat-send -r tea' away "$(share "$(without_checkpoint chat-send -r tea hello)" "$send")"
  within 'chat-recv -r tea/r1' away "$(share "$(without_checkpoint chat-recv -r tea/r1)" "$recv")"
  assert_equal "$(chat-spool readers -j tea | jq 'select(.reader == "r2") | .unread')" $((20 + (send ? 2 : 0) + many + 10))
}

# libraries COMMAND [ARG ...]: print the shared objects that the process opens, except the loader.
libraries() {
  strace -f -qq -o trace -e trace=open,openat "$@" >/dev/null
  sed -nE 's/.*"([^"]*\/)?([^"\/]*\.so[^"\/]*)".*= [0-9]+$/\2/p' trace | grep -v '^ld\.so\.cache$' | sort -u
}

@test "a process maps no shared library except those that it needs" {
  local command library
  for command in 'chat-send hello' chat-recv; do
    # shellcheck disable=SC2086
    for library in $(libraries $command); do
      [[ " $(limit "$command" libraries) " == *" $library "* ]] || fail "$command maps $library"
    done
    [[ $command == chat-recv ]] || [[ $(chat-recv -p) == hello ]] || fail "$command has sent nothing"
  done
  assert_empty_room
}
