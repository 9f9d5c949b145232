#!/usr/bin/env bats
# Many processes at once: each message goes to one receiver, each sender's order is kept, and a slow, stopped or dead
# process delays no other. SCALE is the number of messages of each of the eight senders.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load helper

setup() {
  chat_setup
  : "${SCALE:=$(if sanitized; then echo 100; elif ((${TORTURE:-0})); then echo 1000; else echo 120; fi)}" # a sanitized process takes a tenth of a second to start
  mkdir seen errors
}

# ---------------------------------------------------------------- crowds

# one_by_one NAME COUNT: start a sender in the background that sends "NAME 1" to "NAME COUNT", one process per message.
one_by_one() {
  background bash -c '
    for ((i = 1; i <= $2; i++)); do chat-send "$1 $i" || exit; done
  ' one_by_one "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_lines NAME COUNT: send the same messages with chat-send -l, in streams of 1, 2, 4, ... messages.
in_lines() {
  background bash -c '
    for ((from = 1, size = 1; from <= $2; from += size, size *= 2)); do
      last=$((from + size - 1 < $2 ? from + size - 1 : $2))
      seq -f "$1 %.0f" "$from" "$last" | chat-send -l || exit
    done
  ' in_lines "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# again NAME [OPTION ...]: start a receiver that runs chat-recv again and again, until the senders have finished and it
# finds no more messages.
again() {
  background bash -c '
    shift
    while
      if [[ -e done ]]; then last=1; else last=; fi
      chat-recv -q "$@"; result=$?
      [[ $result == 0 || $result == 1 && ! $last ]]
    do :; done
    exit $((result == 1 ? 0 : result))
  ' again "$@" >>"seen/$1" 2>>"errors/$1"
  RECEIVERS+=("$BACKGROUND_PID")
}

# following NAME: start a receiver with -F.
following() {
  background chat-recv -F >>"seen/$1" 2>>"errors/$1"
  FOLLOWERS+=("$BACKGROUND_PID")
}

received() { (($(cat seen/* | wc -l) >= $1)); }

# everybody_is_done COUNT: wait for the senders, then until COUNT messages are received, then for the receivers; none of
# them may have failed or printed anything.
everybody_is_done() {
  local pid
  local WAIT_LIMIT=$((60 + SCALE / 10))
  for pid in "${SENDERS[@]}"; do
    finish "$pid"
    assert_equal "sender: $status" 'sender: 0'
  done
  touch 'done'
  for pid in "${RECEIVERS[@]}"; do
    finish "$pid"
    assert_equal "receiver: $status" 'receiver: 0'
  done
  if ((${#FOLLOWERS[@]})); then
    wait_until received "$1"
    kill -TERM "${FOLLOWERS[@]}"
    for pid in "${FOLLOWERS[@]}"; do
      finish "$pid"
      assert_equal "follower: $status" 'follower: 0'
    done
  fi
  run cat errors/*
  assert_output ''
}

# each_once_in_order COUNT NAME ...: all messages of these senders were seen once, and no receiver saw a sender's
# later message before an earlier one.
each_once_in_order() {
  local count=$1 name
  shift
  for name; do seq -f "$name %.0f" 1 "$count"; done | sort >expected
  sort seen/* >all
  run diff expected all
  assert_success
  run awk '$2 + 0 <= last[FILENAME, $1] { print FILENAME ": " $0 " after " last[FILENAME, $1] }
           { last[FILENAME, $1] = $2 + 0 }' seen/*
  assert_output ''
  assert_empty_room
}

# crowd COUNT: start eight senders, half of them one by one.
crowd() {
  local name
  SENDERS=() RECEIVERS=() FOLLOWERS=()
  for name in a b c d; do one_by_one "$name" "$1"; done
  for name in e f g h; do in_lines "$name" "$1"; done
}

@test "four plain receivers get each message of eight senders once, in each sender's order" {
  local count=$((SCALE / 4))
  crowd "$count"
  again 1
  again 2
  again 3 -t 0.2
  again 4 -w -t 0.2
  everybody_is_done $((8 * count))
  each_once_in_order "$count" a b c d e f g h
}

@test "four receivers with -a get each message of eight senders once, in each sender's order" {
  local count=$((SCALE / 4))
  crowd "$count"
  again 1 -a
  again 2 -a
  again 3 -a -t 0.2
  again 4 -c 7
  everybody_is_done $((8 * count))
  each_once_in_order "$count" a b c d e f g h
}

@test "four receivers with -F get each message of eight senders once, in each sender's order" {
  local count=$((SCALE / 4))
  crowd "$count"
  following 1
  following 2
  following 3
  following 4
  everybody_is_done $((8 * count))
  each_once_in_order "$count" a b c d e f g h
}

@test "a plain receiver, one with -a and two with -F get each message of eight senders once, in each sender's order" {
  crowd "$SCALE"
  again 1 -t 0.2
  again 2 -a -t 0.2
  following 3
  following 4
  everybody_is_done $((8 * SCALE))
  each_once_in_order "$SCALE" a b c d e f g h
}

@test "a single receiver gets the messages of all senders in the order of their ids" {
  local name
  SENDERS=() RECEIVERS=() FOLLOWERS=()
  for name in a b; do one_by_one "$name" 50; done
  for name in c d; do in_lines "$name" 200; done
  background chat-recv -F -o '%i\n' >seen/ids 2>errors/ids
  FOLLOWERS+=("$BACKGROUND_PID")
  everybody_is_done 500
  run sort -n -u -c seen/ids
  assert_success
}

@test "under load no message reaches another room" {
  local room
  SENDERS=() RECEIVERS=() FOLLOWERS=()
  for room in red green blue; do
    background env CHAT_ROOM="$room" bash -c '
      for i in {1..40}; do chat-send "$CHAT_ROOM $i" || exit; done
      seq -f "$CHAT_ROOM %.0f" 41 100 | chat-send -l
    ' 2>"errors/$room"
    SENDERS+=("$BACKGROUND_PID")
    background chat-recv -F -r "$room" >"seen/$room" 2>"errors/$room-out"
    FOLLOWERS+=("$BACKGROUND_PID")
  done
  everybody_is_done 300
  for room in red green blue; do
    run diff <(seq -f "$room %.0f" 1 100) "seen/$room"
    assert_success
  done
}

# ---------------------------------------------------------------- slow, stopped, dead

# stuck_receiver [OPTION ...]: start a receiver that keeps its claim because its output is a full pipe. Its process id
# is in $BACKGROUND_PID.
stuck_receiver() {
  [[ -e pipe ]] || full_pipe pipe
  background chat-recv "$@" >pipe
  wait_stuck "$BACKGROUND_PID"
}

# life_goes_on: other processes send and receive at once.
life_goes_on() {
  run -0 timeout 10 chat-send 'still alive'
  run -0 timeout 10 chat-recv
  assert_output 'still alive'
}

@test "a receiver that blocks on its output delays no other process" {
  chat-send first
  stuck_receiver
  life_goes_on
  run -1 timeout 10 chat-recv
}

@test "a stopped receiver that holds a claim delays no other process" {
  chat-send first
  stuck_receiver
  kill -STOP "$BACKGROUND_PID"
  life_goes_on
  run -0 timeout 10 bash -c 'seq 5000 | chat-send -l'
  run -0 timeout 10 chat-recv -a
  assert_equal "${#lines[@]}" 5000
  run -1 timeout 10 chat-recv
}

@test "later messages pass a claimed message, and no other" {
  chat-send first
  chat-send second
  chat-send third
  stuck_receiver
  run -0 chat-recv -p
  assert_output second
  run -0 chat-recv -a
  assert_output $'second\nthird'
}

@test "the message of a killed receiver is available at once, in its old position" {
  chat-send first
  chat-send second
  stuck_receiver
  run -0 chat-recv -p
  assert_output second
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run -0 chat-recv
  assert_output first
  run -0 chat-recv
  assert_output second
  assert_empty_room
}

@test "the message of a stopped and killed receiver is available at once" {
  chat-send first
  stuck_receiver
  kill -STOP "$BACKGROUND_PID"
  run -1 chat-recv
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run -0 chat-recv
  assert_output first
}

@test "messages that a killed receiver with -a had not written are available again, in order" {
  seq 300 | chat-send -l
  stuck_receiver -a
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run -0 chat-recv -a
  assert_output "$(seq 300)"
}

@test "a waiting receiver gets a message as soon as the receiver that held it is killed" {
  local holder waiter
  chat-send first
  stuck_receiver
  holder=$BACKGROUND_PID
  background chat-recv -w >out
  waiter=$BACKGROUND_PID
  wait_blocked "$waiter"
  kill -KILL "$holder"
  finish "$waiter"
  assert_equal "$status" 0
  assert_bytes out 'first\n'
}

@test "a waiting receiver gets a message as soon as the receiver that held it gives up" {
  local holder keep
  chat-send first
  mkfifo narrow
  exec {keep}<>narrow
  dd if=/dev/zero of=narrow bs=4096 oflag=nonblock 2>/dev/null || true
  # The reader closes the pipe before it has read everything, so the holder's write fails. Only this shell may be that
  # reader.
  eval "background chat-recv >narrow 2>err $keep<&-"
  holder=$BACKGROUND_PID
  wait_stuck "$holder"
  eval "background chat-recv -w >out $keep<&-"
  wait_blocked "$BACKGROUND_PID"
  exec {keep}<&-
  finish "$holder"
  assert_equal "$status" 74
  finish "$BACKGROUND_PID"
  assert_equal "$status" 0
  assert_bytes out 'first\n'
}

@test "one message wakes one of two waiting receivers, and the next message the other" {
  local first second
  background chat-recv -w >out1
  first=$BACKGROUND_PID
  background chat-recv -w >out2
  second=$BACKGROUND_PID
  wait_blocked "$first"
  wait_blocked "$second"
  chat-send one
  one_ended() { process_ended "$first" || process_ended "$second"; }
  wait_until one_ended
  chat-send two
  finish "$first"
  assert_equal "$status" 0
  finish "$second"
  assert_equal "$status" 0
  run sort out1 out2
  assert_output $'one\ntwo'
}

# The stopped receiver may be the one that is woken: the other one must still get the message.
one_of_two_waiting_is_stopped() {
  local waiting=()
  background chat-recv -w >out0
  waiting[0]=$BACKGROUND_PID
  wait_blocked "${waiting[0]}"
  background chat-recv -w >out1
  waiting[1]=$BACKGROUND_PID
  wait_blocked "${waiting[1]}"
  kill -STOP "${waiting[$1]}"
  chat-send one
  finish "${waiting[1 - $1]}"
  assert_equal "$status" 0
  assert_bytes "out$((1 - $1))" 'one\n'
  kill -CONT "${waiting[$1]}"
  chat-send two
  finish "${waiting[$1]}"
  assert_equal "$status" 0
  assert_bytes "out$1" 'two\n'
}

@test "if the first of two waiting receivers is stopped, the second gets the message" {
  one_of_two_waiting_is_stopped 0
}

@test "if the second of two waiting receivers is stopped, the first gets the message" {
  one_of_two_waiting_is_stopped 1
}

@test "a waiting receiver that is killed right after its wake-up strands no message" {
  local i first second
  for i in {1..10}; do
    background chat-recv -w >out1
    first=$BACKGROUND_PID
    background chat-recv -w >out2
    second=$BACKGROUND_PID
    wait_blocked "$first"
    wait_blocked "$second"
    kill -STOP "$first"
    chat-send "message $i"
    kill -KILL "$first"
    finish "$second"
    assert_equal "$status" 0
    assert_bytes out2 "message $i\n"
  done
}

@test "a sender whose input pauses delays no other process" {
  local option keep
  for option in '' -l -0 '-1 -l'; do
    rm -f input
    mkfifo input
    exec {keep}<>input
    # shellcheck disable=SC2086
    background chat-send -r other $option <input
    printf 'begun\n' >input
    wait_until asleep "$BACKGROUND_PID" '*'
    life_goes_on
    kill -STOP "$BACKGROUND_PID"
    life_goes_on
    kill -KILL "$BACKGROUND_PID"
    exec {keep}<&-
  done
}

@test "a slow reader gets everything and delays no other process" {
  seq 20000 | chat-send -l
  mkfifo narrow
  background bash -c 'exec chat-recv -a >narrow'
  local receiver=$BACKGROUND_PID keep
  exec {keep}<narrow
  # The receiver has claimed and written as much as the pipe holds.
  wait_until asleep_or_ended "$receiver" '*'
  run -0 timeout 10 chat-send later
  cat <&"$keep" >out
  exec {keep}<&-
  finish "$receiver"
  assert_equal "$status" 0
  run cmp out <(seq 20000)
  assert_success
  run -0 chat-recv
  assert_output later
}
