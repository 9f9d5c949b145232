#!/usr/bin/env bats
# chat-send -l, -0 and -1: every line of standard input is a message. SCALE is the number of lines in the tests
# that measure memory (default 200,000, with DOSE=full a million).

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  : "${SCALE:=$(dosed 200000 1000000)}"
}

# assert_room FORMAT [ROOM]: these are all messages of the room, each followed by a NUL byte.
assert_room() {
  capture chat-recv -0 -a -r "${2:-main}"
  assert_success
  assert_bytes stdout "$1"
}

# Start chat-send "$@" in the background; its input is what the test writes to descriptor $INPUT.
slow_sender() {
  mkfifo lines
  background bash -c 'exec chat-send "$@" <lines' slow_sender "$@"
  SENDER=$BACKGROUND_PID
  exec {INPUT}>lines
}

end_of_input() {
  exec {INPUT}>&-
}

# room_holds LINE ...: true if these messages, and no others, wait in the room.
room_holds() {
  [[ $(chat-recv -q -p -a) == "$(printf '%s\n' "$@")" ]]
}

# ---------------------------------------------------------------- where a message ends

@test "-l makes one message of every line, without its newline" {
  printf 'one\ntwo\nthree\n' | chat-send -l
  assert_room 'one\0two\0three\0'
}

@test "the last line needs no newline" {
  printf 'one\ntwo' | chat-send --lines
  assert_room 'one\0two\0'
  printf 'one' | chat-send -l
  assert_room 'one\0'
}

@test "an empty line is an empty message" {
  printf '\none\n\n\ntwo\n\n' | chat-send -l
  assert_room '\0one\0\0\0two\0\0'
}

@test "-l keeps every other byte: blanks, carriage returns, NUL, what is not UTF-8" {
  printf ' a \r\n\tb\t\n\xff\\n%%s\n日本語\n' | chat-send -l
  assert_room ' a \r\0\tb\t\0\xff\\n%%s\0日本語\0'
  printf 'a\0b\nc\n' | chat-send -l
  capture chat-recv -n
  assert_bytes stdout 'a\0b'
}

@test "-0 makes one message of all bytes before a NUL byte; the last message needs no NUL byte" {
  printf 'one\n\0two\0\0three' | chat-send -0
  assert_room 'one\n\0two\0\0three\0'
  printf 'a\0' | chat-send --null
  assert_room 'a\0'
}

@test "file names with newlines pass through find -print0 and -0 in both directions" {
  mkdir d
  touch d/$'a\nb' d/' c ' d/日
  find d -print0 | sort -z >expected
  chat-send -0 <expected
  chat-recv -a0 | cmp expected -
}

@test "empty input sends no message and is not an error" {
  local way
  for way in -l -0 -l1 -01; do
    chat-send "$way" </dev/null
    assert_empty_room
  done
}

@test "a line may be as long as the longest message" {
  { echo first; head -c 67108864 /dev/zero; printf '\nlast\n'; } | chat-send -l
  capture chat-recv -a -o '%l '
  assert_bytes stdout '5 67108864 4 '
}

# ---------------------------------------------------------------- with other options

@test "-r, -s, -u and the environment apply to every line" {
  printf 'a\nb\n' | chat-send -l -r x -s spool -u alice
  printf 'c\nd\n' | CHAT_ROOM=x CHAT_SPOOL=spool chat-send -l -u bob
  capture chat-recv -s spool -r x -a -o '%r %u %b\n'
  assert_bytes stdout 'x alice a\nx alice b\nx bob c\nx bob d\n'
}

@test "-l prints nothing" {
  capture chat-send -l < <(seq 1000)
  assert_success
  assert_bytes stdout ''
  assert_bytes stderr ''
  run -0 chat-recv -a
  assert_output "$(seq 1000)"
}

@test "-i prints each line's id on a line of its own" {
  seq 3000 | chat-send -l -i >ids
  assert_equal "$(wc -l <ids)" 3000
  sort -nuc ids
  chat-recv -a -o '%i\n' | cmp ids -
  printf 'a\0b' | chat-send -0i >ids
  chat-recv -a -o '%i\n' | cmp ids -
}

