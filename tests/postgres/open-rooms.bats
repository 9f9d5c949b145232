#!/usr/bin/env bats
# Open rooms on a cluster: the differences from a file. A reader is a row that no sender locks, a claim of a reader is a
# lock with two keys, and a message that has failed or was deleted out of order is a copy. tests/open-rooms.bats has the
# other tests.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() {
  CLUSTER_HBA+=$'\nhost all ruth,sam 127.0.0.1/32 trust'
  cluster_for_file
}
teardown_file() { cluster_end; }

sql() { node_sql node1 -d "$DATABASE" "$@"; }

# reader ROOM NAME FIELD: print the field from chat-spool readers -j.
reader() { chat-spool readers -j "$1" | jq -r --arg name "$2" "select(.reader == \$name) | .$3"; }
# reader_is ROOM NAME FIELD VALUE
reader_is() { [[ $(reader "$1" "$2" "$3") == "$4" ]]; }

# copies ROOM/NAME: print how many messages have a copy in the room of the reader.
copies() { sql "SELECT count(*) FROM chat.message m JOIN chat.room r ON r.number = m.room WHERE r.name = '$1' AND m.origin IS NOT NULL"; }

@test "each reader gets every message once, and a message is deleted when all readers have read it" {
  chat-spool open -k 0 tea
  chat-spool seek tea/bob start
  chat-spool seek tea/carol start
  printf '%s\n' one two | chat-send -l -u alice -r tea
  run -0 chat-recv -a -r tea/bob
  assert_output $'one\ntwo'
  run -0 chat-recv -r tea/carol -o '%u: %b\n'
  assert_output 'alice: one'
  run -0 sql 'SELECT count(*) FROM chat.message'
  assert_output 1
  run -0 chat-recv -r tea/carol
  assert_output two
  run -0 sql 'SELECT count(*) FROM chat.message'
  assert_output 0
  run -1 chat-recv -q -r tea/bob
}

@test "a reader that receives in order writes no copy, and half as much as a plain room" {
  local round room
  chat-spool open log
  chat-spool seek log/x start
  # The first ones write whole pages.
  for room in plain log; do seq 90 | chat-send -l -r "$room"; done
  chat-recv -c 9 -r plain >/dev/null
  chat-recv -c 9 -r log/x >/dev/null
  # The WAL includes other work of the server: in some rounds there is no such work.
  for round in 1 2 3 4 5; do
    ! writes_less || break
  done
  echo "# a receive as a reader writes ${written[1]} bytes, and from a plain room ${written[0]}" >&3
  ((written[1] * 2 <= written[0])) || fail "a receive writes ${written[1]} bytes, and ${written[0]} from a plain room"
  assert_equal "$(copies log/x)" 0
}
# writes_less: store in WRITTEN how many bytes of WAL a receive from each room writes.
writes_less() {
  local room before
  written=()
  for room in plain log/x; do
    before=$(sql "SELECT pg_current_wal_insert_lsn() - '0/0'")
    for i in {1..9}; do chat-recv -r "$room"; done >/dev/null
    written+=($((($(sql "SELECT pg_current_wal_insert_lsn() - '0/0'") - before) / 9)))
  done
  ((written[1] * 2 <= written[0]))
}

@test "a send does not wait for a transaction that holds the row of a reader" {
  chat-spool open tea
  chat-spool seek tea/bob start
  background "$POSTGRES/psql" -X -q -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE" \
    -c "BEGIN; SELECT FROM chat.room WHERE name = 'tea/bob' FOR UPDATE; SELECT pg_sleep(600)"
  wait_until row_is_held
  timeout 20 chat-send -r tea hello
  kill "$BACKGROUND_PID"
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN;%pg_sleep%'" >/dev/null
  run -0 chat-recv -r tea/bob
  assert_output hello
}
row_is_held() { [[ $(sql "SELECT count(*) FROM pg_locks WHERE relation = 'chat.room'::regclass AND mode = 'RowShareLock'") == 1 ]]; }

@test "a message deleted out of order is received once, and the messages before it are copied" {
  chat-spool open orders
  seq 3 | chat-send -l -r orders
  background chat-recv -r orders/mailer -- sh -c 'echo "mail $(cat)"; touch begun; until [ -e go ]; do sleep 0.01; done' >first
  wait_until test -e begun
  run -0 chat-recv -a -r orders/mailer
  assert_output $'2\n3'
  assert_equal "$(copies orders/mailer)" 1
  assert_equal "$(reader orders mailer claimed)" 1
  # The claims of one reader are not those of another.
  run -0 chat-recv -a -r orders/audit
  assert_output $'1\n2\n3'
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(<first)" 'mail 1'
  assert_equal "$(copies orders/mailer)" 0
  run -1 chat-recv -q -r orders/mailer
}

