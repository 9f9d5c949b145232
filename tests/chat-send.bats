#!/usr/bin/env bats
# chat-send: the source of a message, its room, and its contents. Lines are tested in chat-send-lines.bats, wrong usage
# in usage.bats.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# assert_received FORMAT [OPTION ...]: the next message is exactly this.
assert_received() { assert_written "$1" -n "${@:2}"; }

# assert_written FORMAT OPTION ...: chat-recv OPTION ... writes exactly this.
assert_written() {
  capture chat-recv "${@:2}"
  assert_success
  assert_bytes stdout "$1"
}

# ---------------------------------------------------------------- words

@test "chat-send joins its arguments with single spaces" {
  chat-send a 'b  c' d
  assert_received 'a b  c d'
}

@test "arguments are not interpreted" {
  chat-send 'a\nb\0' '%s%n' '$HOME `id` $(id)' '*' "'" '"'
  printf '%s' 'a\nb\0 %s%n $HOME `id` $(id) * '\'' "' >expected
  chat-recv -n >seen
  cmp expected seen
}

@test "arguments may contain any bytes" {
  chat-send $'\xff\xfe' $'\x1b[31m\n' '日本語'
  assert_received '\xff\xfe \x1b[31m\n 日本語'
}

@test "an empty argument is an empty message, and empty arguments keep their spaces" {
  chat-send ''
  chat-send '' ''
  chat-send a '' b
  assert_received ''
  assert_received ' '
  assert_received 'a  b'
}

@test "-- ends the options" {
  chat-send -- -r x
  assert_received '-r x'
  chat-send -r x -- --help
  assert_received '--help' -r x
  chat-send -- --
  assert_received '--'
}

@test "the options end at the first argument" {
  chat-send fix the -x flag
  assert_received 'fix the -x flag'
  chat-send hi --help -r x -- y
  assert_received 'hi --help -r x -- y'
}

@test "a single dash reads standard input, and is plain text beside other arguments and after --" {
  printf 'from\0input' | chat-send -
  assert_equal "$(chat-recv -n | od -An -c | tr -d ' ')" 'from\0input'
  seq 2 | chat-send -l -
  assert_equal "$(chat-recv -a)" $'1\n2'
  capture chat-send -f - - </dev/null
  assert_usage chat-send
  chat-send -- - </dev/null
  assert_received -
  chat-send - x </dev/null
  assert_received '- x'
  chat-send x - </dev/null
  assert_received 'x -'
}

@test "many long arguments make one message" {
  local words=()
  mapfile -t words < <(seq 20000)
  chat-send "${words[@]}"
  seq -s ' ' 20000 | tr -d '\n' >expected
  chat-recv -n >seen
  cmp expected seen
}

# ---------------------------------------------------------------- standard input and files

@test "without arguments the whole of standard input is one message" {
  printf 'one\ntwo\n\nthree' | chat-send
  assert_received 'one\ntwo\n\nthree'
  assert_empty_room
}

@test "-- without arguments reads standard input" {
  echo hello | chat-send --
  assert_received 'hello\n'
}

@test "standard input may contain any bytes, including NUL" {
  perl -e 'print map { chr } 0 .. 255, 0, 0' >in
  chat-send <in
  chat-recv -n >seen
  cmp in seen
}

@test "a megabyte of random bytes passes unchanged from a file, a pipe and -f" {
  head -c 1048577 /dev/urandom >in
  chat-send <in
  # shellcheck disable=SC2002  # a pipe is meant
  cat in | chat-send
  chat-send -f in
  cat in in in >expected
  chat-recv -an | cmp expected -
}

@test "standard input that arrives in pieces is one message" {
  { printf a; sleep 0.1; printf b; sleep 0.1; printf 'c\n'; } | chat-send
  assert_received 'abc\n'
  assert_empty_room
}

@test "empty standard input is an empty message" {
  chat-send </dev/null
  assert_received ''
  assert_empty_room
}

