#!/usr/bin/env bats
# chat-spool move and delete: which messages move or are deleted, which stay, and when the user is asked.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup() {
  chat_setup
  # A command that reports its start, and ends with the given status once the file "go" is there.
  { echo "#!$BASH" && cat; } >hold <<'HOLD'
echo $$ >>pids
echo "$CHAT_ID" >>started
exec {silence}<> <(:)
for ((i = 0; i < 1500; i++)); do
  [[ ! -e go ]] || exit "${1:-0}"
  read -r -t 0.02 -u "$silence"
done
HOLD
  chmod +x hold
  touch started pids
}

# Commands survive a chat-recv that was killed.
teardown() {
  chat_teardown
  xargs -r kill -KILL <pids 2>/dev/null || true
}

# started COUNT: COUNT commands have begun (for wait_until).
started() { (($(wc -l <started) >= $1)); }

# holds ROOM FORMAT: these are the ready messages of the room with their failed attempts; nothing is taken.
holds() {
  chat-recv -qpa -r "$1" -o '%b:%n\n' >held || [[ $? == 1 ]]
  assert_bytes held "$2"
}

# expired ID: let the message expire.
expired() { chat-spool show -i "$1" | grep -q '^State: *expired'; }

# ---------------------------------------------------------------- move

@test "move appends all messages to the other room in order, and reports how many" {
  seq 5 | chat-send -l -r from
  printf 'a\nb\n' | chat-send -l -r to
  run --separate-stderr -0 chat-spool move from to
  assert_output '5 messages moved'
  assert_stderr ''
  holds from ''
  holds to 'a:0\nb:0\n1:0\n2:0\n3:0\n4:0\n5:0\n'
  chat-send -r to last
  run -0 chat-recv -a -r to
  assert_output $'a\nb\n1\n2\n3\n4\n5\nlast'
  sound
}

@test "move keeps the sender, time, key, expiry and bytes of a message" {
  local before
  printf 'a\0\xff\n\n' >body
  chat-send -r from -u alice -k daily -x 2099-01-01 -f body
  chat-send -r from ''
  before=$(ask 'SELECT id, sent, sender, host, key, expires, hex(body) FROM message ORDER BY id')
  chat-spool move -q from to
  assert_equal "$(ask 'SELECT id, sent, sender, host, key, expires, hex(body) FROM message ORDER BY id')" "$before"
  # The key applies in the message's new room.
  run -0 chat-send -r to -k daily -i again
  assert_output 1
  run -0 chat-send -r from -k daily -i again
  refute_output 1
  chat-recv -n -r to | cmp body -
}

@test "move resets the failed attempts, so dead messages can be retried" {
  printf '%s\n' a b | chat-send -l -r jobs
  run -123 chat-recv -a -r jobs --tries 1 -- false
  assert_empty_room jobs
  run -0 chat-spool move jobs.dead jobs
  assert_output '2 messages moved'
  run -0 chat-recv -a -r jobs -- sh -c 'cat; echo " $CHAT_ATTEMPT"'
  assert_output $'a 1\nb 1'
  assert_empty_room jobs
  assert_empty_room jobs.dead
}

@test "a held back message is ready in the other room, and a delayed one stays delayed" {
  chat-send -r from held
  run -123 chat-recv -r from --backoff 1h -- false
  chat-send -r from -d 1h delayed
  chat-send -r from -d 3 'soon due'
  chat-send -r from ready
  run -0 chat-spool move from to
  assert_output '4 messages moved'
  holds to 'ready:0\nheld:0\n'
  run -0 chat-recv -r to
  run -0 chat-recv -r to
  run -0 timeout 20 chat-recv -w -r to
  assert_output 'soon due'
  assert_empty_room to
  run -0 chat-spool show -j to
  assert_output --partial '"body":"delayed"'
  run -1 chat-spool show from
  sound
}

@test "an id that is given twice counts as one message" {
  printf '%s\n' one two three | chat-send -l -r from
  run --separate-stderr -0 chat-spool move -i 1 -i 1 to
  assert_output '1 message moved'
  run --separate-stderr -0 chat-spool delete -y -i 2 -i 3 -i 2
  assert_output '2 messages deleted'
  assert_stderr ''
}

