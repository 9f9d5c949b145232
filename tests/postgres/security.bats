#!/usr/bin/env bats
# The users of a cluster: certificates, passwords, and roles that may only send or only receive. No password is ever
# visible to other users.

# shellcheck disable=SC2016,SC2086,SC2030,SC2031,SC2034,SC2154

load fault

PASSWORD='s3cr3t-0f-alice'

setup_file() {
  local node
  CLUSTER_HBA+=$'\nhostssl all alice,sender,receiver 127.0.0.1/32 scram-sha-256\nhost all ann,bob,ann.b,mallory 127.0.0.1/32 trust'
  cluster_for_file
  certificates
  printf '%s\n' 'ssl = on' "ssl_cert_file = '$CLUSTER/certificates/server.pem'" "ssl_key_file = '$CLUSTER/certificates/server.key'" \
    >>"$CLUSTER/node1/data/node.conf"
  # The other nodes have the same certificate, because one of them will be promoted.
  for node in node2 node3; do
    sed -n '/^ssl/p' "$CLUSTER/node1/data/node.conf" >>"$CLUSTER/$node/data/node.conf"
    node_reload "$node"
  done
  node_reload node1
  node_sql node1 "CREATE ROLE alice LOGIN PASSWORD '$PASSWORD' IN ROLE chat" "CREATE ROLE sender LOGIN PASSWORD '$PASSWORD'" \
    "CREATE ROLE receiver LOGIN PASSWORD '$PASSWORD'"
}
teardown_file() { cluster_end; }

# certificates: create certificates of an authority that the clients trust, of one that they do not trust, and of the
# server, for the name localhost.
certificates() {
  local name place=$CLUSTER/certificates
  mkdir "$place"
  for name in authority stranger; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -keyout "$place/$name.key" -out "$place/$name.pem"
  done
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$place/server.key" -out "$place/server.csr"
  openssl x509 -req -in "$place/server.csr" -CA "$place/authority.pem" -CAkey "$place/authority.key" -CAcreateserial \
    -days 2 -out "$place/server.pem"
  ((EUID)) || chown "$CLUSTER_UID" "$place/server.key"
} 2>/dev/null

setup() {
  fault_setup
  PORT=$(<"$CLUSTER/node1/port")
  SECURE="sslmode=verify-full&sslrootcert=$CLUSTER/certificates/authority.pem"
  echo "localhost:$PORT:*:*:$PASSWORD" >"$HOME/.pgpass"
  chmod 600 "$HOME/.pgpass"
}

# url USER [PARAMETERS [HOST]]
url() { echo "postgresql://$1@${3:-localhost}:$PORT/$DATABASE?${2:-$SECURE}"; }

# refused STATUS: the status, one line without the password, and no stored message.
refused() {
  assert_error "$1" 'chat-send: '
  refute_password "$stderr"
  run -1 --separate-stderr chat-recv -p
}
refute_password() { [[ $1 != *"$PASSWORD"* && $1 != *wr0ng* ]] || fail "a password is shown: $1"; }

# ---------------------------------------------------------------- certificates

@test "with verify-full and the right authority messages pass through TLS" {
  run -0 chat-send -s "$(url alice)" 'in secret'
  mkfifo go
  background chat-recv -s "$(url alice)" -- sh -c 'echo >begun; read -r line <go; cat >got'
  wait_until test -e begun
  run -0 node_sql node1 'SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '"'alice'"
  assert_output t
  echo go >go
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(cat got)" 'in secret'
}

@test "with verify-full a certificate of another authority is refused, and nothing is sent" {
  run --separate-stderr timeout 100 chat-send -s "$(url alice "sslmode=verify-full&sslrootcert=$CLUSTER/certificates/stranger.pem")" x
  refused 77
}

@test "with verify-full a certificate for another host is refused, and nothing is sent" {
  echo "127.0.0.1:$PORT:*:*:$PASSWORD" >>"$HOME/.pgpass"
  run -0 chat-send -s "$(url alice sslmode=require 127.0.0.1)" 'to whomever'
  chat-recv
  run --separate-stderr timeout 100 chat-send -s "$(url alice '' 127.0.0.1)" x
  refused 77
}

@test "a client that refuses TLS sends no password to a server that requires it" {
  run --separate-stderr timeout 100 chat-send -s "$(url alice sslmode=disable)" x
  refused 77
}

# ---------------------------------------------------------------- passwords

