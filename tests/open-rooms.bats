#!/usr/bin/env bats
# Open rooms and their readers: each reader gets every message, with all promises of a plain room.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154

load helper

# reader ROOM NAME FIELD: print the field from chat-spool readers -j.
reader() { chat-spool readers -j "$1" | jq -r --arg name "$2" "select(.reader == \$name) | .$3"; }

# depth ROOM: print how many messages it contains.
depth() { chat-spool list -j "$1" | jq .depth; }

# ---------------------------------------------------------------- every reader gets every message

@test "each reader gets every message once" {
  chat-spool open tea
  chat-send -u alice -r tea 'The kettle is on.'
  run -0 chat-recv -r tea/bob
  assert_output 'The kettle is on.'
  run -0 chat-recv -r tea/carol -o '%u: %b\n'
  assert_output 'alice: The kettle is on.'
  run -1 chat-recv -r tea/bob
  assert_output "chat-recv: No new messages in room 'tea/bob'"
}

@test "a command runs for each reader, and a failed message stays for its reader only" {
  chat-spool open deploys
  chat-send -r deploys v1.2
  run -0 chat-recv -r deploys/web -- xargs echo installing
  assert_output 'installing v1.2'
  run -123 chat-recv -r deploys/db -- false
  run -0 chat-spool readers deploys
  assert_line --index 1 --regexp '^db +1 +0 +0 +0 +- '
  assert_line --index 2 --regexp '^web +0 +0 +0 +0 +- '
  run -0 chat-recv -r deploys/db
  assert_output v1.2
}

@test "receivers with the same reader name share the reader's messages" {
  chat-spool open orders
  seq 6 | chat-send -l -r orders
  chat-recv -a -P 4 -r orders/mailer -- sh -c 'echo "mail $(cat)"' >mails
  assert_equal "$(sort mails)" "$(seq -f 'mail %.0f' 6)"
  run -0 chat-recv -a -r orders/audit
  assert_output "$(seq 6)"
  assert_equal "$(reader orders mailer unread)" 0
}

@test "a dead message of a reader goes to ROOM.NAME.dead and can be moved back to the reader" {
  chat-spool open orders
  seq 6 | chat-send -l -r orders
  run -123 chat-recv -q -a --tries 1 -r orders/billing -- sh -c 'test "$(cat)" != 4'
  assert_equal "$(depth orders.billing.dead)" 1
  run -0 chat-spool move orders.billing.dead orders/billing
  assert_output '1 message moved'
  run -0 chat-recv -r orders/billing
  assert_output 4
  run -0 chat-recv -a -r orders/other
  assert_output "$(seq 6)"
}

@test "requeue moves the dead messages of a reader back to the reader" {
  chat-spool open orders
  chat-send -r orders one
  run -123 chat-recv --tries 1 -r orders/billing -- false
  run -0 chat-spool requeue orders/billing
  assert_output '1 message requeued'
  run -0 chat-recv -r orders/billing
  assert_output one
}

@test "two readers hold the same message back, each in its own time" {
  chat-spool open jobs
  chat-send -r jobs one
  run -123 chat-recv --backoff 1h -r jobs/a -- false
  run -123 chat-recv --backoff 1h -r jobs/b -- false
  run -123 chat-recv --backoff 0.01s -r jobs/c -- false
  assert_equal "$(reader jobs a held) $(reader jobs b held)" '1 1'
  run -1 chat-recv -q -r jobs/a
  run -0 chat-recv -w -r jobs/c -- sh -c 'echo "$CHAT_ATTEMPT $CHAT_READER $(cat)"'
  assert_output '2 c one'
}

@test "a message that is deleted out of order is processed once, and the reader's other messages are not lost" {
  chat-spool open jobs
  seq 4 | chat-send -l -r jobs
  mkfifo gate
  background chat-recv -r jobs/a -- sh -c 'cat; cat gate'
  wait_until is_claimed jobs a 1
  run -0 chat-recv -c 2 -r jobs/a
  assert_output $'2\n3'
  assert_equal "$(reader jobs a unread)" 2
  echo >gate
  wait "$BACKGROUND_PID"
  run -0 chat-recv -a -r jobs/a
  assert_output 4
}

# is_claimed ROOM NAME COUNT: COUNT messages of the reader are claimed.
is_claimed() { [[ $(reader "$1" "$2" claimed) == "$3" ]]; }

