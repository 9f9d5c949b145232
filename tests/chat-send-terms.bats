#!/usr/bin/env bats
# chat-send -d, -x, -k and -m: messages with a time, a key or a limit. SCALE is the number of delayed and of expired
# messages beside which the cost of a send and a receive is measured.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup() {
  chat_setup
  : "${SCALE:=$((${TORTURE:-0} ? 100000 : 6000))}"
}

# due TIME [TZ]: print when a message sent with -d TIME is due, in UTC.
due() {
  rm -rf due-spool*
  TZ=${2:-UTC} chat-send -s due-spool -d "$1" x
  date -u -d "@$(sqlite3 due-spool 'SELECT due / 1000 FROM message')" +%FT%TZ
}

# hold: start a receiver that has claimed the oldest message and cannot write it; its process id is in $HOLDER.
hold() {
  full_pipe pipe
  background bash -c 'exec chat-recv >pipe'
  HOLDER=$BACKGROUND_PID
  wait_stuck "$HOLDER"
}

# received LINE ...: exactly these messages are received from the room main.
received() {
  capture chat-recv -q -a
  assert_equal "$output" "$(printf '%s\n' "$@")"
}

# ---------------------------------------------------------------- TIME

@test "a duration is a number, with an optional fraction and an optional s, m, h or d" {
  local time want before after seen
  while read -r time want; do
    rm -rf d*
    before=$(date +%s%3N)
    chat-send -s d -d "$time" x
    after=$(date +%s%3N)
    seen=$(sqlite3 d 'SELECT due FROM message')
    ((before + want <= seen && seen <= after + want)) || fail "$time is $((seen - before)) ms"
  done <<'END'
90 90000
90s 90000
5m 300000
2h 7200000
1d 86400000
1.5h 5400000
.5m 30000
10.0001 10001
10.0000000000 10000
10.00000000001 10001
0.12345678901234d 10666667
1.1d 95040000
END
}

@test "an ISO 8601 time with a zone means the same moment in every local time zone" {
  local zone
  for zone in UTC Asia/Tokyo America/New_York; do
    assert_equal "$(due 2099-11-22T13:40:07Z $zone)" 2099-11-22T13:40:07Z
    assert_equal "$(due 2099-11-22T13:40:07+01:00 $zone)" 2099-11-22T12:40:07Z
    assert_equal "$(due '2099-11-22 13:40-05:30' $zone)" 2099-11-22T19:10:00Z
    assert_equal "$(due 2099-11-22T13:40:06.5Z $zone)" 2099-11-22T13:40:06Z
  done
  # The limits of each part.
  assert_equal "$(due 2099-01-01T00:00:00-23:59)" 2099-01-01T23:59:00Z
  assert_equal "$(due 2099-12-31T23:59:59+23:59)" 2099-12-31T00:00:59Z
  assert_equal "$(due 2099-12-31T23:00-00:00)" 2099-12-31T23:00:00Z
}

@test "a time without a zone is local; a date alone is local midnight" {
  assert_equal "$(due 2030-01-15T13:40 CET-1CEST,M3.5.0,M10.5.0/3)" 2030-01-15T12:40:00Z
  assert_equal "$(due '2030-07-15 13:40:07' CET-1CEST,M3.5.0,M10.5.0/3)" 2030-07-15T11:40:07Z
  assert_equal "$(due 2030-07-15 CET-1CEST,M3.5.0,M10.5.0/3)" 2030-07-14T22:00:00Z
  assert_equal "$(due 2030-07-15 JST-9)" 2030-07-14T15:00:00Z
}

@test "a local time that is skipped moves forward; of a local time that occurs twice the first counts" {
  assert_equal "$(due 2030-03-31T02:30 CET-1CEST,M3.5.0,M10.5.0/3)" 2030-03-31T01:30:00Z
  assert_equal "$(due 2030-10-27T02:30 CET-1CEST,M3.5.0,M10.5.0/3)" 2030-10-27T00:30:00Z
  assert_equal "$(due 2030-10-27T03:30 CET-1CEST,M3.5.0,M10.5.0/3)" 2030-10-27T02:30:00Z
}

