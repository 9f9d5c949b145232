#!/usr/bin/env bats
# chat-spool dump, load, copy, backup and compact: every part of a spool is kept; and an emptied spool returns its disk
# space by itself. HELD is the size of the spool in the last tests in MB (default 40, with DOSE=full 100); TORTURE=1 or
# more kills before every system call.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load helper

setup() {
  chat_setup
  : "${HELD:=$(dosed 40 100)}"
}

# ---------------------------------------------------------------- tools

# of_all_kinds: send messages with all possible fields to the default spool; one is deleted, one has a claim without a
# receiver.
of_all_kinds() {
  chat-send plain
  chat-send -u 'Ünal "the"' -k 'a key' 'with a key'
  printf 'a\0b\xff\n\n' | chat-send -r bytes
  head -c 100000 /dev/urandom | chat-send -r bytes
  chat-send -r jobs gone
  chat-recv -r jobs >/dev/null
  chat-send -r jobs 'held back'
  run -123 chat-recv -r jobs --backoff 1h -- false
  chat-send -r jobs -d 2098-01-01 delayed
  chat-send -r jobs -x 2099-01-01T00:00:00.123Z 'expires'
  chat-send -r jobs -d 2h -x 3h -k both 'delayed, and expires'
  chat-send -r jobs failed
  run -123 chat-recv -r jobs --tries 1 -- false
  chat-send -r zeros ''
  printf '\n' | chat-send -r zeros
  chat-send -r 日本語 $'\u2028\U1F642 \\u0000'
  printf '{"room":"old","user":"u","host":"h","time":"1969-12-31T23:59:59.999Z","attempts":0,"key":null,"body":"x"}\n' | chat-send -J
}

# but SPOOL FIELD ...: print these fields of each message, sorted by the rooms' names and the positions in the rooms.
but() {
  local spool=$1
  shift
  ask "SELECT name, $* FROM message JOIN room ON number = room ORDER BY name, place = 0, place, due, message.id" "$spool"
}

# kept TEXT: rows prints this text. (assert_equal would print a hundred kilobytes.)
same_rows() { [[ $(rows "$1") == "$(rows "$2")" ]] || diff <(rows "$1" | cut -c 1-200) <(rows "$2" | cut -c 1-200) | head -n 20 | fail; }

# json_fields: print the names of the fields of each JSON line, in order.
json_fields() { grep -oE '^\{"id":[0-9]+,"room":"[^"]*",|"(user|host|time|attempts|key|place|due|expires|body|body_base64)":' | tr -d '\n'; }

# blocks SPOOL: print how many bytes it takes on the disk, with its WAL.
blocks() { stat -c '%b %B' "$1" "$1-wal" 2>/dev/null | awk '{ sum += $1 * $2 } END { print sum }'; }

# ---------------------------------------------------------------- dump and load

@test "dump | load into a new spool keeps every field" {
  of_all_kinds
  assert [ "$(rows | wc -l)" -ge 12 ]
  run --separate-stderr bash -c 'chat-spool dump | chat-spool load -s fresh.db'
  assert_success
  assert_equal "$output$stderr" ''
  same_rows "$SPOOL" fresh.db
  sound fresh.db
  run -0 chat-spool check -s fresh.db
  # And so is a dump of it.
  cmp <(chat-spool dump) <(chat-spool dump -s fresh.db)
}

@test "after a load new messages get later positions and unused ids" {
  local last
  of_all_kinds
  last=$(chat-spool dump | grep -oE '"(id|place)":[0-9]+' | cut -d : -f 2 | sort -n | tail -n 1)
  chat-spool dump | chat-spool load -s fresh.db
  run -0 chat-send -s fresh.db -r zeros -i last
  assert [ "$output" -gt "$last" ]
  run -0 chat-recv -s fresh.db -a -r zeros -o '<%b>'
  assert_output $'<><\n><last>'
  sound fresh.db
}

@test "dump writes each field in a fixed order, one message per line" {
  chat-send -r jobs -u alice -k daily -d 2098-01-01 -x 2099-01-01T00:00:00.5Z one
  chat-send -r jobs -u alice two
  printf '\xff' | chat-send -r jobs -u alice
  run --separate-stderr -0 chat-spool dump
  assert_line --regexp '^\{"id":1,"room":"jobs","user":"alice","host":"[^"]+","time":"[-0-9]{10}T[:0-9]{8}\.[0-9]{3}Z","attempts":0,"key":"daily","place":0,"due":"2098-01-01T00:00:00\.000Z","expires":"2099-01-01T00:00:00\.500Z","next_id":[4-9],"body":"one"\}$'
  assert_line --regexp '"id":2,.*"key":null,"place":[1-9][0-9]*,"due":null,"expires":null,"next_id":[4-9],"body":"two"\}$'
  assert_line --regexp '"body_base64":"/w=="\}$'
  assert_equal "${#lines[@]}" 3
  # Other programs can read it.
  run -0 perl -MJSON::PP -ne 'print JSON::PP->new->utf8->decode($_)->{id}, "\n"' <(chat-spool dump)
  assert_equal "${#lines[@]}" 3
}

