#!/usr/bin/env bats
# A message leaves the spool only after it was handed over whole, and what was acknowledged is never missing: when
# the output breaks, when the process is killed before any of its system calls, when any of them fails.
# TORTURE=1 or more adds a storm of random kills, of so many minutes.

# Bats runs each test in a shell of its own; the scripts in single quotes are meant to expand later.
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

# The output broke (COMMAND's status is 74, and it says so in a line); both messages are still there.
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

@test "a full device as output is 74, and the messages stay" {
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

@test "a full device is noticed for a message that fills no buffer and for one that fills many" {
  CAUSE='no space left on device'
  head -c 10000000 /dev/zero | tr '\0' x | chat-send -r long
  run --separate-stderr bash -c 'chat-recv -r long >/dev/full'
  assert_equal "$status" 74
  run -0 bash -c 'chat-recv -n -r long | wc -c'
  assert_output 10000000
}

# broken_pipe COMMAND: run by bash with a pipe as its output whose reader has gone.
broken_pipe() {
  rm -f pipe
  mkfifo pipe
  bash -c 'exec {both}<>pipe >pipe {both}<&-; '"$1"
}

@test "a pipe whose reader has gone is 74, and the messages stay" {
  CAUSE='broken pipe'
  two_messages
  broken_output broken_pipe 'chat-recv'
  broken_output broken_pipe 'chat-recv -a'
  broken_output broken_pipe 'timeout 20 chat-recv -F'
  broken_output broken_pipe 'chat-recv -p -a'
}

@test "a pipe whose reader has gone is 74 whether the parent ignored SIGPIPE or not" {
  CAUSE='broken pipe'
  two_messages
  broken_output broken_pipe 'env --default-signal=PIPE chat-recv'
  broken_output broken_pipe 'env --ignore-signal=PIPE chat-recv'
  broken_output broken_pipe 'env --block-signal=PIPE chat-recv'
}

@test "a reader that goes away in the middle of a message leaves it in the spool" {
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

@test "a reader that goes away during a stream loses only what it was given" {
  seq 300000 | chat-send -l
  # What the pipe took was handed over; all the rest must be there, in order.
  run bash -c 'chat-recv -a 2>err | head -n 1; exit "${PIPESTATUS[0]}"'
  assert_equal "$status" 74
  assert_output 1
  assert_equal "$(cat err)" 'chat-recv: cannot write standard output: broken pipe'
  chat-recv -a >rest
  local first
  first=$(head -n 1 rest)
  # A pipe holds 64 KiB; what was written into it and never read counts as handed over.
  ((first <= 65536))
  run cmp rest <(seq "$first" 300000)
  assert_success
}

@test "a closed output is 74, and the message stays" {
  chat-send first
  run --separate-stderr bash -c 'chat-recv >&-'
  assert_equal "$status" 74
  assert_regex "$stderr" '^chat-recv: [^'$'\n'']*$'
  run -0 chat-recv
  assert_output first
}

@test "a file that reaches the size limit is 74 and no SIGXFSZ, and the message stays" {
  CAUSE='file too large'
  head -c 100000 /dev/zero | tr '\0' x | chat-send
  run --separate-stderr bash -c 'ulimit -f 64; chat-recv >out'
  assert_equal "$status: $stderr" "74: chat-recv: cannot write standard output: $CAUSE"
  run -0 bash -c 'chat-recv -n | wc -c'
  assert_output 100000
}

# small_disk SIZE: a file system of that size at ./small.
small_disk() {
  mkdir small
  mount -t tmpfs -o "size=$1,mode=700" chat-test small 2>/dev/null || skip 'no right to mount'
  MOUNTS+=("$PWD/small")
}

@test "a full file system as output is 74, and the message stays until there is room" {
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

# traced COMMAND [ARG ...]: its system calls, with the names of the files, in ./trace; leaks can't be looked for
# under strace.
traced() {
  ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -y -s 20 -o trace "$@"
}

# lines_of PATTERN: the numbers of the lines of the trace that match.
lines_of() { grep -nE -- "$1" trace | cut -d: -f1; }

@test "an output file is synced before the message is deleted" {
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

@test "an output that is a pipe is written before the message is deleted" {
  chat-send 'to be kept'
  local written deleted
  traced chat-recv | cat >out
  written=$(lines_of 'write.*<pipe:.*to be kept' | head -n 1)
  deleted=$(lines_of 'write.*<[^>]*/spool\.db(-wal)?>' | head -n 1)
  assert [ -n "$written" ]
  assert [ -n "$deleted" ]
  assert [ "$written" -lt "$deleted" ]
}

@test "a send is synced before it exits, and before the receivers hear of it" {
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

@test "a first send syncs the file and its directory" {
  traced chat-send first
  run grep -cE '(fsync|fdatasync)\([0-9]+<[^>]*/chat>\) *= 0' trace
  assert_success
  run grep -cE '(fsync|fdatasync)\([0-9]+<[^>]*/chat/[^>]*>\) *= 0' trace
  assert_success
}

@test "a new directory for the spool is synced up to the one that was there" {
  traced chat-send first
  local directory
  for directory in "$HOME" "$HOME/.local" "$HOME/.local/state" "$HOME/.local/state/chat"; do
    run grep -E "(fsync|fdatasync)\\([0-9]+<$directory>\\) *= 0" trace
    assert_success
  done
}

@test "an output file that can't be synced is 74, and the message stays" {
  chat-send first
  sanitized && export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  run --separate-stderr bash -c 'strace -o trace -P "$PWD/out" -e inject=fsync,fdatasync:error=EIO chat-recv >out'
  assert_equal "$status: $stderr" '74: chat-recv: cannot write standard output: input/output error'
  run -0 grep -c INJECTED trace
  run -0 chat-recv
  assert_output first
}

# these_remain: what was there before the kill and has not been handed over is there, in order; other commands
# work on at once. ALL: the messages that were there. TAKEN: how many of them the killed receiver may have taken.
these_remain() {
  local delivered expected all=("${ALL[@]}" last)
  WHY='another send works'
  timeout 20 chat-send last 2>rest || return
  WHY='another receive works'
  timeout 20 chat-recv -a >rest 2>>rest || return
  # The receiver wrote the beginning of what it could take.
  WHY='the output is the beginning of the messages'
  contents out
  delivered=$LINES_OF_IT
  printf -v expected '%s\n' "${ALL[@]:0:TAKEN}"
  [[ $expected == "$CONTENTS"* ]] || return
  WHY='what remains is the end of the messages'
  contents rest
  ((LINES_OF_IT >= 1 && LINES_OF_IT <= ${#all[@]})) || return
  printf -v expected '%s\n' "${all[@]: -LINES_OF_IT}"
  [[ $CONTENTS == "$expected" ]] || return
  WHY='what was not delivered remains'
  ((delivered + LINES_OF_IT >= ${#all[@]})) || return
  ((delivered > 0)) && DELIVERED=$((DELIVERED + 1))
  ((LINES_OF_IT < ${#all[@]})) && DELETED=$((DELETED + 1))
  return 0
}

# sent_or_not: of the messages of the killed sender the first ones are there (all or none where ATOMIC), after those that
# were there before and before those that came later. A status of 0 means that all of them are there.
sent_or_not() {
  local added expected
  WHY='another send works'
  timeout 20 chat-send last 2>rest || return
  WHY='another receive works'
  timeout 20 chat-recv -a >rest 2>>rest || return
  contents rest
  added=$((LINES_OF_IT - ${#BEFORE[@]} - 1))
  WHY='messages are there once and in order'
  ((added >= 0 && added <= ${#SENT[@]})) || return
  printf -v expected '%s\n' "${BEFORE[@]}" "${SENT[@]:0:added}" last
  [[ $CONTENTS == "$expected" ]] || return
  WHY='all or none are there'
  [[ ! $ATOMIC ]] || ((added == 0 || added == ${#SENT[@]})) || return
  WHY='status 0 means that all are there'
  ((result != 0 || added == ${#SENT[@]})) || return
  ((added == 0)) && ABSENT=$((ABSENT + 1))
  ((added == ${#SENT[@]})) && PRESENT=$((PRESENT + 1))
  return 0
}

# warm_spool: one that holds a message; the sender's input is empty.
warm_spool() {
  chat-send first
  BEFORE=(first) ATOMIC=
  : >in
  keep_spool
}

cold_spool() {
  BEFORE=() ATOMIC=
  : >in
  keep_spool
}

# ---------------------------------------------------------------- killed at random

# programs_of PID ...: the children of these processes that are programs of ours.
programs_of() {
  local pid child name
  for pid; do
    tr ' ' '\n' 2>/dev/null <"/proc/$pid/task/$pid/children" | while read -r child; do
      read -r name 2>/dev/null <"/proc/$child/comm" || continue
      [[ $name != chat-* ]] || echo "$child"
    done
  done
}

# The senders note what was acknowledged. A message can come out twice only if a kill fell between handing over and
# deleting.
@test "a storm of random kills loses nothing and keeps each sender's order" {
  local name pid end senders=() receivers=()
  local seconds=$((TORTURE ? TORTURE * 60 : 4))
  mkdir tried acknowledged seen
  for name in a b c; do
    # A sender that is killed goes on with the next number.
    background bash -c '
      i=0
      until [[ -e stop ]]; do
        i=$((i + 1))
        echo "$1 $i" >>"tried/$1"
        if [[ $1 == c ]]; then echo "$1 $i" | chat-send -l; else chat-send "$1 $i"; fi
        case $? in
          0) echo "$1 $i" >>"acknowledged/$1" ;;
          137) ;;
          *) echo "send: $?" >>wrong ;;
        esac
      done
    ' sender "$name" 2>/dev/null
    senders+=("$BACKGROUND_PID")
  done
  for name in '' -a -F '-c 3'; do
    background bash -c '
      n=0
      until [[ -e stop ]]; do
        n=$((n + 1))
        chat-recv -q -t 0.5 $1 >"seen/out$1.$n"
        case $? in
          0 | 1 | 137) ;;
          *) echo "recv $1: $?" >>wrong ;;
        esac
      done
    ' receiver "$name" 2>/dev/null
    receivers+=("$BACKGROUND_PID")
  done
  end=$((SECONDS + seconds))
  while ((SECONDS < end)); do
    # One of the programs, of whatever kind, at a random moment.
    pid=$(programs_of "${senders[@]}" "${receivers[@]}" | shuf -n 1)
    [[ ! $pid ]] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.00$((RANDOM % 10))
  done
  touch stop
  for pid in "${senders[@]}" "${receivers[@]}"; do finish "$pid"; done
  refute [ -e wrong ]
  chat-recv -a -q >seen/rest || [[ $? == 1 ]]

  # Lines that a kill cut off are no messages: what was cut was not deleted.
  for name in seen/*; do [[ -z $(tail -c 1 "$name") ]] || sed -i '$d' "$name"; done
  sort -u seen/* >all
  run comm -13 all <(sort acknowledged/*)
  assert_output ''
  run comm -23 all <(sort tried/*)
  assert_output ''
  # What was left to the last receiver, alone, is in order. (Before, a receiver may rightly have got what a killed one had
  # held after later messages.)
  in_order seen/rest
  assert [ "$(wc -l <all)" -ge "$(if sanitized; then echo 20; else echo 100; fi)" ]
}

# in_order FILE: of each sender's messages, the first time they are seen, none comes after a later one.
in_order() {
  run awk '!seen[$0]++ { if ($2 + 0 <= last[$1]) print $0 " after " last[$1]; last[$1] = $2 + 0 }' "$1"
  assert_output ''
}

@test "a receiver that is killed and started again and again gets everything in order" {
  local name pid end senders=()
  local seconds=$((TORTURE ? TORTURE * 60 : 3))
  for name in a b; do
    background bash -c '
      i=0
      until [[ -e stop ]]; do
        i=$((i + 1))
        chat-send "$1 $i" || echo "send: $?" >>wrong
      done
      echo "$i" >"sent-$1"
    ' sender "$name"
    senders+=("$BACKGROUND_PID")
  done
  end=$((SECONDS + seconds))
  while ((SECONDS < end)); do
    for name in -F '-a -q' '-w -c 9'; do
      : >one # the kill may come before the receiver has opened it
      background bash -c "exec chat-recv $name >one 2>>wrong"
      sleep 0.0$((RANDOM % 20))
      kill -KILL "$BACKGROUND_PID" 2>/dev/null || true
      wait_until process_ended "$BACKGROUND_PID"
      # A line that the kill cut off is no message.
      [[ -z $(tail -c 1 one) ]] || sed -i '$d' one
      cat one >>all
    done
  done
  touch stop
  for pid in "${senders[@]}"; do finish "$pid"; done
  chat-recv -a -q >>all || [[ $? == 1 ]]
  run cat wrong
  assert_output ''
  in_order all
  run diff <(sort -u all) <(for name in a b; do seq -f "$name %.0f" "$(cat "sent-$name")"; done | sort)
  assert_success
}

# ---------------------------------------------------------------- any system call fails

# The statuses of the contract.
known_status() {
  WHY='the status is one of the contract'
  case $result in
    0 | 64 | 65 | 69 | 71 | 73 | 74 | 75 | 77) ;;
    *) false ;;
  esac || return
  WHY='an error is one line on standard error'
  # Where it is standard error that fails there is nothing to be seen.
  contents trace
  local trace=$CONTENTS
  contents err
  ((result == 0 || LINES_OF_IT == 1)) || [[ $trace == *'write(2,'* ]]
}

# A send with a failing call: 0, and it is there; or an error, and it is not, unless it says so.
failing_send() {
  known_status || return
  local present=$PRESENT
  sent_or_not || return
  WHY='an error means that it is not stored'
  contents err
  ((result == 0 || PRESENT == present)) || [[ $CONTENTS == *'may be stored'* ]] || return
  WHY='a sync that failed is an error'
  contents trace
  [[ ! $CONTENTS =~ sync\([^$'\n']*E(IO|NOSPC)[^$'\n']*INJECTED ]] || ((result != 0))
}

# with_errors CHECK COMMAND [ARG ...]: every call with EIO; those that need room with ENOSPC; those that may be interrupted
# with EINTR.
with_errors() {
  local check=$1
  shift
  at_each_call "$check" error=EIO '.*' "$@"
  at_each_call "$check" error=ENOSPC 'p?write(v|64)?|openat|ftruncate|fallocate|f(data)?sync|mkdir(at)?|mknod(at)?|link(at)?|rename(at2?)?|mmap' "$@"
  at_each_call "$check" error=EINTR 'p?(read|write)(v|64)?|openat|fcntl|ftruncate|fallocate|f(data)?sync|p?poll|close' "$@"
}

failing_sender() {
  sanitized && skip 'a sanitized program makes too many system calls'
  ABSENT=0 PRESENT=0
  with_errors failing_send chat-send "$@"
  assert [ "$ABSENT" -ge 3 ]
  assert [ "$PRESENT" -ge 10 ]
}

@test "a send of which any system call fails succeeds or stores nothing" {
  warm_spool
  SENT=(second)
  failing_sender second
}

@test "a first send of which any system call fails succeeds or stores nothing" {
  cold_spool
  SENT=(first)
  failing_sender first
}

@test "an atomic send of which any system call fails succeeds or stores nothing" {
  warm_spool
  SENT=(a b c d) ATOMIC=1
  printf '%s\n' "${SENT[@]}" >in
  failing_sender -1 -l
}

# A receive with a failing call: 0, and it is delivered and gone; or an error, and what was not delivered is there.
failing_receive() {
  known_status || return
  local deleted=$DELETED
  these_remain || return
  WHY='status 0 means that all were delivered and deleted'
  contents out
  ((result != 0 || (LINES_OF_IT == TAKEN && DELETED == deleted + 1)))
}

failing_receiver() {
  sanitized && skip 'a sanitized program makes too many system calls'
  TAKEN=$1 DELIVERED=0 DELETED=0
  shift
  : >in
  ALL=(one two three)
  printf '%s\n' "${ALL[@]}" | chat-send -l
  keep_spool
  with_errors failing_receive chat-recv "$@"
  assert [ "$DELETED" -ge 10 ]
}

@test "a receive of which any system call fails delivers or keeps the message" {
  failing_receiver 1
}

@test "a receive with -a of which any system call fails delivers or keeps the messages" {
  failing_receiver 3 -a
}

@test "an interrupted read of a message and an interrupted write of one are tried again" {
  local result
  sanitized && export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  echo body >in
  mkdir before
  # The calls on descriptors 0 and 1 alone, whatever else the program reads and writes.
  strace -qq -o trace -P "$PWD/in" -e inject=read:error=EINTR:when=1 chat-send <in
  run -0 grep -c INJECTED trace
  strace -qq -o trace -P "$PWD/out" -e inject=write,writev:error=EINTR:when=1 chat-recv >out
  run -0 grep -c INJECTED trace
  assert_bytes out 'body\n'
  assert_empty_room
}

@test "-F that is told to stop deletes what has gone out whole, and nothing else" {
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
  timeout 1 cat <&"$reader" >got || true
  exec {reader}<&-
  # A line that the end cut off is no message.
  [[ -z $(tail -c 1 got) ]] || sed -i '$d' got
  assert [ "$(wc -l <got)" -gt 100 ]
  chat-recv -a >>got
  run diff sent got
  assert_success
}

# stuck_in_write PID: it sleeps in write().
stuck_in_write() { [[ $(cut -d ' ' -f 1 "/proc/$1/syscall") == 1 ]]; }