@test "a message whose receiver is killed is received again before later ones" {
  chat-spool open jobs
  seq 3 | chat-send -l -r jobs
  background chat-recv -r jobs/a -- sleep 1000
  wait_until is_claimed jobs a 1
  run -0 chat-recv -r jobs/a
  assert_output 2
  kill -KILL "$BACKGROUND_PID"
  wait_until is_claimed jobs a 0
  run -0 chat-recv -a -r jobs/a
  assert_output $'1\n3'
}

@test "the environment of a command names the reader" {
  chat-spool open jobs
  chat-send -r jobs one
  run -0 chat-recv -r jobs/a -- sh -c 'echo "$CHAT_MESSAGE_ROOM $CHAT_READER $CHAT_MISSED"'
  assert_output 'jobs a 0'
  chat-send -r plain one
  run -0 chat-recv -r plain -- sh -c 'echo "${CHAT_READER-none}"'
  assert_output none
}

# ---------------------------------------------------------------- seek

@test "seek moves a reader to the start, the end, a time and a message" {
  chat-spool open orders
  seq 6 | chat-send -l -r orders
  chat-spool seek orders/late end
  run -1 chat-recv -q -r orders/late
  chat-spool seek orders/late start
  run -0 chat-recv -c 2 -r orders/late
  assert_output $'1\n2'
  chat-spool seek orders/late 2h
  run -0 chat-recv -r orders/late
  assert_output 1
  chat-spool seek -i 4 orders/late
  run -0 chat-recv -a -r orders/late
  assert_output $'5\n6'
  run -1 chat-spool seek -i 99 orders/late
  assert_output "chat-spool: room 'orders' does not keep message 99"
  chat-spool seek orders/late 2001-01-01
  run -0 chat-recv -r orders/late
  assert_output 1
  chat-spool seek orders/late 2199-01-01
  run -1 chat-recv -q -r orders/late
  run --separate-stderr chat-spool seek orders/late soon
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" \
    "chat-spool: 'soon' is not 'start', 'end', a time like 2026-11-22T13:40:07Z, or a duration like 2h"
  run --separate-stderr chat-spool seek -i 4 orders/late start
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: unexpected argument 'start'"
}

@test "seek to a duration continues with the messages sent since then" {
  local line='{"room":"news","user":"u","host":"h","time":"%s","body":"%s"}\n'
  chat-spool open news
  # shellcheck disable=SC2059  # a format is meant
  { printf "$line" "$(date -u -d '-3 hours' +%FT%TZ)" three && printf "$line" "$(date -u -d '-1 hour' +%FT%TZ)" one; } | chat-send -J
  chat-spool seek news/bob 2h
  run -0 chat-recv -p -a -r news/bob
  assert_output one
  chat-spool seek news/bob 4h
  run -0 chat-recv -p -a -r news/bob
  assert_output $'three\none'
  chat-spool seek news/bob "$(date -u -d '-2 hours' +%FT%TZ)"
  run -0 chat-recv -p -a -r news/bob
  assert_output one
}

@test "after seek a failed message is received once, and no message before the new position" {
  chat-spool open jobs
  seq 3 | chat-send -l -r jobs
  run -123 chat-recv -a -r jobs/a -- sh -c 'test "$(cat)" = 3'
  assert_equal "$(reader jobs a unread)" 2
  chat-spool seek -i 1 jobs/a
  run -0 chat-recv -a -r jobs/a
  assert_output $'2\n3'
  chat-spool seek jobs/a start
  run -0 chat-recv -a -r jobs/a
  assert_output $'1\n2\n3'
}

@test "a receiver whose reader is moved back while its command runs copies nothing" {
  chat-spool open jobs
  seq 500 | chat-send -l -r jobs
  chat-spool seek -i 499 jobs/a
  mkfifo gate
  background chat-recv -r jobs/a -- sh -c 'cat gate'
  wait_until is_claimed jobs a 1
  chat-spool seek jobs/a start
  echo >gate
  wait "$BACKGROUND_PID"
  assert_equal "$(ask "SELECT depth FROM room WHERE name = 'jobs/a'")" 0
  run -0 chat-recv -a -r jobs/a
  assert_output "$(seq 500)"
}

# ---------------------------------------------------------------- the limits of a room

@test "a room keeps the last messages, and reports to a slow reader how many it lost" {
  chat-spool open -k 2 -m 5 ticker
  chat-spool seek ticker/slow start
  seq 8 | chat-send -l -r ticker
  assert_equal "$(reader ticker slow missed)" 3
  run --separate-stderr -0 chat-recv -q -a -r ticker/slow
  assert_output "$(seq 4 8)"
  assert_equal "$stderr" "chat-recv: reader 'slow' of room 'ticker' missed 3 messages"
  assert_equal "$(depth ticker)" 2
  run -0 chat-recv -a -p -r ticker
  assert_output $'7\n8'
  seq 9 14 | chat-send -l -r ticker
  run --separate-stderr -0 chat-recv -a -r ticker/slow -- sh -c 'echo "$CHAT_MISSED"'
  assert_line --index 0 1
  assert_line --index 1 0
}