@test "a leap second is the first second of the next minute; the 29th of February exists in leap years" {
  assert_equal "$(due 2036-12-31T23:59:60Z)" 2037-01-01T00:00:00Z
  assert_equal "$(due 2028-02-29T00:00Z)" 2028-02-29T00:00:00Z
}

@test "any other TIME is a usage error, and nothing is stored" {
  local option time
  for option in -d -x; do
    for time in 2026-11-31 2026-11-32 2026-11-00 1234567-01-01 2026-11-22T13:40+24:00 2026-11-22T13:40+1 2026-11-22T-1:00 '' . s -1 +1 ' 1' '1 ' 1e3 0x10 5M 1w 1d2h 5mm tomorrow 2026-02-29 2026-13-01 2026-00-01 2026-1-1 2026-11 \
      2026-11-22T 2026-11-22T13 2026-11-22T24:00 2026-11-22T13:60 2026-11-22T13:40:61 2026-11-22T13:40:07. \
      2026-11-22Z 2026-11-22T13:40+01 2026-11-22T13:40+01:60 2026-11-22T13:40z 2026-11-22T13:40ZZ $'1\n'; do
      run --separate-stderr chat-send "$option" "$time" x
      assert_usage chat-send
      [[ $stderr == "chat-send: option '$option' needs a duration like 90, 5m, 2h or 1d, or a time like 2026-11-22T13:40:07Z, not '"* ]] || fail "$stderr"
    done
  done
  assert_not_exists "$SPOOL"
}

@test "a time after the year 9999 is a usage error" {
  local option time
  for option in -d -x; do
    for time in 9999999d 99999999999999999999999999d 10000-01-01 123456-01-01 12345-11-22T13:40Z 9999-12-31T23:59-00:01; do
      run --separate-stderr chat-send "$option" "$time" x
      assert_usage chat-send
      assert_regex "$stderr" "option '$option' needs a time up to the year 9999, not '$time'"
    done
  done
  assert_not_exists "$SPOOL"
  chat-send -x 9999-12-31T23:59:59.999Z x
  received x
}

@test "a number that could be a date or a timestamp is a usage error" {
  local option time
  for option in -d -x; do
    for time in 20270101 20271231 10000101 99991231 19991231 1000000000 1798761600 202701011200 20270101120000; do
      run --separate-stderr chat-send "$option" "$time" x
      assert_usage chat-send
      assert_regex "$stderr" "'$time' may be a date, a timestamp or a number of seconds.*${time}s"
    done
  done
  assert_not_exists "$SPOOL"
  for time in 31536000 315360000 20270101s 20271301 20270001 20270100 20270132 09991231 999999999 2027010 20270101.0; do
    chat-send -x "$time" "$time"
  done
  received 31536000 315360000 20270101s 20271301 20270001 20270100 20270132 09991231 999999999 2027010 20270101.0
}

# ---------------------------------------------------------------- -d

@test "a message with a time in the past is available at once, in its order" {
  chat-send -d 0 a
  chat-send -d 2001-01-01 b
  chat-send -d 1901-01-01 c
  chat-send d
  received a b c d
}

@test "a delayed message is invisible before its time" {
  chat-send -d 1h later
  assert_empty_room
  run chat-recv -q -a
  assert_failure 1
  run chat-recv -q -t 0.05
  assert_failure 1
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
}

@test "a delayed message joins the end of the room when it is due" {
  chat-send -d 0.3 delayed
  chat-send before
  wait_until room_shows $'before\ndelayed'
  chat-send after
  received before delayed after
}

room_shows() { [[ $(chat-recv -q -p -a) == "$1" ]]; }