@test "receivers that share a reader get each message once" {
  local i pids=()
  chat-spool open orders
  chat-spool seek orders/mailer start
  seq 30 | chat-send -l -r orders
  for i in 1 2 3; do
    background chat-recv -a -P 2 -r orders/mailer -- sh -c 'echo "$(cat)" >>seen'
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do finish "$i"; done
  chat-recv -q -a -r orders/mailer >>seen || true
  assert_equal "$(sort -n seen)" "$(seq 30)"
  assert_equal "$(copies orders/mailer)" 0
}

@test "the message of a killed receiver is received again before later ones" {
  chat-spool open orders
  seq 3 | chat-send -l -r orders
  background chat-recv -r orders/mailer -- sh -c 'touch begun; until [ -e go ]; do sleep 0.01; done'
  wait_until test -e begun
  wait_until reader_is orders mailer here true
  run -0 chat-recv -r orders/mailer
  assert_output 2
  kill -KILL "$BACKGROUND_PID"
  wait_until reader_is orders mailer claimed 0
  wait_until reader_is orders mailer here false
  run -0 chat-recv -a -r orders/mailer
  assert_output $'1\n3'
  touch go
}

@test "a reader's claim ends with its session, and another session does not delete the message" {
  chat-spool open tea
  chat-send -r tea one
  background chat-recv -r tea/bob -- sh -c 'touch begun; until [ -e go ]; do sleep 0.01; done' 2>err
  wait_until test -e begun
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat'" >/dev/null
  touch go
  finish "$BACKGROUND_PID"
  assert_failure 69
  run -0 chat-recv -r tea/bob
  assert_output one
}

@test "a failed message has a copy for its reader only, is held back and finally dead" {
  chat-spool open orders
  chat-send -u alice -r orders 1
  chat-send -u alice -k key -r orders 2
  chat-send -u alice -r orders 3
  run -123 chat-recv -q -a --backoff 1h -r orders/held -- sh -c 'test "$(cat)" != 2'
  assert_equal "$(reader orders held unread) $(reader orders held held) $(copies orders/held)" '1 1 1'
  run -1 chat-recv -q -r orders/held
  run -123 chat-recv -q -a -r orders/billing -- sh -c 'test "$(cat)" != 2'
  assert_equal "$(reader orders billing unread) $(reader orders billing held) $(copies orders/billing)" '1 0 1'
  run -0 chat-recv -a -r orders/audit
  assert_output $'1\n2\n3'
  run -123 chat-recv -q -a --tries 1 -r orders/billing -- false
  run -123 chat-recv -q -a --tries 1 -r orders/audit2 -- sh -c 'test "$(cat)" != 2'
  run -0 chat-recv -p -a -o '%r %u %k %b\n' -r orders.billing.dead -r orders.audit2.dead
  assert_output $'orders.billing.dead alice key 2\norders.audit2.dead alice key 2'
  run -0 chat-spool move orders.billing.dead orders/billing
  run -0 chat-recv -r orders/billing -o '%r %b\n'
  assert_output 'orders/billing 2'
  chat-recv -a -r orders.audit2.dead >/dev/null
}

@test "a room that overruns reports to a reader how many messages it lost, and keeps a claimed one" {
  chat-spool open -k 2 -m 5 ticker
  chat-spool seek ticker/slow start
  chat-spool seek ticker/busy start
  chat-send -r ticker 0
  background chat-recv -r ticker/busy -- sh -c 'cat; touch begun; until [ -e go ]; do sleep 0.01; done' >seen 2>err
  wait_until test -e begun
  seq 8 | chat-send -l -r ticker
  run -0 sql 'SELECT count(*) FROM chat.message WHERE origin IS NULL'
  assert_output 5
  assert_equal "$(copies ticker/busy)" 1
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(<seen)" 0
  run -0 --separate-stderr chat-recv -a -r ticker/slow
  assert_output "$(seq 4 8)"
  assert_equal "$stderr" "chat-recv: reader 'slow' of room 'ticker' missed 4 messages"
  run -0 --separate-stderr chat-recv -a -r ticker/busy
  assert_output "$(seq 4 8)"
  assert_equal "$stderr" "chat-recv: reader 'busy' of room 'ticker' missed 3 messages"
  run -0 sql 'SELECT count(*) FROM chat.message'
  assert_output 2
}

