#!/usr/bin/env bats
# chat-recv -w, -t and -F: waiting without polling, waking for the right message, and getting the messages that another
# receiver releases. A blocked receiver is watched for system calls for STILL seconds (default 3).

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  : "${STILL:=3}"
}

# waiting NAME [OPTION ...]: start a receiver in the background that writes to the file NAME, and wait until it waits.
waiting() {
  local name=$1
  shift
  receiving "$name" "$@"
  wait_blocked "$BACKGROUND_PID"
}

# receiving NAME [OPTION ...]: start a receiver in the background that writes to the file NAME.
receiving() {
  local name=$1
  shift
  background chat-recv "$@" >"$name" 2>"$name.errors"
}

# assert_got FILE FORMAT: the receiver's output is this, and its standard error is empty.
assert_got() {
  assert_bytes "$1" "$2"
  assert_bytes "$1.errors" ''
}

# holding [OPTION ...]: start a receiver in the background that has claimed a message and cannot write it to the pipe.
holding() {
  [[ -p pipe ]] || full_pipe pipe
  background chat-recv "$@" >pipe
  wait_stuck "$BACKGROUND_PID"
}

# drain_pipe: read the pipe forever into the file "drained".
drain_pipe() {
  background bash -c 'exec cat <pipe >drained'
}

# drained_has TEXT: the text after the filling of the pipe ends with TEXT.
drained_has() { tr -d '\0' <drained | grep -qxF -- "$1"; }

