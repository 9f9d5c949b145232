#!/usr/bin/env bats
# The schema in the database: only chat-spool init creates and upgrades it; and copying a whole spool to the database
# and back.

# shellcheck disable=SC2016,SC2086,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

# A database without a spool, at $BARE.
bare() {
  node_sql node1 "CREATE DATABASE bare_$BATS_TEST_NUMBER OWNER chat"
  BARE=$(cluster_url "bare_$BATS_TEST_NUMBER")
}

@test "a database without a spool is an error that names chat-spool init, and nothing is created there" {
  local command
  bare
  for command in 'chat-send x' chat-recv 'chat-recv -p' 'chat-recv -w -t 0.1' 'chat-spool list' 'chat-spool dump' 'chat-spool check'; do
    CHAT_SPOOL=$BARE run --separate-stderr timeout 60 $command
    assert_equal "$command: $status" "$command: 65"
    assert_regex "$stderr" "^chat-[a-z]*: [^"$'\n'"]*'chat-spool init'[^"$'\n'"]*\$"
  done
  run node_sql node1 -d "bare_$BATS_TEST_NUMBER" "SELECT count(*) FROM pg_namespace WHERE nspname = 'chat'"
  assert_output 0
}

@test "chat-spool init creates the schema, and a second run changes nothing" {
  bare
  run -0 --separate-stderr chat-spool init -s "$BARE"
  chat-send -s "$BARE" kept
  run -0 --separate-stderr chat-spool init -s "$BARE"
  run -0 chat-recv -s "$BARE"
  assert_output kept
}

@test "twenty concurrent chat-spool init all succeed" {
  local pids=() i
  bare
  for i in {1..20}; do
    chat-spool init -s "$BARE" & pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  run -0 chat-spool check -s "$BARE"
}

@test "all commands refuse a schema of a newer version with 65, including init, and do not touch it" {
  local command
  node_sql node1 -d "$DATABASE" 'UPDATE chat.spool SET version = 99'
  for command in 'chat-send x' chat-recv 'chat-spool list' 'chat-spool init'; do
    run --separate-stderr timeout 60 $command
    assert_equal "$command: $status" "$command: 65"
  done
  run node_sql node1 -d "$DATABASE" 'SELECT version, (SELECT count(*) FROM chat.message) FROM chat.spool'
  assert_output '99|0'
}

@test "a schema of an older version is refused with 65 and an error that names chat-spool init" {
  node_sql node1 -d "$DATABASE" 'UPDATE chat.spool SET version = 0'
  run --separate-stderr timeout 60 chat-send x
  assert_error 65 'chat-send: '
  assert_regex "$stderr" "'chat-spool init'"
}

# format_1: convert the spool of this test to format 1, with the messages and counters of a program of that time.
format_1() {
  node_sql node1 "DROP DATABASE $DATABASE WITH (FORCE)" "CREATE DATABASE $DATABASE OWNER chat"
  "$POSTGRES/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(<"$CLUSTER/node1/port")" -U chat -d "$DATABASE" -1 \
    -f "$FAULT_DIRECTORY/formats/schema_1.sql" -f "$FAULT_DIRECTORY/formats/messages_1.sql"
}

# format_2: convert the spool of this test to format 2, with two messages, one of which has failed once.
format_2() {
  node_sql node1 "DROP DATABASE $DATABASE WITH (FORCE)" "CREATE DATABASE $DATABASE OWNER chat"
  "$POSTGRES/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(<"$CLUSTER/node1/port")" -U chat -d "$DATABASE" -1 \
    -f "$FAULT_DIRECTORY/formats/schema_2.sql" -f "$FAULT_DIRECTORY/formats/messages_2.sql"
}

# version_is N
version_is() { [[ $(node_sql node1 -d "$DATABASE" 'SELECT version FROM chat.spool') == "$1" ]]; }

@test "chat-spool init upgrades a spool of format 2, and a role that may count an attempt may store its failure" {
  format_2
  run --separate-stderr chat-recv
  assert_error 65 'chat-recv: '
  node_sql node1 -d "$DATABASE" 'CREATE ROLE counts' 'GRANT UPDATE (due, attempts) ON chat.message TO counts'
  run -0 chat-spool init
  version_is 3
  run -0 chat-spool check
  run -0 chat-recv -p -a -o '%i:%n:%b\n'
  assert_output $'1:0:one\n2:1:two'
  run -123 chat-recv -q -- sh -c 'exit 7'
  run -0 chat-spool show -i 1
  assert_line --regexp '^Failed: +status 7, 20'
  run -0 chat-spool show -i 2
  refute_line --partial Failed
  run -0 node_sql node1 -d "$DATABASE" "SELECT has_column_privilege('counts', 'chat.message', 'failed', 'UPDATE'),
    has_column_privilege('counts', 'chat.message', 'failure', 'UPDATE'), has_column_privilege('counts', 'chat.message', 'body', 'UPDATE')"
  assert_output 't|t|f'
  node_sql node1 -d "$DATABASE" 'DROP OWNED BY counts' 'DROP ROLE counts'
}