@test "dump ROOM writes the messages of these rooms only, and takes nothing" {
  local room before
  for room in a b c; do seq 3 | chat-send -l -r "$room"; done
  before=$(rows)
  run -0 bash -c 'chat-spool dump c a | grep -o "\"room\":\"[^\"]*\"" | sort | uniq -c | tr -s " "'
  assert_output $' 3 "room":"a"\n 3 "room":"c"'
  run --separate-stderr chat-spool dump nothing
  assert_equal "$output" ''
  run --separate-stderr chat-spool dump .a
  assert_usage chat-spool
  assert_equal "$(rows)" "$before"
}

@test "dump writes many messages at once" {
  ! sanitized || skip 'a leak check does not work under strace'
  needs strace
  seq 1000 | chat-send -l
  strace -o trace -e trace=write chat-spool dump | cat >dumped
  assert_equal "$(wc -l <dumped)" 1000
  assert [ "$(grep -c '^write(1' trace)" -le $(($(stat -c %s dumped) / 60000 + 2)) ]
}

@test "dump includes claimed and expired messages" {
  chat-send claimed
  chat-send -x 0.05 expired
  full_pipe pipe
  background chat-recv >pipe
  wait_stuck "$BACKGROUND_PID"
  wait_until eval 'chat-spool show | grep -q expired.*expired'
  run -0 chat-spool dump
  assert_line --partial '"body":"claimed"'
  assert_line --partial '"body":"expired"'
}

@test "dump without a spool exits with 1 and creates none" {
  run --separate-stderr chat-spool dump
  assert_error 1 'chat-spool: No spool'
  assert_not_exist "$HOME/.local"
}

@test "the dump of an emptied spool consists of its next id" {
  chat-spool init
  run --separate-stderr -0 chat-spool dump
  assert_equal "$output$stderr" ''
  chat-send x
  run -0 chat-spool dump
  assert_output --partial '"body":"x"'
  chat-recv >/dev/null
  run --separate-stderr -0 chat-spool dump
  assert_regex "$output$stderr" '^\{"next_id":[2-9][0-9]*\}$'
  run --separate-stderr -0 chat-spool dump main
  assert_equal "$output$stderr" ''
}

# seen_ids: create a spool whose last ids were received; they are in the file seen.
seen_ids() {
  chat-send -d 1h 'still to come'
  seq 20 | chat-send -l
  chat-recv -a -o '%i\n' >seen
  assert [ "$(wc -l <seen)" -eq 20 ]
}

# new_ids SPOOL: no message sent there gets an id that is in the file seen.
new_ids() {
  seq 30 | chat-send -l -s "$1" -r new
  chat-recv -a -s "$1" -r new -o '%i\n' >given
  run comm -12 <(sort seen) <(sort given)
  assert_output ''
  run -0 chat-spool check -s "$1"
}

@test "dump | load and copy keep the next id: no received id is given again" {
  seen_ids
  chat-spool dump | chat-spool load -s loaded.db
  chat-spool copy "$SPOOL" copied.db
  # The remains of a dump: one room, one message, another order, or no message.
  chat-spool dump | sort -r | tail -n 1 | chat-spool load -s line.db
  chat-spool delete -qy main
  chat-spool dump | chat-spool load -s emptied.db
  chat-spool copy "$SPOOL" emptied-copy.db
  for spool in loaded copied line emptied emptied-copy; do new_ids "$spool.db"; done
}

@test "load accepts messages dumped by an older version, and an older version ignores the next id" {
  seen_ids
  chat-spool dump | sed 's/"next_id":[0-9]*,//' | chat-spool load -s older.db
  run -0 chat-spool show -s older.db
  assert_output --partial 'still to come'
  # chat-send -J, too, reads the fields that it knows.
  chat-spool dump | chat-send -J -s sent.db
  run -0 chat-recv -s sent.db
  assert_output 'still to come'
}

@test "a next id that is loaded into a used spool raises its next id, and never lowers it" {
  chat-send -s used.db -r old x
  chat-spool load -s used.db <<<'{"next_id":500}'
  chat-spool load -s used.db <<<'{"next_id":50}'
  run -0 chat-send -s used.db -i y
  assert_output 500
  # Messages get new ids there, because the ids in the dump may be in use.
  chat-spool load -s used.db <<<'{"id":1,"room":"new","place":1,"next_id":600,"body":"z"}'
  run -0 chat-recv -s used.db -r new -o %i
  assert_output 600
  run -0 chat-spool check -s used.db
}

@test "a load that is killed gives no id again that was received from the dumped spool" {
  seen_ids
  chat-spool dump >dumped
  mkfifo lines
  background chat-spool load -s killed.db lines
  exec 7>lines
  cat dumped >&7
  wait_until eval '[[ $(ask "SELECT next_id FROM room WHERE number = 0" killed.db 2>/dev/null) -gt 20 ]]'
  kill -KILL "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  exec 7>&-
  new_ids killed.db
}