@test "a room without a reader keeps the last messages" {
  chat-spool open -k 10 ring
  seq 1000 | chat-send -l -r ring
  assert_equal "$(depth ring)" 10
  run -0 chat-recv -a -r ring/new
  assert_output "$(seq 991 1000)"
}

# bats test_tags=full
@test "a reader that was away for very many messages gets them all, or reports exactly how many it missed" {
  local many room
  many=$(dosed 20000 1000000)
  chat-spool open -k 10 -m 2000000 all
  chat-spool open -k 10 -m 1000 some
  for room in all some; do
    chat-spool seek "$room/away" start
    chat-spool seek "$room/here" start
    seq "$many" | chat-send -l -r "$room"
  done
  # A reader does not wait for one that is away.
  run -0 chat-recv -r all/here
  assert_output 1
  chat-recv -a -r all/away | cmp - <(seq "$many")
  chat-recv -a -r some/away 2>err >seen
  assert_equal "$(<err)" "chat-recv: reader 'away' of room 'some' missed $((many - $(wc -l <seen))) messages"
  cmp seen <(seq $((many - $(wc -l <seen) + 1)) "$many")
  assert [ "$(wc -l <seen)" -gt 900 ]
  assert [ "$(wc -l <seen)" -le 1000 ]
  chat-recv -a -r all/here >/dev/null
  assert [ "$(depth all)" -le 20 ]
}

@test "a message stays until the slowest reader has read it" {
  chat-spool open -k 0 tea
  chat-spool seek tea/slow start
  chat-spool seek tea/fast start
  seq 20 | chat-send -l -r tea
  run -0 chat-recv -a -r tea/fast
  assert_equal "$(depth tea)" 20
  run -0 chat-recv -c 5 -r tea/slow
  assert_output "$(seq 5)"
  assert_equal "$(depth tea)" 15
  chat-send -r tea 21
  run -0 chat-recv -a -r tea/slow
  assert_output "$(seq 6 21)"
  assert_equal "$(depth tea)" 1
  run -0 chat-recv -a -r tea/fast
  assert_equal "$(depth tea)" 0
}

@test "a message that a receiver processes when the room overruns is not lost" {
  chat-spool open -k 1 -m 2 jobs
  chat-send -r jobs one
  mkfifo gate
  background chat-recv --backoff 1h -r jobs/a -- sh -c 'cat gate; exit 1'
  wait_until is_claimed jobs a 1
  seq 5 | chat-send -l -r jobs
  assert_equal "$(reader jobs a missed)" 3
  echo >gate
  wait "$BACKGROUND_PID" || true
  assert_equal "$(reader jobs a held)" 1
  run -0 chat-recv -q -a -r jobs/a
  assert_line 4
  assert_line 5
}

@test "chat-send -m waits for the slowest reader, and --drop drops its unread messages" {
  chat-spool open -k 0 feed
  chat-spool seek feed/x start
  seq 9 >lines
  background sh -c 'chat-send -l -m 2 -w -r feed <lines'
  run -0 chat-recv -w -c 9 -r feed/x
  assert_output "$(seq 9)"
  wait "$BACKGROUND_PID"
  seq 2 | chat-send -l -r feed
  run -75 chat-send -m 2 -r feed 3
  assert_output "chat-send: room 'feed' is full: its slowest reader has not read 2 messages"
  chat-send -m 2 --drop -r feed 3
  run --separate-stderr -0 chat-recv -a -r feed/x
  assert_output $'2\n3'
  assert_equal "$stderr" "chat-recv: reader 'x' of room 'feed' missed 1 message"
}

@test "open changes the limits of an open room, and deletes messages above them" {
  local wrong
  chat-spool open tea
  seq 100 | chat-send -l -r tea
  assert_equal "$(depth tea)" 100
  chat-spool open -k 3 tea
  assert_equal "$(depth tea)" 3
  chat-spool open -m 2 tea
  assert_equal "$(depth tea)" 2
  for wrong in '-k 5 -m 2' '-k 2h -m 1h'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool open $wrong tea
    assert_usage chat-spool
    assert_equal "${stderr%%$'\n'*}" 'chat-spool: a room cannot keep more messages than it may hold'
  done
  run --separate-stderr chat-spool open -m 0 tea
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: option '-m' needs a positive number, not '0'"
  run --separate-stderr chat-spool open -m 0s tea
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" "chat-spool: option '-m' needs a time longer than 0"
  run -64 chat-spool open -k 1x tea
}