@test "with arguments chat-send does not touch standard input: it is safe inside while read" {
  printf '%s\n' one two three >in
  while read -r line; do chat-send "$line"; done <in
  capture chat-recv -a
  assert_bytes stdout 'one\ntwo\nthree\n'
}

@test "with arguments standard input may be a pipe that stays open, or be closed" {
  local keep
  mkfifo pipe
  exec {keep}<>pipe
  echo untouched >&"$keep"
  timeout 20 chat-send one <pipe
  timeout 20 chat-send two <&-
  capture chat-recv -a
  assert_bytes stdout 'one\ntwo\n'
  read -r -t 5 line <&"$keep"
  assert_equal "$line" untouched
}

@test "-f sends the bytes of a file" {
  printf 'x\0y\n' >file
  chat-send -f file
  assert_received 'x\0y\n'
  chat-send --file=file
  assert_received 'x\0y\n'
  : >empty
  chat-send --file empty
  assert_received ''
}

@test "-f leaves standard input alone" {
  printf 'x' >file
  { chat-send -f file; cat; } >rest <<<'rest'
  assert_bytes rest 'rest\n'
  run -0 chat-recv
  assert_output x
}

@test "-f - reads standard input" {
  printf 'x\n' | chat-send -f -
  assert_received 'x\n'
}

@test "-f reads a FIFO to its end" {
  mkfifo pipe
  background bash -c '{ printf "a\n"; printf b; } >pipe'
  chat-send -f pipe
  assert_received 'a\nb'
}

@test "a file that cannot be read exits with 74, and nothing is stored" {
  run --separate-stderr chat-send -f missing
  assert_error 74 "chat-send: cannot open 'missing': no such file or directory"
  mkdir directory
  run --separate-stderr chat-send -f directory
  assert_error 74 "chat-send: cannot read 'directory': is a directory"
  assert_empty_room
}

@test "standard input that cannot be read exits with 74, and nothing is stored" {
  mkdir directory
  run --separate-stderr chat-send <directory
  assert_error 74 'chat-send: cannot read standard input: is a directory'
  assert_empty_room
}

# ---------------------------------------------------------------- options

@test "a send prints nothing" {
  capture chat-send hello
  assert_success
  assert_bytes stdout ''
  assert_bytes stderr ''
  capture chat-send <<<hello
  assert_success
  assert_bytes stdout ''
  assert_bytes stderr ''
  run -0 chat-recv -a
  assert_output $'hello\nhello'
}

@test "-r names the room, in all spellings of the option" {
  chat-send -r x one
  chat-send -rx two
  chat-send --room x three
  chat-send --room=x four
  chat-send --ro x five
  chat-send -qr x six
  chat-send -qrx seven
  assert_empty_room
  capture chat-recv -a -r x
  assert_bytes stdout 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n'
}

@test "with several -r one commit stores the message in each of the rooms" {
  local room
  run -0 chat-send -i -r b -r a --room=c hello
  assert_output $'1\n2\n3'
  assert_equal "$(chat-spool list -1 | tr '\n' ' ')" 'a b c '
  for room in a b c; do assert_received hello -r "$room"; done
  seq 2 | chat-send -i -l -r a -r b >ids
  assert_equal "$(<ids)" $'4\n5\n6\n7'
  assert_equal "$(chat-recv -a -r a)" $'1\n2'
  assert_equal "$(chat-recv -a -r b)" $'1\n2'
  # The room in a JSON line does not count.
  echo '{"room":"x","body":"y"}' | chat-send -J -r a -r b
  assert_received y -r a
  assert_received y -r b
  assert_empty_room x
}