@test "a message wakes all receivers that wait for it" {
  local name pids=()
  chat-spool open tea
  for name in bob carol dave; do
    background chat-recv -w -r "tea/$name" >"$name"
    pids+=("$BACKGROUND_PID")
  done
  background chat-recv -F -p -r tea >follower
  local follower=$BACKGROUND_PID
  for name in "${pids[@]}" "$follower"; do wait_blocked "$name"; done
  chat-send -r tea hello
  for name in "${pids[@]}"; do finish "$name" && assert_success; done
  assert_equal "$(cat bob carol dave)" $'hello\nhello\nhello'
  wait_until file_has follower hello
  kill -TERM "$follower"
  finish "$follower"
  background chat-recv -w -r tea/bob >bob
  wait_blocked "$BACKGROUND_PID"
  chat-send -r tea/bob 'for bob'
  finish "$BACKGROUND_PID"
  assert_equal "$(<bob)" 'for bob'
  run -1 chat-recv -q -r tea/carol
}

@test "a send to an unknown reader, a reader of a plain room and a receiver without a name are refused" {
  chat-spool open tea
  run --separate-stderr chat-send -r tea/nobody hello
  assert_error 67 'chat-send: '
  assert_equal "$stderr" "chat-send: room 'tea' has no reader 'nobody'"
  chat-send -r plain hello
  run --separate-stderr chat-recv -r plain/bob
  assert_error 67 'chat-recv: '
  assert_equal "$stderr" "chat-recv: room 'plain' is not open"
  run --separate-stderr chat-recv -r tea
  assert_equal "$status" 64
  chat-spool seek tea/bob end
  chat-spool forget -y tea/bob
  run --separate-stderr chat-spool forget -y tea/bob
  assert_error 67 'chat-spool: '
}

@test "a role that may not send receives as a reader, and the server's function copies its messages" {
  node_sql node1 'DROP ROLE IF EXISTS ruth, sam' 'CREATE ROLE ruth LOGIN' 'CREATE ROLE sam LOGIN'
  "$POSTGRES/psql" -X -q -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE" \
    -f "$FAULT_DIRECTORY/../../examples/postgresql-roles.sql"
  sql 'GRANT chat_receiver TO ruth' 'GRANT chat_sender TO sam'
  chat-spool open -k 1 tea
  as_role ruth
  chat-spool seek tea/ruth start
  as_role sam
  seq 3 | chat-send -l -r tea
  as_role ruth
  run -123 chat-recv -q -a -r tea/ruth -- sh -c 'test "$(cat)" != 2'
  as_role sam
  seq 4 5 | chat-send -l -r tea
  as_role ruth
  run -0 chat-recv -a -r tea/ruth
  assert_output $'2\n4\n5'
  chat-spool seek tea/ruth start
  run --separate-stderr chat-send -r tea x
  assert_equal "$status" 77
  as_role chat
}
as_role() { CHAT_SPOOL=$(cluster_url "$DATABASE" "$1"); }

@test "with row-level security a reader can fail messages, and another role cannot give it a message once more" {
  local file reader
  node_sql node1 'DROP ROLE IF EXISTS ruth, sam' 'CREATE ROLE ruth LOGIN' 'CREATE ROLE sam LOGIN'
  for file in roles rooms; do
    "$POSTGRES/psql" -X -q -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE" \
      -f "$FAULT_DIRECTORY/../../examples/postgresql-$file.sql"
  done
  sql 'GRANT chat_sender, chat_receiver TO ruth, sam'
  chat-spool open ruth.tea
  as_role ruth
  seq 3 | chat-send -l -r ruth.tea
  run -123 chat-recv -q -a -r ruth.tea/r -- sh -c 'test "$(cat)" != 2'
  run -0 chat-recv -a -r ruth.tea/r
  assert_output 2
  reader=$(sql "SELECT number FROM chat.room WHERE name = 'ruth.tea/r'")
  as_role sam
  run -67 chat-recv -q -r ruth.tea/r
  run ! copy_as sam "$reader"
  assert_output --partial 'is not locked'
  as_role ruth
  run -1 chat-recv -q -r ruth.tea/r
  as_role chat
}
# copy_as ROLE READER: copy all messages for that reader.
copy_as() {
  "$POSTGRES/psql" -X -q -h 127.0.0.1 -p "$(<"$CLUSTER/node1/port")" -U "$1" -d "$DATABASE" -c "SELECT chat.copy($2, ARRAY[1, 2, 3])" 2>&1
}

