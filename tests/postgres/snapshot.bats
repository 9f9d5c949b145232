#!/usr/bin/env bats
# An old snapshot - a backup, a forgotten BEGIN - keeps each version of each row. Sends and receives cost the same
# beside it, because no message updates a row, and no query passes deleted rows.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load fault

# Autovacuum would look at blocks, too.
setup_file() { cluster_for_file 'autovacuum = off'; }
teardown_file() { cluster_end; }

sql() { node_sql node1 -d "$DATABASE" "$@"; }

# hold_snapshot: hold a snapshot until the end of the test.
hold_snapshot() {
  coproc HOLD { exec "$POSTGRES/psql" -X -q -A -t -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE"; }
  BACKGROUND_PIDS+=("$HOLD_PID")
  echo 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM chat.message;' >&"${HOLD[1]}"
  read -r line <&"${HOLD[0]}"
}

# blocks: print how many blocks the server has looked at in this database. A session is counted when it ends.
blocks() { sql 'SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()'; }

no_session() { [[ $(node_sql node1 "SELECT count(*) FROM pg_stat_activity WHERE datname = '$DATABASE' AND usename = 'chat'") == 0 ]]; }

# pairs COUNT: send and receive that many messages, one by one, with two processes; $BLOCKS is the number of blocks
# looked at, and $MICROSECONDS the time of a pair.
pairs() {
  local i before start sender receiver in out
  wait_until no_session
  before=$(blocks)
  rm -f in out
  mkfifo in out
  exec {in}<>in {out}<>out
  eval "background bash -c 'exec chat-send -l <in' $in<&- $out<&-"
  sender=$BACKGROUND_PID
  eval "background bash -c 'exec chat-recv -F >out' $in<&- $out<&-"
  receiver=$BACKGROUND_PID
  start=${EPOCHREALTIME/./}
  for ((i = 1; i <= $1; i++)); do
    echo "$i" >&"$in"
    read -r -t 60 line <&"$out"
    [[ $line == "$i" ]] || fail "message $i: '$line'"
  done
  MICROSECONDS=$(((${EPOCHREALTIME/./} - start) / $1))
  exec {in}<&-
  WAIT_LIMIT=60 finish "$sender"
  kill "$receiver"
  WAIT_LIMIT=60 finish "$receiver"
  exec {out}<&-
  wait_until no_session
  BLOCKS=$(($(blocks) - before))
}

# as_cheap: the last thousand pairs of many look at no more than 1.5 times the blocks of the first thousand.
as_cheap() {
  local first window microseconds
  window=$(dose 500 1000)
  pairs "$window" # what is cold is warm
  pairs "$window"
  first=$BLOCKS microseconds=$MICROSECONDS
  pairs "$(dose 2000 200000)"
  pairs "$window"
  tell "$first blocks and $microseconds us a pair at first, $BLOCKS blocks and $MICROSECONDS us a pair at last"
  ((BLOCKS * 10 <= first * 15)) || fail "$first blocks at first, and $BLOCKS at last"
}

@test "beside an old snapshot the cost of a message does not grow with the number of messages" {
  hold_snapshot
  as_cheap
}

@test "without an old snapshot the cost of a message does not grow with the number of messages" {
  as_cheap
}

@test "a control: beside an old snapshot a row that each message updates becomes slower and slower" {
  local before first
  sql 'CREATE TABLE public.counter (one int PRIMARY KEY, n int)' 'INSERT INTO public.counter VALUES (1, 0)'
  hold_snapshot
  update() { for i in {1..500}; do echo 'UPDATE public.counter SET n = n + 1 WHERE one = 1;'; done >statements && before=$(blocks) &&
    "$POSTGRES/psql" -X -q -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE" -f statements && BLOCKS=$(($(blocks) - before)); }
  update
  first=$BLOCKS
  for i in 1 2 3 4; do update; done
  ((BLOCKS * 10 > first * 15)) || fail "$first blocks at first, and $BLOCKS at last"
}

@test "no message updates a row" {
  pairs 300
  run -0 sql "SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables WHERE schemaname = 'chat'"
  assert_output 0
}
