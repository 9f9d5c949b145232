#!/usr/bin/env bats
# Events on the server: a restart, a full disk, missing standbys, ended sessions.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup() { chat_setup; }

teardown() {
  [[ ! ${MOUNTED:-} ]] || { node_stop node1 && umount "$MOUNTED"; }
  fault_teardown
}

# ---------------------------------------------------------------- restarts

restart_while_working() {
  local how=$1 pid count WAIT_LIMIT=300
  count=$(dose 100 2000)
  background bash -c 'for ((i = 1; i <= $0; i++)); do chat-send "$i" && echo "$i"; done >acked' "$count"
  local sender=$BACKGROUND_PID
  background chat-recv -F >seen 2>err
  local receiver=$BACKGROUND_PID
  wait_until enough $((count / 3))
  node_stop node1 "$how"
  node_start node1
  finish "$sender"
  wait_until all_there
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
}
enough() { (($(wc -l <seen) >= $1)); }
all_there() { ! comm -23 <(sort acked) <(sort -u seen) | grep -q .; }

@test "after a restart of the server senders and receivers continue, and nothing is lost" {
  cluster_for_test
  restart_while_working INT
  assert_empty_room
}

@test "after a crash of the server senders and receivers continue, and nothing is lost" {
  cluster_for_test
  restart_while_working QUIT
  assert_empty_room
}

@test "an administrator who ends all sessions does no harm" {
  cluster_for_test
  background chat-recv -F >seen 2>err
  wait_blocked "$BACKGROUND_PID"
  for i in 1 2 3; do
    node_sql node1 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat'" >/dev/null
    chat-send "message $i"
    wait_until file_has seen "message $i"
    wait_until are_deleted # a session that ends before leaves a message that was handed over
  done
  run cat seen
  assert_output $'message 1\nmessage 2\nmessage 3'
}
are_deleted() { [[ $(node_sql node1 -d "$DATABASE" 'SELECT count(*) FROM chat.message') == 0 ]]; }

@test "an atomic stream whose session is ended is sent again, complete and in order" {
  cluster_for_test
  seq 200000 >in
  background /usr/bin/time -o peak -f %M chat-send -l -1 <in
  for i in 1 3; do
    wait_until drawn $((i * 40000))
    node_sql node1 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat'" >/dev/null
  done
  finish "$BACKGROUND_PID"
  assert_success
  sanitized || (($(<peak) < 32768)) || fail "chat-send took $(<peak) KiB"
  # Ids are used up for good: some belonged to messages that were not committed.
  assert [ "$(last_id)" -gt 200000 ]
  chat-recv -a | cmp - in
}
# drawn COUNT: that many ids are used up, or more.
drawn() { (($(last_id) >= $1)); }
last_id() { node_sql node1 -d "$DATABASE" 'SELECT last_value FROM chat.message_id'; }

# ---------------------------------------------------------------- standbys

@test "while both standbys are down nothing is acknowledged, and it is when one returns" {
  cluster_for_test
  chat-send first
  node_stop node2
  node_stop node3
  background chat-send second
  wait_until waits_for_standby
  process_ended "$BACKGROUND_PID" && fail 'acknowledged without a standby'
  node_start node3
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv -a
  assert_output $'first\nsecond'
}
waits_for_standby() { [[ $(node_sql node1 "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") -ge 1 ]]; }

@test "while both standbys are down a waiting receiver is not blocked, and finally gets its message" {
  cluster_for_test
  node_stop node2
  node_stop node3
  background chat-send held
  local sender=$BACKGROUND_PID
  wait_until waits_for_standby
  run --separate-stderr timeout 20 chat-recv -t 1
  assert_error 1 'chat-recv: No new messages'
  background chat-recv -w >out
  local receiver=$BACKGROUND_PID
  wait_until waits_for_bell
  node_start node3
  finish "$sender"
  assert_success
  finish "$receiver"
  assert_success
  assert_bytes out 'held\n'
}
waits_for_bell() { [[ $(node_sql node1 "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") -ge 1 ]]; }

@test "with one standby down everything works" {
  cluster_for_test
  node_stop node2
  chat-send one
  run -0 timeout 60 chat-recv
  assert_output one
}

# ---------------------------------------------------------------- a full disk