@test "-i prints the ids as soon as their messages are stored" {
  slow_sender -l -i >ids
  echo one >&"$INPUT"
  wait_until test -s ids
  run chat-recv -o '%i %b'
  assert_output "$(<ids) one"
  end_of_input
  finish "$SENDER"
  assert_success
}

@test "lines and single messages of two senders keep their order" {
  chat-send before
  printf 'a\nb\n' | chat-send -l
  chat-send after
  assert_room 'before\0a\0b\0after\0'
}

# ---------------------------------------------------------------- batches

@test "a line can be received while the writer keeps the pipe open" {
  slow_sender -l
  echo one >&"$INPUT"
  wait_until room_holds one
  printf 'two\nthree\nfo' >&"$INPUT"
  wait_until room_holds one two three
  wait_blocked_reading "$SENDER"
  room_holds one two three
  printf 'ur\n\n' >&"$INPUT"
  wait_until room_holds one two three four ''
  printf 'five' >&"$INPUT"
  end_of_input
  finish "$SENDER"
  assert_success
  assert_room 'one\0two\0three\0four\0\0five\0'
}

# wait_blocked_reading PID: wait until the sender has read all of its input.
wait_blocked_reading() {
  wait_until asleep "$1" '*@(pipe|poll)*'
}

@test "with -0 a message can be received while the writer keeps the pipe open" {
  slow_sender -0
  printf 'one\0' >&"$INPUT"
  wait_until room_holds one
  end_of_input
  finish "$SENDER"
  assert_success
}

@test "a killed sender has sent every line that it read before its input paused" {
  slow_sender -l
  printf 'one\ntwo\nthr' >&"$INPUT"
  wait_until room_holds one two
  kill -KILL "$SENDER"
  finish "$SENDER"
  assert_room 'one\0two\0'
}

@test "a sender behind tail -f delivers each line as it arrives" {
  : >log
  mkfifo pipe
  background bash -c 'exec tail -n 0 -f log >pipe'
  background bash -c 'exec chat-send -l <pipe'
  background chat-recv -F >seen
  # tail may start at any moment: only lines after this one count.
  wait_until wake_the_follower
  echo 'a line' >>log
  wait_until file_has seen 'a line'
  printf 'another ' >>log
  echo 'line' >>log
  wait_until file_has seen 'another line'
}

wake_the_follower() {
  echo begin >>log
  sleep 0.05
  file_has seen begin
}

@test "100,000 lines pass unchanged" {
  seq 100000 >in
  chat-send -l <in
  chat-recv -a | cmp in -
  chat-send -l1 <in
  chat-recv -c 100000 | cmp in -
  tr '\n' '\0' <in >in0
  chat-send -0 <in0
  chat-recv -a0 | cmp in0 -
  assert_empty_room
}

@test "lines of all lengths pass unchanged" {
  perl -e 'srand 1; for (1 .. 3000) { print chr(97 + $_ % 26) x int(exp(rand(9))), "\n" }
    print "x" x $_, "\n" for 4094 .. 4098, 65534 .. 65538, 1048574 .. 1048578, 3000000' >in
  chat-send -l <in
  chat-recv -a | cmp in -
}

# ---------------------------------------------------------------- errors in the middle

# says_how_many COUNT: standard error is one line that contains the number.
says_how_many() {
  assert_equal "${#stderr_lines[@]}" 1
  assert_regex "$stderr" "(^|[^0-9])$1([^0-9]|\$)"
}

@test "an error in the middle keeps what was committed, and reports how many messages that is" {
  mkfifo lines
  background bash -c 'exec chat-send -l <lines 2>errors'
  local sender=$BACKGROUND_PID
  exec {INPUT}>lines
  seq 17 >&"$INPUT"
  wait_until room_holds {1..17}
  # Longer than the longest message; the sender may stop reading before the end.
  head -c 67108866 /dev/zero >&"$INPUT" || true
  end_of_input
  finish "$sender"
  assert_equal "$status" 65
  stderr=$(<errors)
  mapfile -t stderr_lines <errors
  says_how_many 17
  room_holds {1..17}
}

@test "an error in the middle of a stream without pauses reports how many messages were committed" {
  { seq 20000; head -c 67108866 /dev/zero; } >in
  run --separate-stderr chat-send -l <in
  assert_equal "$status" 65
  assert_output ''
  chat-recv -q -a >seen || [[ $? == 1 ]]
  says_how_many "$(wc -l <seen)"
  head -n "$(wc -l <seen)" in | cmp - seen
}

