#!/usr/bin/env bats
# chat-recv: which messages it takes and how it writes them. Waiting is in chat-recv-wait.bats, the terminal in
# terminal.bats, wrong usage in usage.bats.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# assert_written FORMAT [OPTION ...]: chat-recv OPTION ... writes exactly this, and nothing on standard error.
assert_written() {
  local format=$1
  shift
  capture chat-recv "$@"
  assert_success
  assert_bytes stdout "$format"
  assert_bytes stderr ''
}

# assert_none [OPTION ...]: chat-recv finds no message and reports it.
assert_none() {
  capture chat-recv "$@"
  assert_bytes stdout ''
  assert_error 1 'chat-recv: No new messages'
}

@test "\"no new messages\" names the rooms that were named" {
  capture chat-recv -r jobs
  assert_equal "$status" 1
  assert_bytes stderr "chat-recv: No new messages in room 'jobs'\n"
  capture chat-recv -r jobs -r 'a b' -t 0
  assert_bytes stderr "chat-recv: No new messages in rooms 'jobs', 'a b'\n"
  CHAT_ROOM=own capture chat-recv -- true
  assert_bytes stderr "chat-recv: No new messages in room 'own'\n"
  capture chat-recv -a -- true
  assert_bytes stderr 'chat-recv: No new messages\n'
  capture chat-recv -q -r jobs
  assert_equal "$status" 1
  assert_bytes stderr ''
}

# send WORD ...: send one message per word.
send() {
  local word
  for word; do chat-send "$word"; done
}

@test "a peek without a spool exits with 1 at once and creates no spool" {
  run --separate-stderr timeout 20 chat-recv -p
  assert_error 1 'chat-recv: No new messages'
  run --separate-stderr timeout 20 chat-recv -p -r a -r b
  assert_error 1 'chat-recv: No new messages'
  assert_not_exist "$HOME/.local"
}

@test "two sends and three receives give both messages in order and \"No new messages\"" {
  chat-send 'Hello, world!'
  chat-send 'How are you?'
  assert_written 'Hello, world!\n'
  assert_written 'How are you?\n'
  assert_none
}

# ---------------------------------------------------------------- the body

@test "chat-recv adds a newline if the body does not end in one" {
  printf 'hi' | chat-send
  printf 'hi\n' | chat-send
  printf 'hi\n\n' | chat-send
  printf '\n' | chat-send
  printf 'a\nb' | chat-send
  printf 'hi\r' | chat-send
  assert_written 'hi\n'
  assert_written 'hi\n'
  assert_written 'hi\n\n'
  assert_written '\n'
  assert_written 'a\nb\n'
  assert_written 'hi\r\n'
}

@test "an empty message is written as one newline" {
  chat-send ''
  chat-send </dev/null
  assert_written '\n'
  assert_written '\n'
  assert_none
}

@test "-n writes exactly the bytes" {
  send hi ''
  printf 'a\0b\n' | chat-send
  assert_written hi -n
  assert_written '' --no-newline
  assert_written 'a\0b\n' -n
}

@test "-0 writes a NUL byte after each message and adds no newline" {
  send hi ''
  printf 'a\nb\n' | chat-send
  assert_written 'hi\0' -0
  assert_written '\0a\nb\n\0' --null -a
}

@test "without a terminal every byte is written as it is" {
  perl -e 'print map { chr } 0 .. 255' >in
  chat-send <in
  chat-recv -n >seen
  cmp in seen
}

# ---------------------------------------------------------------- counts

@test "one receive takes one message, the oldest" {
  send one two three
  assert_written 'one\n'
  assert_written 'two\n'
  assert_written 'three\n'
  assert_none
}

@test "-c takes N messages" {
  send 1 2 3 4 5 6 7
  assert_written '1\n2\n' -c 2
  assert_written '3\n' -c1
  assert_written '4\n5\n6\n' --count=3
  assert_written '7\n'
  # More than one batch has.
  seq 9000 | chat-send -l
  chat-recv -c 8999 | cmp - <(seq 8999)
  assert_written '9000\n' -c 2
}

@test "-c N with fewer messages takes them all and exits with 0" {
  send 1 2
  assert_written '1\n2\n' -c 5
  assert_none -c 5
  send 1 2
  assert_written '1\n2\n' -c 1000000000000
}