@test "load refuses an impossible next id" {
  local bad
  for bad in '{"next_id":-1}' '{"next_id":"5"}' '{"next_id":1.5}' '{"next_id":9223372036854775807}' '{"next_id":0}' '{"next_id":5,"room":"main"}'; do
    run --separate-stderr chat-spool load <<<"$bad"
    assert_equal "$bad: $status" "$bad: 65"
    assert_error 65 'chat-spool: line 1: '
  done
}

@test "dump skips and reports a damaged message, and exits with 65" {
  unsound 'stays damaged'
  seq 5 | chat-send -l
  sqlite3 "$SPOOL" "UPDATE message SET body = x'99' WHERE position & 0xffffffffff = 3"
  run --separate-stderr chat-spool dump
  assert_equal "$status" 65
  assert_equal "${#lines[@]}" 4
  assert_equal "$(wc -l <<<"$stderr")" 1
  assert_regex "$stderr" "^chat-spool: message 3 in room 'main'.* is damaged"
}

@test "an output that cannot be written and an input that cannot be read exit with 74" {
  seq 5 | chat-send -l
  run --separate-stderr bash -c 'chat-spool dump >/dev/full'
  assert_error 74 'chat-spool: '
  run --separate-stderr bash -c 'chat-spool dump >&-'
  assert_error 74 'chat-spool: '
  run --separate-stderr bash -c 'chat-spool load <&-'
  assert_error 74 'chat-spool: '
  run --separate-stderr chat-spool load -s new.db nothere
  assert_error 74 "chat-spool: cannot open 'nothere': no such file or directory"
  run --separate-stderr chat-spool load -s new.db .
  assert_error 74 'chat-spool: cannot read the input: is a directory; 0 messages loaded'
}

@test "load reads a file, and standard input for -" {
  of_all_kinds
  chat-spool dump >lines
  run -0 chat-spool load -s a.db lines
  run -0 chat-spool load -q -s b.db - <lines
  same_rows "$SPOOL" a.db
  same_rows "$SPOOL" b.db
  run --separate-stderr chat-spool load -s c.db lines lines
  assert_usage chat-spool
}

@test "load into a used spool appends the messages with new ids and all other fields" {
  local before
  of_all_kinds
  chat-send -s used.db -r main used
  chat-recv -s used.db -r main >/dev/null
  chat-send -s used.db -r zeros first
  before=$(chat-send -s used.db -r zeros -i second)
  chat-spool dump | chat-spool load -s used.db
  # All messages except the two that were there before.
  but "$SPOOL" 'due, expires, sent, sender, host, attempts, key, hex(body)' | sort >expected
  but used.db 'due, expires, sent, sender, host, attempts, key, hex(body)' | sort >seen
  { cat expected && grep -E '6669727374$|7365636F6E64$' seen; } | sort | cmp - seen
  run -0 ask "SELECT count(*) FROM message WHERE id <= $before" used.db
  assert_output 2
  run -0 chat-recv -s used.db -a -r zeros -o '<%b>'
  assert_output $'<first><second><><\n>'
  sound used.db
  # Loading a dump twice adds the messages twice.
  chat-spool dump | chat-spool load -s used.db
  run -0 chat-recv -s used.db -a -r zeros -o '<%b>'
  assert_output $'<><\n>'
  sound used.db
}

@test "load adds a line of chat-recv -j as a new message" {
  chat-send -r jobs -u alice -k k one
  chat-recv -j -r jobs >line
  run -0 chat-spool load line
  run -0 chat-recv -r jobs -o '%u %k %b'
  assert_output 'alice k one'
  sed 's/^{"id":1,/{"id":7,/' line >lines
  run -0 chat-spool load -s fresh.db lines
  run -0 chat-recv -s fresh.db -r jobs -o '%i %u %k %b'
  assert_output '1 alice k one'
}

@test "load makes a message whose due time is past available at once" {
  printf '%s\n' '{"room":"main","user":"u","host":"h","time":"2020-01-01T00:00:00Z","attempts":2,"key":null,"place":0,"due":"2020-01-02T00:00:00Z","expires":null,"body":"due"}' |
    chat-spool load
  run -0 timeout 20 chat-recv -o '%b %n'
  assert_output 'due 2'
}

@test "load wakes a receiver" {
  chat-send -s other.db hello
  background chat-recv -w >out
  wait_blocked "$BACKGROUND_PID"
  chat-spool dump -s other.db | chat-spool load
  finish "$BACKGROUND_PID"
  assert_bytes out 'hello\n'
}

GOOD='"room":"main","user":"u","host":"h","time":"2020-01-01T00:00:00.000Z","attempts":0,"key":null'