@test "open sets each limit to a number or a time, and leaves the other limit unless it is too low" {
  local options limits
  while IFS=: read -r options limits; do
    # shellcheck disable=SC2086  # words are meant
    chat-spool open $options tea
    # shellcheck disable=SC2086
    assert_equal "$options: $(chat-spool dump | grep '"open"' | cut -d , -f 2-5)" \
      "$options: $(printf '"keep":%s,"keep_time":%s,"max":%s,"max_time":%s' $limits)"
  done <<'END'
:1000 0 1000000 0
-k 5:5 0 1000000 0
-m 50:5 0 50 0
-m 3:3 0 3 0
-m 4:3 0 4 0
-k 2h:0 7200000 4 0
-m 3h:0 7200000 0 10800000
-m 1h:0 3600000 0 3600000
-m 7:0 3600000 7 0
-k 0:0 0 7 0
-k 6 -m 6:6 0 6 0
-k 0s:0 0 6 0
-k 90m -m 90m:0 5400000 0 5400000
END
}

@test "a room with a time limit keeps the messages sent within that time" {
  chat-spool open -k 1h news
  echo '{"room":"news","user":"u","host":"h","time":"2001-01-01T00:00:00Z","attempts":0,"key":null,"body":"old"}' | chat-send -J
  chat-send -r news young
  run -0 chat-recv -a -p -r news
  assert_output young
}

# ---------------------------------------------------------------- looking and following

@test "readers shows each number in its own column and field, the readers by name" {
  chat-spool open -k 3 -m 12 tea
  chat-spool seek tea/bob start
  chat-spool seek tea/carol start
  chat-spool seek tea/al start
  seq 8 | chat-send -l -r tea
  run -123 chat-recv -q -r tea/bob --backoff 1h -- false
  mkfifo gate
  background chat-recv -F -P 2 -r tea/bob -- sh -c 'cat gate'
  wait_until is_claimed tea bob 2
  wait_until is_here tea bob
  run -0 chat-recv -r tea/carol
  seq 9 15 | chat-send -l -r tea
  run -0 chat-spool readers tea
  assert_equal "$(sed -E 's/ +/ /g; s/ [0-9]+ s$/ now/' <<<"$output")" 'READER UNREAD CLAIMED HELD MISSED HERE LAST
al 12 0 0 3 - now
bob 15 2 1 0 yes now
carol 12 0 0 2 - now'
  run -0 chat-spool readers -j tea
  assert_equal "$(sed -E 's/"20[-0-9]+T[:0-9]+\.[0-9]{3}Z"/TIME/' <<<"$output")" \
    '{"reader":"al","unread":12,"claimed":0,"held":0,"missed":3,"here":false,"last":TIME}
{"reader":"bob","unread":15,"claimed":2,"held":1,"missed":0,"here":true,"last":TIME}
{"reader":"carol","unread":12,"claimed":0,"held":0,"missed":2,"here":false,"last":TIME}'
}

@test "readers -i prints the names of all readers that have read a message" {
  local id
  chat-spool open tea
  id=$(chat-send -i -r tea one)
  run -0 chat-recv -r tea/carol
  run -0 chat-recv -r tea/al
  chat-spool seek tea/bob start
  run -0 chat-spool readers -i "$id" tea
  assert_output $'al\ncarol'
  run --separate-stderr chat-spool readers -i 99 tea
  assert_error 1 "chat-spool: No message 99 in room 'tea'"
}

@test "a peek at a reader that does not exist shows its first message and creates no reader" {
  chat-spool open tea
  seq 3 | chat-send -l -r tea
  run -0 chat-recv -a -p -r tea/new
  assert_output "$(seq 3)"
  run -0 chat-spool readers tea
  assert_output ''
}

@test "a follower of an open room sees each message and is not a reader" {
  chat-spool open tea
  chat-send -r tea one
  background chat-recv -F -p -r tea >seen
  wait_until file_has seen one
  wait_blocked "$BACKGROUND_PID"
  chat-send -r tea two
  wait_until file_has seen two
  run -0 chat-spool readers tea
  assert_output ''
  kill "$BACKGROUND_PID"
  wait "$BACKGROUND_PID"
  assert_equal "$(cat seen)" $'one\ntwo'
}

