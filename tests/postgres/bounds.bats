#!/usr/bin/env bats
# The resources of a server that one client uses are bounded: locks, rooms in a transaction, bytes of a message; and
# senders whose rooms cross do not end each other's transactions.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

sql() { node_sql node1 -d "$DATABASE" "$@"; }

# count_locks EVENT: from now on record the most locks that a session holds at such an event of chat.message in
# public.most.
count_locks() {
  sql 'CREATE TABLE public.most (locks bigint)' 'GRANT ALL ON public.most TO chat' \
    'CREATE FUNCTION public.count_locks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.most SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid(); RETURN NULL; END $$' \
    "CREATE TRIGGER count_locks AFTER $1 ON chat.message FOR EACH STATEMENT EXECUTE FUNCTION public.count_locks()"
}

# fewer_locks MOST [LEAST]: not more locks were held; the control is that some were counted.
fewer_locks() {
  local most
  most=$(sql 'SELECT coalesce(max(locks), 0) FROM public.most')
  ((most >= ${2:-21} && most <= $1)) || fail "$most locks, and not ${2:-21} to $1"
}

# ---------------------------------------------------------------- locks

@test "a transaction with thousands of rooms holds some hundred locks and stores each message" {
  count_locks INSERT
  seq -f '{"room":"r%.0f","body":"hello"}' 3000 | chat-send -q -1 -J
  fewer_locks 400
  run -0 sql 'SELECT count(*), count(DISTINCT room) FROM chat.message'
  assert_output '3000|3000'
  run -0 chat-spool check
}

@test "a receiver in a room of a transaction with many rooms wakes" {
  background chat-recv -w -r r2999
  wait_blocked "$BACKGROUND_PID"
  seq -f '{"room":"r%.0f","body":"hello"}' 3000 | chat-send -q -1 -J
  finish "$BACKGROUND_PID"
  assert_success
}

@test "two streams with many rooms in opposite orders are both stored" {
  local a b
  seq -f '{"room":"r%.0f","body":"a"}' 1 600 >a.json
  seq -f '{"room":"r%.0f","body":"b"}' 600 -1 1 >b.json
  background chat-send -q -J -1 -i <a.json >/dev/null 2>err-a
  a=$BACKGROUND_PID
  background chat-send -q -J -1 -i <b.json >/dev/null 2>err-b
  b=$BACKGROUND_PID
  for pid in "$a" "$b"; do
    finish "$pid"
    assert_success
  done
  run -0 sql 'SELECT count(*), count(DISTINCT room) FROM chat.message'
  assert_output '1200|600'
}

@test "a receiver of all messages holds 8 % of the locks of the server at most" {
  local locks
  locks=$(sql "SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int * 2 / 25")
  seq $((3 * locks)) | chat-send -l
  count_locks DELETE
  run -0 chat-recv -a
  assert_output "$(seq $((3 * locks)))"
  fewer_locks $((locks + 30)) "$locks"
}

@test "a run of failing commands holds a bounded number of claims and tries each message once" {
  local count
  count=$(dose 400 5000)
  seq "$count" | chat-send -l
  count_locks UPDATE
  run -123 --separate-stderr chat-recv -q -a -P 4 -- sh -c 'echo "$(cat)" >>tried; exit 1'
  fewer_locks 200
  run diff <(sort -n tried) <(seq "$count")
  assert_success
  run -0 chat-recv -q -a
  assert_output "$(seq "$count")"
}

# ---------------------------------------------------------------- many rooms

# blocks: how many the server has looked at in this database. A session counts when it ends.
blocks() {
  wait_until no_session
  sql 'SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()'
}
no_session() { [[ $(node_sql node1 "SELECT count(*) FROM pg_stat_activity WHERE datname = '$DATABASE' AND usename = 'chat'") == 0 ]]; }

# blocks_of COMMAND [ARG ...]: how many it lets the server look at.
blocks_of() {
  local before
  before=$(blocks)
  "$@" >/dev/null
  echo $(($(blocks) - before))
}