@test "the error for a line that cannot be read names its number and the reason, and the lines before it are loaded" {
  local bad reason n=0
  while IFS='|' read -r bad reason; do
    n=$((n + 1))
    { for id in 1 2 3; do printf '{"id":%d,%s,"place":%d,"due":null,"expires":null,"body":"%d"}\n' $id "$GOOD" $id $id; done
      printf '%s\n' "$bad"
      printf '{"id":5,%s,"place":5,"due":null,"expires":null,"body":"5"}\n' "$GOOD"; } >lines
    run --separate-stderr timeout 20 chat-spool load -s "$n.db" lines
    assert_equal "$bad: $status" "$bad: 65"
    assert_error 65 'chat-spool: line 4: '
    assert_regex "$stderr" '; 3 messages loaded$'
    [[ ! $reason ]] || assert_stderr "chat-spool: line 4: $reason; 3 messages loaded"
    run -0 chat-recv -a -s "$n.db"
    assert_output $'1\n2\n3' # the teardown checks each spool
  done <<END2
x|
{|
[]|not a JSON object
"text"|not a JSON object
{"id":4,$GOOD,"place":4,"due":null,"expires":null}|'body' is missing
{"id":4,$GOOD,"place":4,"due":null,"expires":null,"body":7}|'body' is not a string
{"id":4,$GOOD,"place":4,"due":null,"expires":null,"body_base64":"*"}|'body_base64' is not base64
{"id":"4",$GOOD,"place":4,"due":null,"expires":null,"body":"x"}|'id' is out of range or not a number
{"id":-4,$GOOD,"place":4,"due":null,"expires":null,"body":"x"}|'id' is out of range or not a number
{"id":4611686018427387904,$GOOD,"place":4,"due":null,"expires":null,"body":"x"}|'id' is out of range or not a number
{"id":9223372036854775807,$GOOD,"place":4,"due":null,"expires":null,"body":"x"}|'id' is out of range or not a number
{"id":4,$GOOD,"place":-4,"due":null,"expires":null,"body":"x"}|'place' is out of range or not a number
{"id":4,$GOOD,"place":9223372036854775807,"due":null,"expires":null,"body":"x"}|'place' is out of range or not a number
{"id":4,$GOOD,"place":"x","due":null,"expires":null,"body":"x"}|'place' is out of range or not a number
{"id":4,$GOOD,"place":4,"due":"never","expires":null,"body":"x"}|'never' is not a time like 2026-11-22T13:40:07Z
{"id":4,$GOOD,"place":4,"due":null,"expires":7.5,"body":"x"}|'expires' is not a string
{"id":4,"room":".main","user":"u","host":"h","body":"x"}|'.main' cannot name a room
{"id":4,"room":"main","user":"a\u0000b","host":"h","body":"x"}|'user' has a NUL byte
{"id":4,"room":"main","user":"","host":"h","body":"x"}|'' cannot be a sender
{"id":4,"room":"main","host":"","body":"x"}|'' cannot be a host
{"id":4,"room":"main","key":"","body":"x"}|'' cannot be a key
{"id":4,"room":"main","time":"now","body":"x"}|'now' is not a time like 2026-11-22T13:40:07Z
{"id":4,"attempts":-1,"body":"x"}|'attempts' is out of range or not a number
{"id":4,"failed":1,"body":"x"}|'failed' is not a string
{"id":4,"failed":"2020-01-01","failure":"x","body":"x"}|'failure' is out of range or not a number
END2
  assert_equal "$n" 25
}

@test "load refuses a wrong line of an open room or of a reader, and names the field" {
  local bad reason
  while IFS='|' read -r bad reason; do
    run --separate-stderr chat-spool load -q <<<"$bad"
    assert_error 65 "chat-spool: line 1: $reason; 0 messages loaded"
  done <<'END'
{"next_id":"5"}|'next_id' is out of range or not a number
{"open":5}|'open' is not a string
{"open":"a/b","keep":1,"keep_time":0,"max":5,"max_time":0,"next_id":5}|'a/b' cannot name a room
{"open":"tea","keep":-1,"keep_time":0,"max":5,"max_time":0,"next_id":5}|'keep' is out of range or not a number
{"open":"tea","keep":1,"keep_time":"x","max":5,"max_time":0,"next_id":5}|'keep_time' is out of range or not a number
{"open":"tea","keep":1,"keep_time":0,"max":1.5,"max_time":0,"next_id":5}|'max' is out of range or not a number
{"open":"tea","keep":1,"keep_time":0,"max":5,"max_time":null,"next_id":5}|'max_time' is out of range or not a number
{"open":"tea","keep":1,"keep_time":0,"max":5,"max_time":0,"next_id":"x"}|'next_id' is out of range or not a number
{"open":"tea","keep":9,"keep_time":0,"max":5,"max_time":0,"next_id":5}|a room cannot keep more messages than it may hold
{"reader":5}|'reader' is not a string
{"reader":"tea/bob","place":-1,"missed":0,"next_id":5}|'place' is out of range or not a number
{"reader":"tea/bob","place":1,"missed":"x","next_id":5}|'missed' is out of range or not a number
{"reader":"tea/bob","place":1,"missed":0,"next_id":-5}|'next_id' is out of range or not a number
{"reader":"tea/bob","place":1,"missed":0}|room 'tea' is not open
END
}

@test "an id or a position that exists already overwrites no other message" {
  local second
  for second in '"id":1,%s,"place":2' '"id":2,%s,"place":1'; do
    rm -rf a.db*
    # shellcheck disable=SC2059
    { printf '{"id":1,%s,"place":1,"due":null,"expires":null,"body":"one"}\n' "$GOOD"
      printf "{$second,\"due\":null,\"expires\":null,\"body\":\"two\"}\n" "$GOOD"; } >lines
    run --separate-stderr chat-spool load -s a.db lines
    [[ $status == 0 || $status == 65 && $stderr == *'line 2: '* ]] || fail "$second: $status: $stderr"
    [[ $status == 0 ]] && echo 2 >count || echo 1 >count
    assert_equal "$second: $(chat-recv -a -s a.db | sort)" "$second: $(printf 'one\ntwo\n' | head -n "$(cat count)")"
    sound a.db
  done
}

@test "a message that is too long is refused with 65, and the error names its line" {
  chat-spool config -s small.db max-length 10
  seq 1000000 1000003 | chat-send -l
  chat-send '12345678901'
  run --separate-stderr bash -c 'chat-spool dump | chat-spool load -s small.db'
  assert_equal "$status" 65
  assert_regex "$stderr" '^chat-spool: line 5: '
  run -0 chat-recv -a -s small.db
  assert_equal "${#lines[@]}" 4
}

@test "a line that is longer than any message is refused with 65 and named, and the lines before it are loaded" {
  chat-spool config max-length 10 >/dev/null
  printf '{"body":"one"}\n{"body":"two"}\n{"body":"%40000s"}\n{"body":"four"}\n' '' >lines
  run --separate-stderr chat-spool load lines
  assert_error 65 'chat-spool: line 3: it is too long; 2 messages loaded'
  run -0 chat-recv -a
  assert_output $'one\ntwo'
}

@test "a line without a sender and a host gets those of the user who loads it" {
  run -0 chat-spool load -q <<<'{"body":"hello"}'
  run -0 chat-recv -o '%u@%h %b'
  assert_output "$(id -un)@$(uname -n) hello"
}

@test "backup -q and compact -q print nothing, and use the spool that -s names" {
  seq 100 | chat-send -l -s named.db
  chat-recv -a -s named.db >/dev/null
  chat-send -s named.db hello
  run -0 --separate-stderr chat-spool backup -q -s named.db saved.db
  assert_equal "$output$stderr" ''
  run -0 --separate-stderr chat-spool compact -q -s named.db
  assert_equal "$output$stderr" ''
  run -0 chat-recv -s saved.db
  assert_output hello
  assert_not_exists "$SPOOL"
}

# bats test_tags=full
@test "a hundred megabytes of messages pass through dump and load unchanged and in bounded memory" {
  full_dose 'takes a hundred megabytes'
  local limit=80000 bytes=500
  ! sanitized || skip 'a sanitized program needs much more'
  seq -f "%.0f $(head -c "$bytes" /dev/zero | tr '\0' x)" $((100000000 / bytes)) | chat-send -l
  run --separate-stderr bash -c 'set -o pipefail; ulimit -v "$1"; chat-spool dump | chat-spool load -s fresh.db' bash "$limit"
  assert_success
  assert_equal "$stderr" ''
  for spool in "$SPOOL" fresh.db; do
    sqlite3 "$spool" 'SELECT id, room, place, sent, sender, attempts, checksum, length(body) FROM message' | sha256sum
  done | uniq | wc -l >count
  assert_bytes count '1\n'
  run -0 chat-recv -s fresh.db -o '%i'
  assert_output 1
}

# ---------------------------------------------------------------- copy

@test "copy adds all messages of a spool to another one, and creates it" {
  local before
  of_all_kinds
  before=$(rows)
  run --separate-stderr -0 chat-spool copy "$SPOOL" new/copy.db
  assert_equal "$output" ''
  same_rows "$SPOOL" new/copy.db
  assert_equal "$(rows)" "$before"
  sound new/copy.db
  assert_equal "$(stat -c %a new new/copy.db | tr '\n' ' ')" '700 600 '
  # Once more, into the spool that is used now.
  run -0 chat-spool copy -q "$SPOOL" new/copy.db
  assert_equal "$(rows new/copy.db | wc -l)" $((2 * $(rows | wc -l)))
  sound new/copy.db
}

@test "copy of a spool to itself is refused with 64, and copy of a missing spool exits with 1" {
  local before
  chat-send one
  before=$(rows)
  run --separate-stderr chat-spool copy "$SPOOL" "$SPOOL"
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: the two spools are the same'
  cd "${SPOOL%/*}"
  # In any spelling of the path, and without a spool there.
  run --separate-stderr timeout 20 chat-spool copy "$SPOOL" ./spool.db
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: the two spools are the same'
  run -64 chat-spool copy nothere.db nothere.db
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr chat-spool copy nothere.db to.db
  assert_error 1 "chat-spool: No spool 'nothere.db'"
  assert_not_exist nothere.db
  assert_not_exist to.db
  run --separate-stderr chat-spool copy "$SPOOL"
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: two spools are required: FROM and TO'
  run --separate-stderr chat-spool copy -s x "$SPOOL" to.db
  assert_usage chat-spool
}

# ---------------------------------------------------------------- backup

@test "a backup is a spool with the same messages that can be used at once" {
  of_all_kinds
  chat-spool config default-room bytes
  run --separate-stderr -0 chat-spool backup saved.db
  assert_equal "$output$stderr" ''
  assert_equal "$(stat -c %a saved.db)" 600
  assert_equal "$(find . -maxdepth 1 -name 'saved*')" ./saved.db
  same_rows "$SPOOL" saved.db
  assert_equal "$(chat-spool config -s saved.db)" "$(chat-spool config)"
  sound saved.db
  run -0 chat-spool check -s saved.db
  run -0 chat-recv -s saved.db -r zeros -c 2 -o '<%b>'
  assert_output $'<><\n>'
  assert_equal "$(chat-send -s saved.db -i x)" "$(chat-send -i x)"
}

@test "a backup contains no claims" {
  chat-send one
  full_pipe pipe
  background chat-recv >pipe
  wait_stuck "$BACKGROUND_PID"
  assert_empty_room
  chat-spool backup saved.db
  run -0 timeout 20 chat-recv -s saved.db
  assert_output one
}

@test "backup without a spool exits with 1 and creates no file" {
  run --separate-stderr chat-spool backup saved.db
  assert_error 1 'chat-spool: No spool'
  assert_not_exist saved.db
  assert_not_exist "$HOME/.local"
}

# bats test_tags=full
@test "a running backup does not stop senders and receivers, and captures a single moment" {
  local n pids=()
  seq 20000 | chat-send -l -r ballast
  for n in a b; do
    background bash -c 'i=0; until [[ -e stop ]]; do i=$((i + 1)); chat-send "$1 $i" || echo wrong >>wrong; done' sender "$n"
    pids+=("$BACKGROUND_PID")
  done
  background bash -c 'until [[ -e stop ]]; do chat-recv -q -c 3 || (($? == 1)) || echo wrong >>wrong; done >out'
  pids+=("$BACKGROUND_PID")
  wait_until test -s out
  for n in $(seq "$(dosed 3 8)"); do
    run --separate-stderr -0 timeout 60 chat-spool backup "saved-$n.db"
  done
  touch stop
  for n in "${pids[@]}"; do finish "$n"; done
  assert_not_exist wrong
  for n in $(seq "$(dosed 3 8)"); do
    sound "saved-$n.db"
    run -0 chat-spool check -q -s "saved-$n.db"
    run -0 ask "SELECT count(*) FROM message JOIN room ON number = room WHERE name = 'ballast'" "saved-$n.db"
    assert_output 20000
    # The messages of each sender are a sequence without a gap.
    chat-recv -qa -s "saved-$n.db" >seen || [[ $? == 1 ]]
    run awk '$1 in last && $2 != last[$1] + 1 { print } { last[$1] = $2 }' seen
    assert_output ''
  done
}

@test "backup asks before it replaces an existing file" {
  chat-send new
  echo precious >saved.db
  run --separate-stderr chat-spool backup
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: a FILE to write to is required'
  run --separate-stderr chat-spool backup saved.db </dev/null
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: standard input is not a terminal; use -y to confirm'
  assert_bytes saved.db 'precious\n'
  run on_terminal chat-spool backup saved.db <<<n
  assert_equal "$status" 1
  assert_output "Replace 'saved.db'? [y/N] chat-spool: nothing written"
  assert_bytes saved.db 'precious\n'
  run -0 on_terminal chat-spool backup saved.db <<<y
  assert_output "Replace 'saved.db'? [y/N] "
  run -0 chat-recv -p -s saved.db
  assert_output new
  echo precious >saved2.db
  run --separate-stderr -0 chat-spool backup -y saved2.db </dev/null
  run -0 chat-recv -s saved2.db
  assert_output new
}

@test "a backup replaces an old backup, even after a peek at the old one" {
  chat-send old
  chat-spool backup saved.db
  run -0 chat-recv -p -s saved.db
  chat-send new
  run --separate-stderr -0 chat-spool backup -y saved.db
  assert_stderr ''
  same_rows "$SPOOL" saved.db
  run -0 chat-recv -a -s saved.db
  assert_output $'old\nnew'
}

@test "a backup over a spool with changes in its WAL replaces all of it, or is refused and touches nothing" {
  local before
  seq 2000 | chat-send -l
  chat-spool backup saved.db
  seq 100 | chat-send -l -s saved.db -r other
  chat-recv -c 500 -s saved.db >/dev/null
  assert [ -s saved.db-wal ]
  before=$(cat saved.db saved.db-wal | sha256sum)
  chat-send -r new x
  run --separate-stderr chat-spool backup -y saved.db
  if [[ $status == 0 ]]; then
    same_rows "$SPOOL" saved.db
  else
    assert_error 73 'chat-spool: '
    assert_equal "$(cat saved.db saved.db-wal | sha256sum)" "$before"
    run -0 chat-recv -a -s saved.db -r other
    assert_output "$(seq 100)"
  fi
  run -0 chat-spool check -s saved.db
}

@test "a backup over the spool itself or one of its files is refused, and the messages stay" {
  local way
  chat-send one
  closed "$SPOOL"
  chat-send two
  cd "${SPOOL%/*}"
  for way in "$SPOOL" ./spool.db spool.db-wal spool.db-shm spool.db-lock spool.db-reserve; do
    run timeout 20 chat-spool backup -y "$way"
    [[ $status -ge 64 && $status -le 77 ]] || fail "$way: $status"
    run -0 chat-recv -p -a
    assert_output $'one\ntwo'
  done
  run -0 chat-spool check
}

@test "a backup to a place where no file can be created is an error and leaves nothing" {
  chat-send one
  mkdir dir
  mkfifo fifo
  ln -s target link
  local file
  for file in nowhere/saved.db dir fifo /dev/null ''; do
    run --separate-stderr timeout 20 chat-spool backup -y "$file"
    [[ $status -ge 64 && $status -le 77 ]] || fail "$file: $status"
    [[ $stderr == 'chat-spool: '* ]]
  done
  # A link is not followed.
  run timeout 20 chat-spool backup -y link
  assert_not_exist target
  assert_equal "$(ls -A dir)" ''
  assert [ -p fifo ]
  run find . -name '*saved*'
  assert_output ''
}

# peek_saved: store the messages in the backup in $CONTENTS; reads a copy, so that no file of a reader is left beside
# it.
peek_saved() {
  rm -rf look && install -D -m 600 "$HOME/.local/saved/saved.db" look/saved.db || return
  chat-recv -p -a -s look/saved.db >rest 2>&1 || return
  contents rest
}

# old_or_new: the backup is complete, another one can be made, and the spool is unchanged.
old_or_new() {
  WHY='the backup is complete'
  peek_saved || return
  case $CONTENTS in
    $'old\n') OLD=$((OLD + 1)) ;;
    $'new\n') NEW=$((NEW + 1)) ;;
    *) return 1 ;;
  esac
  WHY='after status 0 the backup is the new one'
  [[ $result != 0 || $CONTENTS == $'new\n' ]] || return
  WHY='another backup works'
  chat-spool backup -y "$HOME/.local/saved/saved.db" >rest 2>&1 || return
  WHY='another backup is the new one'
  peek_saved || return
  [[ $CONTENTS == $'new\n' ]] || return
  WHY='the spool is unchanged'
  chat-recv -a >rest 2>&1
  contents rest
  [[ $CONTENTS == $'new\n' ]]
}