@test "move reports a room in which all messages are claimed in one line" {
  chat-send -r from one
  background chat-recv -r from -- ./hold
  wait_until started 1
  run --separate-stderr -1 chat-spool move from to
  assert_equal "$output$stderr" 'chat-spool: 1 message is claimed and stays'
  touch go
  finish "$BACKGROUND_PID"
  assert_success
}

@test "claimed messages stay, and move reports them" {
  printf '%s\n' one two three four | chat-send -l -r from
  background chat-recv -F -P 2 -r from -- ./hold 75
  wait_until started 2
  run --separate-stderr -0 chat-spool move from to
  assert_output '2 messages moved'
  assert_stderr 'chat-spool: 2 messages are claimed and stay'
  holds to 'three:0\nfour:0\n'
  run --separate-stderr chat-spool move from to
  assert_error 1 'chat-spool: 2 messages are claimed and stay'
  # The receivers that have claimed them finish their work.
  touch go
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  run -0 chat-spool move from to
  assert_output '2 messages moved'
  sound
}

@test "move -i moves the messages with these ids from any room" {
  printf '%s\n' one two three | chat-send -l -r a
  printf '%s\n' four five | chat-send -l -r b
  run --separate-stderr -0 chat-spool move -i 2 to
  assert_output --regexp '^1 messages? moved$'
  run --separate-stderr -0 chat-spool move -i 5 --id 1 to
  assert_output '2 messages moved'
  run -0 chat-recv -a -r a
  assert_output three
  run -0 chat-recv -a -r b
  assert_output four
  run -0 bash -c 'chat-recv -a -r to | sort'
  assert_output $'five\none\ntwo'
}

@test "move -i moves a delayed or held back message" {
  chat-send -r a held
  run -123 chat-recv -r a --backoff 1h -- false
  chat-send -r a -d 1h delayed
  run -0 chat-spool move -i 1 to
  run -0 chat-spool move -i 2 to
  holds to 'held:0\n'
  run -0 chat-spool show -i 2
  assert_line --regexp '^Room: +to$'
  assert_line --regexp '^State: +delayed$'
}

@test "move -i exits with 75 for a claimed message and with 1 for a missing one, and names it" {
  chat-send -r a one
  background chat-recv -r a -- ./hold
  wait_until started 1
  run --separate-stderr chat-spool move -i 1 to
  assert_error 75 'chat-spool: message 1 is claimed'
  run --separate-stderr chat-spool move -i 7 to
  assert_error 1 'chat-spool: No message 7'
  # With several, the worst problem decides, whichever comes first.
  chat-send -r a two
  chat-send -r a three
  run --separate-stderr -75 chat-spool move -i 7 -i 2 -i 1 to
  assert_output '1 message moved'
  assert_stderr $'chat-spool: No message 7\nchat-spool: message 1 is claimed'
  run --separate-stderr -75 chat-spool move -i 1 -i 7 -i 3 to
  assert_output '1 message moved'
  assert_stderr $'chat-spool: message 1 is claimed\nchat-spool: No message 7'
  run --separate-stderr -1 chat-spool move -i 2 -i 7 to
  assert_output '1 message moved'
  run -0 chat-recv -a -r to
  assert_output $'three\ntwo'
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  run --separate-stderr chat-spool move -i 1 to
  assert_error 1 'chat-spool: No message 1'
  assert_empty_room to
}

@test "move wakes a receiver that waits in the other room" {
  chat-send -r from one
  chat-send -r from two
  background chat-recv -w -c 2 -r to >out
  wait_blocked "$BACKGROUND_PID"
  chat-spool move from to
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'one\ntwo\n'
  local id
  id=$(chat-send -r from -i three)
  background chat-recv -w -r to >out
  wait_blocked "$BACKGROUND_PID"
  chat-spool move -i "$id" to
  finish "$BACKGROUND_PID"
  assert_bytes out 'three\n'
}

@test "move wakes a sender that waits for space in the first room" {
  printf '%s\n' one two | chat-send -l -r from
  background chat-send -r from -m 2 -w three
  wait_blocked "$BACKGROUND_PID"
  chat-spool move from to
  finish "$BACKGROUND_PID"
  assert_success
  holds from 'three:0\n'
}

