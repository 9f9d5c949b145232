#!/usr/bin/env bats
# A waiting receiver sends no queries: the server sees no query of a receiver that has nothing to do.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() {
  cluster_for_file "log_statement = 'all'" "shared_preload_libraries = 'pg_stat_statements'"
  node_sql node1 'CREATE EXTENSION pg_stat_statements'
}
teardown_file() { cluster_end; }

# statements_of PID: print how many statements of this session the server has logged.
statements_of() { grep -cE "^[^ ]+ [^ ]+ [^ ]+ $1 chat LOG:  (statement|execute|fastpath)" "$CLUSTER/node1/log"; }

# sessions: the server's processes for this test's database, one per line.
sessions() { node_sql node1 "SELECT pid FROM pg_stat_activity WHERE datname = '$DATABASE' ORDER BY backend_start"; }

@test "the server's log shows the statements of a client" {
  background chat-recv -F >out
  wait_blocked "$BACKGROUND_PID"
  run -0 sessions
  assert [ "$(statements_of "$output")" -gt 0 ]
}

@test "waiting receivers send no query, whatever happens in other rooms" {
  local receivers=() session before=()
  for options in -w -F '-t 1000' '-a -w' '-r main -r another -w'; do
    # shellcheck disable=SC2086
    background chat-recv $options >/dev/null
    wait_blocked "$BACKGROUND_PID"
  done
  background chat-recv -F -P 4 -- true
  wait_blocked "$BACKGROUND_PID"
  mapfile -t receivers < <(sessions)
  assert_equal "${#receivers[@]}" 6
  for session in "${receivers[@]}"; do before+=("$(statements_of "$session")"); done
  for i in {1..20}; do
    chat-send -r elsewhere "$i"
    chat-recv -r elsewhere >/dev/null
  done
  for i in "${!receivers[@]}"; do
    assert_equal "$i: $(statements_of "${receivers[i]}")" "$i: ${before[i]}"
  done
}

@test "a receiver that waits for a delayed message sends no query before the due time" {
  local session before
  chat-send -d 1h later
  background chat-recv -w >/dev/null
  wait_blocked "$BACKGROUND_PID"
  session=$(sessions)
  before=$(statements_of "$session")
  for i in {1..10}; do chat-send -r elsewhere "$i"; done
  assert_equal "$(statements_of "$session")" "$before"
}

@test "no session has an open transaction while a command works" {
  chat-send job
  mkfifo end
  background chat-recv -- sh -c 'echo begun >begun; read -r _ <end'
  wait_until test -s begun
  run -0 node_sql node1 "SELECT state, xact_start IS NULL, backend_xmin IS NULL FROM pg_stat_activity WHERE datname = '$DATABASE'"
  assert_output 'idle|t|t'
  echo >end
  finish "$BACKGROUND_PID"
}

# rung: print how many notifications were sent in this test's database: the rows of the statement with pg_notify().
rung() {
  node_sql node1 "SELECT coalesce(sum(rows), 0) FROM pg_stat_statements WHERE query LIKE '%pg_notify%'
    AND dbid = (SELECT oid FROM pg_database WHERE datname = '$DATABASE')"
}

@test "a send notifies only rooms in which a receiver waits, because notifications serialize all commits" {
  background chat-recv -F -r elsewhere
  wait_blocked "$BACKGROUND_PID"
  for i in 1 2 3; do
    chat-send "$i"
    seq 100 | chat-send -l
    chat-recv >/dev/null
  done
  run -0 rung
  assert_output 0
  chat-send -r elsewhere heard
  run -0 rung
  assert_output 1
}