# bats test_tags=full
@test "a backup that is killed before any system call leaves the old file or the new one, and can be run again" {
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  : >in
  chat-send old
  mkdir "$HOME/.local/saved"
  chat-spool backup "$HOME/.local/saved/saved.db"
  chat-recv >/dev/null
  chat-send new
  keep_spool
  OLD=0 NEW=0
  local calls='open|openat|write|pwrite64|fsync|fdatasync|ftruncate|link|linkat|rename|renameat2?|unlink|unlinkat|fchmod|fchmodat|exit_group'
  [[ ! ${TORTURE:-} || $TORTURE == 0 ]] || calls='.*'
  at_each_call old_or_new signal=KILL "$calls" chat-spool backup -y "$HOME/.local/saved/saved.db"
  assert [ "$OLD" -ge 3 ]
  assert [ "$NEW" -ge 1 ]
}

# ---------------------------------------------------------------- giving the disk back

@test "compact returns the space of deleted messages to the disk, and reports how much" {
  local full
  head -c 30000000 /dev/zero | chat-send -r big
  chat-send stays
  full=$(blocks "$SPOOL")
  assert [ "$full" -gt 30000000 ]
  # The sqlite3 shell returns no space to the disk.
  sqlite3 "$SPOOL" "DELETE FROM message WHERE length(body) > 1000; UPDATE room SET depth = 0, bytes = 0 WHERE name = 'big'"
  run --separate-stderr -0 chat-spool compact
  assert_output --regexp '^(2[89]|3[01]) MiB given back$'
  assert_stderr ''
  assert [ "$(blocks "$SPOOL")" -lt 3000000 ]
  run --separate-stderr -0 chat-spool compact -q
  assert_equal "$output$stderr" ''
  sound
  run -0 chat-recv
  assert_output stays
}