# milliseconds: print the time of a clock that cannot be set.
milliseconds() {
  local up
  read -r up _ </proc/uptime
  echo $((10#${up/./} * 10))
}

# switches PID: print how often the process has gone to sleep so far.
switches() { sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$1/status"; }

# ---------------------------------------------------------------- -w

@test "-w takes an existing message at once" {
  chat-send hello
  run --separate-stderr timeout 20 chat-recv -w
  assert_success
  assert_output hello
  assert_stderr ''
}

@test "-w waits for a message" {
  chat-send -r other hello
  waiting out -w
  local receiver=$BACKGROUND_PID
  assert_got out ''
  chat-send hello
  finish "$receiver"
  assert_success
  assert_got out 'hello\n'
  assert_empty_room
}

@test "a receiver wakes even if the sender is killed between the commit and the wake-up" {
  sanitized && skip 'a sanitized program writes before that'
  chat-send -r other hello
  waiting out -w
  local receiver=$BACKGROUND_PID
  # The first write() is the wake-up.
  run strace -f -qq -o trace -e trace=write -e inject=write:signal=KILL:when=1 chat-send hello
  assert_equal "$status" 137
  finish "$receiver"
  assert_success
  assert_got out 'hello\n'
}

@test "a receiver that releases its claims and keeps running wakes other receivers" {
  # -F takes at most the size of a pipe at once, and releases the rest of the run.
  local number
  for number in {1..9}; do head -c 30000 /dev/zero | tr '\0' "$number" | chat-send; done
  holding -F
  run chat-recv -t 20 -o '%i'
  assert_success
  assert_output --regexp '^[0-9]$'
}

@test "-w waits for a spool that does not exist yet, and does not create it" {
  local way receiver
  for way in -w --wait -t60 -F; do
    rm -rf "$HOME/.local"
    waiting out "$way"
    receiver=$BACKGROUND_PID
    assert_not_exist "$SPOOL"
    chat-send hello
    wait_until file_has out hello
    [[ $way != -F ]] || kill -TERM "$receiver"
    finish "$receiver"
    assert_success
    assert_got out 'hello\n'
  done
}

@test "-w waits in a room with the longest name and in one with unusual characters" {
  local room
  for room in "$(printf 'r%.0s' {1..255})" "$(printf '語%.0s' {1..85})" 'a b' '%s' 'a\b' '*' "it's"; do
    waiting out -w -r "$room"
    chat-send -r "$room" hello
    finish "$BACKGROUND_PID"
    assert_success
    assert_got out 'hello\n'
  done
}

@test "-w waits for several rooms at once" {
  local room
  for room in urgent normal; do
    waiting out -w -r urgent -r normal -o '%r %b'
    chat-send -r "$room" hello
    finish "$BACKGROUND_PID"
    assert_success
    assert_got out "$room hello"
  done
}

@test "-c -w waits for N messages" {
  waiting out -w -c 3
  local receiver=$BACKGROUND_PID
  chat-send one
  wait_until file_has out one
  chat-send two
  wait_until file_has out two
  wait_blocked "$receiver"
  chat-send three
  chat-send four
  finish "$receiver"
  assert_success
  assert_got out 'one\ntwo\nthree\n'
  capture chat-recv
  assert_bytes stdout 'four\n'
}

@test "-a -w waits for the first message and then takes all messages" {
  waiting out -a -w
  local receiver=$BACKGROUND_PID
  printf '1\n2\n3\n' | chat-send -l -1
  finish "$receiver"
  assert_success
  assert_got out '1\n2\n3\n'
}

@test "-p -w waits for a message and takes nothing" {
  waiting out -p -w
  chat-send hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_got out 'hello\n'
  capture chat-recv
  assert_bytes stdout 'hello\n'
}

@test "a line sent by -l wakes a receiver while the input pauses" {
  waiting out -w
  mkfifo lines
  background bash -c 'exec chat-send -l <lines'
  exec {input}>lines
  echo hello >&"$input"
  wait_until file_has out hello
  exec {input}>&-
}

# ---------------------------------------------------------------- -t

@test "-t gives up after N seconds, not before, with status 1 and an error message" {
  local start
  for seconds in 1 .4 0.4 00.4; do
    start=$(milliseconds)
    run --separate-stderr chat-recv -t "$seconds"
    (($(milliseconds) - start >= (${seconds/./} == 1 ? 1000 : 400)))
    assert_error 1 'chat-recv: No new messages'
  done
  start=$(milliseconds)
  run --separate-stderr chat-recv --timeout=0.3 -q
  (($(milliseconds) - start >= 300))
  assert_equal "$status" 1
  assert_output ''
  assert_stderr ''
  assert_not_exist "$SPOOL"
}

@test "-t does not wait if there is a message" {
  chat-send hello
  run timeout 20 chat-recv -t 1000
  assert_success
  assert_output hello
}

@test "-t 0 does not wait" {
  run --separate-stderr timeout 20 chat-recv -t 0
  assert_error 1 'chat-recv: No new messages'
  chat-send hello
  run --separate-stderr timeout 20 chat-recv -w -t 0
  assert_success
  assert_output hello
}

@test "-t takes a message that arrives in time" {
  waiting out -t 60
  chat-send hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_got out 'hello\n'
}

@test "-t accepts very long times" {
  local seconds
  for seconds in 3000000 10000000000 99999999999999; do
    waiting out -t "$seconds"
    chat-send hello
    finish "$BACKGROUND_PID"
    assert_success
    assert_got out 'hello\n'
  done
}

@test "-c 5 -t exits with 0 if two messages arrive in time" {
  local start
  chat-send one
  chat-send two
  start=$(milliseconds)
  receiving out -c 5 -t 1
  finish "$BACKGROUND_PID"
  (($(milliseconds) - start >= 1000))
  assert_success
  assert_got out 'one\ntwo\n'
}

@test "-c 5 -t exits with 1 if no message arrives in time" {
  run --separate-stderr chat-recv -c 5 -t 0.1
  assert_error 1 'chat-recv: No new messages'
}

@test "-a -t exits with 1 if no message arrives in time" {
  run --separate-stderr chat-recv -a -t 0.1
  assert_error 1 'chat-recv: No new messages'
}

@test "-t limits the whole wait: new messages do not prolong it" {
  background bash -c 'while chat-send tick; do sleep 0.1; done'
  wait_until chat-recv -p -q >peeked
  run timeout 20 chat-recv -t 1 -c 1000000
  assert_success
  assert_line --index 0 tick
}

# ---------------------------------------------------------------- -F

@test "-F takes existing and new messages, each at once" {
  chat-send one
  chat-send two
  receiving out -F
  local receiver=$BACKGROUND_PID
  wait_until file_has out two
  wait_blocked "$receiver"
  chat-send three
  wait_until file_has out three
  seq 1000 | chat-send -l
  wait_until file_has out 1000
  wait_blocked "$receiver"
  assert_empty_room
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  assert_bytes out.errors ''
  cmp out <(printf '%s\n' one two three; seq 1000)
}

@test "-F exits with 0 on INT, TERM and HUP, and later messages stay" {
  local signal receiver
  for signal in INT TERM HUP; do
    waiting out --follow
    receiver=$BACKGROUND_PID
    kill -"$signal" "$receiver"
    finish "$receiver"
    assert_success
    assert_got out ''
    chat-send "$signal"
    capture chat-recv
    assert_bytes stdout "$signal\n"
  done
}

@test "-F exits with 0 on a signal after it has received messages" {
  receiving out -F
  chat-send hello
  wait_until file_has out hello
  kill -INT "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  assert_got out 'hello\n'
}

@test "-F whose output is read slowly ends on a signal, and the message stays" {
  chat-send hello
  holding -F
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  capture chat-recv
  assert_bytes stdout 'hello\n'
}

@test "-F under nohup keeps running after HUP" {
  background bash -c 'trap "" HUP; exec chat-recv -F' >out
  local receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  kill -HUP "$receiver"
  chat-send hello
  wait_until file_has out hello
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
}

@test "-F -t runs until no message has arrived for that time" {
  local start
  chat-send one
  start=$(milliseconds)
  receiving out -F -t 4
  wait_until file_has out one
  wait_blocked "$BACKGROUND_PID"
  sleep 0.5
  chat-send two
  finish "$BACKGROUND_PID"
  (($(milliseconds) - start >= 4500))
  assert_success
  assert_got out 'one\ntwo\n'
}

@test "-F -t exits with 1 if there is no message at all" {
  local start
  start=$(milliseconds)
  run --separate-stderr chat-recv -F -t 0.5
  (($(milliseconds) - start >= 500))
  assert_error 1 'chat-recv: No new messages'
}

@test "-F follows several rooms and prefers the first" {
  chat-send -r b b1
  chat-send -r a a1
  receiving out -F -r a -r b
  local receiver=$BACKGROUND_PID
  wait_until file_has out b1
  chat-send -r b b2
  wait_until file_has out b2
  chat-send -r a a2
  wait_until file_has out a2
  kill -TERM "$receiver"
  finish "$receiver"
  assert_got out 'a1\nb1\nb2\na2\n'
}

@test "-F -v prints each message at once, in a readable form" {
  waiting out -F -v
  chat-send -u alice 'hello, bob'
  wait_until grep -q 'alice: hello, bob$' out
  run cat out
  assert_output --regexp '^[-0-9]{10} [:0-9]{8} alice: hello, bob$'
}

# the_timer PID: print the descriptor of the timer on which it sleeps.
the_timer() {
  local file
  file=$(grep -l '^clockid:' "/proc/$1/fdinfo/"*) && echo "${file##*/}"
}

# clock_was_set PID: make the process's timer act as when the clock is set or the machine wakes up. (timerfd_create(2),
# TFD_IOC_SET_TICKS; pidfd_getfd(2).)
clock_was_set() {
  # shellcheck disable=SC2016
  perl -e '
    my $fd = syscall(438, syscall(434, $ARGV[0] + 0, 0), $ARGV[1] + 0, 0);
    open my $timer, "+<&=", $fd or die "$!\n";
    my $ticks = pack("Q", 1);
    ioctl($timer, 0x40085400, $ticks) or die "$!\n"' "$1" "$(the_timer "$1")"
}

# sleeps_by_the_wall_clock PID SECONDS: the process sleeps until about that many seconds from now, and wakes if the
# clock is set.
sleeps_by_the_wall_clock() {
  run -0 cat "/proc/$1/fdinfo/$(the_timer "$1")"
  assert_line 'clockid: 0'
  assert_line 'settime flags: 03'
  local left
  left=$(sed -n 's/^it_value: (\([0-9]*\),.*/\1/p' <<<"$output")
  assert [ "$left" -le "$2" ]
  assert [ "$left" -ge $(($2 - 60)) ]
}

@test "a wait for a time uses the wall clock, which keeps running while the machine is suspended" {
  chat-send -d 1h later
  waiting out -w
  wait_idle "$BACKGROUND_PID"
  sleeps_by_the_wall_clock "$BACKGROUND_PID" 3600
  chat-send -r full -x 2h x
  background chat-send -r full -m 1 -w y
  wait_idle "$BACKGROUND_PID"
  sleeps_by_the_wall_clock "$BACKGROUND_PID" 7200
}

@test "a wait for a time looks again when the clock is set" {
  needs perl
  chat-send -d 1h later
  waiting out -w
  wait_idle "$BACKGROUND_PID"
  clock_was_set "$BACKGROUND_PID" || skip 'no right to another process, or not this kernel'
  wait_until sleeps_without_limit "$BACKGROUND_PID"
  sleeps_by_the_wall_clock "$BACKGROUND_PID" 3600
  # By a clock that was set forward an hour the message is due.
  sqlite3 "$SPOOL" 'UPDATE message SET due = due - 3600000; UPDATE room SET next_due = next_due - 3600000'
  clock_was_set "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_got out 'later\n'
}

# killed_at_sync COMMAND [ARG ...]: run a command that is killed when it has committed and is about to sync. (The first
# commit to an empty write-ahead log also syncs before.)
killed_at_sync() {
  run strace -f -qq -o trace -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=1 "$@"
  assert_equal "$status" 137
}

@test "a waiting process wakes even if the process that has work for it is killed right after its commit" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  # A sender to a full room waits for messages that leave the room; a receiver waits for messages that arrive.
  chat-send -r a one
  background chat-send -r a -m 1 -w two
  wait_blocked "$BACKGROUND_PID"
  killed_at_sync chat-recv -r a
  finish "$BACKGROUND_PID"
  assert_success

  background chat-send -r a -m 1 -w three
  wait_blocked "$BACKGROUND_PID"
  waiting out -w -r b
  killed_at_sync chat-spool move a b
  finish "$BACKGROUND_PID"
  assert_got out 'two\n'
  finish "${BACKGROUND_PIDS[-2]}"
  assert_success

  waiting out -w -r a.dead
  killed_at_sync chat-recv -r a -- sh -c 'exit 100'
  finish "$BACKGROUND_PID"
  assert_got out 'three\n'
}

@test "a transaction for several rooms wakes the receivers of all of them, even if it is killed right after its commit" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  local count room
  for count in 3 100; do
    rm -rf "$HOME/.local"
    chat-send -r other x
    for room in r1 r2 "r$count"; do
      waiting "$room" -w -r "$room"
    done
    seq "$count" | sed 's/.*/{"room":"r&","body":"&"}/' >in
    killed_at_sync chat-send -1 -J <in
    for room in 1 2 3; do
      finish "${BACKGROUND_PIDS[-$room]}"
      assert_success
    done
    assert_equal "$(cat r1 r2 "r$count")" "1
2
$count"
  done
}

@test "a receiver that starts to wait during a commit wakes even if the sender is killed then" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  chat-send -r other x
  background strace -D -qq -o trace -P "$SPOOL-wal" -e trace=pwrite64,fdatasync -e inject=pwrite64:signal=STOP:when=1 \
    -e inject=fdatasync:signal=KILL:when=1 chat-send hello
  wait_until stopped_or_ended "$BACKGROUND_PID"
  waiting out -w
  kill -CONT "${BACKGROUND_PIDS[-2]}"
  finish "$BACKGROUND_PID"
  assert_got out 'hello\n'
  run wait "${BACKGROUND_PIDS[-2]}"
  assert_equal "$status" 137
}

