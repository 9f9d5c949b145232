#!/usr/bin/env bats
# The spool's file: an SQLite database that other programs can read, whose counters are right, whose WAL does not grow
# forever, and which is created once even if twenty processes create it.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

@test "a spool is an SQLite database with chatspool's application id" {
  chat-send first
  run -0 head -c 15 "$SPOOL"
  assert_output 'SQLite format 3'
  run -0 ask 'PRAGMA integrity_check'
  assert_output ok
  run -0 ask 'PRAGMA application_id'
  assert_output $((0x63686174))
  run -0 ask 'PRAGMA user_version'
  assert_output 3
  run -0 ask 'PRAGMA auto_vacuum'
  assert_output 2
  # 2 in both bytes means WAL.
  run -0 od -An -tu1 -j 18 -N 2 "$SPOOL"
  assert_output '   2   2'
}

# words: print one word per line, without SQL comments.
words() { sed 's/--.*//' | tr -s ' \n|' '\n'; }

@test "a spool has the schema of sql/sqlite/schema.sql" {
  chat-send first
  sqlite3 ours <"$REPOSITORY/sql/sqlite/schema.sql"
  sqlite3 ours 'SELECT type, name, tbl_name, sql FROM sqlite_schema' | words >expected
  sqlite3 "$SPOOL" 'SELECT type, name, tbl_name, sql FROM sqlite_schema' | words >seen
  run diff expected seen
  assert_success
  assert [ "$(wc -l <seen)" -ge 40 ]
}

@test "a spool keeps every field of a message" {
  local before after
  before=$(date +%s%3N)
  chat-send -r other -u alice 'Hello, world!'
  after=$(date +%s%3N)
  run -0 ask 'SELECT message.id, name, sender, host, attempts, key IS NULL, CAST(body AS TEXT), typeof(body) FROM message JOIN room ON number = room'
  assert_output "1|other|alice|$(uname -n)|0|1|Hello, world!|blob"
  run -0 ask "SELECT sent BETWEEN $before AND $after FROM message"
  assert_output 1
}

@test "the counters equal the rows" {
  chat-send ''
  chat-send one
  seq 3000 | chat-send -l -r lines
  printf 'a\0bc\0' | chat-send -0 -1 -r nuls
  sound
  chat-recv -c 2 >/dev/null
  chat-recv -c 1234 -r lines >/dev/null
  sound
  run -0 ask "SELECT depth, bytes FROM room WHERE name = 'lines'"
  assert_output "1766|$(seq 1235 3000 | tr -d '\n' | wc -c)"
  run -0 ask "SELECT depth, bytes FROM room WHERE name = 'main'"
  assert_output '0|0'
  chat-recv -a -r lines >/dev/null
  chat-recv -a -r nuls >/dev/null
  sound
  run -0 ask 'SELECT sum(depth), sum(bytes), (SELECT count(*) FROM message) FROM room WHERE number > 0'
  assert_output '0|0|0'
}

@test "the counters are right after concurrent use" {
  local i pids=()
  for i in a b c; do
    background bash -c 'for i in {1..30}; do chat-send "$i"; done; seq 200 | chat-send -l'
    pids+=("$BACKGROUND_PID")
    background bash -c 'for i in {1..30}; do chat-recv -q; done; chat-recv -q -c 50' >/dev/null
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do finish "$i"; done
  sound
}

@test "an id is never used again" {
  local ids
  ids=$(chat-send -i one)
  chat-recv >/dev/null
  ids+=" $(chat-send -i two)"
  chat-recv >/dev/null
  # Not even after the sqlite3 shell has used the spool in between.
  sqlite3 "$SPOOL" 'VACUUM'
  ids+=" $(chat-send -i three)"
  assert_equal "$ids" '1 2 3'
}

# log_size: print the size of the write-ahead log.
log_size() { stat -c %s "$SPOOL-wal" 2>/dev/null || echo 0; }

# bats test_tags=full
@test "a spool that has used up its ids reports it, and changes nothing" {
  local command before
  chat-send -r jobs -d 1d later
  chat-send -r jobs one
  chat-send -r tea two
  sqlite3 "$SPOOL" "UPDATE room SET next_id = 1099511627775 WHERE number = 0"
  chat-send -r jobs "the last"
  chat-recv -r jobs -c 2 >/dev/null
  sqlite3 "$SPOOL" "UPDATE message SET due = 1 WHERE due > 0; UPDATE room SET next_due = 1 WHERE name = 'jobs'"
  before=$(sqlite3 "$SPOOL" 'SELECT position, id, place, body FROM message')
  # A delayed message and a moved one need a place.
  for command in 'chat-send -r jobs more' 'chat-recv -r jobs' 'chat-spool move tea jobs'; do
    # shellcheck disable=SC2086
    run timeout 20 $command
    assert_equal "$command: $output" "$command: ${command%% *}: spool '$SPOOL' has used up its ids"
    assert_failure 65
  done
  run sqlite3 "$SPOOL" 'SELECT position, id, place, body FROM message'
  assert_output "$before"
}