# small_disk DIRECTORY: put this directory of node1's data on a separate disk, in memory, with two megabytes left;
# mounted at $MOUNTED.
small_disk() {
  local data=$CLUSTER/node1/data used
  ((EUID == 0)) || skip 'only root can mount'
  MOUNTED=$CLUSTER/disk
  node_stop node1 INT
  used=$(du -sm "$data/$1" | cut -f 1)
  mkdir "$MOUNTED"
  mount -t tmpfs -o "size=$((used + 2))m,mode=700,uid=$CLUSTER_UID,gid=$CLUSTER_UID" chat-test "$MOUNTED" 2>/dev/null || {
    MOUNTED=
    skip 'no right to mount'
  }
  cp -a "$data/$1/." "$MOUNTED"
  rm -r "${data:?}/$1"
  ln -s "$MOUNTED" "$data/$1"
  node_start node1
}

# fill: send long random messages, each with its number in front, until one is refused; $SENT is the number of the
# others.
fill() {
  for ((SENT = 0; SENT < 200; SENT++)); do
    { echo "$SENT" && head -c 200000 /dev/urandom; } >long
    capture timeout 120 chat-send -f long
    ((status == 0)) || return 0
  done
  fail 'the disk does not get full'
}

# each_is_there COUNT: receive the messages; the numbers in front of them are 0 to COUNT - 1.
each_is_there() {
  local i
  for ((i = 0; i < $1; i++)); do
    capture chat-recv -n
    assert_equal "$status: $(head -n 1 stdout)" "0: $i"
  done
}

@test "a full disk for rows makes a send exit with 74, receiving still works, and vacuum frees space" {
  cluster_for_test
  small_disk base
  fill
  assert_equal "$status: ${stderr%%:*}" '74: chat-send'
  assert [ "$SENT" -gt 2 ]
  each_is_there "$SENT"
  assert_empty_room
  mount -o remount,size="$(($(df --output=size "$MOUNTED" | tail -n 1) + 256))k" "$MOUNTED"
  node_sql node1 -d "$DATABASE" 'VACUUM chat.message'
  run -0 chat-send 'there is room again'
  run -0 chat-recv
  assert_output 'there is room again'
}

@test "a full disk for the server's log stops the server, and every acknowledged message is there after it starts again" {
  cluster_for_test 'wal_recycle = off' 'min_wal_size = 32MB' 'restart_after_crash = off'
  small_disk pg_wal
  CHAT_SPOOL+='&connect_timeout=3' # instead of half a minute
  fill
  assert_not_equal "$status" 0
  assert_regex "$stderr" '^chat-send: [^'$'\n'']*$'
  mount -o remount,size=256m "$MOUNTED"
  node_runs node1 || node_start node1
  # The refused message may be stored if the error reports that.
  each_is_there "$SENT"
  run chat-recv -a
  assert [ "$status" -le 1 ]
}

# ---------------------------------------------------------------- poolers

# pooler MODE: start PgBouncer in front of node1, at $POOLED.
pooler() {
  local program port place=$CLUSTER/pooler-$1
  program=$(PATH=$PATH:/usr/sbin:/sbin type -P pgbouncer) || skip 'needs pgbouncer'
  port=$(free_port)
  mkdir "$place"
  echo '"chat" ""' >"$place/users"
  printf '%s\n' '[databases]' "* = host=127.0.0.1 port=$(<"$CLUSTER/node1/port")" '[pgbouncer]' 'listen_addr = 127.0.0.1' \
    "listen_port = $port" 'unix_socket_dir =' 'auth_type = trust' "auth_file = $place/users" "pool_mode = $1" >"$place/ini"
  background "${SERVER[@]}" "$program" "$place/ini"
  POOLED="postgresql://chat@127.0.0.1:$port/$DATABASE"
  wait_until pools "$port"
}
pools() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

@test "a pooler that changes the session after each transaction is noticed and refused with 64" {
  local mode
  cluster_for_test
  for mode in transaction statement session; do
    pooler "$mode"
    run --separate-stderr timeout 60 chat-send -s "$POOLED" hello
    assert_equal "$mode: $status" "$mode: 64"
    assert_regex "$stderr" '^chat-send: [^'$'\n'']*pooler'
    run --separate-stderr timeout 60 chat-recv -s "$POOLED"
    assert_equal "$mode: $status" "$mode: 64"
  done
  assert_empty_room
}
