#!/usr/bin/env bats
# chat-recv -j and chat-send -J: messages as JSON lines. Other programs read the output of chat-recv here (perl, and jq if it
# is installed), so that the two programs cannot be wrong in the same way.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# All fields except the id, so that the contents of two rooms can be compared.
FIELDS='%u|%h|%t|%s|%n|%k|%l|%b\0'

# bodies: print the bodies of the JSON lines, read by perl, each followed by a NUL byte.
bodies() {
  perl -MJSON::PP -MMIME::Base64 -ne 'BEGIN { binmode STDOUT }
    my $m = JSON::PP->new->utf8->decode($_);
    my $body = $m->{body};
    defined $body ? utf8::encode($body) : ($body = decode_base64($m->{body_base64}));
    print $body, "\0"'
}

# reads_back FILE: its bytes, sent as a body, survive -j for perl and jq, and -j and -J to another room.
reads_back() {
  chat-send -r from -f "$1"
  chat-recv -j -p -r from >line
  assert_equal "$(wc -l <line)" 1
  { cat "$1"; printf '\0'; } >expected
  bodies <line | cmp expected -
  if command -v jq >/dev/null && grep -q '"body":' line; then
    jq -j '.body, "\u0000"' <line | cmp expected -
  fi
  chat-recv -aj -r from | chat-send -J -r to
  chat-recv -n -r to | cmp "$1" -
}

# sends LINE ...: send these lines with -J.
sends() {
  printf '%s\n' "$@" | chat-send -J
}

# ---------------------------------------------------------------- writing

@test "-j prints the fields in their order, one object per line" {
  local when
  chat-send -r jobs -u alice -k daily 'Hello, "world"!'
  chat-send -r jobs -u bob second
  when=$(chat-recv -p -r jobs -o %t)
  capture chat-recv -a -j -r jobs
  assert_success
  assert_line --index 0 "{\"id\":1,\"room\":\"jobs\",\"user\":\"alice\",\"host\":\"$(hostname)\",\"time\":\"$when\",\"attempts\":0,\"key\":\"daily\",\"body\":\"Hello, \\\"world\\\"!\"}"
  assert_line --index 1 --regexp '^\{"id":2,"room":"jobs","user":"bob","host":"[^"]+","time":"[-0-9]{10}T[:0-9]{8}\.[0-9]{3}Z","attempts":0,"key":null,"body":"second"\}$'
  assert_equal "${#lines[@]}" 2
  assert_empty_room jobs
}

@test "--json is -j, and takes the message" {
  chat-send hello
  capture chat-recv --json
  assert_output --partial '"body":"hello"}'
  assert_empty_room
}

@test "-j with an empty room prints nothing and exits 1" {
  capture chat-recv -j
  assert_error 1 'chat-recv: No new messages'
}

@test "-j excludes -n, -0, -o and -v" {
  local other
  chat-send hello
  for other in -n -0 -v -o%b; do
    run --separate-stderr chat-recv -j "$other"
    assert_usage chat-recv
    run --separate-stderr chat-recv "$other" -j
    assert_usage chat-recv
  done
  chat-recv -jj | bodies | cmp <(printf 'hello\0') -
}

@test "-j escapes every control character and nothing else" {
  perl -CO -e 'print map { chr } 0 .. 0x9f' >body
  chat-send -f body
  capture chat-recv -j -p
  assert_output --partial '"body":"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u0009\u000a\u000b\u000c\u000d\u000e\u000f\u0010'
  assert_output --partial '\u001e\u001f !\"#'
  assert_output --partial 'Z[\\]^'
  assert_output --partial '}~\u007f\u0080\u0081'
  assert_output --partial '\u009e\u009f"}'
  perl -C -ne 'chomp; exit 1 if /[\x00-\x1f\x7f-\x9f]/' stdout
  reads_back body
}

@test "-j writes other characters unchanged: U+2028, emoji, the last code point" {
  printf '\u2028\u2029\u00a0日本語😀\U10FFFF\uFFFF\uFEFF/' >body
  chat-send -f body
  capture chat-recv -j -p
  assert_output --partial "\"body\":\"$(<body)\"}"
  reads_back body
}

