#!/usr/bin/env bats
# The network between the clients and the cluster: cut by closing the port, hanging, and a receiver's host cut off.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

setup() {
  fault_setup
  PORT=$(free_port)
  WIRED="postgresql://chat@127.0.0.1:$PORT/$DATABASE"
}

# wire: from now on $WIRED leads to the server. The proxy stays the last background process.
wire() {
  local last=${BACKGROUND_PID:-}
  background "$FAULT_DIRECTORY/proxy" "$PORT" "$(<"$CLUSTER/node1/port")"
  PROXY=$BACKGROUND_PID
  BACKGROUND_PID=$last
  wait_until answers
}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

# cut: close the port and each connection.
cut() {
  kill -KILL -- "-$PROXY"
  wait_until process_ended "$PROXY"
}

@test "a send during a network cut is stored once when the network is back" {
  wire
  cut
  background chat-send -s "$WIRED" 'all the same'
  wait_until tried_again
  wire
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv -a
  assert_output 'all the same'
}
# The client sleeps between two attempts, or has noticed that the port is closed.
tried_again() { asleep "$BACKGROUND_PID" '*'; }

@test "a stream of lines continues after a network cut, and no line is lost or duplicated" {
  local keep
  wire
  mkfifo lines
  exec {keep}<>lines
  eval "background bash -c 'exec chat-send -l -s \"\$0\" <lines' \"\$WIRED\" $keep<&-"
  seq 1 1000 >&"$keep"
  wait_until has_come 1000
  cut
  seq 1001 2000 >&"$keep"
  wire
  wait_until has_come 2000
  kill -KILL "$BACKGROUND_PID"
  exec {keep}<&-
  run -0 chat-recv -a
  assert_output "$(seq 2000)"
}
has_come() { [[ $(chat-recv -p -a | wc -l) -ge $1 ]]; }

@test "a waiting receiver notices a network cut and gets new messages when the network is back" {
  wire
  background chat-recv -w -s "$WIRED" >out
  wait_blocked "$BACKGROUND_PID"
  cut
  chat-send meanwhile
  wire
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'meanwhile\n'
  assert_empty_room
}

@test "a network cut releases the claims of a receiver, and the result of its command does not count" {
  wire
  chat-send job
  mkfifo go
  background chat-recv -s "$WIRED" -- sh -c 'echo begun >begun; read -r line <go' 2>err
  wait_until test -s begun
  run -1 chat-recv -p
  cut
  wait_until is_free job
  run -0 chat-recv
  assert_output job
  wire
  chat-send 'another job'
  echo go >go
  finish "$BACKGROUND_PID"
  assert_not_equal "$status" 0
  run -0 chat-recv
  assert_output 'another job'
}
is_free() { [[ $(chat-recv -p 2>/dev/null) == "$1" ]]; }

@test "a receiver with -F continues after network cuts and gets each message once" {
  local i
  wire
  background chat-recv -F -s "$WIRED" >out
  for i in 1 2 3; do
    wait_blocked "$BACKGROUND_PID"
    cut
    chat-send "message $i"
    wire
    wait_until file_has out "message $i"
  done
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'message 1\nmessage 2\nmessage 3\n'
  assert_empty_room
}

@test "network cuts at random moments during sends and receives lose nothing" {
  local i count senders=() receivers=()
  count=$(dose 200 2000)
  wire
  for i in a b; do
    background bash -c '
      for ((i = 1; i <= $2; i++)); do chat-send -s "$0" "$1 $i" && echo "$1 $i"; done >"acked-$1"
    ' "$WIRED" "$i" "$count" 2>"err-$i"
    senders+=("$BACKGROUND_PID")
    background bash -c '
      while [[ ! -e done ]]; do chat-recv -q -t 0.2 -s "$0"; done >"seen-$1"
    ' "$WIRED" "$i" 2>"err-r$i"
    receivers+=("$BACKGROUND_PID")
  done
  until process_ended "${senders[0]}" && process_ended "${senders[1]}"; do
    sleep "0.$((RANDOM % 5))"
    cut
    wire
  done
  touch 'done'
  for i in "${receivers[@]}"; do finish "$i"; done
  chat-recv -q -a >seen-rest || true
  run comm -23 <(sort acked-?) <(sort -u seen-*)
  assert_output ''
  tell "$(cat acked-? | wc -l) acknowledged, $(sort seen-* | uniq -d | wc -l) doubled"
}

@test "a network that hangs for a while loses nothing" {
  local receiver
  wire
  background chat-recv -w -s "$WIRED" >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  kill -STOP -- "-$PROXY"
  chat-send 'through the mud'
  background chat-send -s "$WIRED" -r other 'stuck'
  wait_until asleep "$BACKGROUND_PID" '*'
  kill -CONT -- "-$PROXY"
  finish "$BACKGROUND_PID"
  assert_success
  finish "$receiver"
  assert_success
  assert_bytes out 'through the mud\n'
  run -0 chat-recv -r other
  assert_output stuck
}