@test "chat-spool init upgrades a spool of format 1 and keeps messages, order, ids and counters" {
  format_1
  run --separate-stderr chat-recv
  assert_error 65 'chat-recv: '
  run -0 chat-spool init
  version_is 3
  run -0 chat-spool check
  run -0 chat-spool list -j
  assert_line --partial '"room":"main","depth":3,"bytes":12,'
  run -0 chat-recv -a
  assert_output $'two\nthree\nfour'
  run -0 chat-send -i five
  assert_output 5
  run -0 node_sql node1 -d "$DATABASE" "SELECT to_regclass('chat.gone') IS NULL"
  assert_output t
}

@test "an upgrade during sends and receives loses and duplicates nothing" {
  local pids=() i
  format_1
  # They are refused with 65 until the spool is upgraded, and try again.
  for i in a b; do
    background bash -c 'for ((i = 1; i <= 20; i++)); do until chat-send "$0 $i"; do :; done; done' "$i" 2>"err-$i"
    pids+=("$BACKGROUND_PID")
  done
  background bash -c 'until [[ -e done ]]; do chat-recv -q -a >>seen; done; chat-recv -q -a >>seen' 2>err
  local receiver=$BACKGROUND_PID
  # The control: each of them tries before the upgrade.
  for i in err-a err-b err; do wait_until grep -q "'chat-spool init'" "$i"; done
  for i in 1 2 3 4; do chat-spool init & pids+=($!); done
  for i in "${pids[@]}"; do
    WAIT_LIMIT=120 finish "$i"
    assert_success
  done
  touch 'done'
  finish "$receiver"
  run -0 sort seen
  assert_output "$( (printf '%s\n' two three four && for i in a b; do seq -f "$i %.0f" 20; done) | sort)"
  run -0 chat-spool check
}

@test "an upgrade that is killed leaves format 1 or the newest one, and the next one completes it" {
  local i
  for i in 1 2 3 4; do
    format_1
    timeout -s KILL "0.0$((i * 2))" chat-spool init || true
    run -0 chat-spool init
    version_is 3
    run -0 chat-recv -a
    assert_output $'two\nthree\nfour'
  done
}

@test "a killed init leaves a schema or none, and the next one creates it" {
  local i
  for i in 1 2 3 4 5 6; do
    node_sql node1 "CREATE DATABASE killed_$i OWNER chat"
    timeout -s KILL "0.0$((i * 7))" chat-spool init -s "$(cluster_url "killed_$i")" || true
    chat-spool init -s "$(cluster_url "killed_$i")"
    run -0 chat-spool check -s "$(cluster_url "killed_$i")"
  done
}

@test "copy moves a spool from a file to the cluster and back with order, ids, times, senders, keys and bytes" {
  printf '%s\n' one two three | chat-send -s from.db -l -u alice
  chat-recv -s from.db >/dev/null
  chat-send -s from.db -u 'Ünal "the"' -k 'a key' 'with a key'
  printf 'a\0b\xff\n\n' | chat-send -s from.db -r bytes
  head -c 3000000 /dev/urandom | chat-send -s from.db -r bytes
  chat-send -s from.db -r jobs 'held back'
  run -123 chat-recv -s from.db -r jobs --backoff 1h -- false
  chat-send -s from.db -r jobs -d 2098-01-01 delayed
  chat-send -s from.db -r 日本語 -x 2099-01-01T00:00:00.123Z $'\u2028\U1F642'
  chat-spool copy -q from.db "$SPOOL"
  chat-spool copy -q "$SPOOL" back.db
  run diff <(rows from.db) <(rows back.db)
  assert_output ''
  run diff <(chat-spool dump -s from.db) <(chat-spool dump)
  assert_output ''
  run grep -c '"failed":"[^"]*","failure":1,' <(chat-spool dump -s back.db)
  assert_output 1
  run -0 chat-spool check
  # New messages have higher ids.
  run -0 chat-send -i later
  assert [ "$output" -gt "$(ask 'SELECT max(id) FROM message' from.db)" ]
}

@test "an id that was received is not used again after a copy to the cluster or from it" {
  chat-send -s from.db -d 1h 'still to come'
  seq 20 | chat-send -l -s from.db
  chat-recv -s from.db -a -o '%i\n' | sort -n | tail -n 1 >last
  chat-spool copy -q from.db "$SPOOL"
  run -0 chat-send -i x
  assert [ "$output" -gt "$(cat last)" ]
  chat-recv >/dev/null
  chat-spool copy -q "$SPOOL" back.db
  assert [ "$(chat-send -s back.db -i x)" -gt "$output" ]
  # Also without any message, and into a spool that is used.
  chat-spool delete -qy main
  chat-spool dump | chat-spool load -s emptied.db
  assert [ "$(chat-send -s emptied.db -i x)" -gt "$output" ]
  chat-spool load <<<'{"next_id":1000}'
  chat-spool load <<<'{"next_id":500}'
  run -0 chat-send -i x
  assert_output 1000
  run -0 chat-spool check
}

@test "twenty thousand messages are copied from a file to the cluster and received in order" {
  seq 20000 | chat-send -l -s from.db
  chat-spool copy -q from.db "$SPOOL"
  run diff <(seq 20000) <(chat-recv -a)
  assert_output ''
}

@test "with a spool in a file no file of libpq is opened" {
  local library
  for library in pq ssl crypto; do
    run -0 bash -c 'chat-send -s file.db hello; strace -f -e trace=openat,mmap chat-recv -s file.db 2>&1'
    refute_output --partial "lib$library.so"
    refute_output --partial chatspool-postgresql
  done
}