@test "a wrong password exits with 77 at once, and the error does not show it" {
  echo "localhost:$PORT:*:*:wr0ng" >"$HOME/.pgpass"
  run --separate-stderr timeout 100 chat-send -s "$(url alice)" x
  refused 77
}

@test "a missing password and an unknown role exit with 77" {
  rm "$HOME/.pgpass"
  run --separate-stderr timeout 100 chat-send -s "$(url alice)" x
  refused 77
  run --separate-stderr timeout 100 chat-send -s "$(url nobody)" x
  refused 77
}

@test "a service file names the cluster, and ~/.pgpass contains the password" {
  printf '[chat]\nhost=localhost\nport=%s\ndbname=%s\nuser=alice\nsslmode=verify-full\nsslrootcert=%s\n' \
    "$PORT" "$DATABASE" "$CLUSTER/certificates/authority.pem" >"$HOME/.pg_service.conf"
  run -0 chat-send -s 'postgresql://?service=chat' hello
  run -0 chat-recv -s 'postgresql://?service=chat'
  assert_output hello
}

@test "a password in the URL is refused with 64, because others could see it, and the error does not show it" {
  local url verb
  for url in "$(url "alice:$PASSWORD")" "$(url alice "password=$PASSWORD&$SECURE")" "postgresql://alice:$PASSWORD@localhost:x/?nonsense=1"; do
    for verb in 'chat-send x' chat-recv 'chat-spool list' 'chat-spool init'; do
      CHAT_SPOOL=$url run --separate-stderr timeout 100 $verb
      assert_equal "$verb: $status" "$verb: 64"
      refute_password "$stderr"
    done
  done
  run -1 --separate-stderr chat-recv -p
}

# The places where a COMMAND could see a password: its environment, and the arguments of all processes.
show_all() {
  local process
  env
  for process in /proc/[0-9]*; do tr '\0' ' ' <"$process/cmdline"; done 2>/dev/null
  return 0 # the last one may have ended meanwhile
}
export -f show_all

@test "a password in \$PGPASSWORD is used, and is in no argument and in no environment of a COMMAND" {
  rm "$HOME/.pgpass"
  PGPASSWORD=$PASSWORD chat-send -s "$(url alice)" two
  PGPASSWORD=$PASSWORD run -0 chat-recv -s "$(url alice)" -- bash -c show_all
  assert_output --partial CHAT_ID=
  refute_output --partial "$PASSWORD"
}

@test "a COMMAND can use the spool in \$CHAT_SPOOL and ~/.pgpass" {
  CHAT_SPOOL=$(url alice) chat-send job
  CHAT_SPOOL=$(url alice) run -0 chat-recv -- sh -c 'chat-send -r results "$(cat) done"'
  run -0 chat-recv -r results
  assert_output 'job done'
}

@test "no error shows a password" {
  local verb
  rm "$HOME/.pgpass"
  export PGPASSWORD=wr0ng
  for verb in 'chat-send x' chat-recv 'chat-recv -w -t 0.1' 'chat-spool list' 'chat-spool init'; do
    CHAT_SPOOL=$(url alice) run --separate-stderr timeout 100 $verb
    assert_equal "$verb: $status" "$verb: 77"
    refute_password "$stderr"
    CHAT_SPOOL="postgresql://alice@localhost:1/$DATABASE?connect_timeout=1" run --separate-stderr timeout 100 $verb
    assert_equal "$verb: $status" "$verb: 69"
    refute_password "$stderr"
  done
}

@test "a password file that others can read is not used" {
  chmod 644 "$HOME/.pgpass"
  # libpq itself prints a line about it.
  run --separate-stderr timeout 100 chat-send -s "$(url alice)" x
  assert_equal "$status" 77
  refute_password "$stderr"
}

# ---------------------------------------------------------------- roles

# with_roles: sender may only send, receiver only receive, as in the example.
with_roles() {
  "$POSTGRES/psql" -X -q -h "$CLUSTER/sockets" -p "$PORT" -U postgres -d "$DATABASE" -f "$REPOSITORY/examples/postgresql-$1.sql" >/dev/null
  node_sql node1 'GRANT chat_sender TO sender' 'GRANT chat_receiver TO receiver'
}

# denied COMMAND [ARG ...]
denied() {
  run --separate-stderr timeout 100 "$@"
  assert_equal "$*: $status" "$*: 77"
  assert_regex "$stderr" '^chat-[a-z]*: [^'$'\n'']*$'
}