@test "-a takes all messages in order" {
  seq 1 1000 | chat-send -l
  chat-recv -a >seen
  seq 1 1000 | cmp - seen
  assert_none -a
  assert_none --all
}

# pipe_is_empty: the process that drained it sleeps.
pipe_is_empty() { asleep "$BACKGROUND_PID" '*pipe*'; }

@test "-a ignores messages that arrive after its start" {
  send one two
  full_pipe pipe
  background chat-recv -a >pipe
  local receiver=$BACKGROUND_PID
  wait_stuck "$receiver"
  chat-send three
  background bash -c 'exec cat <pipe >drained'
  finish "$receiver"
  assert_success
  wait_until pipe_is_empty
  assert_equal "$(tr -d '\0' <drained)" $'one\ntwo'
  assert_written 'three\n'
}

@test "-p shows a message and takes nothing" {
  send one two
  assert_written 'one\n' -p
  assert_written 'one\n' --peek
  assert_written 'one\ntwo\n' -p -c 2
  assert_written 'one\ntwo\n' -ap
  assert_written 'one\0two\0' -0ap
  assert_written 'one\n'
  assert_written 'two\n'
  assert_none -p
  assert_none -pa
}

@test "-p -a shows 10,000 messages and leaves them" {
  seq 10000 | chat-send -l
  seq 10000 >expected
  chat-recv -ap | cmp - expected
  chat-recv -a | cmp - expected
}

@test "-p skips messages that another receiver has claimed" {
  send one two
  full_pipe pipe
  background chat-recv >pipe
  wait_stuck "$BACKGROUND_PID"
  assert_written 'two\n' -p
  assert_written 'two\n' -pa
  assert_written 'two\n'
  assert_none -p
}

@test "-q suppresses \"no new messages\"" {
  capture chat-recv -q
  assert_equal "$status" 1
  assert_bytes stdout ''
  assert_bytes stderr ''
  capture chat-recv --quiet -a
  assert_equal "$status" 1
  assert_bytes stderr ''
  chat-send hello
  assert_written 'hello\n' -q
}

@test "a spool that does not exist has no new messages, and is not created" {
  assert_none
  assert_none -a
  assert_none -p
  assert_none -c 3
  assert_none -s nowhere/spool
  assert_not_exist "$HOME/.local"
  assert_not_exist nowhere
}

# ---------------------------------------------------------------- rooms

@test "with several rooms the first room that has a message is used, in the order given" {
  send main
  chat-send -r normal n1
  chat-send -r urgent u1
  chat-send -r normal n2
  chat-send -r urgent u2
  assert_written 'u1\n' -r urgent -r normal
  assert_written 'n1\n' -r normal -r urgent
  assert_written 'u2\n' -r urgent -r normal
  assert_written 'n2\n' -r urgent -r normal
  assert_none -r urgent -r normal
  assert_written 'main\n'
}

@test "with several rooms -c and -a empty them in the order given, each room in message order" {
  local count
  for count in 1 2; do
    chat-send -r b "b$count"
    chat-send -r a "a$count"
    chat-send -r c "c$count"
  done
  assert_written 'a1\na2\nb1\nb2\n' -pa -r a -r b
  assert_written 'a1\na2\nb1\n' -c 3 -r a -r b -r c
  assert_written 'c1\nc2\nb2\n' -a -r nosuch -r c -r b -r a
}

@test "-r overrides CHAT_ROOM, even if it is given twice" {
  chat-send -r x no
  chat-send -r a yes
  CHAT_ROOM=x assert_written 'yes\n' -a -r b -r a
  CHAT_ROOM=x assert_written 'no\n'
}

@test "a room that is given twice gives each message once" {
  send one two
  assert_written 'one\ntwo\n' -a -r main -r main
}

# ---------------------------------------------------------------- formats

@test "-o writes the body and adds nothing" {
  send hi
  printf 'a\0b\n' | chat-send
  chat-send ''
  chat-send last
  assert_written hi -o %b
  assert_written '<a\0b\n>' --format='<%b>'
  assert_written '<>' -o '<%b>'
  assert_written 'no body' -o 'no body'
}

@test "-o replaces %i by the id, %r by the room, %u by the sender, %l by the length, %n by the failed attempts" {
  local id
  id=$(chat-send -i -r lobby -u alice '日本語')
  assert_written "$id|lobby|alice|9|0\n" -r lobby -o '%i|%r|%u|%l|%n\n'
}