@test "the WAL does not grow without bound over hundreds of sends and receives" {
  local i most=0 size=0 last
  last=$(dosed 210 450)
  for ((i = 1; i <= last; i++)); do
    chat-send "$i"
    ((i % 3)) || chat-recv >/dev/null
    ((i % 10)) || size=$(log_size)
    most=$((size > most ? size : most))
  done
  assert [ "$most" -gt 0 ]
  assert [ "$most" -le 1100000 ]
  run -0 chat-recv -a
  assert_output "$(seq $((last / 3 + 1)) "$last")"
}

@test "the WAL does not stay large after a long message or a long stream" {
  head -c 20000000 /dev/zero | chat-send
  chat-send next
  assert [ "$(log_size)" -gt 0 ]
  assert [ "$(log_size)" -le 3145728 ]
  run -0 bash -c 'chat-recv | wc -c'
  assert_output 20000001
  seq 200000 | chat-send -l
  chat-send next
  assert [ "$(log_size)" -le 3145728 ]
  run -0 bash -c 'chat-recv -a | wc -l'
  assert_output 200002
  assert_empty_room
  assert [ "$(log_size)" -le 3145728 ]
}

@test "the file shrinks after its messages are deleted" {
  local full number
  head -c 20000000 /dev/zero | chat-send
  seq 100000 | chat-send -l
  full=$(stat -c %s "$SPOOL")
  assert [ "$full" -gt 20000000 ]
  chat-recv -a >/dev/null
  # Each command frees only a bounded amount.
  for number in {1..100}; do
    chat-send "$number"
    chat-recv >/dev/null
  done
  assert [ "$(stat -c %s "$SPOOL")" -lt 2000000 ]
}

@test "emptying a room writes little more than the spool holds, and returns the space at once" {
  needs strace
  ! sanitized || skip 'a leak check does not work under strace'
  local full
  seq -f '%0100.0f' 40000 | chat-send -l
  chat-spool backup copy # the WAL is empty now
  full=$(stat -c %s "$SPOOL")
  strace -f -qq -o trace -e trace=pwrite64 chat-recv -a >out
  cmp out <(seq -f '%0100.0f' 40000)
  run -0 awk -v full="$full" '{ sum += $NF } END { print int(100 * sum / full) }' trace
  # Each message is in the WAL once and in the file twice, or in neither.
  assert [ "$output" -lt 150 ]
  assert [ "$(stat -c %s "$SPOOL")" -lt 2500000 ]
}

@test "a reader of the WAL delays no other process, and the WAL shrinks when the reader ends" {
  local keep
  chat-send first
  mkfifo input
  exec {keep}<>input
  eval "background sqlite3 -batch \"\$SPOOL\" <input >shell $keep<&-"
  echo 'BEGIN; SELECT count(*) FROM message;' >&"$keep"
  wait_until file_has shell 1
  # A read transaction delays the checkpoints, but not the senders and receivers.
  seq 20000 | timeout 20 chat-send -l
  run -0 timeout 20 chat-recv
  assert_output first
  run -0 timeout 20 chat-recv -a
  assert_equal "${#lines[@]}" 20000
  echo 'COMMIT;' >&"$keep"
  exec {keep}>&-
  finish "$BACKGROUND_PID"
  local i
  for i in {1..70}; do chat-send "$i"; done
  assert [ "$(log_size)" -le 3145728 ]
}

@test "an idle sqlite3 shell that has the file open blocks no command" {
  local keep
  chat-send first
  mkfifo input
  exec {keep}<>input
  eval "background sqlite3 -batch \"\$SPOOL\" <input >shell $keep<&-"
  echo 'SELECT count(*) FROM message;' >&"$keep"
  wait_until file_has shell 1
  local i
  for i in {1..100}; do timeout 20 chat-send "$i" || fail "send $i: $?"; done
  run -0 timeout 20 chat-recv
  assert_output first
  run -0 timeout 20 chat-recv -a
  assert_output "$(seq 100)"
  background chat-recv -w >out
  wait_blocked "$BACKGROUND_PID"
  timeout 20 chat-send last
  finish "$BACKGROUND_PID"
  assert_bytes out 'last\n'
  chat-send for-the-shell
  echo 'SELECT CAST(body AS TEXT) FROM message;' >&"$keep"
  wait_until file_has shell for-the-shell
  exec {keep}>&-
}

@test "an sqlite3 shell that has closed the file and removed its WAL does no harm" {
  local round
  for round in {1..5}; do
    chat-send "one $round"
    chat-send "two $round"
    sqlite3 "$SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
    sqlite3 "$SPOOL" 'SELECT count(*) FROM message' >/dev/null
    assert_not_exist "$SPOOL-wal"
    assert_not_exist "$SPOOL-shm"
    run -0 chat-recv
    assert_output "one $round"
    run -0 chat-recv
    assert_output "two $round"
  done
  sound
}

