#!/usr/bin/env bats
# Everything at once, again and again: the primary dies and a standby is promoted, a standby stalls, sessions are ended
# and statements cancelled, during sends and receives of every kind. DOSE=full has 100,000 messages and 20 failovers;
# MESSAGES and FAILOVERS set other numbers.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load fault
load traffic

setup() {
  fault_setup
  : "${MESSAGES:=$(dose 1200 100000)}" "${FAILOVERS:=$(dose 2 20)}"
  traffic_setup
}

# of_every_form: start four senders and four receivers. The slower senders have fewer messages.
of_every_form() {
  SENDERS=() RECEIVERS=()
  singly a $((MESSAGES / 10))
  singly b $((MESSAGES / 10)) -m 1000000 -w
  in_streams c $((MESSAGES * 4 / 10))
  in_json d $((MESSAGES * 4 / 10))
  receiving w
  receiving x -c 10
  receiving y -a
  receiving z -a -P 2 -- sh -c 'echo "$(cat)"'
}

# to_clients FUNCTION: call pg_terminate_backend or pg_cancel_backend for each working session of the test's clients.
to_clients() {
  node_sql "$PRIMARY" "SELECT count($1(pid)) FROM pg_stat_activity WHERE datname = '$DATABASE' AND usename = 'chat'" >/dev/null || true
}

# fail_over: kill the primary, promote a standby, and bring the old one back as a standby.
fail_over() {
  local old=$PRIMARY
  node_kill "$old"
  PRIMARY=$(cluster_promote)
  node_copy "$PRIMARY" "$old"
  cluster_wait cluster_in_step "$PRIMARY"
}

# stall: let a standby hang for a while. A commit waits for the other one, or if both hang, for either.
stall() {
  local node standbys=()
  for node in node1 node2 node3; do [[ $node == "$PRIMARY" ]] || standbys+=("$node"); done
  ((RANDOM % 2)) || standbys=("${standbys[0]}")
  for node in "${standbys[@]}"; do node_freeze "$node" STOP; done
  sleep "0.$((RANDOM % 9 + 1))"
  to_clients pg_cancel_backend
  for node in "${standbys[@]}"; do node_freeze "$node" CONT; done
}

count_acked() { cat acked/* doubtful/* 2>/dev/null | wc -l; }

senders_ended() {
  local pid
  for pid in "${SENDERS[@]}"; do process_ended "$pid" || return 1; done
}

# stage N: between failover N and the next one each sender sends its share of the messages, and then waits.
stage() {
  echo $((1000000 * ($1 + 1) / (FAILOVERS + 1))) >quota.new
  mv quota.new quota
}

# due_failover N: half of the messages before it have been sent.
due_failover() { (($(count_acked) >= MESSAGES * (2 * $1 - 1) / (2 * FAILOVERS + 2))); }

@test "failovers, stalls, ended sessions and cancelled statements in mixed traffic lose nothing, and each duplicate had a dead claim" {
  local done=0 faults=0 WAIT_LIMIT
  RANDOM=${SEED:=$RANDOM}
  tell "SEED=$SEED"
  cluster_for_test
  PRIMARY=node1
  stage 0
  of_every_form
  while ! senders_ended; do
    if ((done < FAILOVERS)) && due_failover $((done + 1)); then
      fail_over
      done=$((done + 1))
      stage "$done"
      continue
    fi
    case $((RANDOM % 3)) in
    0) stall ;;
    1) to_clients pg_terminate_backend ;;
    2) to_clients pg_cancel_backend ;;
    esac
    faults=$((faults + 1))
    sleep "0.$((RANDOM % 9 + 1))"
  done
  finish_everybody
  nothing_lost
  doubles_explained
  assert_equal "$done" "$FAILOVERS"
  run -0 chat-spool check
  tell "$(cat acked/* | wc -l) acknowledged, $(cat doubtful/* 2>/dev/null | wc -l) in doubt, $done failovers, $faults other faults, 0 lost, $DOUBLED doubled"
}

@test "a connection that is cut at any step of a send or a receive loses nothing and stores nothing twice" {
  local step port
  cluster_for_test
  for step in $(seq 1 "$(dose 8 20)"); do
    port=$(free_port)
    background "$FAULT_DIRECTORY/proxy" "$port" "$(<"$CLUSTER/node1/port")" '' "$step"
    wait_until listens_at "$port"
    run -0 chat-send -s "postgresql://chat@127.0.0.1:$port/$DATABASE" "step $step"
    kill -KILL -- "-$BACKGROUND_PID"
    run -0 chat-recv -p -a
    assert_output "step $step"
    port=$(free_port)
    background "$FAULT_DIRECTORY/proxy" "$port" "$(<"$CLUSTER/node1/port")" '' "$step"
    wait_until listens_at "$port"
    run --separate-stderr chat-recv -s "postgresql://chat@127.0.0.1:$port/$DATABASE"
    kill -KILL -- "-$BACKGROUND_PID"
    assert_output "step $step"
    # A receiver that has lost its claim reports it, and the message may be there again.
    ((status == 0)) || assert_equal "$status" 69
    run chat-recv -q -a
    ((status == 1)) || assert_output "step $step"
  done
}
# Without a connection: the first one is the client's.
listens_at() { grep -qE "^ *[0-9]+: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp; }

@test "a control: the checks notice a lost message, a message that was never sent, and a duplicate without a lost claim" {
  printf '%s\n' 'a 1' 'a 2' 'a 3' >acked/a
  echo 'a 4' >doubtful/a
  printf '%s\n' 'w-1 0 a 1' 'w-2 0 a 3' 'w-3 0 a 9' >seen/w
  printf '%s\n' 'x-1 0 a 1' 'x-2 69 a 3' >seen/x
  run lost
  assert_output 'a 2'
  run invented
  assert_output 'a 9'
  run unexplained
  assert_output 'a 1'
}