@test "a message wakes every waiting reader" {
  local i pids=()
  chat-spool open tea
  for i in 1 2 3 4 5; do
    background sh -c "chat-recv -w -r tea/r$i >seen$i"
    pids+=("$BACKGROUND_PID")
  done
  for i in 1 2 3 4 5; do wait_until is_here tea "r$i"; done
  chat-send -r tea hello
  for i in 1 2 3 4 5; do wait "${pids[i - 1]}"; done
  assert_equal "$(cat seen?)" "$(yes hello | head -n 5)"
  assert_equal "$(chat-spool readers -j tea | jq -s 'map(select(.here)) | length')" 0
}

is_here() { [[ $(reader "$1" "$2" here) == true ]]; }

# ---------------------------------------------------------------- one reader alone

@test "a message to one reader is received by that reader only, among the messages of the room" {
  local id
  chat-spool open tea
  chat-send -r tea first
  run -0 chat-recv -r tea/bob
  run -0 chat-recv -r tea/carol
  id=$(chat-send -i -u alice -r tea 'Cake?')
  chat-send -u alice -r tea/bob 'It is her birthday.'
  chat-send -r tea last
  run -0 chat-recv -a -r tea/bob -o '%r: %b\n'
  assert_line --index 0 'tea: Cake?'
  assert_line --index 1 'tea/bob: It is her birthday.'
  assert_line --index 2 'tea: last'
  run -0 chat-spool readers -i "$id" tea
  assert_output bob
  run -0 chat-recv -a -r tea/carol
  assert_output $'Cake?\nlast'
}

@test "a delayed message enters a room or a reader when it is due" {
  chat-spool open tea
  run -1 chat-recv -q -r tea/bob
  # The second one is due later, however long it takes to start a program.
  chat-send -r tea/bob -d 0.1s 'for bob'
  chat-send -r tea -d 0.1s later
  run -0 chat-recv -w -c 2 -t 20 -r tea/bob
  assert_output $'for bob\nlater'
}

@test "no reader receives an expired message" {
  chat-spool open tea
  chat-send -r tea -x 2001-01-01 over
  chat-send -r tea good
  run -0 chat-recv -a -r tea/bob
  assert_output good
}

@test "a message that expires while a reader works on it stays with it, and moves to its dead-letter room" {
  chat-spool open jobs
  printf '%s\n' job other | chat-send -l -x 3s -r jobs
  mkfifo gate
  background chat-recv -q --tries 1 -r jobs/a -- sh -c 'cat gate; exit 1'
  wait_until is_claimed jobs a 1
  wait_until is_swept jobs 1
  echo >gate
  finish "$BACKGROUND_PID"
  assert_equal "$status" 123
  run -0 chat-recv -p -a -r jobs.a.dead
  assert_output job
  run -1 chat-recv -q -r jobs/b
  wait_until is_swept jobs 0
}

# is_swept ROOM COUNT: delete expired messages; true if this number of messages is left in the room.
is_swept() { chat-spool compact -q && (($(depth "$1") == $2)); }

@test "a message that has expired when its command fails does not come back to the reader" {
  chat-spool open jobs
  chat-send -x 3s -r jobs job
  mkfifo gate
  background chat-recv -q --backoff 0.1s -r jobs/a -- sh -c 'cat gate; exit 1'
  wait_until is_claimed jobs a 1
  wait_until is_swept_of_others jobs
  echo >gate
  finish "$BACKGROUND_PID"
  assert_equal "$status" 123
  wait_until expired_for_reader jobs/a
  assert_equal "$(reader jobs a unread)" 0
}

# is_swept_of_others ROOM: true if a new reader would get no message of the room.
is_swept_of_others() { ! chat-recv -q -p -a -r "$1/z" >/dev/null; }
expired_for_reader() { ! chat-recv -q -r "$1" && (($(reader "${1%/*}" "${1#*/}" unread) == 0)); }

# ---------------------------------------------------------------- refused input

@test "an unknown reader and a room that is not open exit with 67" {
  run -67 chat-recv -r tea/bob
  assert_output "chat-recv: room 'tea' is not open"
  chat-send -r tea plain
  run -67 chat-recv -r tea/bob
  run -67 chat-recv -p -r tea/bob
  run -67 chat-recv -w -r tea/bob
  run -67 chat-send -r tea/bob hello
  run -67 chat-spool seek tea/bob start
  run -67 chat-spool readers tea
  run -67 chat-spool forget -y tea
  assert_output "chat-spool: room 'tea' is not open"
  run -67 on_terminal chat-spool forget tea </dev/null
  chat-spool open tea
  run -67 chat-send -r tea/nobody hello
  assert_output "chat-send: room 'tea' has no reader 'nobody'"
  run -67 chat-spool forget -y tea/nobody
}