@test "-j writes a body that is not UTF-8 as base64" {
  local body
  for body in '\xff' 'a\xff' 'ab\xff' 'abc\xff' '\xc0\x80' '\xed\xa0\x80' '\xf4\x90\x80\x80' 'caf\xe9' '\xe2\x82' '\0\xfe\0'; do
    # shellcheck disable=SC2059  # a format is meant
    printf "$body" >body
    reads_back body
    grep -qF "\"body_base64\":\"$(base64 -w 0 <body)\"}" line
  done
}

@test "an empty body, a newline, and NUL bytes survive JSON" {
  : >body
  reads_back body
  grep -qF '"body":""}' line
  echo >body
  reads_back body
  printf '\0' >body
  reads_back body
  printf 'a\0b\0\0' >body
  reads_back body
}

@test "-j writes the same to a terminal, with --raw or without" {
  perl -CO -e 'print map { chr } 0 .. 0x9f, 0x65e5' >body
  chat-send -f body
  chat-recv -j -p >expected
  assert [ -s expected ]
  on_terminal chat-recv -j -p | cmp expected -
  on_terminal chat-recv -j -p --raw | cmp expected -
}

@test "-j with -F prints messages as they arrive" {
  background chat-recv -jF >seen
  wait_blocked "$BACKGROUND_PID"
  chat-send hello
  wait_until grep -q '"body":"hello"}$' seen
}

# ---------------------------------------------------------------- reading

@test "chat-recv -aj | chat-send -J is lossless" {
  local n
  for n in 1 2 3 4 5; do
    sends "{\"room\":\"from\",\"user\":\"us\\u00e9r$n\",\"host\":\"host $n\",\"time\":\"2001-02-0${n}T04:05:06.00${n}Z\",\"key\":\"k$n\",\"body\":\"b$n\"}"
    sends "{\"room\":\"from\",\"user\":\"\\\"\\\\日\",\"body_base64\":\"$(head -c $((n * 100)) /dev/urandom | base64 -w 0)\"}"
  done
  sends '{"room":"from","key":"k1","body":"the same key again"}' '{"room":"from","time":"1969-12-31T23:59:59.999Z","body":"early"}'
  chat-recv -p -a -r from -o "$FIELDS" >expected
  assert_equal "$(chat-recv -p -a -r from -o '%i\n' | wc -l)" 12
  chat-recv -aj -r from >lines
  chat-send -J -r other <lines
  chat-recv -p -a -r other -o "$FIELDS" | cmp expected -
  assert_equal "$(chat-recv -p -r other -o '%u %h %t %k')" 'usér1 host 1 2001-02-01T04:05:06.001Z k1'
  # Each room separately: without -r the messages go back to their room.
  chat-send -J <lines
  chat-recv -a -r from -o "$FIELDS" | cmp expected -
}

@test "any bytes survive JSON" {
  local n seed=$RANDOM$RANDOM
  echo "# seed $seed"
  for ((n = 0; n < 60; n++)); do
    # Bytes, characters, and almost valid UTF-8.
    perl -e 'srand($ARGV[0]); my $n = int rand 3000; my $kind = $ARGV[1] % 3;
      for (1 .. $n) { my $c = $kind == 0 ? rand 256 : rand(4) < 1 ? rand 0x2000 : rand 0x100; $c = chr $c; utf8::encode($c) if $kind; print $c }
      print chr rand 256 if $kind == 2' $((seed + n)) $n >"body$n"
    chat-send -r from -f "body$n"
  done
  chat-recv -p -a -r from -o "$FIELDS" >expected
  chat-recv -p -a -j -r from | bodies | cmp <(for ((n = 0; n < 60; n++)); do cat "body$n"; printf '\0'; done) -
  chat-recv -aj -r from | chat-send -J -r to
  chat-recv -a -r to -o "$FIELDS" | cmp expected -
}

