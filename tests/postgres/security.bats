#!/usr/bin/env bats
# Who may use a cluster: certificates, passwords, and roles that may only send or only receive. Nobody's password is ever where
# others can see it.

# shellcheck disable=SC2016,SC2086,SC2030,SC2031,SC2034,SC2154

load fault

PASSWORD='s3cr3t-0f-alice'

setup_file() {
  CLUSTER_HBA+=$'\nhostssl all alice,sender,receiver 127.0.0.1/32 scram-sha-256'
  cluster_for_file
  certificates
  printf '%s\n' 'ssl = on' "ssl_cert_file = '$CLUSTER/certificates/server.pem'" "ssl_key_file = '$CLUSTER/certificates/server.key'" \
    >>"$CLUSTER/node1/data/node.conf"
  node_reload node1
  sql node1 "CREATE ROLE alice LOGIN PASSWORD '$PASSWORD' IN ROLE chat" "CREATE ROLE sender LOGIN PASSWORD '$PASSWORD'" \
    "CREATE ROLE receiver LOGIN PASSWORD '$PASSWORD'"
}
teardown_file() { cluster_end; }

# certificates: of an authority that the clients trust, of one that they don't, and of the server, for the name localhost.
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

# refused STATUS: one line, and nothing of a password in it; and nothing was stored.
refused() {
  assert_error "$1" 'chat-send: '
  refute_password "$stderr"
  run -1 --separate-stderr chat-recv -p
}
refute_password() { [[ $1 != *"$PASSWORD"* && $1 != *wr0ng* ]] || fail "a password is shown: $1"; }

# ---------------------------------------------------------------- certificates

@test "with verify-full and the right authority messages go through TLS" {
  run -0 chat-send -s "$(url alice)" 'in secret'
  mkfifo go
  background chat-recv -s "$(url alice)" -- sh -c 'echo >begun; read -r line <go; cat >got'
  wait_until test -e begun
  run -0 sql node1 'SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '"'alice'"
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

@test "a server that wants TLS is not sent a password without it" {
  run --separate-stderr timeout 100 chat-send -s "$(url alice sslmode=disable)" x
  refused 77
}

# ---------------------------------------------------------------- passwords

@test "a wrong password is 77 at once, in a line that does not show it" {
  echo "localhost:$PORT:*:*:wr0ng" >"$HOME/.pgpass"
  run --separate-stderr timeout 100 chat-send -s "$(url alice)" x
  refused 77
}

@test "no password at all, and a role that is not there, are 77" {
  rm "$HOME/.pgpass"
  run --separate-stderr timeout 100 chat-send -s "$(url alice)" x
  refused 77
  run --separate-stderr timeout 100 chat-send -s "$(url nobody)" x
  refused 77
}

@test "a service file names the cluster, and ~/.pgpass has the password" {
  printf '[chat]\nhost=localhost\nport=%s\ndbname=%s\nuser=alice\nsslmode=verify-full\nsslrootcert=%s\n' \
    "$PORT" "$DATABASE" "$CLUSTER/certificates/authority.pem" >"$HOME/.pg_service.conf"
  run -0 chat-send -s 'postgresql://?service=chat' hello
  run -0 chat-recv -s 'postgresql://?service=chat'
  assert_output hello
}

# A COMMAND and all that chat-recv starts: their arguments and their environment.
show_processes() {
  local process
  for process in /proc/[0-9]*; do
    [[ ${process#/proc/} != "$BASHPID" ]] || continue
    tr '\0' '\n' <"$process/cmdline" | grep -F "$PASSWORD" && echo "in the arguments of $(tr '\0' ' ' <"$process/cmdline")"
  done 2>/dev/null
  env
}
export -f show_processes

@test "a password in \$CHAT_SPOOL or \$PGPASSWORD is in no argument, and not in the environment of a COMMAND" {
  local with_password
  rm "$HOME/.pgpass"
  with_password=$(url "alice:$PASSWORD")
  CHAT_SPOOL=$with_password chat-send one
  PGPASSWORD=$PASSWORD chat-send -s "$(url alice)" two
  CHAT_SPOOL=$with_password PASSWORD=$PASSWORD run -0 chat-recv -- env -u PASSWORD bash -c 'PASSWORD=s3cr3t-0f''-alice; show_processes'
  refute_output --partial "$PASSWORD"
  PGPASSWORD=$PASSWORD run -0 chat-recv -s "$(url alice)" -- bash -c 'PASSWORD=s3cr3t-0f''-alice; show_processes'
  refute_output --partial "$PASSWORD"
}

@test "a COMMAND can use the spool that \$CHAT_SPOOL names, and ~/.pgpass" {
  CHAT_SPOOL=$(url alice) chat-send job
  CHAT_SPOOL=$(url alice) run -0 chat-recv -- sh -c 'chat-send -r results "$(cat) done"'
  run -0 chat-recv -r results
  assert_output 'job done'
}

@test "no error shows a password that is in the URL" {
  local with_password verb
  with_password=$(url "alice:wr0ng")
  for verb in 'chat-send x' chat-recv 'chat-recv -w -t 0.1' 'chat-spool list' 'chat-spool dump' 'chat-spool check' 'chat-spool init'; do
    CHAT_SPOOL=$with_password run --separate-stderr timeout 100 $verb
    assert_not_equal "$status" 0
    refute_password "$stderr"
    CHAT_SPOOL="postgresql://alice:wr0ng@localhost:1/$DATABASE" run --separate-stderr timeout 100 $verb
    assert_not_equal "$status" 0
    refute_password "$stderr"
    CHAT_SPOOL="postgresql://alice:wr0ng@localhost:x/$DATABASE?nonsense=1" run --separate-stderr timeout 100 $verb
    assert_not_equal "$status" 0
    refute_password "$stderr"
  done
  CHAT_SPOOL=$(url "alice:$PASSWORD") run -0 --separate-stderr chat-spool check
  refute_password "$output"
}