@test "receiving from an open room without a reader name is refused with 64" {
  chat-spool open tea
  run -64 chat-recv -r tea
  assert_line --index 0 "chat-recv: room 'tea' is open: name a reader, as in 'tea/NAME'"
  run -64 chat-recv -w -r tea
}

@test "a name that no reader can have is refused with 64" {
  local name
  for name in a/ /a a/b/c a/-b a/.b -a/b "$(printf 'a%.0s' {1..200})/$(printf 'b%.0s' {1..60})"; do
    [[ $name != a/ ]] || continue
    run -64 chat-recv -r "$name"
    run -64 chat-send -r "$name" hello
  done
}

@test "ROOM/ is the reader with the login name" {
  chat-spool open tea
  chat-send -r tea hello
  run -0 chat-recv -r tea/
  assert_output hello
  assert_equal "$(chat-spool readers -j tea | jq -r .reader)" "$(id -un)"
}

# ---------------------------------------------------------------- the end of readers and open rooms

@test "forget deletes a reader, and a new one starts with the oldest message" {
  chat-spool open tea
  seq 3 | chat-send -l -r tea
  run -0 chat-recv -a -r tea/bob
  chat-send -r tea/bob secret
  run -64 chat-spool forget tea/bob </dev/null
  run -0 chat-spool forget -y tea/bob
  assert_output '1 reader forgotten'
  run -0 chat-recv -a -r tea/bob
  assert_output "$(seq 3)"
}

@test "chat-send -J reads what chat-recv -j has written for a reader, and sends a message to one reader only there" {
  chat-spool open tea
  chat-spool seek tea/bob start
  chat-spool seek tea/dan start
  chat-send -r tea/bob private
  chat-send -r tea shared
  chat-recv -a -j -r tea/bob >lines
  assert_equal "$(jq -c '[.room, .reader, .body]' lines | xargs -d '\n')" '["tea/bob","bob","private"] ["tea","bob","shared"]'
  chat-send -J <lines
  assert_equal "$(chat-recv -a -r tea/bob | sort | xargs)" 'private shared'
  assert_equal "$(chat-recv -a -r tea/dan | xargs)" 'shared shared'
}

@test "chat-send -J names the line of a message to a reader that does not exist" {
  chat-spool open tea
  printf '%s\n' '{"body":"hello"}' '{"room":"tea/eve","body":"x"}' '{"body":"later"}' >lines
  run --separate-stderr -65 chat-send -J <lines
  assert_stderr "chat-send: line 2: room 'tea' has no reader 'eve'; 1 message was stored"
  run --separate-stderr -65 chat-send -J -1 <lines
  assert_stderr "chat-send: line 2: room 'tea' has no reader 'eve'; no message was stored"
  run -0 chat-recv -a
  assert_output hello
}

@test "forget asks on a terminal, and says what is lost" {
  chat-spool open tea
  chat-spool seek tea/bob start
  run -1 on_terminal chat-spool forget tea/bob <<<n
  assert_output --partial "Forget the reader 'tea/bob'? [y/N]"
  chat-send -r tea hello
  run -1 on_terminal chat-spool forget tea/bob <<<n
  assert_output --partial "Forget the reader 'tea/bob', which has not read 1 message? [y/N]"
  assert_output --partial 'chat-spool: nothing forgotten'
  seq 2 | chat-send -l -r tea
  chat-spool seek tea/al end
  run -1 on_terminal chat-spool forget tea/bob <<<n
  assert_output --partial "Forget the reader 'tea/bob', which has not read 3 messages? [y/N]"
  run -1 on_terminal chat-spool forget tea <<<n
  assert_output --partial "Make room 'tea' plain, and forget its 2 readers? [y/N]"
  run -0 on_terminal chat-spool forget tea/al <<<yes
  assert_output "Forget the reader 'tea/al'? [y/N] 1 reader forgotten"
  run -1 on_terminal chat-spool forget tea <<<n
  assert_output --partial "Make room 'tea' plain, and forget its 1 reader? [y/N]"
  run -0 chat-recv -r tea/bob
  assert_output hello
}