@test "with several -r a message that one room refuses is stored in no room" {
  local room
  chat-send -r b there
  capture chat-send -i -m 1 -r a -r b -r c hello
  assert_error 75 "chat-send: room 'b' is full: it holds 1 message"
  assert_bytes stdout ''
  capture chat-send -i -m 1 -t 0.1 -r a -r b -r c hello
  assert_error 75 "chat-send: room 'b' is full: it holds 1 message"
  assert_equal "$(chat-spool list -1)" b
  background chat-send -i -m 1 -w -r a -r b -r c hello >ids
  wait_blocked "$BACKGROUND_PID"
  assert_equal "$(chat-spool list -1)" b
  assert_received there -r b
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(wc -l <ids)" 3
  for room in a b c; do assert_received hello -r "$room"; done
  # Each room is searched for the key.
  chat-send -r b -k key old
  chat-send -r a -r b -k key new
  assert_received new -r a
  assert_received old -r b
}

@test "a stream with several -r and -m is refused with 64" {
  capture chat-send -l -m 1 -r a -r b <<<one
  assert_usage chat-send
  capture chat-send -J -m 1 --drop -r a -r b <<<'{"body":""}'
  assert_usage chat-send
  assert_equal "$(chat-spool list -1)" ''
}

@test "the room is main by default" {
  chat-send hello
  assert_received hello -r main
}

@test "-s names the spool, in all spellings of the option; missing directories are created" {
  chat-send -s one/two/spool a
  assert_file_exist one/two/spool
  chat-send -s one/two/spool b
  chat-send --spool "$PWD/one/two/spool" c
  chat-send --spool=one/two/spool d
  assert_not_exist "$SPOOL"
  capture chat-recv -a -s one/two/spool
  assert_bytes stdout 'a\nb\nc\nd\n'
}

@test "-u sets the sender's name" {
  chat-send -u alice hello
  chat-send --user='Ünal der Große' hello
  assert_written alice -o %u
  assert_written 'Ünal der Große' -o %u
}

@test "without -u the sender is the login name" {
  chat-send hello
  assert_written "$(id -un)" -o %u
}

@test "-u takes 1 to 255 bytes of UTF-8 without control characters" {
  local name
  name=$(printf 'u%.0s' {1..255})
  chat-send -u "$name" hello
  assert_written "$name" -o %u
  for name in "${name}u" $'a\nb' $'a\tb' $'\x7f' $'\xc2\x9b' $'\xff' $'\xc0\x80'; do
    run --separate-stderr chat-send -u "$name" hello
    assert_usage chat-send
  done
  assert_empty_room
}

@test "-i prints the new message's id, and ids grow" {
  capture chat-send -i one
  assert_success
  assert_output --regexp '^[1-9][0-9]*$'
  assert_bytes stdout "$output\n"
  local first=$output second
  second=$(chat-send --print-id two)
  ((second > first))
  assert_written "$first" -o %i
  assert_written "$second" -o %i
}

@test "an id that cannot be printed is an error that reports that the message is stored" {
  run --separate-stderr bash -c 'chat-send -i hello >/dev/full'
  assert_error 74 'chat-send: cannot write standard output: no space left on device; the message may be stored'
  assert_written 'hello\n' -a
}

@test "-q does not change what is sent" {
  capture chat-send -q hello
  assert_bytes stderr ''
  chat-send --quiet <<<hello
  capture chat-recv -a
  assert_bytes stdout 'hello\nhello\n'
}

@test "short options combine" {
  printf 'x' >file
  chat-send -iqrroom -ualice -ffile >id
  assert_written 'room alice x\n' -r room -o '%r %u %b\n'
}

# ---------------------------------------------------------------- environment

@test "CHAT_ROOM names the room, and -r overrides it" {
  CHAT_ROOM=x chat-send one
  CHAT_ROOM=x chat-send -r y two
  assert_empty_room
  CHAT_ROOM=x assert_received one
  assert_received two -r y
}

@test "CHAT_SPOOL names the spool, and -s overrides it" {
  CHAT_SPOOL=$PWD/x chat-send one
  CHAT_SPOOL=$PWD/x chat-send -s y two
  assert_not_exist "$SPOOL"
  CHAT_SPOOL=$PWD/x assert_received one
  assert_received two -s y
}