@test "a receiver that quarantines a damaged message wakes a sender that waits for space" {
  chat-send a
  ask 'SELECT 1' >/dev/null
  sqlite3 "$SPOOL" "UPDATE message SET body = x'41'"
  background chat-send -m 1 -w b
  wait_blocked "$BACKGROUND_PID"
  chat-recv -q || true
  finish "$BACKGROUND_PID"
  assert_success
}

@test "a receiver that waits in the default room notices a change of the default room" {
  chat-send -r b one
  waiting out -w
  run chat-spool config default-room b
  assert_success
  finish "$BACKGROUND_PID"
  assert_got out 'one\n'
}

@test "a waiting receiver ends with 74 when the reader of its output is gone" {
  local way
  chat-send one
  for way in -F '-c 2 -w' '-c 2 -t 60' '-F -v -r other -r main'; do
    [[ $way == -F ]] || chat-send one
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 bash -c 'chat-recv "$@" | head -n 1 >seen; exit "${PIPESTATUS[0]}"' bash $way
    assert_equal "$way: $status" "$way: 74"
    assert_stderr 'chat-recv: cannot write standard output: broken pipe'
    assert_equal "$(wc -l <seen)" 1
  done
  run --separate-stderr timeout 20 bash -c 'chat-recv -p -w -r none | true; exit "${PIPESTATUS[0]}"'
  assert_equal "$status" 74
  assert_empty_room
}