# It sets the timer for a sleep of a moment, and again when it also watches the files of the spool, if the spool has files.
@test "a waiting receiver wakes for a delayed message by a timer, and does nothing before" {
  local before took sleeps=2
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || sleeps=1
  before=$(date +%s%3N)
  chat-send -d 0.6 hello
  ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -qq -o trace chat-recv -w >out
  took=$(($(date +%s%3N) - before))
  assert_bytes out 'hello\n'
  ((took >= 600)) || fail "after $took ms"
  assert_equal "$(grep -cE 'timerfd_settime\(.*TFD_TIMER_ABSTIME' trace)" "$sleeps"
  assert_equal "$(grep -cE 'nanosleep|[^p]poll\(.*[1-9]\) += 0' trace)" 0
}

@test "a message that is delayed while a receiver waits sets the receiver's timer" {
  background chat-recv -w >out
  wait_blocked "$BACKGROUND_PID"
  chat-send -d 0.2 hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'hello\n'
}

@test "a delayed message keeps the id that -i printed" {
  local id
  id=$(chat-send -i -d 0.1 hello)
  chat-send other
  run chat-recv -r main -c 2 -t 20 -o '%i %b\n'
  assert_line "$id hello"
}

@test "-d and -x apply to every line, counted from the time the line is sent" {
  local first second
  mkfifo lines
  background bash -c 'exec chat-send -l -i -d 1h <lines >ids'
  exec {INPUT}>lines
  echo one >&"$INPUT"
  wait_until test -s ids
  sleep 0.05
  echo two >&"$INPUT"
  exec {INPUT}>&-
  finish "$BACKGROUND_PID"
  first=$(ask 'SELECT min(due) FROM message')
  second=$(ask 'SELECT max(due) FROM message')
  ((second - first >= 50)) || fail "$first and $second"
}

# ---------------------------------------------------------------- -x

@test "an expired message is never received: not by plain chat-recv, -a, -p or -F" {
  chat-send -x 2001-01-01 gone
  chat-send -x 0.001 gone
  chat-send -x 1901-01-01 gone
  chat-send -x 1970-01-01T00:00:00Z gone
  chat-send -x 1h stays
  sleep 0.01
  room_shows stays
  run chat-recv
  assert_output stays
  chat-send -x 0.001 gone
  sleep 0.01
  run chat-recv -q -a
  assert_failure 1
  assert_empty_room
  chat-send -x 0.001 gone
  sleep 0.01
  run chat-recv -q -F -t 0.1
  assert_failure 1
  assert_output ''
}

@test "a message that expires while it is delayed is never seen" {
  chat-send -d 0.1 -x 0.05 gone
  chat-send -d 0.1 seen
  run chat-recv -w
  assert_output seen
  assert_empty_room
}

@test "receivers delete expired messages in passing" {
  seq 500 | chat-send -l -x 2001-01-01
  assert_equal "$(ask 'SELECT count(*) FROM message')" 500
  chat-send -r other -x 1h stays
  background chat-recv -F
  wait_blocked "$BACKGROUND_PID"
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
  assert_equal "$(ask "SELECT depth FROM room WHERE name = 'main'")" 0
}

# ---------------------------------------------------------------- -k

@test "-k adds nothing while a message with that key waits; -i prints the id of that message" {
  local id
  id=$(chat-send -k job -i first)
  run --separate-stderr chat-send -k job -i second
  assert_success
  assert_output "$id"
  assert_stderr ''
  chat-send -k other third
  chat-send -r elsewhere -k job fourth
  received first third
  run chat-recv -r elsewhere
  assert_output fourth
}

@test "-k counts claimed and delayed messages, and no received ones" {
  chat-send -k job one
  hold
  chat-send -k job two
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
  kill -KILL "$HOLDER"
  wait_until process_ended "$HOLDER"
  received one
  chat-send -k job -d 1h three
  chat-send -k job four
  assert_empty_room
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
}

@test "-k does not count an expired message" {
  chat-send -k job -x 2001-01-01 gone
  chat-send -k job new
  received new
}

@test "-k finds a message with its key in the same stream" {
  seq 5 | chat-send -l -k job -i >ids
  assert_equal "$(sort -u ids | wc -l) $(wc -l <ids)" '1 5'
  received 1
  seq 5 | chat-send -l1 -k job -m 1 -i >ids
  assert_equal "$(sort -u ids | wc -l) $(wc -l <ids)" '1 5'
  received 1
}