@test "readers and forget without a spool exit with 1 and create none" {
  capture chat-spool forget -y tea/bob
  assert_error 1 "chat-spool: No spool '$SPOOL'"
  capture chat-spool forget -y tea
  assert_error 1 "chat-spool: No spool '$SPOOL'"
  capture chat-spool readers tea
  assert_error 1 "chat-spool: No spool '$SPOOL'"
  capture chat-spool readers -j -s other.db tea
  assert_error 1 "chat-spool: No spool 'other.db'"
  assert_not_exist "$SPOOL"
}

# dumped_while CHANGE BEFORE: stop a dump of the room tea before each access to the index of the WAL, and make the change.
# The dump has both messages. BEFORE prepares the room.
dumped_while() {
  local call
  : >in
  for ((call = 1; ; call++)); do
    rm -rf "$HOME/.local"
    $2
    printf '%s\n' one two | chat-send -l -r tea
    stop_at "fcntl $call" -P "$SPOOL-shm" chat-spool dump
    [[ ! $STOPPED ]] || $1 >changed
    let_go
    assert_success
    assert_equal "$(grep -o '"body":"[a-z]*"' out)" $'"body":"one"\n"body":"two"'
    [[ $STOPPED ]] || break
  done
  assert [ "$call" -gt 6 ]
}

begin_open() { chat-spool open tea && run -1 chat-recv -p -r tea/ann; }
begin_plain() { chat-spool init >made && run -1 chat-recv -p -r tea; }

@test "a dump has all messages of a room that is opened or made plain while it runs" {
  needs strace
  ! sanitized || skip 'a sanitized program is not traced'
  dumped_while 'chat-spool forget -y tea' begin_open
  dumped_while 'chat-spool open tea' begin_plain
}

@test "forget turns an open room into a plain one with the messages that it kept" {
  chat-spool open tea
  seq 3 | chat-send -l -r tea
  run -0 chat-recv -a -r tea/bob
  run -0 chat-recv -a -r tea/carol
  run -0 --separate-stderr chat-spool forget -q -y tea
  assert_equal "$output$stderr" ''
  run -67 chat-recv -r tea/bob
  run -0 chat-recv -a -r tea
  assert_output "$(seq 3)"
  chat-spool open tea
  run -0 chat-spool forget -y tea
  assert_output 'the room is plain'
}

@test "a receiver whose reader was forgotten ends normally and takes nothing from another reader" {
  chat-spool open jobs
  seq 3 | chat-send -l -r jobs
  mkfifo gate
  background chat-recv -r jobs/a -- sh -c 'cat gate'
  wait_until is_claimed jobs a 1
  chat-spool forget -q -y jobs/a
  run -0 chat-recv -p -a -r jobs/b
  chat-spool seek jobs/b start
  echo >gate
  wait "$BACKGROUND_PID"
  run -0 chat-recv -a -r jobs/b
  assert_output "$(seq 3)"
}

@test "compact keeps open rooms and readers without messages" {
  chat-spool open -k 0 tea
  chat-spool seek tea/bob start
  chat-send -r tea one
  run -0 chat-recv -r tea/bob
  run -0 chat-spool compact
  chat-send -r tea two
  run -0 chat-recv -r tea/bob
  assert_output two
}

@test "backup and restore keep the positions of the readers" {
  chat-spool open tea
  seq 3 | chat-send -l -r tea
  run -0 chat-recv -r tea/bob
  run -0 chat-spool backup saved.db
  run -0 chat-recv -a -r tea/bob
  run -0 chat-spool restore -y saved.db
  run -0 chat-recv -a -r tea/bob
  assert_output $'2\n3'
}