@test "a receiver with a COMMAND ignores whether the reader of its output is gone" {
  background bash -c 'chat-recv -w -- sh -c "cat >got" | true'
  wait_until pgrep -g "$BACKGROUND_PID" -x chat-recv >pid
  wait_blocked "$(<pid)"
  chat-send hello
  finish "$BACKGROUND_PID"
  assert_equal "$(<got)" hello
}

@test "signals that were blocked at the start end a waiting command" {
  local signal blocked=(env '--block-signal=INT,TERM,HUP,ALRM')
  chat-send -r full x
  for signal in INT TERM HUP; do
    background "${blocked[@]}" chat-recv -F
    wait_blocked "$BACKGROUND_PID"
    kill -"$signal" "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_success
    background "${blocked[@]}" chat-recv -w
    wait_blocked "$BACKGROUND_PID"
    kill -"$signal" "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_equal "$status" $((128 + $(kill -l "$signal")))
    background "${blocked[@]}" chat-send -r full -m 1 -w y
    wait_blocked "$BACKGROUND_PID"
    kill -"$signal" "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_equal "$status" $((128 + $(kill -l "$signal")))
  done
}

# The exit status that a shell reports would be the same after exit(143).
@test "a signal kills a waiting receiver and a waiting sender, and the shell reports it" {
  local command child
  chat-send -r full x
  for command in 'chat-recv -w' 'chat-send -r full -m 1 -w y'; do
    # shellcheck disable=SC2086
    background bash -c '"$@"; exit' bash $command 2>reported
    wait_until pgrep -P "$BACKGROUND_PID" -f '^chat-' >/dev/null
    child=$(pgrep -P "$BACKGROUND_PID" -f '^chat-')
    wait_blocked "$child"
    kill -TERM "$child"
    finish "$BACKGROUND_PID"
    assert_equal "$status" 143
    grep -q Terminated reported || fail "$command: $(<reported)"
  done
}