@test "with --new exit status 1 reports that -k has added nothing" {
  local id
  run --separate-stderr chat-send -i --new -k job first
  assert_success
  id=$output
  run --separate-stderr chat-send -i --new -k job second
  assert_failure 1
  assert_output "$id"
  assert_stderr ''
  chat-send --new -r elsewhere -k job third
  run -0 chat-send --new -r main -r other -k job fourth
  run -1 chat-send --new -r main -r other -k job fifth
  received first
}

@test "with --new a stream exits with 1 if none of its lines was added" {
  seq 3 | chat-send -l --new -k job
  run -1 chat-send -l --new -k job <<<again
  run -1 chat-send -1l --new -k job -m 1 -w <<<again
  run -1 chat-send -l --new -k job </dev/null
  received 1
}

# ---------------------------------------------------------------- --replace

@test "--replace deletes the waiting message with its key and adds the new one at the end" {
  chat-send -k disk '81 %'
  chat-send -k load 0.3
  chat-send -r elsewhere -k disk full
  run --separate-stderr chat-send -i -k disk --replace '83 %'
  assert_success
  assert_output "$(chat-recv -r main -p -a -j | tail -n 1 | grep -o '"id":[0-9]*' | cut -d: -f2)"
  assert_equal "$(chat-spool list -j main | grep -o '"depth":[0-9]*')" '"depth":2'
  received 0.3 '83 %'
  run chat-recv -r elsewhere
  assert_output full
}

@test "--replace leaves a claimed message alone, and adds the new one behind it" {
  chat-send -k job one
  hold
  chat-send -k job --replace two
  chat-send -k job --replace three
  kill -KILL "$HOLDER"
  wait_until process_ended "$HOLDER"
  received one three
}

@test "--replace also replaces delayed and held back messages" {
  chat-send -k job -d 1h one
  chat-send -k job --replace two
  received two
  chat-send -k job three
  run -123 chat-recv -q --backoff 1h -- false
  chat-send -k job --replace four
  received four
}

@test "a COMMAND that sends with --replace does not replace the message that it processes" {
  chat-send -r jobs -k job one
  run -0 chat-recv -r jobs -- sh -c 'chat-send -r jobs -k job --replace two; chat-send -r jobs -k job --replace three'
  run chat-recv -a -r jobs
  assert_output three
}

@test "--replace needs no space in a full room" {
  chat-send -k a one
  chat-send -k b two
  chat-send -k a -m 2 --replace three
  run -75 chat-send -k c -m 2 --replace four
  received two three
}

@test "a stream with --replace leaves its last line" {
  seq 500 | chat-send -l -k job --replace -i >ids
  assert_equal "$(sort -u ids | wc -l)" 500
  received 500
  seq 5 | chat-send -l1 -m 1 -k job --replace
  received 5
}

@test "--replace of a large message keeps the counters right" {
  head -c 3000000 /dev/zero | chat-send -k job
  chat-send -k job --replace small
  run -0 chat-spool list
  assert_line --regexp '^main +1 +5 B '
  received small
}

@test "forty senders that replace one message leave one" {
  local n pids=()
  for ((n = 0; n < 40; n++)); do
    chat-send -k job --replace "$n" & pids+=($!)
  done
  wait "${pids[@]}"
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
}

@test "with -J the field \"replace\" of a line makes the message replace the waiting one with its key" {
  printf '%s\n' '{"key":"disk","body":"81 %"}' '{"key":"load","body":"0.3"}' \
    '{"key":"disk","replace":true,"body":"83 %"}' '{"key":"load","replace":false,"body":"0.4"}' | chat-send -J
  received 0.3 '83 %' 0.4
  run --separate-stderr chat-send -J <<<'{"replace":true,"body":"x"}'
  assert_error 65 "chat-send: line 1: 'replace' needs a key; no message was stored"
  run --separate-stderr chat-send -J <<<'{"key":"x","replace":1,"body":"x"}'
  assert_error 65 "chat-send: line 1: 'replace' is not true or false; no message was stored"
  echo '{"replace":true,"body":"x"}' | chat-send -J -k x
  echo '{"body":"y"}' | chat-send -J -k x --replace
  received y
}