@test "move -q prints nothing, and move from an empty room exits with 1" {
  chat-send -r from one
  run --separate-stderr -0 chat-spool move -q from to
  assert_equal "$output$stderr" ''
  run --separate-stderr chat-spool move from to
  assert_error 1 "chat-spool: No messages in room 'from'"
  run --separate-stderr chat-spool move -s nowhere/spool.db from to
  assert_error 1 "chat-spool: No messages in room 'from'"
  assert_not_exist nowhere
}

@test "a move that makes no sense is refused with 64, and nothing is moved" {
  local words problem
  seq 3 | chat-send -l -r a
  while IFS=: read -r words problem; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool move $words
    assert_equal "$words: $status" "$words: 64"
    assert_usage chat-spool
    assert_equal "$words: ${stderr%%$'\n'*}" "$words: chat-spool: $problem"
  done <<'END'
a a:the two rooms are the same
a:two rooms are needed, to move from and to
:two rooms are needed, to move from and to
a b c:unexpected argument 'c'
-i 1:a room to move to is needed
-i 1 a b:unexpected argument 'b'
-i x b:option '-i' needs a positive number, not 'x'
-i 0 b:option '-i' needs a positive number, not '0'
-i -1 b:option '-i' needs a positive number, not '-1'
END
  for words in 'a -b' 'a .b' 'a b/c/d'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool move $words
    assert_equal "$words: $status" "$words: 64"
    assert_usage chat-spool
  done
  run --separate-stderr chat-spool move '' b
  assert_usage chat-spool
  run --separate-stderr chat-spool move a ''
  assert_usage chat-spool
  holds a '1:0\n2:0\n3:0\n'
}

@test "messages that arrive during a move stay, and move keeps each of 20,000 messages once and in order" {
  seq 20000 | chat-send -l -r from
  background bash -c 'n=20000; until [[ -e stop ]]; do n=$((n + 1)); chat-send -r from "$n"; done; echo "$n" >last'
  chat-spool move from to
  touch stop
  finish "$BACKGROUND_PID"
  chat-recv -a -r to >moved
  chat-recv -qa -r from >left || [[ $? == 1 ]]
  cat moved left | cmp - <(seq "$(cat last)")
  assert [ "$(wc -l <moved)" -ge 20000 ]
}

@test "concurrent moves and receivers deliver each message once" {
  local i pids=() receivers=()
  seq 3000 | chat-send -l -r a
  for i in 1 2; do
    background bash -c 'until [[ -e stop ]]; do chat-spool move -q a b; chat-spool move -q b a; done 2>/dev/null'
    pids+=("$BACKGROUND_PID")
    background bash -c 'n=0; until [[ -e stop ]]; do chat-recv -q -r a -r b -c 7; chat-recv -q -r b -r a; done >"out$1"' receiver "$i"
    receivers+=("$BACKGROUND_PID")
  done
  wait_until eval '(($(cat out1 out2 | wc -l) >= 200))'
  touch stop
  for i in "${pids[@]}" "${receivers[@]}"; do finish "$i"; done
  chat-recv -qa -r a >rest || [[ $? == 1 ]]
  chat-recv -qa -r b >>rest || [[ $? == 1 ]]
  sort -n out1 out2 rest | cmp - <(seq 3000)
  sound
}

@test "move, move --first and delete skip a damaged message, report it and exit with 65" {
  local command
  unsound 'stays damaged'
  seq 3 | chat-send -l -r from
  chat-send -r to last
  sqlite3 "$SPOOL" "UPDATE message SET body = x'99' WHERE position & 0xffffffffff = 2"
  for command in 'move from to' 'move -i 1 -i 2 -i 3 to' 'move --first from to' 'delete -y from'; do
    rm -rf before && cp -a "${SPOOL%/*}" before
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool $command
    assert_equal "$command: $status" "$command: 65"
    assert_regex "$output" '^2 messages (moved|deleted)$'
    assert_stderr "chat-spool: message 2 in room 'from' was damaged, and is in room 'damaged' now"
    case $command in
      *first*) holds to '1:0\n3:0\nlast:0\n' ;;
      move*) holds to 'last:0\n1:0\n3:0\n' ;;
      *) holds to 'last:0\n' ;;
    esac
    rm -rf "${SPOOL%/*}" && mv before "${SPOOL%/*}"
  done
}