@test "a dump has the messages that readers hold for themselves and the number of lost ones" {
  local spool
  chat-spool open -k 2 -m 5 tea
  chat-spool seek tea/slow start
  seq 8 | chat-send -l -r tea
  run -123 chat-recv -q -r tea/bob -- false
  chat-send -r tea/bob 'for bob'
  chat-spool dump >lines
  chat-spool load -q -s loaded.db lines
  chat-spool copy -q "$CHAT_SPOOL" copied.db
  chat-spool forget -q -y tea
  chat-recv -a -r tea >/dev/null
  chat-spool load -q lines
  for spool in loaded.db copied.db "$CHAT_SPOOL"; do
    run -0 --separate-stderr chat-recv -a -s "$spool" -r tea/slow
    assert_output "$(seq 4 8)"
    assert_equal "$stderr" "chat-recv: reader 'slow' of room 'tea' missed 3 messages"
    # In a spool that had messages the messages of readers come after those of the room.
    run -0 chat-recv -a -s "$spool" -r tea/bob
    assert_equal "$(sort <<<"$output")" "$(seq 4 8)"$'\nfor bob'
  done
}

@test "a message that expires while a reader works on it stays with it, and moves to its dead-letter room" {
  chat-spool open jobs
  printf '%s\n' job other | chat-send -l -x 1s -r jobs
  background chat-recv -q --tries 1 -r jobs/a -- sh -c 'touch begun; until [ -e go ]; do sleep 0.01; done; exit 1'
  wait_until test -e begun
  wait_until is_swept jobs 1
  touch go
  finish "$BACKGROUND_PID"
  assert_equal "$status" 123
  run -0 chat-recv -p -a -r jobs.a.dead
  assert_output job
}
# is_swept ROOM COUNT: delete expired messages; true if this number of messages is left in the room.
is_swept() { chat-spool compact -q && (($(chat-spool list -j "$1" | jq .depth) == $2)); }

@test "in random histories with failures and kills each reader gets each message" {
  run -0 "$FAULT_DIRECTORY/../model/readers" "${SEED:-1}" "${READERS_HISTORIES:-2}" "$CHAT_SPOOL"
  assert_output --partial 'each message once per reader'
}

@test "check finds and repairs a reader without an open room and a room that has lost a reader" {
  chat-spool open tea
  chat-spool open orders
  seq 3 | chat-send -l -r tea -r orders
  chat-recv -r tea/bob >/dev/null
  chat-recv -r orders/mailer >/dev/null
  run -0 chat-spool check
  sql "UPDATE chat.room SET source = NULL WHERE name = 'tea'" "UPDATE chat.room SET seen = 99 WHERE name = 'orders'"
  run -65 chat-spool check
  assert_line --partial "reader 'tea/bob' reads no open room"
  assert_line --partial "reader 'orders/mailer' has an impossible position"
  run -0 chat-spool check --repair
  run -0 chat-spool check
  run -0 chat-recv -a -r tea/bob
  assert_output $'2\n3'
  run -0 chat-recv -a -r orders/mailer
  assert_output $'2\n3'
}

@test "a spool upgraded from format 1 has the tables, indexes and functions of a new one" {
  local list="SELECT 'column', table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'chat'
    UNION ALL SELECT 'index', tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'chat'
    UNION ALL SELECT 'function', proname, pg_get_function_identity_arguments(oid), md5(prosrc), prosecdef::text
    FROM pg_proc WHERE pronamespace = 'chat'::regnamespace ORDER BY 1, 2, 3"
  sql "$list" >new
  node_sql node1 "DROP DATABASE $DATABASE WITH (FORCE)" "CREATE DATABASE $DATABASE OWNER chat"
  "$POSTGRES/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(<"$CLUSTER/node1/port")" -U chat -d "$DATABASE" -1 \
    -f "$FAULT_DIRECTORY/formats/schema_1.sql" -f "$FAULT_DIRECTORY/formats/messages_1.sql"
  chat-spool init
  sql "$list" >upgraded
  run -0 diff new upgraded
  chat-spool open main
  run -0 chat-recv -a -r main/bob
  assert_output $'two\nthree\nfour'
}