@test "-o replaces %h by the host" {
  chat-send hello
  assert_written "$(uname -n)" -o %h
}

@test "-o replaces %k by nothing for a message without a key" {
  chat-send hello
  assert_written '<>' -o '<%k>'
}

@test "-o replaces %t by the time of sending in ISO 8601, UTC, and %s by the same time in seconds" {
  local before after stamp seconds
  before=$(date +%s)
  TZ=Asia/Tokyo chat-send hello
  after=$(date +%s)
  TZ=America/New_York run chat-recv -o '%t %s'
  assert_success
  assert_output --regexp '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z [0-9]+$'
  read -r stamp seconds <<<"$output"
  assert_equal "$(date -d "$stamp" +%s)" "$seconds"
  ((before <= seconds && seconds <= after))
}

@test "-o understands its escapes" {
  chat-send x
  assert_written '\n\t\0\\\x1b\x41\x00\xff%%x' -o '\n\t\0\\\e\x41\x00\xFf%%%b'
}

@test "-o applies to each message" {
  send a b c
  assert_written '[a][b][c]' -a -o '[%b]'
}

@test "-o accepts a field twice and text in any script" {
  chat-send x
  assert_written '日本 x=x $HOME *' -o '日本 %b=%b $HOME *'
}

@test "-o FORMAT is not a printf format" {
  chat-send '%s%n%i\n'
  assert_written '%%s%%n%%i\\n' -o %b
}

@test "-v shows the local time, the sender and the body" {
  local seconds
  chat-send -u alice 'good morning'
  seconds=$(chat-recv -p -o %s)
  TZ=Asia/Tokyo assert_written "$(TZ=Asia/Tokyo date -d "@$seconds" '+%Y-%m-%d %H:%M:%S') alice: good morning\n" -p -v
  assert_written "$(date -d "@$seconds" '+%Y-%m-%d %H:%M:%S') alice: good morning\n" --verbose
}

@test "-v follows the newline rule" {
  printf 'hi\n' | chat-send -u bob
  chat-send -u bob hi
  run chat-recv -a -v
  assert_line --index 0 --regexp '^[-0-9]{10} [:0-9]{8} bob: hi$'
  assert_line --index 1 --regexp '^[-0-9]{10} [:0-9]{8} bob: hi$'
  assert_equal "${#lines[@]}" 2
}

@test "--raw changes nothing if standard output is not a terminal" {
  chat-send $'\x1b[31m\x07\xff'
  assert_written '\x1b[31m\x07\xff\n' --raw
}

@test "short options combine" {
  chat-send -r x one
  chat-send -r x two
  chat-send -r x three
  assert_written 'one\ntwo\n' -pqc2 -rx
  assert_written 'one' -nqr x
  assert_written 'two\0three\0' -a0qrx
}

@test "chat-recv writes where standard output is positioned, even if that appends" {
  send one two
  echo zero >seen
  chat-recv >>seen
  chat-recv >>seen
  assert_bytes seen 'zero\none\ntwo\n'
}

# ---------------------------------------------------------------- ids

@test "ids grow and are unique in the whole spool" {
  local a b c
  a=$(chat-send -i -r a x)
  b=$(chat-send -i -r b x)
  c=$(chat-send -i -r a x)
  ((a < b && b < c))
}

@test "an id is never used again after a room or the spool was emptied" {
  local before after
  seq 10 | chat-send -l -r other
  before=$(chat-send -i x)
  chat-recv -q -a -r main -r other >/dev/null
  after=$(chat-send -i x)
  ((after > before))
  chat-recv >/dev/null
  before=$after
  after=$(chat-send -i -r new x)
  ((after > before))
}

@test "a reader that closes the pipe early costs no message" {
  seq 100000 | chat-send -l
  run --separate-stderr bash -c 'chat-recv -a | head -n 10; exit "${PIPESTATUS[0]}"'
  assert_equal "$status" 74
  assert_output "$(seq 10)"
  # Completely delivered messages may be deleted; all others must be there, in order.
  chat-recv -a >seen
  (($(wc -l <seen) > 90000))
  seq "$(head -n 1 seen)" 100000 | cmp - seen
}