@test "no receiver gets a message that a sender is replacing" {
  chat-send -k job oldest
  : >in
  stop_at "pwrite64 1" -P "$SPOOL-wal" chat-send -k job --replace new
  [[ $STOPPED ]] || fail 'it was not stopped'
  run chat-recv -q --tries 1 -- tee received
  assert_failure 1
  assert_not_exist received
  let_go
  assert_success
  received new
}

@test "forty senders with one key at once add one message" {
  local n pids=()
  for ((n = 0; n < 40; n++)); do
    chat-send -k job "$n" & pids+=($!)
  done
  wait "${pids[@]}"
  assert_equal "$(ask 'SELECT count(*) FROM message')" 1
}

@test "a KEY is 1 to 255 bytes of UTF-8 without control characters" {
  local key
  chat-send -k "$(printf '%0255d' 0)" x
  chat-send -k 'a/b -日本' x
  for key in '' "$(printf '%0256d' 0)" $'a\nb' $'\xff' $'\x7f'; do
    run --separate-stderr chat-send -k "$key" x
    assert_usage chat-send
  done
}

# ---------------------------------------------------------------- -m

@test "a room that holds N messages accepts no other: chat-send exits with 75" {
  chat-send -m 2 one
  chat-send -m 2 two
  run --separate-stderr chat-send -m 2 -i three
  assert_error 75 "chat-send: room 'main' is full: it holds 2 messages"
  chat-send -r other -m 1 elsewhere
  chat-send -m 3 three
  received one two three
}

@test "-m counts claimed and delayed messages, and no expired ones" {
  chat-send one
  chat-send -d 1h two
  chat-send -x 2001-01-01 gone
  hold
  run --separate-stderr chat-send -m 2 three
  assert_error 75 "chat-send: room 'main' is full"
  chat-send -m 3 three
}

@test "-w waits for space until a receiver takes a message" {
  chat-send one
  background chat-send -m 1 -w two
  wait_blocked "$BACKGROUND_PID"
  run chat-recv
  assert_output one
  finish "$BACKGROUND_PID"
  assert_success
  received two
}

@test "a sender that waits for space makes no system call, and delays no other process" {
  chat-send one
  background env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -qq -o trace chat-send -m 1 -w two
  wait_until grep -q 'ppoll(.*NULL, NULL' trace
  chat-send -r other hello
  run chat-recv -r other
  assert_output hello
  assert_equal "$(grep -c 'ppoll(.*NULL, NULL' trace)" 1
  chat-recv >/dev/null
  finish "$BACKGROUND_PID"
  assert_success
}

@test "-t ends the wait for space, and chat-send exits with 75" {
  local way before
  chat-send one
  for way in '-t 0.2' '-w -t 0.2' '-t 0'; do
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 chat-send -m 1 $way two
    assert_error 75 "chat-send: room 'main' is full: it holds 1 message"
  done
  run --separate-stderr timeout 20 chat-send -l1 -m 3 -t 0.2 < <(seq 3)
  assert_error 75 "chat-send: room 'main' is full: it holds 3 messages; no message was stored"
  received one
}

@test "an expiry frees space for a sender that waits" {
  chat-send -x 0.3 gone
  timeout 20 chat-send -m 1 -w two
  received two
}

@test "ten senders and a receiver share a room of two messages: nothing is lost, and it never holds more" {
  local n pids=()
  for ((n = 0; n < 10; n++)); do
    timeout 30 chat-send -m 2 -w "$n" & pids+=($!)
  done
  timeout 30 chat-recv -c 10 -w >out
  wait "${pids[@]}"
  assert_equal "$(sort -n out | tr '\n' ' ')" '0 1 2 3 4 5 6 7 8 9 '
}