@test "a signal ends the first process of a container" {
  unshare --pid --fork true 2>/dev/null || skip 'no right to make a PID namespace'
  local command receiver
  chat-send -r full x
  for command in 'chat-recv -w' 'chat-recv -F' 'chat-recv -wq -- true' 'chat-send -r full -m 1 -w y' 'chat-send -l'; do
    # shellcheck disable=SC2086
    background bash -c 'exec unshare --pid --fork "$@" < <(exec sleep 60)' bash $command
    wait_until pgrep -P "$BACKGROUND_PID" -f '^chat-' >/dev/null
    receiver=$(pgrep -P "$BACKGROUND_PID" -f '^chat-')
    wait_blocked "$receiver"
    kill -TERM "$receiver"
    finish "$BACKGROUND_PID"
    case $command in
      *-F) assert_success ;;
      *true) assert_equal "$status" 1 ;;
      *) assert_equal "$status" 143 ;;
    esac
  done
}

@test "without -F a signal kills a waiting receiver like any program" {
  local signal
  for signal in INT TERM HUP; do
    waiting out -w
    kill -"$signal" "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_equal "$status" $((128 + $(kill -l "$signal")))
    assert_got out ''
  done
  chat-send hello
  capture chat-recv
  assert_bytes stdout 'hello\n'
}

# ---------------------------------------------------------------- who wakes, and who does not

# assert_still PID ...: the blocked processes make no system call for STILL seconds.
assert_still() {
  local pid
  for pid; do wait_idle "$pid"; done
  if ! strace -o /dev/null true 2>/dev/null; then
    for pid; do switches "$pid"; done >before
    sleep "$STILL"
    for pid; do switches "$pid"; done | cmp before -
    return
  fi
  for pid; do
    background strace -o "trace.$pid" -p "$pid" 2>"attached.$pid"
    wait_until grep -q attached "attached.$pid"
  done
  sleep "$STILL"
  for pid; do
    # strace may show only the call in which the process slept at the start.
    run head -n 5 "trace.$pid"
    assert_output --regexp '^(ppoll|poll|restart_syscall)\([^'$'\n'']*$'
  done
}