# ---------------------------------------------------------------- move --first

@test "move --first puts messages at the front of the room in order, and they are received first" {
  seq 10 | chat-send -l -r other
  chat-recv -q -a -r other >/dev/null
  printf 'a\nb\n' | chat-send -l -r to
  seq 5 | chat-send -l -r from
  run --separate-stderr -0 chat-spool move --first from to
  assert_output '5 messages moved'
  assert_stderr ''
  holds to '1:0\n2:0\n3:0\n4:0\n5:0\na:0\nb:0\n'
  chat-send -r to last
  run -0 chat-spool move --first -i "$(chat-recv -p -a -r to -o '%i:%b\n' | sed -n 's/:b$//p')" to
  run -0 chat-recv -a -r to
  assert_output $'b\n1\n2\n3\n4\n5\na\nlast'
  sound
}

@test "move --first works in a new spool, too, where it has to give all messages new positions" {
  local n ids
  printf '%s\n' a b c | chat-send -l -r to
  ids=$(chat-recv -p -a -r to -o '%i' | tr -d '\n')
  for n in 1 2 3; do
    chat-send -r from "$n"
    chat-spool move -q --first from to
  done
  holds to '3:0\n2:0\n1:0\na:0\nb:0\nc:0\n'
  assert_equal "$(chat-recv -p -a -r to -o '%i:%b\n' | sed -n 's/:[abc]$//p' | tr -d '\n')" "$ids"
  chat-send -r from 4
  chat-spool move --first from new
  holds new '4:0\n'
  sound
}

@test "move --first puts messages behind a claimed one, which stays claimed, and before a held back one" {
  printf '%s\n' a b c | chat-send -l -r to
  run -123 chat-recv -q -c 1 --backoff 1h -r to -- false
  background chat-recv -r to -- ./hold
  wait_until started 1
  chat-send -r from first
  chat-spool move -q --first from to
  run -0 chat-recv -p -a -r to
  assert_output $'first\nc'
  run -0 sh -c 'chat-spool show to -j | sed "s/.*\"place\":\([0-9]*\),.*\"body\":\(.*\)}/\1 \2/" | sort -n | cut -d" " -f2'
  assert_output --regexp '^("b"
)?"first"
("b"
)?"a"
("b"
)?"c"$'
  chat-spool move -q -i "$(chat-spool show to -j | sed -n 's/^{"id":\([0-9]*\),.*"body":"a".*/\1/p')" aside
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  holds to 'first:0\nc:0\n'
  sound
}

@test "move --first keeps the order of many messages, and of ids as they are given" {
  local first second
  seq 3000 | chat-send -l -r from
  chat-send -r to last
  chat-spool move -q --first from to
  run -0 chat-recv -a -r to
  assert_output "$(seq 3000; echo last)"
  chat-send -r to last
  first=$(chat-send -i -r from one)
  second=$(chat-send -i -r elsewhere two)
  run -0 chat-spool move --first -i "$first" -i "$second" to
  assert_output '2 messages moved'
  run -0 chat-recv -a -r to
  assert_output $'one\ntwo\nlast'
}

@test "move --first wakes a waiting receiver, and a delayed message stays delayed" {
  background chat-recv -w -r to
  wait_blocked "$BACKGROUND_PID"
  chat-send -r from hello
  chat-spool move -q --first from to
  finish "$BACKGROUND_PID"
  assert_success
  chat-send -r to -d 1h later
  chat-send -r from -d 1h delayed
  chat-spool move --first from to
  assert_empty_room to
  assert_equal "$(chat-spool list to -j | grep -o '"delayed":[0-9]*')" '"delayed":2'
}

# ---------------------------------------------------------------- delete

# sent TIME ROOM BODY: send a message with that time.
sent() { echo "{\"time\":\"$1\",\"body\":\"$3\"}" | chat-send -J -r "$2"; }