@test "--drop drops the oldest unclaimed message" {
  seq 3 | chat-send -l
  hold
  chat-send -m 3 --drop 4
  assert_equal "$(chat-recv -p -a | xargs)" '3 4'
  kill -KILL "$HOLDER"
  wait_until process_ended "$HOLDER"
  received 1 3 4
  seq 10 | chat-send -l -m 3 --drop
  received 8 9 10
}

@test "--drop exits with 75 if all messages are claimed" {
  chat-send one
  hold
  run --separate-stderr chat-send -m 1 --drop two
  assert_error 75 "chat-send: room 'main' is full"
}

@test "if --drop cannot make enough space, it drops nothing, and reports how many messages the room holds" {
  chat-send ready
  chat-send -d 1h later
  run --separate-stderr -75 chat-send -m 1 --drop new
  assert_stderr "chat-send: room 'main' is full: it holds 2 messages"
  run -0 chat-recv
  assert_output ready
}

@test "with -1 --drop deletes no line of its own: if nothing else can be dropped, it exits with 75 and stores nothing" {
  seq 3 | chat-send -l
  hold
  printf '%s\n' a b c | chat-send -l1 -m 4 --drop
  assert_equal "$(chat-recv -p -a | xargs)" 'a b c'
  run --separate-stderr chat-send -l1 -m 3 --drop < <(printf '%s\n' d e f)
  assert_error 75 "chat-send: room 'main' is full"
  assert_equal "$(chat-recv -p -a | xargs)" 'a b c'
}

# dropping: start a sender that drops the message "oldest", stopped where it begins to commit. FAULT: the result of its
# write.
dropping() {
  needs strace
  chat-send oldest
  : >in
  stop_at "pwrite64${1:+:}${1:-} 1" -P "$SPOOL-wal" chat-send -m 1 --drop new
  [[ $STOPPED ]] || fail 'it was not stopped'
}

@test "no receiver gets a message that a sender is dropping" {
  dropping
  run chat-recv -q --tries 1 -- tee received
  assert_failure 1
  assert_not_exist received
  let_go
  assert_success
  received new
}

@test "a message that could not be dropped goes to the receiver that has waited for it" {
  local sender
  dropping error=EIO
  sender=$BACKGROUND_PID
  background chat-recv -w >received
  wait_blocked "$BACKGROUND_PID"
  kill -CONT "$STOPPED"
  finish "$sender"
  assert_failure 74
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes received 'oldest\n'
}

@test "a message whose sender is killed while it drops it goes to the receiver that has waited for it" {
  dropping
  background chat-recv -w >received
  wait_blocked "$BACKGROUND_PID"
  kill -KILL "$STOPPED"
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes received 'oldest\n'
}

# ---------------------------------------------------------------- -m with -l

@test "a stream stores the lines that fit, and the error reports how many" {
  chat-send 0
  run --separate-stderr chat-send -l -m 3 < <(seq 5)
  assert_error 75 "chat-send: room 'main' is full: it holds 3 messages; 2 messages were stored"
  received 0 1 2
  run --separate-stderr chat-send -0 -m 1 < <(printf 'a\0b\0')
  assert_error 75 "chat-send: room 'main' is full: it holds 1 message; 1 message was stored"
}

@test "a stream with -w stores the lines that fit, waits for space, and continues" {
  seq 2000 >in
  background bash -c 'exec chat-send -l -m 50 -w -i <in >ids'
  timeout 30 chat-recv -c 2000 -w >out
  finish "$BACKGROUND_PID"
  assert_success
  cmp in out
  assert_equal "$(wc -l <ids)" 2000
  sort -nuc ids
}

@test "with -1 either all lines are stored or none" {
  chat-send 0
  run --separate-stderr chat-send -l1 -i -m 3 < <(seq 3)
  assert_error 75 "chat-send: room 'main' is full: it holds 3 messages; no message was stored"
  chat-send -l1 -m 4 < <(seq 3)
  received 0 1 2 3
}