@test "a blocked receiver makes no system call" {
  local pids=()
  waiting nospool -w -s nowhere/spool
  pids+=("$BACKGROUND_PID")
  chat-send -r claimed hello
  holding -r claimed
  waiting out1 -w
  pids+=("$BACKGROUND_PID")
  waiting out2 -F
  pids+=("$BACKGROUND_PID")
  waiting out3 -t 100000
  pids+=("$BACKGROUND_PID")
  waiting out4 -w -r a -r b -r c
  pids+=("$BACKGROUND_PID")
  waiting out5 -w -r claimed
  pids+=("$BACKGROUND_PID")
  assert_still "${pids[@]}"
}

@test "a receiver behind a hundred claimed messages makes no system call" {
  local i
  seq 100 | chat-send -l
  full_pipe pipe
  for i in {1..100}; do background chat-recv >pipe; done
  wait_until all_are_claimed
  waiting out -w
  assert_still "$BACKGROUND_PID"
}

# all_are_claimed: true if no message is available.
all_are_claimed() {
  local result=0
  chat-recv -p -q >/dev/null || result=$?
  ((result == 1))
}

# The kernel takes 10 ms to close an inotify instance, in which the message would wait.
@test "a receiver that follows opens one inotify instance, and a short wait none" {
  ! sanitized || skip 'a leak check does not work under strace'
  needs strace
  local n
  chat-send hello
  chat-recv >/dev/null
  strace -qq -o trace -e trace=inotify_init1 chat-recv -t 0.05 || assert_equal $? 1
  assert_bytes trace ''
  background strace -qq -o trace -e trace=inotify_init1,inotify_add_watch chat-recv -F >out
  for n in 1 2 3; do
    wait_until eval '(($(grep -c /fd/ trace) == 3 * n))' # two FIFOs and the lock file
    chat-send "$n"
    wait_until grep -qsx "$n" out
  done
  run grep -c inotify_init1 trace
  assert_output 1
}

@test "a send to another room does not wake a receiver" {
  local receiver before
  waiting out -w -r mine
  receiver=$BACKGROUND_PID
  wait_idle "$receiver"
  before=$(switches "$receiver")
  chat-send hello
  chat-send -r mine2 hello
  seq 100 | chat-send -l -r min
  wait_blocked "$receiver"
  assert_equal "$(switches "$receiver")" "$before"
  chat-send -r mine hello
  finish "$receiver"
  assert_success
  assert_got out 'hello\n'
}

@test "a receive does not wake a receiver that waits" {
  local receiver before
  chat-send -r other hello
  waiting out -w
  receiver=$BACKGROUND_PID
  wait_idle "$receiver"
  before=$(switches "$receiver")
  chat-recv -r other
  chat-recv -q || assert_equal $? 1
  wait_blocked "$receiver"
  assert_equal "$(switches "$receiver")" "$before"
}

@test "several waiting receivers get one message each" {
  local pids=() i
  for i in 1 2 3 4; do
    waiting "out$i" -w
    pids+=("$BACKGROUND_PID")
  done
  for i in 1 2 3 4; do chat-send "$i"; done
  for i in "${pids[@]}"; do
    finish "$i"
    assert_success
  done
  run sort out1 out2 out3 out4
  assert_output $'1\n2\n3\n4'
  assert_empty_room
}

@test "one batch wakes as many waiting receivers as it has messages" {
  local pids=() i
  for i in 1 2 3 4; do
    waiting "out$i" -w
    pids+=("$BACKGROUND_PID")
  done
  seq 4 | chat-send -l1
  for i in "${pids[@]}"; do
    finish "$i"
    assert_success
  done
  run sort out1 out2 out3 out4
  assert_output $'1\n2\n3\n4'
}

@test "one message ends one of several waiting receivers, and the others keep waiting" {
  local pids=() i
  for i in 1 2 3; do
    waiting "out$i" -w
    pids+=("$BACKGROUND_PID")
  done
  chat-send hello
  wait_until one_has_ended "${pids[@]}"
  for i in "${pids[@]}"; do wait_until asleep_or_ended "$i" '*poll*'; done
  one_has_ended "${pids[@]}"
  run cat out1 out2 out3
  assert_output hello
}

