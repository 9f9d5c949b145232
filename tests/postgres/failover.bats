#!/usr/bin/env bats
# The primary dies during sends and receives, and a standby is promoted: no acknowledged message is lost, and each
# message delivered twice had a dead claim.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault
load traffic

setup() {
  fault_setup
  traffic_setup
}

@test "killing the primary during many sends and receives loses nothing, and each duplicate had a dead claim" {
  local killed promoted
  cluster_for_test
  start_everybody
  wait_until has_sent $((MESSAGES / 3))
  node_kill node1
  killed=$(now)
  run -0 cluster_promote
  promoted=$(now)
  WAIT_LIMIT=60 wait_until all_since "$promoted"
  finish_everybody
  nothing_lost
  doubles_explained
  tell "$(cat acked/* | wc -l) acknowledged, $(cat doubtful/* 2>/dev/null | wc -l) in doubt, 0 lost, $DOUBLED doubled;" \
    "promoted after $((promoted - killed)) ms, everybody at work again $(recovery "$promoted") ms later"
}

@test "killing one primary after the other loses nothing" {
  local times
  cluster_for_test
  MESSAGES=$((MESSAGES / 2))
  start_everybody
  wait_until has_sent $((MESSAGES / 4))
  node_kill node1
  run -0 cluster_promote
  # The old primary comes back as a standby of the new one, from a copy of it.
  node_copy "$output" node1
  wait_until has_sent $((MESSAGES / 2))
  node_kill "$output"
  run -0 cluster_promote
  finish_everybody
  nothing_lost
  doubles_explained
}

@test "a receiver that waits when the primary dies waits on the new one without a query and gets new messages" {
  cluster_for_test
  background chat-recv -w >out 2>err
  wait_blocked "$BACKGROUND_PID"
  node_kill node1
  run -0 cluster_promote
  local new=$output
  wait_until listens "$new"
  run -0 chat-send 'to the new one'
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'to the new one\n'
}

# listens NODE: a client waits there for notifications.
listens() { [[ $(node_sql "$1" "SELECT count(*) FROM pg_stat_activity WHERE usename = 'chat' AND state = 'idle'") -ge 1 ]]; }

@test "a command that runs when the primary dies is not acknowledged on the new one, and its message is available again" {
  cluster_for_test
  chat-send job
  mkfifo go
  background chat-recv -- sh -c 'echo begun >begun; read -r line <go; cat >done' 2>err
  wait_until test -s begun
  node_kill node1
  run -0 cluster_promote
  echo go >go
  finish "$BACKGROUND_PID"
  assert_not_equal "$status" 0
  assert_equal "$(cat 'done')" job
  run -0 chat-recv
  assert_output job
}

@test "without a primary a send and a receive finally exit with 69 and a one-line error" {
  cluster_for_test
  chat-send first
  node_kill node1
  CHAT_SPOOL+='&connect_timeout=3' # the half minute that it is otherwise would be long
  run --separate-stderr timeout 120 chat-send second
  assert_error 69 'chat-send: '
  run --separate-stderr timeout 120 chat-recv
  assert_error 69 'chat-recv: '
  run --separate-stderr timeout 120 chat-recv -t 1
  assert_error 69 'chat-recv: '
  cluster_promote
  run -0 chat-recv -a
  assert_line --index 0 first
}