@test "with -1 -w all lines are stored as soon as there is space for all of them" {
  local way
  for way in file pipe; do
    seq 11 15 | chat-send -l
    if [[ $way == file ]]; then
      { echo skipped; seq 3; } >in
      background bash -c 'exec <in; read -r skipped; exec chat-send -l1 -m 5 -w -i >ids'
    else
      background bash -c 'seq 3 | chat-send -l1 -m 5 -w -i >ids'
    fi
    wait_until asleep_sender
    chat-recv -c 2 >/dev/null
    wait_until asleep_sender
    assert_equal "$(chat-recv -p -a | xargs)" '13 14 15'
    chat-recv >/dev/null
    finish "$BACKGROUND_PID"
    assert_success
    assert_equal "$(wc -l <ids)" 3
    received 14 15 1 2 3
  done
}

# The only sender of the test waits for space.
asleep_sender() {
  local pid
  pid=$(pgrep -x chat-send -g "$BACKGROUND_PID") && asleep "$pid" '*poll*'
}

@test "with -1 more lines than -m allows are refused with 64, and none is stored" {
  local way
  chat-send 0
  for way in '' -w --drop; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-send -l1 -m 3 $way < <(seq 4)
    assert_usage chat-send
  done
  received 0
}

@test "with -1 -k -m -w the first line waits for space" {
  chat-send 0
  background bash -c 'seq 5 | chat-send -l1 -k job -m 1 -w'
  wait_until asleep_sender
  run chat-recv
  assert_output 0
  finish "$BACKGROUND_PID"
  assert_success
  received 1
}

# ---------------------------------------------------------------- usage

@test "--replace and --new need -k and exclude each other" {
  local options
  for options in --replace --new '-l --replace' '-J --replace' '-k x --replace --new'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-send $options </dev/null
    assert_usage chat-send
  done
  assert_not_exists "$SPOOL"
}

@test "-w, -t and --drop need -m; --drop and -w exclude each other; N is at least 1" {
  local options
  for options in -w '-t 1' --drop '-m 1 --drop -w' '-m 1 --drop -t 1' '-m 0' '-m -1' '-m x' '-m 1.5' '-m' \
    '-m 1 -t x' '-m 1 -t -1' '-m 1 -t 2026-11-22' '-m 99999999999999999999' --drop=1; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-send $options </dev/null
    assert_usage chat-send
  done
  assert_not_exists "$SPOOL"
}

# ---------------------------------------------------------------- cost

# cost: store the instructions, counted by $COUNTER, of a send and a receive in $SEND and $RECV: the median of 9 alternate ones,
# some of which empty the WAL.
cost() {
  local n runs=9
  empty_wal
  : >sends
  : >recvs
  for ((n = 0; n < runs; n++)); do
    "$COUNTER" chat-send hello >>sends
    "$COUNTER" chat-recv >>recvs
  done
  SEND=$(sort -n sends | sed -n $(((runs + 1) / 2))p)
  RECV=$(sort -n recvs | sed -n $(((runs + 1) / 2))p)
}

# no_dearer WHAT BEFORE NOW
no_dearer() {
  echo "# $1: $2 instructions without, $3 with" >&3
  (($3 * 100 <= $2 * 110)) || fail "$1: $2 instructions without, $3 with"
}

# bats test_tags=full
@test "the cost of a send and a receive does not depend on delayed or expired messages" {
  full_dose 'counts instructions'
  local send recv
  sanitized && skip 'what a sanitized program costs says nothing'
  COUNTER=$(instruction_counter) || skip 'needs perf or valgrind'
  chat-send first
  chat-recv >/dev/null
  keep_index # of a spool that is there
  chat-send waiting
  cost
  send=$SEND recv=$RECV
  seq "$SCALE" | chat-send -l -d 1h
  seq "$SCALE" | chat-send -l -x 2001-01-01
  chat-send waiting
  while (($(ask 'SELECT count(*) FROM message WHERE expires IS NOT NULL') > 0)); do
    run -0 timeout 10 chat-recv
    chat-send waiting
  done
  cost
  no_dearer 'chat-send hello' "$send" "$SEND"
  no_dearer chat-recv "$recv" "$RECV"
}