@test "list and copy look at a number of blocks that grows no faster than the number of rooms" {
  local list copy
  seq -f '{"room":"r%.0f","body":"hello"}' 20 | chat-send -q -1 -J
  sql ANALYZE
  chat-spool list >/dev/null # what is cold is warm
  list=$(blocks_of chat-spool list) copy=$(blocks_of chat-spool copy "$CHAT_SPOOL" small.db)
  seq -f '{"room":"r%.0f","body":"hello"}' 21 200 | chat-send -q -1 -J
  sql ANALYZE
  # Ten times as many rooms; the square would be a hundred times as many blocks. A vacuum may look at some.
  run -0 blocks_of chat-spool list
  ((output < 25 * list)) || fail "list: $list blocks, and then $output"
  run -0 blocks_of chat-spool copy "$CHAT_SPOOL" large.db
  ((output < 25 * copy)) || fail "copy: $copy blocks, and then $output"
  run -0 chat-spool list -1 -s large.db
  assert_equal "${#lines[@]}" 200
}

# ---------------------------------------------------------------- deadlocks

@test "two senders whose rooms cross both succeed: the server ends one transaction, which is repeated" {
  local start try a b
  start=$(($(stat -c %s "$CLUSTER/node1/log") + 1))
  # Each insert takes a second, so that both senders have entered their first room before either enters its second one.
  sql 'CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$' \
    'CREATE TRIGGER wait AFTER INSERT ON chat.message FOR EACH STATEMENT EXECUTE FUNCTION public.wait()'
  printf '{"room":"%s","body":"a"}\n' x y >a.json
  printf '{"room":"%s","body":"b"}\n' y x >b.json
  for try in 1 2 3 4 5 6 7 8; do
    background chat-send -q -J -1 -i <a.json >"ids-a$try"
    a=$BACKGROUND_PID
    background chat-send -q -J -1 -i <b.json >"ids-b$try"
    b=$BACKGROUND_PID
    for pid in "$a" "$b"; do
      finish "$pid"
      assert_success
    done
    # The control.
    ! logged "$start" 'deadlock detected' || break
  done
  logged "$start" 'deadlock detected'
  run -0 sql 'SELECT count(*), count(DISTINCT id) FROM chat.message'
  assert_output "$((4 * try))|$((4 * try))"
  assert_equal "$(cat ids-* | sort -u | wc -l)" "$((4 * try))"
}
logged() { tail -c "+$1" "$CLUSTER/node1/log" | grep -qF -- "$2"; }

# ---------------------------------------------------------------- bytes

@test "a message that pg_dump could not read is refused with 65, and so is a limit that allows it" {
  run --separate-stderr chat-spool config max-length 500000001
  assert_error 65 'chat-spool: '
  chat-spool config max-length 500000000
  sql 'UPDATE chat.spool SET max_length = 1000000000'
  truncate -s 500000001 long
  run --separate-stderr chat-send -f long
  assert_error 65 'chat-send: '
  assert_empty_room
}

# ---------------------------------------------------------------- wake-ups

# unread PORT: print how many bytes from the server the client at this port has not read.
unread() { printf '%d\n' "0x$(sed -nE "s/^ *[0-9]+: [0-9A-F]{8}:$(printf %04X "$1") [^ ]+ [^ ]+ [^:]+:([^ ]+) .*/\\1/p" /proc/net/tcp)"; }

@test "a receiver gets no notifications while its command works, so its connection does not fill" {
  local worker port
  background chat-recv -F -- sh -c 'cat >got; echo begun >begun; read -r line <go'
  worker=$BACKGROUND_PID
  mkfifo go
  wait_blocked "$worker"
  port=$(sql "SELECT client_port FROM pg_stat_activity WHERE datname = '$DATABASE' AND usename = 'chat'")
  chat-send first
  wait_until test -s begun
  background chat-recv -F >seen
  wait_blocked "$BACKGROUND_PID"
  for i in 1 2 3 4 5; do
    chat-send "$i"
    # The control: another receiver wakes.
    wait_until file_has seen "$i"
    wait_blocked "$BACKGROUND_PID"
  done
  # Once, because unread data stays, and the list of a busy system can lack a line.
  wait_until eval '[[ $(unread "$port") == 0 ]]'
  echo go >go
}