@test "the error for a message that is too long names its number, and the stored messages in all rooms" {
  local options lines problem
  chat-spool config max-length 5
  while IFS='|' read -r options lines problem; do
    # shellcheck disable=SC2059  # a format is meant
    printf "$lines" >in
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr -65 chat-send $options <in
    assert_equal "$options: $stderr" "$options: chat-send: $problem"
    # shellcheck disable=SC2086
    run --separate-stderr -65 chat-send $options < <(cat in)
    assert_equal "$options: $stderr" "$options: chat-send: $problem"
    chat-recv -qa -r a -r b >/dev/null || [[ $? == 1 ]]
  done <<'END'
-l -r a|123456\n2\n3\n|message 1 of the input is longer than 5 bytes; no message was stored
-l -r a|12345\n123456\n3\n|message 2 of the input is longer than 5 bytes; 1 message was stored
-l -r a|1\n2\n3\n123456|message 4 of the input is longer than 5 bytes; 3 messages were stored
-l -r a -r b|1\n2\n123456\n|message 3 of the input is longer than 5 bytes; 4 messages were stored
-l -r a -k key|1\n2\n3\n123456\n|message 4 of the input is longer than 5 bytes; 3 messages were stored or already in the room
-l -r a -k key --replace|1\n2\n123456\n|message 3 of the input is longer than 5 bytes; 2 messages were stored
-0 -r a|1\0\0002\n\000123456\0|message 4 of the input is longer than 5 bytes; 3 messages were stored
-l -1 -r a|1\n2\n3\n123456|message 4 of the input is longer than 5 bytes; no message was stored
-J -r a|{"body":"1"}\n{"body":"123456"}\n|line 2: the message is longer than 5 bytes; 1 message was stored
-J -1 -r a|{"body":"1"}\n{"body":"123456"}\n|line 2: the message is longer than 5 bytes; no message was stored
END
  # With -1 -m the lines are counted once the room is found full, which may be before the last one is read.
  { seq 20000 36383; echo 123456; } >in
  chat-send -r a there
  run --separate-stderr -65 chat-send -l -1 -m 1 -w -r a <in
  assert_stderr 'chat-send: message 16385 of the input is longer than 5 bytes; no message was stored'
  run --separate-stderr -65 chat-send -l -1 -r a <in
  assert_stderr 'chat-send: message 16385 of the input is longer than 5 bytes; no message was stored'
  run --separate-stderr -64 chat-send -l -1 -m 1 -w -r a <<<$'1\n2\n3'
  assert_equal "${stderr%%$'\n'*}" "chat-send: option '-1' cannot send 3 messages to a room that '-m' limits to 1"
  assert_room 'there\0' a
}

@test "a line as long as the longest message may arrive in pieces, and a longer one is refused before its end" {
  chat-spool config max-length 5
  slow_sender -l
  printf 12345 >&"$INPUT"
  wait_blocked_reading "$SENDER"
  printf '\n1234' >&"$INPUT"
  wait_until room_holds 12345
  wait_blocked_reading "$SENDER"
  printf 56 >&"$INPUT"
  finish "$SENDER"
  assert_equal "$status" 65
  end_of_input
  room_holds 12345
}

@test "ids that cannot be printed are an error that reports how many messages are stored" {
  run --separate-stderr bash -c 'seq 17 | chat-send -l -i >/dev/full'
  assert_error 74 'chat-send: cannot write standard output: no space left on device; 17 messages were stored'
  room_holds {1..17}
}

@test "input that cannot be read exits with 74" {
  mkdir directory
  run --separate-stderr chat-send -l <directory
  assert_error 74 'chat-send: cannot read standard input: is a directory; no message was stored'
  run --separate-stderr chat-send -l1 <directory
  assert_error 74 'chat-send: cannot read standard input: is a directory'
  assert_empty_room
}

# ---------------------------------------------------------------- all or none

@test "-1 sends all lines" {
  printf 'one\ntwo\n\nthree' | chat-send -l -1
  assert_room 'one\0two\0\0three\0'
  printf 'one\0two' | chat-send -0 --atomic
  assert_room 'one\0two\0'
}