@test "an empty CHAT_ROOM or CHAT_SPOOL counts as unset" {
  CHAT_ROOM='' CHAT_SPOOL='' chat-send hello
  assert_file_exist "$SPOOL"
  CHAT_ROOM='' CHAT_SPOOL='' assert_received hello
}

@test "a bad CHAT_ROOM exits with 64 unless -r is given" {
  CHAT_ROOM=.a run --separate-stderr chat-send hello
  assert_usage chat-send
  CHAT_ROOM=.a chat-send -r x hello
  CHAT_ROOM=.a run --separate-stderr chat-recv
  assert_usage chat-recv
  CHAT_ROOM=.a assert_received hello -r x
}

# ---------------------------------------------------------------- limits

@test "chat-send accepts 64 MiB" {
  head -c 67108864 /dev/zero >in
  chat-send -f in
  capture chat-recv -p -o %l
  assert_bytes stdout 67108864
  chat-recv -n | cmp - in
}

@test "a body of 64 MiB and one byte is refused with 65, and nothing is stored" {
  head -c 67108865 /dev/zero >in
  run --separate-stderr chat-send -f in
  assert_error 65 'chat-send: the message is longer than 67108864 bytes'
  run --separate-stderr chat-send <in
  assert_error 65 'chat-send: the message is longer than 67108864 bytes'
  run --separate-stderr bash -c 'cat in | chat-send'
  assert_error 65 'chat-send: the message is longer than 67108864 bytes'
  assert_empty_room
}

@test "endless input is refused with 65 in bounded time and memory" {
  run --separate-stderr timeout 60 chat-send </dev/zero
  assert_error 65 'chat-send: '
  run --separate-stderr timeout 60 chat-send -f /dev/zero
  assert_error 65 'chat-send: '
  assert_empty_room
}

@test "the name of a room may have 255 bytes in any script" {
  local name japanese
  name=$(printf 'r%.0s' {1..255})
  japanese=$(printf '語%.0s' {1..85})
  for name in "$name" "$japanese" a "a b" " " "it's \"so\"" 'a\b' a..b a-b. '%s' $'\u00a0' $'\U10ffff' '*' '日本語'; do
    chat-send -r "$name" "$name"
    capture chat-recv -r "$name" -o '%r=%b'
    assert_success
    assert_output "$name=$name"
  done
}

@test "both commands refuse a bad room name with 64, and nothing is stored" {
  local name long longer
  long=$(printf 'r%.0s' {1..256})
  longer=$(printf '語%.0s' {1..86})
  for name in "$long" "$longer" /a a/b/c / . .. .a - -a --help $'a\nb' $'\t' $'\x01' $'a\x1f' $'\x7f' $'\xc2\x80' \
    $'\xc2\x9f' $'\xff' $'a\xc3' $'\xc0\xaf' $'\xe0\x80\xaf' $'\xed\xa0\x80' $'\xf4\x90\x80\x80' $'\xf8\x88\x80\x80\x80'; do
    run --separate-stderr chat-send "--room=$name" hello
    assert_usage chat-send
    run --separate-stderr chat-recv "--room=$name"
    assert_usage chat-recv
  done
  assert_not_exist "$HOME/.local"
}

@test "a message in one room is not seen in another" {
  chat-send -r a one
  chat-send -r b two
  chat-send -r A three
  assert_received two -r b
  assert_received one -r a
  assert_received three -r A
}

@test "the sender is the name of the user in /etc/passwd, whatever its other lines are" {
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  printf '%s:x:%s:100::/:/bin/sh\n' other 4711 without '' wrong "${EUID}x" right "$EUID" >passwd
  echo "incomplete:x" >>passwd
  unshare --mount sh -c 'mount --bind passwd /etc/passwd && chat-send hello'
  run -0 chat-recv -o '%u %b'
  assert_output 'right hello'
}
