#!/usr/bin/env bats
# Costs that grow with the number of rooms, and of failures; and the remains of a room that was used once.

load helper

setup_file() {
  local bin=${CHAT_BIN:-$REPOSITORY/bin}
  local build=$bin/../build
  [[ -e $bin/../libchatspool.a ]] && build=$bin/..
  [[ -e $build/libchatspool.a ]] && ! nm "$bin/chat-send" | grep -q __asan_init || return 0
  export KEEP=$BATS_FILE_TMPDIR/keep
  ${CHAT_CC:-cc} -std=c17 -D_GNU_SOURCE -I"$REPOSITORY/lib" -o "$KEEP" "$REPOSITORY/tests/library/keep.c" "$build/libchatspool.a" -lsqlite3
}

FIFO=

# fifo_of ROOM: store the path of its wake-up FIFO in $FIFO.
fifo_of() { FIFO=$SPOOL-bell/$1; }

# user_time COMMAND [ARG ...]: print its processor time in user mode, in milliseconds.
user_time() {
  local TIMEFORMAT=%3U seconds
  seconds=$({ time "$@" >/dev/null 2>&1; } 2>&1)
  echo $((10#${seconds/./}))
}

# linear FEW MANY: eight times as much work takes at most 20 times as long, plus a quarter of a second for chance.
linear() { (($2 <= 20 * $1 + 250)) || fail "$1 ms, and of eight times as much $2 ms"; }

# bats test_tags=full
@test "the time of list, dump and copy is proportional to the number of rooms" {
  full_dose 'needs many rooms'
  local few many words rooms=20000
  seq $((rooms / 8)) | sed 's/.*/{"room":"r.&","body":"x"}/' | chat-send -J -s few.db
  seq "$rooms" | sed 's/.*/{"room":"r.&","body":"x"}/' | chat-send -J -s many.db
  assert_equal "$(chat-spool list -1 -s many.db | wc -l)" "$rooms"
  for words in 'list -s' 'list -1 -s' 'dump -s'; do
    # shellcheck disable=SC2086
    few=$(user_time chat-spool $words few.db) many=$(user_time chat-spool $words many.db)
    linear "$few" "$many"
  done
  few=$(user_time chat-spool copy -q few.db few.copy.db) many=$(user_time chat-spool copy -q many.db many.copy.db)
  linear "$few" "$many"
  assert_equal "$(chat-spool dump -s many.copy.db | wc -l)" "$(chat-spool dump -s many.db | wc -l)"
}

@test "the time of a load into a used spool is proportional to the number of readers" {
  local n times=()
  for n in 500 4000; do
    {
      echo '{"open":"tea","keep":10,"keep_time":0,"max":100,"max_time":0,"next_id":5}'
      seq "$n" | sed 's/.*/{"reader":"tea\/r&","place":1,"missed":0,"next_id":5}/'
    } >lines
    chat-send -s "$n.db" -r other used
    times+=("$(user_time chat-spool load -q -s "$n.db" lines)")
    assert_equal "$(chat-spool readers -j -s "$n.db" tea | wc -l)" "$n"
  done
  linear "${times[@]}"
}

@test "a message that is due again is received before the messages that failed in this run" {
  seq 4 | chat-send -l
  chat-recv -q --backoff 0.7 -- false || true
  # Behind 2, which is kept, 3 waits until 1 is due.
  # shellcheck disable=SC2016  # the command expands it
  run chat-recv -q -c 4 --backoff 0 -- bash -c 'cat >>seen; echo >>seen; [[ $(tail -n 1 seen) != 3 ]] || sleep 1; exit 1'
  assert_equal "$(sort seen | xargs)" '1 2 3 4'
}

# bats test_tags=full
@test "a run of failing messages passes each of them once" {
  full_dose 'needs many messages'
  local few many
  COUNTER=$(instruction_counter) || skip 'needs perf or valgrind'
  [[ ${KEEP:-} ]] || skip 'no library beside the programs'
  seq 75 | chat-send -l -s few.db
  seq 600 | chat-send -l -s many.db
  few=$("$COUNTER" "$KEEP" few.db) many=$("$COUNTER" "$KEEP" many.db)
  ((many <= 12 * few)) || fail "$few instructions for 75 messages, $many for 600"
}

@test "compact deletes the rows and the FIFOs of unused rooms" {
  local i
  for i in {1..8}; do
    background chat-recv -q -r "answer.$i" -t 30
    wait_blocked "$BACKGROUND_PID"
    chat-send -r "answer.$i" ok
    finish "$BACKGROUND_PID"
    assert_success
  done
  chat-send -r stays hello
  chat-send -r held hello
  chat-recv -q -r held --backoff 1h -- false || true
  run -0 chat-spool compact -q
  assert_equal "$(find "$SPOOL-bell" "$SPOOL-gone" -type p 2>/dev/null | wc -l)" 0
  assert_equal "$(ask "SELECT name FROM room WHERE number > 0 ORDER BY name" | xargs)" 'held stays'
  chat-send -r answer.1 again
  run -0 chat-recv -r answer.1
  assert_output again
  # The last room keeps its row, so that its number is not used for a second room.
  run -0 chat-spool compact -q
  assert_equal "$(ask "SELECT count(*) FROM room WHERE number > 0")" 3
}

@test "compact goes on when a room that it has listed was emptied and deleted" {
  needs strace
  chat-send -r emptied x
  chat-send -r stays hello
  : >in
  # It has read the list, and is looking for claimed messages.
  stop_at 'fcntl 1' -P "$SPOOL-lock" chat-spool compact -q
  [[ $STOPPED ]] || fail 'it was not stopped'
  run -0 chat-recv -r emptied
  run -0 chat-spool compact -q
  assert_equal "$(ask 'SELECT name FROM room WHERE number > 0')" stays
  let_go
  assert_success
  assert_bytes err ''
}

@test "compact leaves the FIFO of a waiting receiver, and the receiver wakes" {
  run -0 chat-spool init
  background chat-recv -w -r waited >out
  wait_until test -p "$SPOOL-bell/waited"
  wait_blocked "$BACKGROUND_PID"
  run -0 chat-spool compact -q
  # A receiver that has created the FIFO and not opened it yet creates another.
  wait_until test -p "$SPOOL-bell/waited"
  chat-send -r waited hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'hello\n'
}

@test "a receiver that opens a FIFO while compact removes it wakes" {
  local compact
  needs strace
  chat-send -r other x
  fifo_of raced
  background chat-recv -w -r raced
  wait_until test -p "$FIFO"
  kill "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  : >in
  # It has checked that no process has the FIFO open, and has not removed it yet.
  stop_at 'read 1' -P "$FIFO" chat-spool compact -q
  [[ $STOPPED ]] || fail 'it was not stopped'
  compact=$BACKGROUND_PID
  background chat-recv -w -r raced >received
  wait_blocked "$BACKGROUND_PID"
  kill -CONT "$STOPPED"
  finish "$compact"
  assert_success
  wait_until test -p "$FIFO"
  wait_blocked "$BACKGROUND_PID"
  chat-send -r raced hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes received 'hello\n'
}