@test "delete --older-than deletes messages sent before a time, wherever they are in the room" {
  chat-send -r jobs new1
  sent 2020-01-01 jobs old1
  chat-send -r jobs new2
  sent 2020-01-01T12:00Z jobs old2
  sent 1950-01-01 jobs old3
  chat-send -r jobs -d 1h new3
  echo '{"time":"2020-01-01","body":"old4"}' | chat-send -J -r jobs -d 1h
  run --separate-stderr -0 chat-spool delete -y --older-than 7d jobs
  assert_output '4 messages deleted'
  assert_stderr ''
  assert_equal "$(chat-spool show jobs -j | grep -o '"body":"[^"]*"' | tr '\n' ' ')" '"body":"new1" "body":"new2" "body":"new3" '
  run --separate-stderr -1 chat-spool delete -y --older-than 7d jobs
  assert_equal "$stderr" "chat-spool: No messages in room 'jobs' are older than 7d"
  sent 2020-01-01 jobs old1
  sent 2020-01-03 jobs old2
  run -0 chat-spool delete -y --older-than 2020-01-02 jobs
  assert_output '1 message deleted'
  run -0 chat-recv -a -r jobs
  assert_output $'new1\nnew2\nold2'
  sound
}

@test "delete --older-than deletes thousands of messages and leaves thousands" {
  { seq -f '{"time":"2020-01-01","body":"%g"}' 3000; seq -f '{"body":"%g"}' 3000; } | shuf --random-source=<(yes) | chat-send -J -r jobs
  chat-spool move -q jobs dead
  run -0 chat-spool delete -y --older-than 1d dead
  assert_output '3000 messages deleted'
  run -0 chat-spool list dead -j
  assert_output --partial '"depth":3000,'
  run -1 chat-spool delete -y --older-than 1d dead
}

@test "delete --older-than leaves and reports a claimed message, and asks like delete" {
  sent 2020-01-01 jobs old1
  sent 2020-01-01 jobs old2
  background chat-recv -r jobs -- ./hold
  wait_until started 1
  run --separate-stderr -64 chat-spool delete --older-than 1d jobs </dev/null
  run --separate-stderr -0 chat-spool delete -y --older-than 1d jobs
  assert_output '1 message deleted'
  assert_stderr 'chat-spool: 1 message is claimed and stays'
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  for options in '--older-than 1x jobs' '--older-than= jobs' '--older-than 20200101 jobs'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-spool delete -y $options
    assert_usage chat-spool
    assert_regex "$stderr" "^chat-spool: option '--older-than'"
    # The option is read before the spool is opened.
    # shellcheck disable=SC2086
    run -64 chat-spool delete -y -s /dev/null/spool.db $options
  done
  run --separate-stderr chat-spool delete -y --older-than 1d -i 1
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: options '-i' and '--older-than' exclude each other"
  run --separate-stderr chat-spool delete -y --older-than 1d
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: a room or '-i ID' is required"
}

@test "delete -y deletes all messages of a room, including delayed and held ones, and reports how many" {
  printf '%s\n' held two | chat-send -l -r jobs
  run -123 chat-recv -r jobs --backoff 1h -- false
  chat-send -r jobs -d 1h delayed
  chat-send -r other stays
  run --separate-stderr -0 chat-spool delete -y jobs
  assert_output '3 messages deleted'
  assert_stderr ''
  run -1 chat-spool show jobs
  run -0 chat-recv -r other
  assert_output stays
  sound
}

@test "delete -y deletes held messages in a row and between others" {
  seq 6 | chat-send -l -r jobs
  run -123 chat-recv -r jobs -c 4 --backoff 1h -- sh -c '! grep -q "[234]"'
  seq 3 | chat-send -l -r jobs
  sound "$SPOOL"
  run -0 --separate-stderr chat-spool delete -y jobs
  assert_output '8 messages deleted'
  assert_empty_room jobs
  run -0 ask 'SELECT count(*) FROM message'
  assert_output 0
  sound "$SPOOL"
}

@test "delete --yes -q prints nothing, and delete of an empty room exits with 1" {
  chat-send -r jobs one
  run --separate-stderr -0 chat-spool delete --yes --quiet jobs
  assert_equal "$output$stderr" ''
  run --separate-stderr chat-spool delete -y jobs
  assert_error 1 "chat-spool: No messages in room 'jobs'"
  run --separate-stderr chat-spool delete -y -s nowhere/spool.db jobs
  assert_error 1 "chat-spool: No messages in room 'jobs'"
  assert_not_exist nowhere
}

@test "delete -i deletes the messages with these ids" {
  printf '%s\n' one two three four | chat-send -l -r a
  chat-send -r b -d 1h five
  run -0 chat-spool delete -y -i 2
  assert_output --regexp '^1 messages? deleted$'
  run -0 chat-spool delete -y -i 5 --id 1
  assert_output '2 messages deleted'
  run --separate-stderr chat-spool delete -y -i 1
  assert_error 1 'chat-spool: No message 1'
  run -0 chat-recv -a -r a
  assert_output $'three\nfour'
  run -1 chat-spool show b
}

@test "delete leaves claimed messages" {
  printf '%s\n' one two three | chat-send -l
  background chat-recv -- ./hold 75
  wait_until started 1
  run --separate-stderr -0 chat-spool delete -y main
  assert_output '2 messages deleted'
  assert_stderr 'chat-spool: 1 message is claimed and stays'
  run --separate-stderr chat-spool delete -y -i 1
  assert_error 75 'chat-spool: message 1 is claimed'
  touch go
  finish "$BACKGROUND_PID"
  run -0 chat-recv -a
  assert_output one
}

@test "without a terminal and without -y delete is refused with 64, and nothing is deleted" {
  seq 3 | chat-send -l -r jobs
  for command in 'delete jobs' 'delete -i 1' 'delete -q jobs'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-spool $command </dev/null
    assert_usage chat-spool
    [[ $stderr == *-y* ]]
    run --separate-stderr bash -c "yes | chat-spool $command"
    assert_usage chat-spool
    run --separate-stderr bash -c "chat-spool $command <&-"
    assert_usage chat-spool
  done
  holds jobs '1:0\n2:0\n3:0\n'
}

@test "on a terminal delete asks, and y means yes" {
  local answer
  for answer in y Y yes YES; do
    seq 12 | chat-send -l -r jobs
    on_terminal chat-spool delete jobs >seen <<<"$answer"
    run -0 cat seen
    assert_output --partial "Delete 12 messages of room 'jobs'? [y/N] "
    assert_output --partial '12 messages deleted'
    assert_empty_room jobs
  done
}

@test "the question does not count claimed messages, which stay" {
  seq 3 | chat-send -l
  background chat-recv -- ./hold 75
  wait_until started 1
  run -0 on_terminal chat-spool delete main <<<y
  assert_output --partial "Delete 2 messages of room 'main'? [y/N] "
  assert_output --partial '2 messages deleted'
  # If all messages are claimed, there is no question.
  run -1 on_terminal chat-spool delete main </dev/null
  refute_output --partial '[y/N]'
  assert_output --partial '1 message is claimed and stays'
}

@test "delete asks on standard error" {
  seq 2 | chat-send -l -r jobs
  on_terminal bash -c 'chat-spool delete jobs 2>question' >seen <<<y
  run -0 cat question
  assert_output --partial "Delete 2 messages of room 'jobs'? [y/N] "
  assert_bytes seen '2 messages deleted\n'
}

@test "on a terminal any other answer deletes nothing and exits with 1" {
  local answer
  seq 3 | chat-send -l -r jobs
  for answer in n '' no x nyes 'yy' ' '; do
    run on_terminal chat-spool delete jobs <<<"$answer"
    assert_equal "'$answer': $status" "'$answer': 1"
    assert_output "Delete 3 messages of room 'jobs'? [y/N] chat-spool: nothing deleted"
  done
  run on_terminal chat-spool delete jobs </dev/null
  assert_equal "$status" 1
  assert_output $'Delete 3 messages of room \'jobs\'? [y/N] \nchat-spool: nothing deleted'
  run on_terminal chat-spool delete -i 1 <<<n
  assert_equal "$status" 1
  assert_output 'Delete 1 message? [y/N] chat-spool: nothing deleted'
  run on_terminal chat-spool delete -i 1 -i 3 <<<n
  assert_output 'Delete 2 messages? [y/N] chat-spool: nothing deleted'
  holds jobs '1:0\n2:0\n3:0\n'
}

@test "on a terminal delete does not ask with -y, nor if there is nothing to delete" {
  seq 3 | chat-send -l -r jobs
  on_terminal chat-spool delete -y jobs >seen </dev/null
  assert_bytes seen '3 messages deleted\n'
  run on_terminal chat-spool delete jobs </dev/null
  assert_equal "$status" 1
  refute_output --partial '[y/N]'
}

@test "a message that arrives during the question is not deleted" {
  seq 2 | chat-send -l -r jobs
  mkfifo typing
  exec {typing}<>typing
  background script --quiet --return --flush --echo never --command 'chat-spool delete jobs' /dev/null <typing >screen 2>&1
  wait_until grep -q 'y/N' screen
  chat-send -r jobs new
  echo y >&"$typing"
  finish "$BACKGROUND_PID"
  assert_success
  holds jobs 'new:0\n'
}

@test "a delete that makes no sense is refused with 64, and nothing is deleted" {
  local words
  seq 3 | chat-send -l -r a
  run --separate-stderr chat-spool delete -y
  assert_equal "${stderr%%$'\n'*}" "chat-spool: a room or '-i ID' is required"
  for words in '' 'a b' '-i' '-i x' '-i 0' '-i -5' '-i 1 a' '.a' '/a'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool delete -y $words
    assert_equal "$words: $status" "$words: 64"
    assert_usage chat-spool
  done
  holds a '1:0\n2:0\n3:0\n'
}

@test "an expired message can be moved and deleted" {
  chat-send -x 0.1 one
  chat-send -x 0.1 two
  chat-send stays
  wait_until expired 2
  run chat-spool move -i 1 to
  [[ $status == 0 || $output == *'No message 1'* ]]
  run chat-spool delete -y -i 2
  [[ $status == 0 || $output == *'No message 2'* ]]
  run -0 chat-recv -a
  assert_output stays
  assert_empty_room to
  sound
}

@test "a move and a delete whose report cannot be written exit with 74" {
  seq 3 | chat-send -l -r a
  run --separate-stderr bash -c 'chat-spool move a b >/dev/full'
  assert_error 74 'chat-spool: '
  run --separate-stderr bash -c 'chat-spool move a b >&-'
  assert_equal "$status" 74
  chat-send -r b more
  run --separate-stderr bash -c 'chat-spool delete -y b >/dev/full'
  assert_error 74 'chat-spool: '
}

# ---------------------------------------------------------------- requeue

@test "requeue moves the dead messages of a room back and resets their attempts" {
  local id
  id=$(chat-send -i -r jobs -k key job)
  run -123 chat-recv -r jobs --tries 1 -- false
  run -0 chat-spool requeue jobs
  assert_output '1 message requeued'
  assert_equal "$(chat-recv -p -r jobs -o '%i %k %n %b')" "$id key 0 job"
  run -123 chat-recv -r jobs --tries 1 -- false
  run -0 chat-spool requeue -q jobs.dead
  assert_output ''
  assert_equal "$(chat-recv -r jobs)" job
}

@test "requeue without dead messages exits with 1 and names the room that it looked at" {
  run --separate-stderr chat-spool requeue jobs
  assert_error 1 "chat-spool: No messages in room 'jobs.dead'"
  run --separate-stderr chat-spool requeue
  assert_usage chat-spool
  run --separate-stderr chat-spool requeue a b
  assert_usage chat-spool
  run --separate-stderr chat-spool requeue "$(printf 'x%.0s' {1..251})"
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: '$(printf 'x%.0s' {1..251})' has no dead-letter room; move messages from another with 'chat-spool move'"
  run --separate-stderr chat-spool requeue "$(printf 'x%.0s' {1..250})"
  assert_error 1 "chat-spool: No messages in room '$(printf 'x%.0s' {1..250}).dead'"
  run --separate-stderr chat-spool requeue x.dead
  assert_error 1 "chat-spool: No messages in room 'x.dead'"
  run --separate-stderr chat-spool requeue a/.dead
  assert_usage chat-spool
  assert_not_exist "$SPOOL"
}