# bats test_tags=full
@test "a body of megabytes survives JSON as text, as escapes and as base64" {
  local size
  size=$(dosed 2500000 10485760)
  head -c "$size" <(yes 'a line of "text" \ and more') >body
  chat-send -r from -f body
  chat-recv -aj -r from | chat-send -J -r to
  chat-recv -n -r to | cmp body -
  head -c "$size" /dev/zero >body
  chat-send -r from -f body
  chat-recv -aj -r from | chat-send -J -r to
  chat-recv -n -r to | cmp body -
  head -c "$size" /dev/urandom >body
  chat-send -r from -f body
  chat-recv -aj -r from | chat-send -J1 -r to
  chat-recv -n -r to | cmp body -
}

@test "a body may have the spool's maximum length, however it is escaped" {
  chat-send -r x first
  sqlite3 "$SPOOL" 'UPDATE room SET max_length = 5000 WHERE number = 0'
  perl -e 'print "{\"body\":\"", "\\u0000" x 5000, "\"}\n"' | chat-send -J
  assert_equal "$(chat-recv -o %l)" 5000
  perl -e 'print "{\"body\":\"ok\"}\n{\"body\":\"", "a" x 5001, "\"}\n"' >in
  capture chat-send -J <in
  assert_error 65 'chat-send: line 2: the message is longer than 5000 bytes; 1 message was stored'
  perl -e 'print "{\"body\":\"", "a" x 100000, "\"}\n"' >in
  capture chat-send -J <in
  assert_error 65 'chat-send: line 1: the message is longer than 5000 bytes; no message was stored'
}

@test "a field that a line omits gets its default; unknown names are ignored" {
  CHAT_ROOM="env" sends '{"body":"a"}' '{"id":99999999999999999999,"attempts":3,"more":[{"x":[null,true]}],"body":"b"}' '{"room":"own","key":null,"body":"c"}'
  capture chat-recv -a -r env -o '%b %u %h %n %k\n'
  assert_line --index 0 "a $(id -un) $(hostname) 0 "
  assert_line --index 1 "b $(id -un) $(hostname) 0 "
  capture chat-recv -a -r own -o '%b %r\n'
  assert_output 'c own'
}

