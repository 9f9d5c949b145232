#!/usr/bin/env bats
# A message is stored once and delivered once, whatever happens to packets, commits, standbys and timeouts.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

setup() { fault_setup; }

teardown() {
  cluster_stall CONT
  node_sql node1 'ALTER ROLE chat RESET ALL'
  fault_teardown
}

sql() { node_sql node1 -d "$DATABASE" "$@"; }

# syncing COUNT: that many sessions of this test wait for a standby.
syncing() { [[ $(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = '$DATABASE'") == "$1" ]]; }

# logged TEXT: the server has logged it since the test began.
logged() { tail -c "+$LOG_START" "$CLUSTER/node1/log" | grep -qF -- "$1"; }

note_log() { LOG_START=$(($(stat -c %s "$CLUSTER/node1/log") + 1)); }

# ---------------------------------------------------------------- a late transaction

@test "a transaction that reaches the server after its retry was committed is refused" {
  local port
  port=$(free_port)
  note_log
  background "$FAULT_DIRECTORY/proxy" "$port" "$(<"$CLUSTER/node1/port")" "$PWD/deliver"
  wait_until answers "$port"
  run -0 chat-send -s "postgresql://chat@127.0.0.1:$port/$DATABASE" once
  run -0 chat-recv -a
  assert_output once
  touch deliver
  # The control: the data sent first has reached the server.
  wait_until logged 'duplicate key value violates unique constraint "sent_pkey"'
  run -1 chat-recv -q
  run -0 chat-spool check
}
# Without a connection: the first one is the client's.
answers() { grep -qE "^ *[0-9]+: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp; }

# ---------------------------------------------------------------- a claim

@test "a message that was deleted or changed after a receiver saw it, and before its claim, comes not at all or in its place" {
  printf '%s\n' gone failed 3 | chat-send -l -x 1h
  # The statement that claims waits at its first message, behind its snapshot.
  sql 'CREATE OR REPLACE FUNCTION chat.now() RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN
    IF current_query() LIKE $q$%pg_try_advisory_lock%$q$ THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN floor(extract(epoch FROM clock_timestamp()) * 1000); END $$'
  coproc LOCK { "$POSTGRES/psql" -X -q -A -t -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE"; }
  echo 'SELECT pg_advisory_lock(1);' >&"${LOCK[1]}"
  read -r line <&"${LOCK[0]}"
  background chat-recv -a -j >out
  wait_until waits_for_lock
  printf '%s\n' 'BEGIN; DELETE FROM chat.message WHERE id = 1; INSERT INTO chat.tally VALUES (1, 0, -1, -4);' \
    'UPDATE chat.message SET attempts = 7 WHERE id = 2; COMMIT; SELECT pg_advisory_unlock(1);' >&"${LOCK[1]}"
  finish "$BACKGROUND_PID"
  assert_success
  run -0 jq -r '"\(.body) \(.attempts)"' out
  assert_output $'failed 7\n3 0'
  assert_empty_room
  run -0 chat-spool check
}
waits_for_lock() { [[ $(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '$DATABASE'") -ge 1 ]]; }

# ---------------------------------------------------------------- an error of the commit

@test "an error of the commit ends the receiver, which does not receive the same messages again and again" {
  sql 'CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION $t$the audit refuses$t$; END $$' \
    'CREATE CONSTRAINT TRIGGER refuse AFTER DELETE ON chat.message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse()'
  chat-send one
  run --separate-stderr timeout 60 chat-recv
  assert_not_equal "$status" 0
  assert_output one
  assert_regex "$stderr" 'the audit refuses'
  run --separate-stderr timeout 60 chat-recv -a
  assert_regex "$status" '^(65|70|71|74)$'
  assert_output one
  # The control: without the trigger the message is stored.
  sql 'DROP TRIGGER refuse ON chat.message'
  run -0 chat-recv -a
  assert_output one
  assert_empty_room
}

@test "an error of the commit of a failed or moved message is an error" {
  sql 'CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION $t$the audit refuses$t$; END $$' \
    'CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON chat.message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse()'
  chat-send one
  run --separate-stderr timeout 60 chat-recv -- false
  refute [ "$status" = 123 ]
  assert_regex "$stderr" 'the audit refuses'
  run --separate-stderr timeout 60 chat-spool move main other
  assert_not_equal "$status" 0
  assert_regex "$stderr" 'the audit refuses'
  run -0 chat-recv
  assert_output one
}

# ---------------------------------------------------------------- standbys that stall, and timeouts

# stalled_receivers SECONDS: two receivers of one room delete delivered messages while the standbys stall for SECONDS.
stalled_receivers() {
  local a b
  printf '%s\n' one two | chat-send -l
  cluster_stall STOP
  background chat-recv >a 2>err-a
  a=$BACKGROUND_PID
  wait_until syncing 1
  background chat-recv >b 2>err-b
  b=$BACKGROUND_PID
  wait_until syncing 2
  sleep "$1"
  cluster_stall CONT
  for pid in "$a" "$b"; do
    finish "$pid"
    assert_success
  done
  run cat a b err-a err-b
  assert_output $'one\ntwo'
  assert_empty_room
  run -0 chat-spool check
}

@test "a stalled standby delays receivers and duplicates nothing, and no receiver waits for another one's commit" {
  stalled_receivers "$(dose 1 40)"
}

@test "timeouts of the role, which end another client's statements, end no statement of chatspool" {
  node_sql node1 'ALTER ROLE chat SET statement_timeout = 300' 'ALTER ROLE chat SET lock_timeout = 300' \
    'ALTER ROLE chat SET idle_in_transaction_session_timeout = 300' 'ALTER ROLE chat SET idle_session_timeout = 300'
  # The control.
  run ! "$POSTGRES/psql" -X -h 127.0.0.1 -p "$(<"$CLUSTER/node1/port")" -U chat -d "$DATABASE" -c 'SELECT pg_sleep(60)'
  assert_output --partial 'statement timeout'
  stalled_receivers 1
  cluster_stall STOP
  background chat-send stalled
  wait_until syncing 1
  sleep 1
  cluster_stall CONT
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv -a
  assert_output stalled
}

@test "a deletion that other sessions obstruct is repeated as long as the session lives" {
  chat-send job
  background chat-recv -- sh -c 'echo begun >begun; read -r line <go'
  mkfifo go
  wait_until test -s begun
  # Its session has no timeout; a cancel from outside has the same effect.
  coproc LOCK { "$POSTGRES/psql" -X -q -A -t -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE"; }
  echo "BEGIN; LOCK TABLE chat.message; SELECT 'locked';" >&"${LOCK[1]}"
  read -r line <&"${LOCK[0]}"
  echo go >go
  for i in 1 2 3; do
    wait_until waits_for_lock
    sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '$DATABASE'" >/dev/null
  done
  process_ended "$BACKGROUND_PID" && fail 'it has given up'
  echo 'COMMIT;' >&"${LOCK[1]}"
  finish "$BACKGROUND_PID"
  assert_success
  assert_empty_room
}

cancel_syncing() { sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = '$DATABASE'" >/dev/null; }

@test "a send whose wait for a standby is cancelled keeps waiting, and its success means two disks" {
  note_log
  cluster_stall STOP
  background chat-send -r sync 'on two disks'
  for i in 1 2 3; do
    wait_until syncing 1
    cancel_syncing
  done
  wait_until syncing 1
  process_ended "$BACKGROUND_PID" && fail 'acknowledged on one disk'
  # The control.
  logged 'canceling wait for synchronous replication'
  cluster_stall CONT
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv -a -r sync
  assert_output 'on two disks'
}

@test "a receiver whose wait for a standby is cancelled keeps waiting, and its success means two disks" {
  chat-send -r sync job
  cluster_stall STOP
  background chat-recv -r sync >out
  for i in 1 2 3; do
    wait_until syncing 1
    cancel_syncing
  done
  wait_until syncing 1
  ! process_ended "$BACKGROUND_PID" || fail 'the deletion is on one disk'
  cluster_stall CONT
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'job\n'
  assert_empty_room sync
}

@test "a send whose wait for a standby is cancelled repeatedly exits with 75 and may be stored, and never with 0" {
  local pid
  cluster_stall STOP
  CHAT_SPOOL="$CHAT_SPOOL&connect_timeout=2" background chat-send -r sync 'on one disk' 2>err
  pid=$BACKGROUND_PID
  until process_ended "$pid"; do
    cancel_syncing
    sleep 0.05
  done
  finish "$pid"
  assert_equal "$status" 75
  assert_regex "$(cat err)" 'standbys.*may be stored'
}

# ---------------------------------------------------------------- chat-send --drop

@test "chat-send --drop leaves a message that its receiver is moving to the dead-letter room" {
  local line id
  printf '%s\n' old new | chat-send -l
  id=$(sql 'SELECT min(id) FROM chat.message')
  chat-send -r main.dead 'dead before'
  coproc MOVE { "$POSTGRES/psql" -X -q -A -t -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/node1/port")" -U postgres -d "$DATABASE"; }
  echo "BEGIN; SELECT id FROM chat.message WHERE id = $id FOR UPDATE;" >&"${MOVE[1]}"
  read -r line <&"${MOVE[0]}"
  background chat-send -m 2 --drop newest
  wait_until waits_for_lock
  # The move, as the receiver's connection makes it; the checksum does not matter here.
  printf '%s\n' "UPDATE chat.message SET room = (SELECT number FROM chat.room WHERE name = 'main.dead'), place = nextval('chat.message_id') WHERE id = $id;" \
    "INSERT INTO chat.tally SELECT number, 0, CASE name WHEN 'main' THEN -1 ELSE 1 END, CASE name WHEN 'main' THEN -3 ELSE 3 END FROM chat.room;" \
    'COMMIT;' >&"${MOVE[1]}"
  finish "$BACKGROUND_PID"
  assert_success
  run -0 sql "SELECT r.name, convert_from(m.body, 'UTF8') FROM chat.message m JOIN chat.room r ON r.number = m.room ORDER BY m.place"
  assert_output $'main|new\nmain.dead|dead before\nmain.dead|old\nmain|newest'
  run -0 chat-spool list -j
  assert_line --index 0 --partial '"room":"main","depth":2,"bytes":9,'
  assert_line --index 1 --partial '"room":"main.dead","depth":2,"bytes":14,'
}