@test "an sqlite3 shell that closes the file while others wait does no harm" {
  local i
  for i in {1..5}; do
    background chat-recv -w >out
    wait_blocked "$BACKGROUND_PID"
    [[ ! -e $SPOOL ]] || sqlite3 "$SPOOL" 'SELECT count(*) FROM message' >/dev/null
    chat-send "message $i"
    finish "$BACKGROUND_PID"
    assert_bytes out "message $i\n"
  done
}

# bats test_tags=full
@test "twenty concurrent first senders store every message once" {
  local i round gate pids
  for round in $(dosed 1 '1 2 3'); do
    rm -rf "$HOME/.local"
    pids=()
    exec {gate}>gate
    flock --exclusive "$gate"
    for i in {1..20}; do
      # They wait until the gate opens for all of them.
      background bash -c 'flock --shared 9; exec chat-send "$1" 9<&-' sender "$i" 9<gate
      pids+=("$BACKGROUND_PID")
    done
    flock --unlock "$gate"
    exec {gate}>&-
    for i in "${pids[@]}"; do
      finish "$i"
      assert_equal "$status" 0
    done
    chat-recv -a | sort -n >seen
    run cmp seen <(seq 20)
    assert_success
    run -0 bash -c "cd '${SPOOL%/*}' && ls -A | grep -vxE 'spool\.db(-wal|-shm|-lock|-reserve|-bell)?' || true"
    assert_output ''
  done
  sound
}

@test "twenty concurrent first senders and receivers in a new directory deliver every message once" {
  local i pids=()
  export CHAT_SPOOL=$PWD/a/b/c/d/spool.db
  mkdir seen
  for i in {1..10}; do
    background chat-recv -w >"seen/$i"
    pids+=("$BACKGROUND_PID")
    background chat-send "$i"
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do
    finish "$i"
    assert_equal "$status" 0
  done
  sort -n seen/* >all
  run cmp all <(seq 10)
  assert_success
}

@test "a receive, a peek and a look at an unknown room create no spool and no room" {
  run -1 chat-recv -q
  run -1 chat-recv -q -p -a
  assert_not_exist "$HOME/.local"
  chat-send first
  run -1 chat-recv -q -r other
  run -1 chat-recv -q -t 0.01 -r third
  run -0 ask 'SELECT group_concat(name) FROM room WHERE number > 0'
  assert_output main
}

@test "a peek changes no byte of the spool" {
  local before
  seq 100 | chat-send -l
  before=$(sha256sum "$SPOOL" "$SPOOL-wal")
  chat-recv -p -a >/dev/null
  chat-recv -p >/dev/null
  assert_equal "$(sha256sum "$SPOOL" "$SPOOL-wal")" "$before"
}

@test "the files beside a spool in use stay recent, so cleaners of old files keep them" {
  local n file
  background chat-recv -w -r elsewhere
  wait_blocked "$BACKGROUND_PID"
  chat-send first
  for file in -reserve -bell -lock; do touch -d '40 days ago' "$SPOOL$file"; done
  for n in {1..150}; do chat-send "$n"; done
  run find "${SPOOL%/*}" -maxdepth 1 -mmin +60
  assert_output ''
}

@test "list counts the messages of each state in rooms with similar names" {
  local data=$BATS_TEST_DIRNAME/data
  unsound 'its counters are wrong'
  chat-spool load -q <"$data/faults.jsonl"
  closed "$SPOOL"
  sqlite3 "$SPOOL" <"$data/list.sql"
  chat-spool list -j | is_recorded data/list.jsonl
}

@test "messages that move to the front get places before the first one, or all get new places" {
  local places="SELECT position >> 40, position & 0xffffffffff, id, room, place, CAST(body AS TEXT) FROM message ORDER BY position"
  chat-spool load -q <"$BATS_TEST_DIRNAME/data/faults.jsonl"
  # The room "mail" uses place 4, for a message that is held back, and place 5. Five messages do not fit before them.
  printf '%s\n' a b c | chat-send -l -r jobs
  chat-spool move -q --first jobs mail
  run -0 sqlite3 "$SPOOL" "$places"
  assert_output '0|4||2|22|four
0|6||2|0|later
0|12|8|6|8|eight
2|16|1|||one
2|17|2|||two
2|18|13|||a
2|19|14|||b
2|20|15|||c
2|23|5|||five
3|11||||eleven
5|7||||seven
5|8||||eight
5|9||||nine
6|10||||ten'
  # The room "jobs" has a delayed message, which has no place, and a later one.
  chat-send -r jobs -d 1h d
  chat-send -r jobs e
  chat-send -r other f
  chat-spool move -q --first other jobs
  run -0 sqlite3 "$SPOOL" "$places"
  assert_output --partial '
0|24||1|0|d
1|24|26|||f
1|25||||e
2|16|1|||one'
}