@test "-1 sends no line if an error occurs in the middle" {
  { seq 20000; head -c 67108866 /dev/zero; } >in
  run --separate-stderr chat-send -l1 <in
  assert_error 65 'chat-send: '
  assert_empty_room
}

@test "-1 stores nothing before the end of its input" {
  slow_sender -l -1
  seq 20000 >&"$INPUT"
  wait_blocked_reading "$SENDER"
  assert_empty_room
  end_of_input
  finish "$SENDER"
  assert_success
  chat-recv -a >seen
  seq 20000 | cmp - seen
}

@test "-1 stores nothing if the sender is killed" {
  slow_sender -l -1
  seq 20000 >&"$INPUT"
  wait_blocked_reading "$SENDER"
  kill -KILL "$SENDER"
  finish "$SENDER"
  assert_empty_room
  chat-send hello
  assert_room 'hello\0'
}

@test "-1 delays no other process while its input pauses" {
  chat-send before
  slow_sender -l -1
  seq 20000 >&"$INPUT"
  wait_blocked_reading "$SENDER"
  timeout 10 chat-send between
  timeout 10 chat-recv -c 2 >seen
  assert_bytes seen 'before\nbetween\n'
  end_of_input
  finish "$SENDER"
  assert_success
  chat-recv -a | cmp - <(seq 20000)
}

@test "-1 begins where its input is positioned, also when it has to wait for space first" {
  chat-send there
  printf 'header\n1\n2\n' >in
  background bash -c 'read -r line && exec chat-send -l -1 -m 2 -w' <in
  SENDER=$BACKGROUND_PID
  wait_blocked "$SENDER"
  run -0 chat-recv
  assert_output there
  finish "$SENDER"
  assert_success
  assert_room '1\0002\0'
}

@test "-1 collects the lines of a pipe in a file without a name in TMPDIR" {
  mkdir tmp
  TMPDIR=$PWD/tmp slow_sender -l -1
  echo one >&"$INPUT"
  wait_until eval 'ls -l "/proc/$SENDER/fd" | grep -q "$PWD/tmp/chat-send-.* (deleted)"'
  end_of_input
  finish "$SENDER"
  assert_success
  assert_equal "$(ls -A tmp)" ''
  run --separate-stderr bash -c 'seq 3 | TMPDIR=$PWD/nowhere chat-send -l -1'
  assert_error 74 "chat-send: cannot make a temporary file in '$PWD/nowhere': no such file or directory"
  run --separate-stderr bash -c 'ulimit -f 1; seq 10000 | chat-send -l -1'
  assert_error 74 'chat-send: cannot write a temporary file: file too large'
  TMPDIR='' chat-send -l -1 < <(echo two)
  assert_room 'one\0two\0'
}

# ---------------------------------------------------------------- memory

# peak COMMAND [ARG ...]: print its maximum memory, in KiB.
peak() {
  /usr/bin/time -o peak -f %M "$@"
  cat peak
}

# many_lines: print 50 MB of lines, or more.
many_lines() { seq -f "%.0f $(printf 'x%.0s' {1..250})" "$SCALE"; }

# bats test_tags=full
@test "a very long stream is sent and received with less than 32 MiB of memory" {
  if sanitized; then skip 'a sanitizer needs memory of its own'; fi
  local memory
  export SCALE
  export -f many_lines
  memory=$(peak bash -c 'many_lines | chat-send -l')
  ((memory < 32768)) || fail "chat-send -l took $memory KiB"
  memory=$(peak bash -c 'chat-recv -a | cmp - <(many_lines) >&2')
  ((memory < 32768)) || fail "chat-recv -a took $memory KiB"
}

# bats test_tags=full
@test "-1 and -p -a need less than 32 MiB of memory for a very long stream" {
  if sanitized; then skip 'a sanitizer needs memory of its own'; fi
  local memory
  export SCALE
  export -f many_lines
  memory=$(peak bash -c 'many_lines | chat-send -l1')
  ((memory < 32768)) || fail "chat-send -l1 took $memory KiB"
  memory=$(peak bash -c 'chat-recv -p -a | cmp - <(many_lines) >&2')
  ((memory < 32768)) || fail "chat-recv -p -a took $memory KiB"
}