@test "a time after the year 9999 survives dump and load" {
  chat-send expires
  chat-send -r held held
  chat-send -r delayed -d 1h delayed
  run chat-recv -r held --backoff 9999999d -- false
  # As older versions stored it.
  sqlite3 "$SPOOL" "UPDATE message SET expires = 863999993900000000 WHERE position & 0xffffffffff = 1;
    UPDATE message SET due = 863999993900000000 WHERE position & 0xffffffffff = 3;
    UPDATE room SET next_due = (SELECT min(due) FROM message WHERE message.room = number), next_expiry = 863999993900000000 WHERE number > 0"
  chat-spool dump >dumped.json
  assert_equal "$(grep -o '9999-12-31T23:59:59.999Z' dumped.json | wc -l)" 3
  run -0 chat-spool load -s new.db dumped.json
  assert_equal "$(chat-spool dump -s new.db)" "$(cat dumped.json)"
  run -0 chat-recv -s new.db
  assert_output expires
  # As older versions dumped it.
  sed 's/"9999-12-31/"29348-07-09/' dumped.json | chat-spool load -s old.db
  assert_equal "$(chat-spool dump -s old.db)" "$(cat dumped.json)"
}

@test "compact deletes expired messages and nothing else" {
  chat-send -x 0.05 expired
  chat-send -d 1h delayed
  chat-send stays
  wait_until eval 'chat-spool show | grep -q expired.*expired'
  run -0 chat-spool compact
  run -0 chat-spool dump
  assert_equal "${#lines[@]}" 2
  sound
}