# one_has_ended PID ...: exactly one has ended.
one_has_ended() {
  local pid ended=0
  for pid; do
    if process_ended "$pid"; then ended=$((ended + 1)); fi
  done
  ((ended == 1))
}

# ---------------------------------------------------------------- claims of other receivers

@test "a waiting receiver gets the message that a killed receiver had claimed" {
  chat-send hello
  holding
  local holder=$BACKGROUND_PID receiver
  run --separate-stderr chat-recv
  assert_error 1 'chat-recv: No new messages'
  waiting out -w
  receiver=$BACKGROUND_PID
  kill -KILL "$holder"
  finish "$receiver"
  assert_success
  assert_got out 'hello\n'
  assert_empty_room
}

@test "a receiver with -F and a receiver with a time limit get it as well" {
  local holder receiver way
  for way in -F -t60 '-aw' '-prmain -t60'; do
    chat-send hello
    holding
    holder=$BACKGROUND_PID
    # shellcheck disable=SC2086  # words are meant
    waiting out $way
    receiver=$BACKGROUND_PID
    kill -KILL "$holder"
    wait_until file_has out hello
    [[ $way != -F ]] || kill -TERM "$receiver"
    finish "$receiver"
    assert_success
    assert_got out 'hello\n'
    chat-recv -q >/dev/null || true
  done
}

@test "a message of a killed receiver is available at once to a receiver that does not wait" {
  chat-send one
  chat-send two
  holding
  kill -KILL "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  capture chat-recv -a
  assert_bytes stdout 'one\ntwo\n'
}

@test "every message of a killed receiver with -a is available again" {
  seq 100 | chat-send -l
  holding -a
  kill -KILL "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  chat-recv -a >seen
  seq 100 | cmp - seen
}

@test "a receiver that waits behind a claimed message gets the next one that is sent" {
  chat-send one
  holding
  waiting out -w
  local receiver=$BACKGROUND_PID
  chat-send two
  finish "$receiver"
  assert_success
  assert_got out 'two\n'
}

@test "a receiver that waits behind a claimed message keeps waiting when that message is delivered" {
  chat-send one
  holding
  local holder=$BACKGROUND_PID receiver
  waiting out -w
  receiver=$BACKGROUND_PID
  drain_pipe
  finish "$holder"
  assert_success
  wait_until drained_has one
  wait_blocked "$receiver"
  assert_got out ''
  chat-send two
  finish "$receiver"
  assert_success
  assert_got out 'two\n'
}

@test "one of two receivers behind a claimed message gets it when its holder dies" {
  local holder pids=() i
  chat-send hello
  holding
  holder=$BACKGROUND_PID
  for i in 1 2; do
    waiting "out$i" -w
    pids+=("$BACKGROUND_PID")
  done
  kill -KILL "$holder"
  wait_until one_has_ended "${pids[@]}"
  for i in "${pids[@]}"; do wait_until asleep_or_ended "$i" '*poll*'; done
  one_has_ended "${pids[@]}"
  run cat out1 out2
  assert_output hello
}

@test "a receiver behind several claimed messages gets the message of the holder that dies" {
  local second receiver
  chat-send one
  chat-send two
  holding
  holding
  second=$BACKGROUND_PID
  waiting out -w
  receiver=$BACKGROUND_PID
  kill -KILL "$second"
  finish "$receiver"
  assert_success
  assert_got out 'two\n'
}

@test "-F passes a claimed message and gets it when its holder dies" {
  local holder receiver
  chat-send one
  chat-send two
  holding
  holder=$BACKGROUND_PID
  receiving out -F
  receiver=$BACKGROUND_PID
  wait_until file_has out two
  chat-send three
  wait_until file_has out three
  kill -KILL "$holder"
  wait_until file_has out one
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  assert_got out 'two\nthree\none\n'
}

@test "a waiting receiver gets a message whose receiver dies in another PID namespace" {
  local first
  unshare --pid --fork true 2>/dev/null || skip 'no right to make a PID namespace'
  chat-send job
  background unshare --pid --fork --kill-child chat-recv -- sh -c 'touch began; exec sleep 60'
  first=$BACKGROUND_PID
  wait_until test -e began
  background chat-recv -w >received
  wait_blocked "$BACKGROUND_PID"
  kill -KILL "$first"
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes received 'job\n'
}