@test "a role that may send may not receive, peek, move, delete or create a schema" {
  with_roles roles
  export CHAT_SPOOL
  CHAT_SPOOL=$(url sender)
  chat-send one
  printf '%s\n' two three | chat-send -l
  chat-send -k key four
  chat-send -k key five
  chat-send -d 1h later
  chat-send -m 100 -w six
  denied chat-recv
  denied chat-recv -p
  denied chat-recv -a -- true
  denied chat-spool show main
  denied chat-spool dump
  denied chat-spool move main other
  denied chat-spool delete -y main
  denied chat-spool config max-length 1
  CHAT_SPOOL=$SPOOL run -0 chat-recv -a
  assert_output $'one\ntwo\nthree\nfour\nsix'
}

@test "a role that may receive may not send" {
  with_roles roles
  printf '%s\n' one two three bad five | chat-send -l
  export CHAT_SPOOL
  CHAT_SPOOL=$(url receiver)
  run -0 chat-recv
  assert_output one
  run -0 chat-recv -p
  assert_output two
  denied chat-send four
  denied chat-send -l <<<four
  run -0 chat-recv -c 2 -- cat
  assert_output twothree
  run -123 chat-recv --tries 1 -- false
  run -0 chat-recv -F -t 0.1
  assert_output five
  run -0 chat-recv -r main.dead
  assert_output bad
}

# as ROLE STATEMENT ...: run statements in a session of this role.
as() { node_sql node1 -d "$DATABASE" "SET SESSION AUTHORIZATION \"$1\"" "${@:2}"; }

# apart: ann, bob and ann.b may send and receive, each in separate rooms; mallory has no grant. Numbers of rooms: 1 is
# ann's.
apart() {
  local role
  for role in ann bob ann.b mallory; do
    node_sql node1 "DROP ROLE IF EXISTS \"$role\"" "CREATE ROLE \"$role\" LOGIN"
  done
  with_roles roles
  with_roles rooms
  node_sql node1 'GRANT chat_sender, chat_receiver TO ann, bob, "ann.b"'
  ANN=$(open_url ann) BOB=$(open_url bob) ANN_B=$(open_url ann.b) MALLORY=$(open_url mallory)
  printf '%s\n' one two three | chat-send -l -s "$ANN" -r ann.jobs
}
open_url() { echo "postgresql://$1@127.0.0.1:$PORT/$DATABASE"; }

@test "with row-level security a role sends to, sees and receives from only the rooms with its name" {
  apart
  chat-send -s "$BOB" -r bob.jobs mine
  denied chat-send -s "$BOB" -r ann.jobs forged
  denied chat-send -s "$BOB" -r main forged
  denied chat-send -s "$BOB" -r ann.new forged
  run -1 chat-recv -s "$BOB" -q -r ann.jobs
  run -1 chat-recv -s "$BOB" -q -p -r ann.jobs
  run -0 chat-spool list -1 -s "$BOB"
  assert_output bob.jobs
  run -123 chat-recv -s "$ANN" -q -r ann.jobs -c 1 --tries 1 -- false
  run -0 chat-recv -s "$ANN" -r ann.jobs.dead
  assert_output one
  run -0 chat-recv -s "$ANN" -a -r ann.jobs
  assert_output $'two\nthree'
  run -0 chat-spool check
}

@test "with row-level security a role sends a stream to its own rooms only, in order" {
  apart
  seq 300 >lines # PostgreSQL refuses COPY here
  chat-send -l -s "$BOB" -r bob.jobs <lines
  denied chat-send -l -s "$BOB" -r ann.jobs <lines
  run -0 chat-recv -a -s "$BOB" -r bob.jobs
  assert_output "$(<lines)"
  run -0 chat-spool check
}

@test "a role whose name begins with another role's name has no rooms among that role's rooms" {
  apart
  denied chat-send -s "$ANN_B" -r ann.b.secret psst
  run -1 chat-recv -s "$ANN_B" -q -r ann.jobs
  run chat-spool list -1 -s "$ANN_B"
  assert_output ''
}

@test "a role without a grant cannot connect, and so cannot take a lock" {
  apart
  denied chat-send -s "$MALLORY" -r mallory.jobs x
  denied chat-recv -s "$MALLORY" -r ann.jobs
  run ! "$POSTGRES/psql" -X "$MALLORY" -c 'SELECT pg_try_advisory_lock(1)'
  assert_output --partial 'permission denied for database'
}