@test "compact exits with 65 if it cannot read the rooms" {
  unsound 'stays damaged'
  local page
  chat-send hello
  closed "$SPOOL"
  page=$(sqlite3 "$SPOOL" "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_room_1'")
  dd if=/dev/urandom of="$SPOOL" bs=4096 count=1 seek=$((page - 1)) conv=notrunc status=none
  capture chat-spool compact
  assert_error 65 "chat-spool: spool '$SPOOL' is damaged"
  ! command -v valgrind >/dev/null || sanitized || run -65 valgrind -q --error-exitcode=86 chat-spool compact
}

@test "compact without a spool creates none" {
  run --separate-stderr chat-spool compact
  assert_error 1 'chat-spool: No spool'
  assert_not_exist "$HOME/.local"
}

@test "compact does not stop senders and receivers" {
  head -c 60000000 /dev/zero | chat-send -r big
  sqlite3 "$SPOOL" "DELETE FROM message; UPDATE room SET depth = 0, bytes = 0 WHERE name = 'big'"
  background bash -c 'for ((i = 1; ; i++)); do chat-send "$i" && chat-recv || exit; [[ ! -e stop ]] || exit 0; done >out 2>&1'
  wait_until test -s out
  run -0 timeout 60 chat-spool compact
  touch stop
  finish "$BACKGROUND_PID"
  assert_success
  cmp out <(seq "$(wc -l <out)")
  assert [ "$(blocks "$SPOOL")" -lt 3000000 ]
  sound
}