@test "a time long ago has four digits for the year and can be read again" {
  sends '{"body":"a","time":"0033-04-03T15:00:00Z"}' '{"body":"b","time":"0000-01-01"}' '{"body":"c","time":"9999-12-31T23:59:59.999Z"}'
  chat-recv -p -a -j >seen
  assert_equal "$(grep -o '"time":"[^"]*"' seen)" "$(printf '"time":"%s"\n' 0033-04-03T15:00:00.000Z 0000-01-01T00:00:00.000Z 9999-12-31T23:59:59.999Z)"
  run -0 chat-send -J -r again <seen
  run -0 chat-recv -p -a -o '%t\n'
  assert_output $'0033-04-03T15:00:00.000Z\n0000-01-01T00:00:00.000Z\n9999-12-31T23:59:59.999Z'
}

@test "a time whose year does not have four digits in UTC is refused" {
  local time
  for time in 0000-01-01T00:00+00:01 9999-12-31T23:59-00:01; do
    run --separate-stderr chat-send -J <<<"{\"body\":\"a\",\"time\":\"$time\"}"
    assert_error 65 "chat-send: line 1: '$time' is "
    run --separate-stderr chat-send -d "$time" x
    assert_usage chat-send
  done
}

@test "the order of names, white space and the last newline do not matter" {
  printf ' { "body" : "a\\tb" ,\t"room":"x" } \r\n{"body":"\\ud83d\\ude00"}' | chat-send -J -r x
  capture chat-recv -a -r x
  assert_bytes stdout 'a\tb\n😀\n'
}

@test "times may have a zone, and no fraction or a longer one" {
  sends '{"time":"2026-11-22T13:40:07Z","body":""}' '{"time":"2026-11-22T13:40:07.5+01:00","body":""}' '{"time":"2026-11-22T13:40:07.123000+00:00","body":""}'
  capture chat-recv -a -o '%t\n'
  assert_bytes stdout '2026-11-22T13:40:07.000Z\n2026-11-22T12:40:07.500Z\n2026-11-22T13:40:07.123Z\n'
}

@test "an option overrides the field of a line" {
  local line='{"room":"own","user":"own","host":"own","key":"own","body":"x"}'
  CHAT_ROOM="env" sends "$line"
  assert_equal "$(chat-recv -r own -o '%r %u %h %k')" 'own own own own'
  echo "$line" | chat-send -J -r given -u me -k mine
  assert_equal "$(chat-recv -r given -o '%r %u %h %k')" 'given me own mine'
}

@test "with -k only one line is added, and with the field key alone every line is added" {
  sends '{"key":"k","body":"a"}' '{"key":"k","body":"b"}'
  assert_equal "$(chat-recv -a)" $'a\nb'
  printf '{"body":"a"}\n{"body":"b"}\n' | chat-send -J -k k
  assert_equal "$(chat-recv -a)" a
}

@test "-i prints the ids" {
  printf '{"room":"%s","body":"x"}\n' a b a >in
  chat-send -J -i <in >ids
  assert_bytes ids '1\n2\n3\n'
  assert_equal "$(chat-recv -a -r a -o '%i ')" '1 3 '
}

@test "-d and -x apply to every line" {
  printf '{"body":"%s"}\n' a b | chat-send -J -d 1h
  printf '{"body":"%s"}\n' a b | chat-send -J -x 2001-01-01
  assert_empty_room
}

@test "-m counts in the room of each message" {
  printf '{"room":"%s","body":"x"}\n' a b a b >in
  chat-send -J -m 2 <in
  capture chat-send -J -m 3 <in
  assert_error 75 "chat-send: room 'a' is full: it holds 3 messages; 2 messages were stored"
  run --separate-stderr chat-send -J -1 -m 9 <in
  assert_usage chat-send
  chat-send -J -1 -m 4 -r c <in
  chat-send -J -m 2 --drop -r c <in
  assert_equal "$(chat-recv -a -r c | wc -l)" 2
}

@test "-J -m -w waits for space in the room of the message" {
  printf '{"room":"%s","body":"%s"}\n' a 1 b 2 b 3 a 4 >in
  background chat-send -J -m 1 -w <in
  wait_until holds b 2
  wait_blocked "$BACKGROUND_PID"
  chat-recv -r b >/dev/null
  wait_until holds b 3
  wait_blocked "$BACKGROUND_PID"
  chat-recv -r a >/dev/null
  finish "$BACKGROUND_PID"
  assert_success
  holds a 4
}

holds() { [[ $(chat-recv -q -p -a -r "$1") == "$2" ]]; }

@test "a line can be received while the writer keeps the pipe open" {
  local input
  mkfifo pipe
  background bash -c 'exec chat-send -J <pipe'
  exec {input}>pipe
  echo '{"body":"one"}' >&"$input"
  wait_until holds main one
  printf '{"room":"x","bo' >&"$input"
  printf 'dy":"two"}\n' >&"$input"
  wait_until holds x two
  exec {input}>&-
  finish "$BACKGROUND_PID"
  assert_success
}

@test "10,000 messages keep their order" {
  perl -e 'print "{\"body\":\"$_\"}\n" for 1 .. 10000' | chat-send -J
  chat-recv -a | cmp <(seq 10000) -
}

@test "empty input sends no message and is not an error" {
  chat-send -J </dev/null
  chat-send -J1 </dev/null
  assert_empty_room
}

# ---------------------------------------------------------------- unreadable input

# refused LINE REASON: the line is refused as the third one. Messages before it are stored; with -1 no message is. The
# error is in $REFUSAL.
refused() {
  printf '{"body":"1"}\n{"body":"2"}\n%s\n{"body":"4"}\n' "$1" >in
  capture chat-send -J <in
  assert_error 65 "chat-send: line 3: $2"
  assert_regex "$stderr" '; 2 messages were stored$'
  REFUSAL=$stderr
  assert_equal "$(chat-recv -a)" $'1\n2'
  capture chat-send -J -1 <in
  assert_error 65 "chat-send: line 3: $2"
  assert_regex "$stderr" '; no message was stored$'
  assert_empty_room
}

@test "the error for a line that is not JSON names its number" {
  refused '{"body":"x"' ''
  refused '{"body":"x' ''
  refused '{"body":"x"} {"body":"y"}' ''
  refused '{"body":"x"}}' ''
  refused '{body:"x"}' ''
  refused "{'body':'x'}" ''
  refused '{"body":"x",}' ''
  refused '{"body":"a	b"}' ''
  refused $'{"body":"\xff"}' ''
  refused $'{"body":"\xed\xa0\x80"}' ''
  refused '{"body":"\ud800"}' ''
  refused '{"body":"\x41"}' ''
  refused $'\ufeff{"body":"x"}' ''
  refused 'hello' ''
  refused '{"body":"x","body":"y"}' 'duplicate object key'
  refused '{"a\u0000b":1,"body":"y"}' 'NUL byte in object key'
}

@test "an empty line is refused" {
  refused '' 'it is empty'
  refused '  ' ''
}

@test "a line that is not an object is refused" {
  local line
  for line in '[]' '["body"]' '"body"' 1 -1.5 true null '[{"body":"x"}]'; do
    refused "$line" 'not a JSON object'
  done
}

@test "deeply nested JSON is refused" {
  refused "$(perl -e 'print "[" x 100000')" 'maximum parsing depth'
  refused "$(perl -e 'print "{\"body\":\"x\",\"a\":", "[" x 100000, "]" x 100000, "}"')" 'maximum parsing depth'
}

@test "a NUL byte in a line is refused" {
  printf '{"body":"a\0b"}\n' >in
  capture chat-send -J <in
  assert_error 65 'chat-send: line 1: '
  assert_empty_room
}

@test "a missing body and a second body are refused" {
  refused '{}' "'body' is missing"
  refused '{"room":"x"}' "'body' is missing"
  refused '{"body":"x","body_base64":"eA=="}' "'body' and 'body_base64' exclude each other"
  refused '{"body":null,"body_base64":"eA=="}' "'body' and 'body_base64' exclude each other"
}

@test "wrong types are refused" {
  local name value
  for value in 1 null true '[]' '{}' 1.5; do
    refused "{\"body\":$value}" "'body' is not a string"
    refused "{\"body_base64\":$value}" "'body_base64' is not a string"
  done
  for name in room user host time key; do
    refused "{\"body\":\"x\",\"$name\":1}" "'$name' is not a string"
    refused "{\"body\":\"x\",\"$name\":\"a\\u0000b\"}" "'$name' has a NUL byte"
  done
  refused '{"body":"x","room":null}' "'room' is not a string"
}

@test "bad base64 is refused" {
  local text
  for text in e eA eA= 'eA== ' ' eA==' '====' 'e===' '=eA=' 'eA==eA==' 'eB==' 'eHl=' 'eA-_' 'e\nA=' 'eA==\u0000' 'eHh4=' 'é==='; do
    refused "{\"body_base64\":\"$text\"}" "'body_base64' is not base64"
  done
  sends '{"body_base64":""}' '{"body_base64":"eA=="}' '{"body_base64":"eHk="}' '{"body_base64":"eHh4"}' '{"body_base64":"+/+/"}'
  capture chat-recv -a0
  assert_bytes stdout '\0x\0xy\0xxx\0\xfb\xff\xbf\0'
}

@test "bad names and times are refused" {
  local text long
  long=$(printf 'x%.0s' {1..256})
  for text in '' -x .x a/b/c a/ /b 'a\nb' 'a\u0085b' "$long"; do
    refused "{\"body\":\"x\",\"room\":\"$text\"}" "'"
    assert_regex "$REFUSAL" "cannot name a room;"
  done
  for text in '' 'a\nb' '\u007f' "$long"; do
    refused "{\"body\":\"x\",\"user\":\"$text\"}" "'"
    assert_regex "$REFUSAL" "cannot be a sender;"
    refused "{\"body\":\"x\",\"host\":\"$text\"}" "'"
    assert_regex "$REFUSAL" "cannot be a host;"
    refused "{\"body\":\"x\",\"key\":\"$text\"}" "'"
    assert_regex "$REFUSAL" "cannot be a key;"
  done
  for text in '' now 1h 90 2026-13-01T00:00:00Z 2026-02-30T00:00:00Z 2026-11-22T25:00:00Z 2026-11-22T13:40:07X 2026-11-22T13:40:07Zx; do
    refused "{\"body\":\"x\",\"time\":\"$text\"}" "'$text' is not a time"
  done
}

@test "an error shows nothing of a line that could control a terminal" {
  printf '{"body":"x","room":"\\u001b]0;x\\u0007/"}\n\033[2J\n' >in
  capture chat-send -J <in
  assert_error 65 "chat-send: line 1: '\\x1b]0;x\\x07/' cannot name a room"
  printf '\033[2J\n' >in
  capture chat-send -J <in
  assert_error 65 'chat-send: line 1: '
  perl -C -ne 'chomp; exit 1 if /[\x00-\x1f\x7f-\x9f]/' stderr
}

@test "the line number in an error is right far into the input" {
  { perl -e 'print "{\"body\":\"$_\"}\n" for 1 .. 20000'; echo '{"body":1}'; } >in
  capture chat-send -J <in
  assert_error 65 "chat-send: line 20001: 'body' is not a string; 20000 messages were stored"
  assert_equal "$(chat-recv -a | wc -l)" 20000
}

@test "thousands of messages in one transaction keep their room, sender, host, key, time and body" {
  perl -e 'for (1 .. 3000) {
    my $body = $_ % 7 ? "b" x ($_ % 50) : $_ % 5 ? "" : "long " x (700 + $_ % 300 + ($_ % 35 ? 0 : 20000));
    printf "{\"room\":\"%s\",\"user\":\"u%d\",\"host\":\"h%d\",\"time\":\"2026-11-22T13:40:%02d.%03dZ\",%s\"body\":\"%s\"}\n",
      $_ % 100 < 60 ? "main" : "room" . $_ % 3, $_ % 4, $_ / 50, $_ % 60, $_ % 1000, $_ % 11 ? "" : "\"key\":\"k$_\",", $body }' >in
  chat-send -J -1 <in
  for room in main room0 room1 room2; do
    chat-recv -a -j -r "$room" | sed -E 's/"id":[0-9]+,//; s/"attempts":0,//; s/"key":null,//' >"seen.$room"
    grep "^{\"room\":\"$room\"" in | cmp - "seen.$room"
  done
}

@test "-J -1 sends all lines or none, from a pipe and from a file" {
  printf '{"room":"%s","body":"x"}\n' a b c >in
  chat-send -J -1 <in
  chat-send -J1 < <(cat in)
  assert_equal "$(chat-recv -a -r c -o %b)" xx
  { cat in; echo '{"body":'; } >bad
  capture bash -c 'cat bad | chat-send -J1'
  assert_error 65 'chat-send: line 4: '
  assert_equal "$(chat-recv -a -r a -o %b)" xx
}

@test "-J excludes -l and -0, and accepts no arguments and no file" {
  local other
  for other in -l -0 '-f x' word '-- word'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-send -J $other </dev/null
    assert_usage chat-send
  done
}

@test "messages of two hosts and two senders in one stream keep their own host, sender and checksum" {
  seq 200 | awk '{ printf "{\"user\":\"%s\",\"host\":\"%s\",\"body\":\"%d\"}\n", $1 % 50 < 40 ? "u" : "v", int($1 / 3) % 2 ? "one" : "two", $1 }' >lines
  chat-send -q -J <lines
  run -0 chat-recv -a -o '{"user":"%u","host":"%h","body":"%b"}\n'
  assert_output "$(<lines)"
}