@test "a damaged message of one role blocks neither that role nor others" {
  apart
  chat-send -s "$BOB" -r bob.jobs mine
  node_sql node1 -d "$DATABASE" "UPDATE chat.message SET body = 'evil' WHERE id = 1"
  chat-send damaged-too
  node_sql node1 -d "$DATABASE" "UPDATE chat.message SET body = 'evil' WHERE room = (SELECT number FROM chat.room WHERE name = 'main')"
  run --separate-stderr chat-recv -a
  run -0 --separate-stderr chat-recv -s "$ANN" -a -r ann.jobs
  assert_output $'two\nthree'
  assert_regex "$stderr" "is in room 'ann.jobs.damaged' now"
  run -0 chat-recv -s "$ANN" -r ann.jobs.damaged
  assert_output evil
  run -0 chat-recv -s "$BOB" -r bob.jobs
  assert_output mine
}

@test "SQL statements of a role against the rooms of another role are denied or find nothing" {
  local statement
  local message='INSERT INTO chat.message (id, room, place, sent, sender, host, attempts, checksum, body)'
  apart
  chat-send -s "$BOB" -r bob.jobs mine
  for statement in 'SELECT count(*) FROM chat.message WHERE room = 1' 'SELECT count(*) FROM chat.room WHERE number = 1' \
    'SELECT count(*) FROM chat.tally WHERE room = 1' 'WITH gone AS (DELETE FROM chat.message WHERE room = 1 RETURNING 1) SELECT count(*) FROM gone' \
    'WITH changed AS (UPDATE chat.message SET room = room WHERE room = 1 RETURNING 1) SELECT count(*) FROM changed'; do
    run -0 as bob "$statement"
    assert_equal "$statement: $output" "$statement: 0"
  done
  for statement in "$message VALUES (1, 1, 1, 0, 'x', 'x', 0, 0, '')" \
    "$message SELECT 1::bigint << 47, number, 0, 0, 'x', 'x', 0, 0, '' FROM chat.room" \
    "$message SELECT nextval('chat.message_id'), number, 1::bigint << 47, 0, 'x', 'x', 0, 0, '' FROM chat.room" \
    'UPDATE chat.message SET room = 1' "UPDATE chat.message SET body = 'x'" "INSERT INTO chat.room (name) VALUES ('ann.more')" \
    "UPDATE chat.room SET name = 'ann.jobs'" 'DELETE FROM chat.room' 'INSERT INTO chat.tally VALUES (1, 0, 5, 5)' 'DELETE FROM chat.tally' \
    'INSERT INTO chat.front VALUES (1, 9, 9)' 'DELETE FROM chat.front' 'DELETE FROM chat.sent' 'SELECT time FROM chat.sent' \
    'UPDATE chat.spool SET max_length = 1' "SELECT setval('chat.message_id', 1)" 'ALTER SEQUENCE chat.message_id RESTART' \
    'TRUNCATE chat.message' 'DROP TABLE chat.message' 'CREATE TABLE chat.mine ()' 'DROP POLICY own_rooms ON chat.message' \
    'ALTER TABLE chat.message DISABLE ROW LEVEL SECURITY' 'SET ROLE chat' 'CREATE TEMPORARY TABLE mine ()'; do
    run as bob "$statement"
    assert_not_equal "$statement: $status" "$statement: 0"
    assert_regex "$output" 'permission denied|must be owner|row-level security policy'
  done
  # The rights of bob harm no other user.
  as bob 'SELECT chat.fold(1), chat.forget(1)'
  run -0 chat-recv -s "$ANN" -a -r ann.jobs
  assert_output $'one\ntwo\nthree'
  run -0 chat-recv -s "$BOB" -a -r bob.jobs
  assert_output mine
  run -0 chat-spool check
}

# ---------------------------------------------------------------- the last test: afterwards its primary is dead

@test "a role with a password finds the new primary, too" {
  local node hosts='' url
  rm "$HOME/.pgpass"
  for node in node1 node2 node3; do
    hosts+=,localhost:$(<"$CLUSTER/$node/port")
  done
  url="postgresql://alice@${hosts#,}/$DATABASE?sslmode=prefer"
  export PGPASSWORD=$PASSWORD
  chat-send -s "$url" before
  background chat-recv -F -s "$url" >out 2>err
  wait_until file_has out before
  node_kill node1
  # For a while there are only standbys.
  background chat-send -s "$url" after
  wait_until asleep_or_ended "$BACKGROUND_PID" '*'
  run -0 cluster_promote
  finish "$BACKGROUND_PID"
  assert_success
  wait_until file_has out after
}