# few_receives: send and receive some messages, until the WAL is emptied once.
few_receives() {
  local n
  for n in {1..16}; do
    chat-send "$n"
    run -0 chat-recv
    assert_output "$n"
  done
}

# bats test_tags=full
@test "receives shrink the file of a spool that held large messages and was emptied one by one" {
  local n
  head -c 1000000 /dev/zero >megabyte
  for ((n = 0; n < HELD; n++)); do printf '%s\0' "$n" && tr '\0' x <megabyte && printf '\n'; done |
    tr '\0' ' ' | chat-send -l
  assert [ "$(blocks "$SPOOL")" -gt $((HELD * 1000000)) ]
  for ((n = 0; n < HELD; n++)); do chat-recv >/dev/null; done
  few_receives
  assert [ "$(blocks "$SPOOL")" -lt $((HELD * 100000)) ]
}

# bats test_tags=full
@test "receives shrink the file of a spool that held many small messages and was emptied at once" {
  seq -f "%.0f $(printf 'x%.0s' {1..300})" $((HELD * 2500)) | chat-send -l
  assert [ "$(blocks "$SPOOL")" -gt $((HELD * 700000)) ]
  chat-recv -a >/dev/null
  few_receives
  assert [ "$(blocks "$SPOOL")" -lt $((HELD * 100000)) ]
}

# bats test_tags=full
@test "receives shrink the file of a spool after its room was deleted" {
  head -c $((HELD * 500000)) /dev/zero | chat-send -r big
  chat-spool delete -yq big
  few_receives
  assert [ "$(blocks "$SPOOL")" -lt $((HELD * 100000)) ]
}

@test "load treats a time before 1970 as past, not as missing" {
  local line='{"id":%d,"room":"jobs","user":"a","host":"h","time":"2026-01-01T00:00:00Z","attempts":0,"key":null,"place":%d,"due":%s,"expires":%s,"body":"%s"}\n'
  # shellcheck disable=SC2059
  { printf "$line" 1 1 null '"1960-01-01T00:00:00Z"' over && printf "$line" 2 2 '"1960-01-01T00:00:00Z"' null ready; } >lines
  run -0 chat-spool load -q <lines
  run -0 chat-recv -a -r jobs
  assert_output ready
}