@test "dump, load and copy keep open rooms, readers and the readers' own messages" {
  chat-spool open -k 2h -m 500 tea
  chat-spool open empty
  seq 5 | chat-send -l -r tea
  run -0 chat-recv -c 2 -r tea/bob
  run -0 chat-recv -c 4 -r tea/carol
  run -123 chat-recv --backoff 1h -r tea/bob -- false
  run -123 chat-recv --backoff 1h -r tea/dan -- false
  run -123 chat-recv -r tea/erin -- false
  chat-send -r tea/bob 'for bob'
  chat-spool dump >lines
  assert_file_contains lines '^{"open":"tea","keep":0,"keep_time":7200000,"max":500,"max_time":0,"next_id":[0-9]*}$'
  # A reader is behind the messages that it has read; delayed messages and those of one reader come last.
  assert_equal "$(sed -En 's/^\{"id":.*"room":"tea([^"]*)".*"body":"([^"]*)".*/\1\2/p; s/^\{"(open|reader)":"tea([^"]*)".*/\1\2/p' lines | sed 's/erin$/dan/' | xargs)" \
    'open 1 reader/dan reader/dan 2 3 reader/bob 4 reader/carol 5 1 1 /bobfor bob 3'
  diff <(chat-spool dump tea) <(grep tea lines)
  chat-spool load -q -s loaded.db lines
  chat-spool copy -q "$SPOOL" copied.db
  local spool
  for spool in loaded.db copied.db; do
    diff <(counts "$SPOOL") <(counts "$spool")
    run -0 chat-recv -a -s "$spool" -r tea/bob -o '%r %b\n'
    assert_output $'tea 4\ntea 5\ntea/bob for bob'
    run -0 chat-recv -a -s "$spool" -r tea/erin
    assert_output "$(seq 5)"
    run -67 chat-recv -s "$spool" -r tea2/x
    run -1 chat-recv -q -s "$spool" -r empty/x
  done
}

@test "load refuses a reader whose name names no reader" {
  chat-spool open tea
  run -1 chat-recv -r tea/bob
  chat-send used
  local name
  for name in tea tea/ /bob tea/bob/x; do
    echo "{\"reader\":\"$name\",\"place\":1,\"missed\":0,\"next_id\":5}" >line
    run --separate-stderr chat-spool load line
    assert_error 65 "chat-spool: line 1: '$name' cannot name a reader; 0 messages loaded"
  done
}

@test "load refuses a message to a reader that does not exist, and loads the lines before it" {
  chat-spool open tea
  printf '%s\n' '{"body":"hello"}' '{"room":"tea/bob","body":"for bob"}' >lines
  run --separate-stderr chat-spool load lines
  assert_error 65 "chat-spool: line 2: room 'tea' has no reader 'bob'; 1 message loaded"
  run -0 chat-recv
  assert_output hello
}

@test "dump, load and copy keep how many messages a reader has lost and not reported" {
  local spool
  chat-spool open -k 2 -m 5 ticker
  chat-spool seek ticker/slow start
  seq 8 | chat-send -l -r ticker
  chat-spool dump >lines
  chat-spool load -q -s loaded.db lines
  chat-spool copy -q "$SPOOL" copied.db
  chat-send -s used.db -r other first
  chat-spool load -q -s used.db lines
  for spool in loaded.db copied.db used.db; do
    run --separate-stderr -0 chat-recv -a -s "$spool" -r ticker/slow
    assert_output "$(seq 4 8)"
    assert_equal "$stderr" "chat-recv: reader 'slow' of room 'ticker' missed 3 messages"
    run -1 --separate-stderr chat-recv -q -s "$spool" -r ticker/slow
    assert_equal "$stderr" ''
  done
}

@test "load and copy into a used spool leave the readers that it has, and add the others at the end" {
  local way
  chat-spool open tea
  seq 3 | chat-send -l -r tea
  for reader in al bob carol; do run -0 chat-recv -r "tea/$reader"; done
  run -0 chat-recv -r tea/carol
  chat-send -r tea/bob own
  chat-spool dump >lines
  for way in load copy; do
    chat-spool open -s "$way.db" tea
    printf '%s\n' x y z | chat-send -l -s "$way.db" -r tea
    run -0 chat-recv -c 2 -s "$way.db" -r tea/bob
    chat-spool seek -s "$way.db" tea/zoe start
    if [[ $way == load ]]; then chat-spool load -s load.db lines; else chat-spool copy "$SPOOL" copy.db; fi
    assert_equal "$way: $(chat-spool readers -j -s "$way.db" tea | jq -r '[.reader, .unread] | join(" ")' | xargs)" \
      "$way: al 2 bob 5 carol 1 zoe 6"
    run -0 chat-recv -a -s "$way.db" -r tea/bob
    assert_output $'z\n1\n2\n3\nown'
  done
}

# counts SPOOL: print the readers of tea there, and the position of each.
counts() { chat-spool readers -s "$1" -j tea | jq -c 'del(.last)'; }

@test "in random histories with failures and kills each reader gets each message" {
  run -0 "$REPOSITORY/tests/model/readers" "${SEED:-1}" "${READERS_HISTORIES:-8}" ${CHAT_TEST_CLUSTER:+"$SPOOL"}
  assert_output --partial 'each message once per reader'
}

@test "an open room can keep only the last message of each key" {
  chat-spool open state
  chat-send -r state -k disk --replace '81 %'
  chat-send -r state -k load --replace 0.3
  chat-send -r state -k disk --replace '83 %'
  run -0 chat-recv -a -r state/panel -o '%k: %b\n'
  assert_output $'load: 0.3\ndisk: 83 %'
}
