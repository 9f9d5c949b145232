#!/usr/bin/env bats
# chat-spool list and show (peek): they print the contents of a spool without changing it, and claims as the kernel
# locks show them; list --watch sleeps until something changes. Also the errors of chat-spool for wrong usage. An idle
# list --watch is watched for system calls for STILL seconds (default 1).

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

setup() {
  chat_setup
  : "${STILL:=1}"
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

# started COUNT: that many commands have begun (for wait_until).
started() { (($(wc -l <started) >= $1)); }

# squeezed: reduce the spaces between the columns of a table to one.
squeezed() { sed -E 's/ +/ /g; s/^ | $//g'; }

# ago SPAN: print the time that long ago, as in JSON.
ago() { date -u -d "-$1" +%FT%T.%3NZ; }

# old ROOM SPAN BODY: send a message with a time that long ago.
old() { printf '{"room":"%s","user":"alice","host":"desk","time":"%s","body":"%s"}\n' "$1" "$(ago "$2")" "$3" | chat-send -J; }

# field NAME: print the field of each JSON line.
field() { perl -MJSON::PP -ne 'BEGIN { $name = shift; binmode STDOUT, ":utf8" } my $v = JSON::PP->new->utf8->decode($_)->{$name};
  print defined $v ? $v : "null", "\n"' "$1"; }

# count FIELD ROOM: print the field that list shows for the room.
count() { chat-spool list -j | grep -F "\"room\":\"$2\"," | field "$1"; }

# counts FIELD ROOM NUMBER: true if list shows that number (for wait_until).
counts() { [[ $(count "$1" "$2") == "$3" ]]; }

# assert_no_controls FILE: the file contains no control characters except newline and tab, and only UTF-8.
assert_no_controls() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
  run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
}

# ---------------------------------------------------------------- list

@test "list shows the rooms that hold a message, sorted by name" {
  old jobs '7205 seconds' first
  chat-send -r jobs 'a longer second one'
  old mail '50 hours' 12345678901
  chat-send -r gone x
  chat-recv -r gone >/dev/null
  run --separate-stderr -0 chat-spool list
  assert_stderr ''
  assert_equal "$(squeezed <<<"$output")" "ROOM DEPTH BYTES CLAIMED DELAYED HELD EXPIRED DEAD OLDEST
jobs 2 24 B 0 0 0 0 0 2 h
mail 1 11 B 0 0 0 0 0 2 d"
}

@test "the order of rooms does not depend on their age, and -1 prints only the names" {
  local room
  for room in zoo b.dead Zoo é a b 'a b' a-b 日本語; do chat-send -r "$room" x; done
  run --separate-stderr -0 chat-spool list -1
  assert_output "$(LC_ALL=C sort <<<"$output")"
  assert_equal "${#lines[@]}" 9
  assert_line 'a b'
  assert_equal "$(chat-spool list --names)" "$output"
  # In the same order as the table.
  chat-spool list | sed -E '1d; s/ +[0-9]+ +1 B .*//' >table
  assert_equal "$(cat table)" "$output"
  assert_equal "$(chat-spool list -j | field room)" "$output"
}

@test "the columns are aligned, with numbers on the right" {
  seq 12345 | chat-send -l -r many
  chat-send -r 'a room with a long name é' x
  head -c 100000 /dev/zero | chat-send -r z
  chat-send -d 1h -r z later
  chat-spool list >table
  # Counted in characters, each line ends where the heading ends, and so does each column but the first.
  run perl -CSD -ne 'chomp;
    if ($. == 1) { $length = length; while (/\S+/g) { push @ends, pos } shift @ends; next }
    print "$.: length " . length() . " is not $length\n" if length != $length;
    for my $end (@ends) { print "$.: no column ends at $end\n" if substr($_, $end - 1, 2) !~ /^\S ?$/ }' table
  assert_output ''
  assert_equal "$(wc -l <table)" 4
}

@test "sizes and ages are rounded for people" {
  head -c 1023 /dev/zero | chat-send -r a
  head -c 1536 /dev/zero | chat-send -r b
  head -c $((10 << 20)) /dev/zero | chat-send -r c
  old d '12 seconds' x
  old e '5 minutes' x
  old f '3 hours' x
  old g '2 days' x
  old h '800 days' x
  chat-send -r i -d 1h x
  head -c 1024 /dev/zero | chat-send -r j
  head -c 10239 /dev/zero | chat-send -r k
  head -c 10240 /dev/zero | chat-send -r l
  old m '60 seconds' x
  old n '60 minutes' x
  old o '24 hours' x
  chat-spool list | squeezed >table
  run -0 cat table
  assert_line --regexp '^a 1 1023 B '
  assert_line --regexp '^b 1 1\.5 KiB '
  assert_line --regexp '^c 1 10 MiB '
  assert_line --regexp '^j 1 1\.0 KiB '
  assert_line --regexp '^k 1 10\.0 KiB '
  assert_line --regexp '^l 1 10 KiB '
  assert_line --regexp '^m .* 1 min$'
  assert_line --regexp '^n .* 1 h$'
  assert_line --regexp '^o .* 1 d$'
  assert_line --regexp '^d .* (1[2-9]|2[0-9]) s$'
  assert_line --regexp '^e .* 5 min$'
  assert_line --regexp '^f .* 3 h$'
  assert_line --regexp '^g .* 2 d$'
  assert_line --regexp '^h .* 800 d$'
  assert_line --regexp '^i 1 1 B 0 1 0 0 0 -$'
}

@test "a message from the future has no negative age" {
  printf '{"room":"a","user":"u","host":"h","time":"2199-01-01T00:00:00.000Z","body":"x"}\n' | chat-send -J
  run --separate-stderr -0 chat-spool list
  assert_line --regexp '^a +1 '
  refute_output --partial '-1'
  refute_output --regexp ' -[0-9]'
  run --separate-stderr -0 chat-spool show a
  assert_output --partial x
  refute_output --regexp ' -[0-9]'
}

@test "-j prints one object per line with exact integers, in a fixed order" {
  local when
  chat-send -r 'say "hi"' one
  when=$(chat-recv -p -r 'say "hi"' -o %t)
  chat-send -r later -d 1h 'not yet'
  run --separate-stderr -0 chat-spool list -j
  assert_output '{"room":"later","depth":1,"bytes":7,"claimed":0,"delayed":1,"held":0,"expired":0,"dead":0,"oldest":null,"readers":null}
{"room":"say \"hi\"","depth":1,"bytes":3,"claimed":0,"delayed":0,"held":0,"expired":0,"dead":0,"oldest":"'"$when"'","readers":null}'
  assert_equal "$(chat-spool list -j | field room)" $'later\nsay "hi"'
  assert_equal "$(chat-spool list --json)" "$output"
}

@test "list shows how many readers an open room has, and no such column where no room is open" {
  chat-send -r plain one
  run -0 chat-spool list
  refute_output --partial READERS
  chat-spool open tea
  chat-spool open empty
  chat-spool seek tea/bob start
  chat-spool seek tea/carol start
  chat-send -r tea one
  run -0 chat-spool list
  assert_equal "$(awk '{ print $1, $NF }' <<<"$output")" $'ROOM READERS\nempty 0\nplain -\ntea 2'
  run -0 chat-spool list plain
  refute_output --partial READERS
  run -0 chat-spool list -j
  assert_equal "$(jq -c '[.room, .readers]' <<<"$output")" $'["empty",0]\n["plain",null]\n["tea",2]'
}

@test "list prints nothing for an empty spool and creates no spool" {
  local way
  for way in '' -j -1; do
    # shellcheck disable=SC2086  # or nothing
    run --separate-stderr -0 chat-spool list $way
    assert_equal "$output$stderr" ''
    run --separate-stderr -0 chat-spool list $way -s nowhere/spool.db
    assert_equal "$output$stderr" ''
  done
  assert_equal "$(find "$HOME" . -name '*.local' -o -name nowhere -o -name '*.db*')" ''
  chat-send x
  run --separate-stderr -0 chat-spool list -1
  assert_output main
  chat-recv >/dev/null
  for way in '' -j -1; do
    # shellcheck disable=SC2086
    run --separate-stderr -0 chat-spool list $way
    assert_equal "$output$stderr" ''
  done
}

@test "list does not change the spool" {
  local before
  chat-send -r jobs one
  chat-send -r jobs -d 1h two
  chat-send -x 0.1 three
  wait_until counts expired main 1
  before=$(rows)
  chat-spool list >/dev/null
  chat-spool list -j >/dev/null
  chat-spool show jobs >/dev/null
  chat-spool show >/dev/null
  assert_equal "$(rows)" "$before"
}

@test "list counts claimed, delayed, held, expired and dead messages, each in its own column and field" {
  local n when
  printf '%s\n' one two | chat-send -l -r jobs
  run -123 chat-recv -r jobs -c 2 --backoff 1h -- false
  printf '%s\n' three four five | chat-send -l -r jobs
  background chat-recv -c 3 -P 3 -r jobs -- ./hold
  wait_until started 3
  for n in 1 2 3 4; do chat-send -r jobs -d 1h "$n"; done
  seq 5 | chat-send -l -r jobs.dead
  when=$(chat-recv -p -r jobs.dead -o %t)
  chat-send -r other x
  chat-send -r jobs -x 0.1 'over soon'
  wait_until counts expired jobs 1
  run -0 chat-spool list
  assert_equal "$(squeezed <<<"$output" | sed -E 's/ [0-9]+ (s|min)$/ now/')" "ROOM DEPTH BYTES CLAIMED DELAYED HELD EXPIRED DEAD OLDEST
jobs 10 32 B 3 4 2 1 5 now
jobs.dead 5 5 B 0 0 0 0 0 now
other 1 1 B 0 0 0 0 0 now"
  run -0 chat-spool list -j
  assert_regex "${lines[0]}" \
    '^\{"room":"jobs","depth":10,"bytes":32,"claimed":3,"delayed":4,"held":2,"expired":1,"dead":5,"oldest":"[^"]*","readers":null\}$'
  assert_line --index 1 \
    '{"room":"jobs.dead","depth":5,"bytes":5,"claimed":0,"delayed":0,"held":0,"expired":0,"dead":0,"oldest":"'"$when"'","readers":null}'
}

# ---------------------------------------------------------------- claims

@test "a message is claimed while its COMMAND runs, and no longer" {
  chat-send -r jobs one
  chat-send -r jobs two
  background chat-recv -r jobs -- ./hold
  wait_until started 1
  assert_equal "$(count claimed jobs) $(count depth jobs)" '1 2'
  run -0 chat-spool show jobs
  assert_equal "$(squeezed <<<"$output" | sed 1d | cut -d ' ' -f 1,2)" $'1 claimed\n2 waiting'
  touch go
  finish "$BACKGROUND_PID"
  assert_equal "$(count claimed jobs) $(count depth jobs)" '0 1'
}

@test "a claim ends with its receiver, at once" {
  chat-send one
  background chat-recv -- ./hold
  wait_until started 1
  assert_equal "$(count claimed main)" 1
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  assert_equal "$(count claimed main)" 0
}

@test "claims are counted room by room, one by one and in runs" {
  seq 20 | chat-send -l -r a
  seq 500 | chat-send -l -r b
  seq 5 | chat-send -l -r c
  background chat-recv -F -r a -P 7 -- ./hold
  wait_until started 7
  full_pipe pipe
  background chat-recv -a -r b >pipe
  wait_stuck "$BACKGROUND_PID"
  assert_equal "$(count claimed a)" 7
  assert [ "$(count claimed b)" -ge 100 ]
  assert [ "$(count claimed b)" -le 500 ]
  assert_equal "$(count claimed c)" 0
  # And list holds no claims on them afterwards.
  assert_equal "$(count claimed a)" 7
  kill -KILL "$BACKGROUND_PID"
  wait_until counts claimed b 0
}

@test "a delayed, a held and an expired message without a receiver do not count as claimed" {
  chat-send -d 1h delayed
  chat-send held
  run -123 chat-recv --backoff 1h -- false
  chat-send -r elsewhere one
  background chat-recv -r elsewhere -- ./hold
  wait_until started 1
  assert_equal "$(count claimed main) $(count claimed elsewhere)" '0 1'
}

@test "list takes nothing from a receiver: it neither claims messages nor waits for claims" {
  local n
  seq 40 | chat-send -l
  background bash -c 'until [[ -e stop ]]; do chat-spool list; chat-spool show; done >/dev/null 2>>errors'
  for n in {1..40}; do
    run -0 timeout 20 chat-recv
    assert_output "$n"
  done
  touch stop
  finish "$BACKGROUND_PID"
  run grep -v 'No messages' errors
  assert_output ''
}

# ---------------------------------------------------------------- show

@test "show lists the messages of a room in order, with their states" {
  old jobs '3 hours' waiting
  chat-send -r jobs -u bob held
  chat-send -r jobs -u bob -d 2h 'delayed more'
  chat-send -r jobs -u bob -d 1h delayed
  background chat-recv -r jobs -- ./hold
  wait_until started 1
  run -123 chat-recv -r jobs --backoff 1h -- false
  chat-send -r jobs -u bob -x 0.1 expired # last: a failure deletes what has expired
  wait_until counts expired jobs 1
  run --separate-stderr -0 chat-spool show jobs
  assert_stderr ''
  squeezed <<<"$output" | sed -E "s/@$(hostname) /@here /; s/ [0-9]+ s / now /" >table
  assert_equal "$(cat table)" "ID STATE AGE FROM SIZE ATTEMPTS BODY
1 claimed 3 h alice@desk 7 B 0 waiting
5 expired now bob@here 7 B 0 expired
4 delayed now bob@here 7 B 0 delayed
2 held now bob@here 4 B 1 held
3 delayed now bob@here 12 B 0 delayed more"
  # peek is another name of the command.
  assert_equal "$(chat-spool peek jobs | squeezed | cut -d ' ' -f 1,2)" "$(squeezed <<<"$output" | cut -d ' ' -f 1,2)"
}

@test "show takes nothing" {
  chat-send one
  chat-spool show >/dev/null
  chat-spool show -i 1 >/dev/null
  chat-spool peek -j >/dev/null
  run -0 chat-recv
  assert_output one
}

@test "show prints the first line of a body, truncated, as one line" {
  chat-send $'first line\nsecond line'
  chat-send "$(printf 'x%.0s' {1..500})"
  chat-send "$(printf '語%.0s' {1..500})"
  chat-send ''
  chat-send $'\n\nthird'
  chat-spool show >table
  assert_equal "$(wc -l <table)" 6
  run -0 cat table
  assert_line --index 1 --partial 'first line'
  refute_output --partial second
  refute_output --partial "$(printf 'x%.0s' {1..61})"
  assert_output --partial "$(printf 'x%.0s' {1..40})"
  assert_equal "$(wc -L <table)" 120
  assert_line --index 2 --regexp ' 0  x+\.\.\.$'
  assert_line --index 4 --regexp ' 0 B +0  $'
  assert_line --index 5 --regexp ' 7 B +0  $'
  # No character is split.
  iconv -f UTF-8 -t UTF-8 table >/dev/null
}

@test "a text is cut where the terminal ends, with a mark if there is space for one" {
  local line='{"user":"alice","host":"desk","body":"%s"}\n' all
  # shellcheck disable=SC2059  # a format is meant
  { printf "$line" 0123456789 && printf "$line" 日本語日本 && printf "$line" $'a\u0301b\u0301c\u0301d\u0301e\u0301'; } | chat-send -J
  on_terminal bash -c 'for columns in 57 58 60 61 62 63 67 68; do stty cols "$columns"; chat-spool show; done' </dev/null >seen
  assert_equal "$(grep -c '^[123] *waiting ' seen)" 24
  all=$(sed -E 's/^[123] +waiting +[0-9]+ s  alice@desk        *1[05] B +0  //; s/^ID .*ATTEMPTS  /-/' seen | tr '\n' ' ')
  assert_equal "$all" \
    $'-    -    -BO 01 日 a\u0301b\u0301 -BOD 012 日 a\u0301b\u0301c\u0301 -BODY 0... ... a\u0301... -BODY 01... 日... a\u0301b\u0301c\u0301d\u0301e\u0301 '"\
-BODY 012345... 日本語... $(printf '%s\u0301' a b c d e) -BODY 0123456789 日本語日本 $(printf '%s\u0301' a b c d e) "
}

@test "show escapes bodies in a pipe and on a terminal" {
  chat-send $'a\x1b[31m\x07\tb\r\xff\xc2\x9b日'
  head -c 10000 /dev/urandom | chat-send
  chat-spool show >piped
  on_terminal chat-spool show </dev/null >seen
  assert_no_controls piped
  assert_no_controls seen
  run -0 grep -F 'a\x1b[31m\x07' piped
  run -0 grep -F 'a\x1b[31m\x07' seen
  run -0 grep -F 日 piped
  assert_equal "$(wc -l <piped)" 3
}

@test "on a terminal show prints no line wider than the terminal" {
  chat-send "$(printf 'x%.0s' {1..500})"
  chat-send "$(printf '日%.0s' {1..500})"
  chat-send "$(head -c 500 /dev/zero | tr '\0' '\033')"
  on_terminal bash -c 'stty cols 100; chat-spool show' </dev/null >seen
  assert_equal "$(wc -l <seen)" 4
  run -0 perl -CSD -MList::Util=sum -ne 'chomp; my $w = sum(0, map { ord() > 0x2e80 ? 2 : 1 } split //); print "$w\n"' seen
  for width in "${lines[@]}"; do assert [ "$width" -le 100 ]; done
  # The index is used.
  assert [ "${lines[1]}" -ge 95 ]
}

@test "show -c reads no more messages than it shows" {
  seq 3 | chat-send -l
  sqlite3 "$SPOOL" "UPDATE message SET body = x'00' WHERE position & 0xffffffffff = 2"
  run -0 --separate-stderr chat-spool show -c 1
  assert_stderr ''
  run -65 --separate-stderr chat-spool show -c 2
  assert_line --index 2 --regexp '^ *3 '
  assert_equal "${#lines[@]}" 3
}

@test "show -c shows the first messages" {
  seq 5 | chat-send -l
  chat-send -d 1h later
  assert_equal "$(chat-spool show -c 2 | squeezed | cut -d ' ' -f 1)" $'ID\n1\n2'
  assert_equal "$(chat-spool show --count 100 | wc -l)" 7
  assert_equal "$(chat-spool show -j -c 3 | field id)" $'1\n2\n3'
  run --separate-stderr chat-spool show -c 0
  assert_usage chat-spool
  run --separate-stderr chat-spool show -c 1 -i 1
  assert_usage chat-spool
}

@test "show -i shows one message in full" {
  chat-send -r jobs -u alice -k daily $'the body\nof two lines'
  chat-send -r jobs -u bob -d 2099-01-02T03:04:05Z -x 2100-01-01T00:00:00Z second
  run --separate-stderr -0 chat-spool show -i 1
  assert_equal "$(sed -E "s/@$(hostname)\$/@here/; s/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z/TIME/" <<<"$output")" 'Id:       1
Room:     jobs
State:    waiting
From:     alice@here
Sent:     TIME
Attempts: 0
Key:      daily
Due:      -
Expires:  -
Length:   21

the body
of two lines'
  run --separate-stderr -0 chat-spool show --id 2
  assert_equal "$(sed -E "s/@$(hostname)\$/@here/; s/(Sent: *)20.*Z/\1TIME/" <<<"$output")" 'Id:       2
Room:     jobs
State:    delayed
From:     bob@here
Sent:     TIME
Attempts: 0
Key:      -
Due:      2099-01-02T03:04:05.000Z
Expires:  2100-01-01T00:00:00.000Z
Length:   6

second'
}

@test "show -i writes the body's bytes to a pipe, and escapes them on a terminal" {
  printf 'a\x1b[31m\0\xff\n\n' >body
  chat-send -f body
  chat-spool show -i 1 >out
  tail -c "$(stat -c %s body)" out | cmp body -
  on_terminal chat-spool show -i 1 </dev/null >seen
  assert_no_controls seen
  run -0 grep -F 'a\x1b[31m\x00\xff' seen
}

@test "show -j writes the lines of dump plus the state of each message" {
  chat-send -r jobs -k daily 'one "1"'
  chat-send -r jobs -d 2099-01-01 two
  printf '\xff\0' | chat-send -r jobs
  chat-spool dump jobs >dumped
  chat-spool show -j jobs | tee states | sed 's/"state":"[a-z]*",//' >shown
  run -0 grep -o '"expires":null,"state":"[a-z]*","next_id"' states
  assert_output '"expires":null,"state":"waiting","next_id"
"expires":null,"state":"waiting","next_id"
"expires":null,"state":"delayed","next_id"'
  sort dumped >a
  sort shown | cmp a -
  chat-spool show -j -i 2 | sed 's/"state":"delayed",//' | cmp <(grep '"id":2,' dumped) -
  assert_equal "$(wc -l <shown)" 3
  run grep -vE '"place":[0-9]+,"due":("[^"]+"|null),"expires":null,"next_id":[0-9]+,"body' shown
  assert_output ''
}

@test "show names the process that has claimed a message, in JSON too" {
  local id pid
  seq 300 | chat-send -l -r jobs
  background chat-recv -r jobs -b 3 -- sh -c 'cat >/dev/null; echo $PPID >began; until test -e go; do sleep 0.05; done'
  wait_until test -s began
  pid=$BACKGROUND_PID
  [[ $SPOOL != postgresql:* ]] || pid=$(store_ask "SELECT DISTINCT pid FROM pg_locks WHERE classid::bigint >> 16 = 25448
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())" "$SPOOL")
  run -0 chat-spool show jobs -j
  assert_equal "$(grep -c "\"state\":\"claimed\",\"pid\":$pid,\"holder\":\"chat" <<<"$output")" 3
  assert_equal "$(grep -c '"state":"waiting","next_id"' <<<"$output")" 297
  id=$(sed -n '2s/{"id":\([0-9]*\),.*/\1/p' <<<"$output")
  run -0 chat-spool show -i "$id"
  assert_line --regexp "^State: +claimed\$"
  assert_line --regexp "^Holder: +process $pid \\(chat[a-z-]*( at [0-9.]+)?\\)\$"
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-spool show -i "$((id + 10))"
  refute_line --partial Holder
}

@test "show and dump report how and when the last attempt failed" {
  local id
  id=$(chat-send -i job)
  chat-recv -q -- sh -c 'exit 3' 2>/dev/null || true
  run -0 chat-spool show -i "$id"
  assert_line --regexp '^Failed:   status 3, 20[0-9-]+T[0-9:]+\.[0-9]{3}Z$'
  assert_line 'Attempts: 1'
  chat-recv -q -- sh -c 'kill -TERM $$' 2>/dev/null || true
  run -0 chat-spool show -i "$id"
  assert_line --regexp '^Failed: +signal 15, 20[0-9-]+T'
  chat-spool dump >dumped
  assert_regex "$(cat dumped)" '"attempts":2,"failed":"20[^"]*","failure":271,'
  chat-spool load -s loaded.db dumped
  diff dumped <(chat-spool dump -s loaded.db)
  # The failure moves with the message to the dead-letter room; in another room the attempts start from 0.
  run -123 chat-recv -q --tries 3 -- sh -c 'exit 4'
  run -0 chat-spool show -i "$id"
  assert_line --regexp '^Room: +main\.dead$'
  assert_line --regexp '^Failed: +status 4, 20[0-9-]+T'
  chat-spool move main.dead other
  run -0 chat-spool show -i "$id"
  refute_line --partial Failed
}

@test "show exits with 1 for an empty room and for an id that does not exist" {
  run --separate-stderr chat-spool show
  assert_error 1 'chat-spool: No messages'
  assert_not_exist "$HOME/.local"
  chat-send one
  run --separate-stderr chat-spool show other
  assert_error 1 "chat-spool: No messages in room 'other'"
  run --separate-stderr chat-spool show -i 7
  assert_error 1 'chat-spool: No message 7'
  run --separate-stderr chat-spool show -j other
  assert_error 1 "chat-spool: No messages in room 'other'"
  run --separate-stderr chat-spool show -j -i 7
  assert_error 1 'chat-spool: No message 7'
}

@test "show lists a room of 20,000 messages completely" {
  seq 20000 | chat-send -l
  chat-spool show | squeezed | awk 'NR > 1 { print $1 }' | cmp <(seq 20000) -
}

# ---------------------------------------------------------------- hostile files, outputs

@test "a control character in a name in a hostile file never reaches the terminal unescaped" {
  local command
  chat-send -r jobs -u alice one
  sqlite3 "$SPOOL" "UPDATE room SET name = 'a' || char(27) || '[31m' || char(10) || 'b' WHERE number > 0"
  sqlite3 "$SPOOL" "UPDATE message SET sender = char(27) || '[31m'"
  for command in list 'list -j' 'list -1' 'show -i 1' check dump; do
    # shellcheck disable=SC2086  # words are meant
    on_terminal chat-spool $command </dev/null >seen || [[ $? == 65 ]]
    run -1 grep -aF $'\x1b' seen
  done
}

@test "an output that cannot be written exits with 74" {
  local command
  chat-send one
  for command in list 'list -j' 'list -1' show 'show -i 1' 'show -j'; do
    run --separate-stderr bash -c "chat-spool $command >/dev/full"
    assert_error 74 'chat-spool: '
    run --separate-stderr bash -c "chat-spool $command >&-"
    assert_error 74 'chat-spool: '
  done
  # Closed standard input and error do no harm.
  run --separate-stderr -0 bash -c 'chat-spool list -1 <&- 2>&-'
  assert_output main
}

@test "a file that is not a spool exits with 65, and an unsafe file with 77" {
  local command
  echo text >text.db
  mkdir dir
  ln -s ../text.db dir/link.db
  for command in list show; do
    chmod 600 text.db
    run --separate-stderr chat-spool "$command" -s text.db
    assert_error 65 'chat-spool: '
    run --separate-stderr chat-spool "$command" -s dir/link.db
    assert_error 77 'chat-spool: '
  done
}

# ---------------------------------------------------------------- list --watch

# watching [COMMAND ...]: run list --watch on a terminal in the background, behind these commands. The terminal's output
# is in the file screen; the process id is in $WATCH, that of script in $BACKGROUND_PID.
watching() {
  rm -f pid typing
  mkfifo typing # nobody types, nor is at the end
  exec {KEEP}<>typing
  background script --quiet --return --flush --echo never --command "cd $PWD; ${1:-true}; echo \$\$ >pid; exec chat-spool list -w" \
    /dev/null <typing >screen 2>&1
  wait_until test -s pid
  WATCH=$(cat pid)
}

# painted PATTERN: a line of the last table matches.
painted() {
  perl -0777 -pe 's/.*(\e\[H|\e\[2J|\e\[3J|\ec)//s; s/\e\[[0-9;?]*[A-Za-z]//g; s/\r//g; s/ +/ /g' screen | grep -qE -- "$1"
}

@test "--watch shows the table and repaints it after a change" {
  chat-send -r jobs one
  watching
  wait_until painted '^jobs 1 3 B 0 '
  painted "^$SPOOL .*[0-9]{2}:[0-9]{2}:[0-9]{2}"
  painted '^ROOM DEPTH '
  chat-send -r jobs two
  wait_until painted '^jobs 2 6 B 0 '
  chat-send -r mail three
  wait_until painted '^mail 1 5 B 0 '
  chat-recv -a -r jobs >/dev/null
  wait_until painted '^mail 1 5 B 0 '
  wait_until eval '! painted "^jobs "'
  kill -TERM "$WATCH"
  finish "$BACKGROUND_PID"
  assert_success
}

@test "--watch waits for a spool that does not exist, and creates none" {
  watching
  wait_blocked "$WATCH"
  assert_not_exist "$SPOOL"
  chat-send -r jobs one
  wait_until painted '^jobs 1 3 B 0 '
}

@test "--watch shows new claims" {
  watching
  background chat-recv -w -r jobs -- ./hold
  wait_blocked "$BACKGROUND_PID"
  chat-send -r jobs one
  wait_until started 1
  # list --watch looks once more a moment after each change.
  wait_until painted '^jobs 1 3 B 1 '
  touch go
  wait_until eval '! painted "^jobs "'
}

@test "--watch exits with 0 on INT, TERM and HUP" {
  local signal
  chat-send one
  for signal in INT TERM HUP; do
    watching
    wait_until painted '^main 1 '
    kill "-$signal" "$WATCH"
    finish "$BACKGROUND_PID"
    assert_equal "$signal: $status" "$signal: 0"
  done
}

@test "an idle --watch makes no system call" {
  local pid
  chat-send one
  watching
  wait_until painted '^main 1 '
  # Wait until that second look is over.
  wait_blocked "$WATCH"
  sleep 0.3
  wait_blocked "$WATCH"
  if strace -o /dev/null true 2>/dev/null; then
    background strace -o trace -p "$WATCH" 2>attached
    wait_until grep -q attached attached
    sleep "$STILL"
    run head -n 5 trace
    assert_output --regexp '^(ppoll|poll|restart_syscall)\([^'$'\n'']*$'
  else
    grep voluntary "/proc/$WATCH/status" >before
    sleep "$STILL"
    grep voluntary "/proc/$WATCH/status" | cmp before -
  fi
}

@test "many changes repaint the table at most ten times per second" {
  local start paints
  chat-send -r jobs 0
  watching
  wait_until painted '^jobs 1 '
  start=${EPOCHREALTIME/./}
  for n in {1..120}; do chat-send -r jobs "$n"; done
  wait_until painted '^jobs 121 '
  paints=$(grep -c '^ROOM' <(tr -d '\r' <screen | sed -E 's/\x1b\[[0-9;?]*[A-Za-z]//g'))
  assert [ "$paints" -ge 2 ]
  assert [ "$paints" -le $(((${EPOCHREALTIME/./} - start) / 100000 + 4)) ]
}

@test "--watch cuts off the rows that do not fit" {
  local n
  for n in {10..40}; do chat-send -r "room-$n" x; done
  watching 'stty rows 12 cols 100'
  wait_until painted '^\.\.\. and [0-9]+ more'
  perl -0777 -pe 's/.*(\e\[H|\e\[2J|\e\[3J|\ec)//s; s/\e\[[0-9;?]*[A-Za-z]//g; s/\r//g' screen >last
  run -0 cat last
  assert_equal "${#lines[@]}" 11
  assert_equal "$(grep -c '^room-' last)" 8
  assert_line --index 10 '... and 23 more'
  # A change of the size repaints the table. With fewer than five rows, it takes 24.
  resize 5
  wait_until painted '^\.\.\. and 30 more'
  resize 4
  wait_until painted '^\.\.\. and 11 more'
  resize 35
  wait_until painted '^room-40 '
  run -1 painted '^\.\.\.'
}

# resize ROWS: set the size of the terminal that list --watch uses.
resize() { stty rows "$1" <"/proc/$WATCH/fd/1"; }

@test "--watch needs a terminal and excludes -j and -1" {
  run --separate-stderr timeout 20 chat-spool list -w
  assert_usage chat-spool
  run --separate-stderr timeout 20 chat-spool list --watch -j
  assert_usage chat-spool
  run -64 on_terminal timeout 20 chat-spool list -w -1 </dev/null
  run -64 on_terminal timeout 20 chat-spool list -jw </dev/null
  run --separate-stderr chat-spool list -j -1
  assert_usage chat-spool
  assert_not_exist "$HOME/.local"
}

# ---------------------------------------------------------------- the program

COMMANDS='list show peek move delete check dump load backup restore compact copy config init version'

@test "a missing command, an unknown command and a wrong option exit with 64, and the error says which" {
  local command
  run --separate-stderr chat-spool
  assert_usage chat-spool
  run --separate-stderr chat-spool unknown
  assert_usage chat-spool
  [[ $stderr == *"'unknown'"* ]]
  run --separate-stderr chat-spool $'\x1b[31m'
  assert_usage chat-spool
  [[ $stderr != *$'\x1b'* ]]
  for command in $COMMANDS; do
    run --separate-stderr chat-spool "$command" --no-such-option
    assert_usage chat-spool
    [[ $stderr == *'--no-such-option'* ]]
  done
  assert_not_exist "$HOME/.local"
}

@test "--help and --version print to standard output, for each command too" {
  local command
  run --separate-stderr -0 chat-spool --help
  assert_stderr ''
  for command in $COMMANDS; do assert_output --regexp "(^|[^a-z])$command([^a-z]|\$)"; done
  run --separate-stderr -0 chat-spool --version
  assert_stderr ''
  assert_output --regexp '^chat-spool [0-9]+\.[0-9]+\.[0-9]+'
  for command in $COMMANDS; do
    run --separate-stderr -0 chat-spool "$command" --help
    assert_stderr ''
    assert_line --index 0 --partial 'chat-spool '
    assert_output --partial -- --help
  done
  run --separate-stderr bash -c 'chat-spool --help >/dev/full'
  assert_equal "$status" 74
  assert_not_exist "$HOME/.local"
}

@test "list ROOM ... shows these rooms in this order, even empty ones" {
  chat-send -r b one
  chat-send -r a two
  run -123 chat-recv -r a --tries 1 -- false
  run -0 chat-spool list empty b a
  assert_equal "$(awk '{ print $1, $2 }' <<<"$output")" 'ROOM DEPTH
empty 0
b 1
a 0'
  assert_equal "$(chat-spool list -j empty b a | grep -o '"dead":[0-9]*' | tr '\n' ' ')" '"dead":0 "dead":0 "dead":1 '
  assert_equal "$(chat-spool list -1 empty b)" $'empty\nb'
  assert_equal "$(chat-spool list -j empty)" \
    '{"room":"empty","depth":0,"bytes":0,"claimed":0,"delayed":0,"held":0,"expired":0,"dead":0,"oldest":null,"readers":null}'
  run --separate-stderr chat-spool list a/b
  assert_usage chat-spool
}

@test "list ROOM ... shows empty rooms if there is no spool" {
  assert_equal "$(chat-spool list -j jobs | cut -d , -f 1,2)" '{"room":"jobs","depth":0'
  assert_not_exist "$SPOOL"
}

@test "options are allowed before, between and after the arguments, and end at --" {
  chat-send -r jobs one
  chat-send -r jobs two
  run -0 chat-spool show jobs -c 1 -j
  assert_output --partial '"body":"one"'
  refute_output --partial '"body":"two"'
  assert_equal "$(chat-spool show -jc1 jobs)" "$output"
  assert_equal "$(chat-spool show -j jobs --count=1)" "$output"
  run -0 chat-spool move jobs -q later
  assert_output ''
  run -0 chat-spool move later -- jobs
  assert_output '2 messages moved'
  run --separate-stderr chat-spool move jobs -- -q
  assert_usage chat-spool
  run --separate-stderr chat-spool show jobs -c
  assert_usage chat-spool
  run -0 chat-spool delete jobs -y
  assert_output '2 messages deleted'
  run --separate-stderr chat-spool show one two
  assert_usage chat-spool
}

@test "version prints the versions of the program, the library and SQLite" {
  run --separate-stderr -0 chat-spool version
  assert_line --index 0 --regexp '^chat-spool [0-9.]+$'
  assert_line --index 1 --regexp '^libchatspool [0-9.]+$'
  assert_line --index 2 --regexp '^SQLite 3\.[0-9.]+$'
  assert_not_exist "$HOME/.local"
}

@test "-s, \$CHAT_SPOOL and the default name the spool" {
  chat-send -s a.db in a
  chat-send -s b.db -r other in b
  run -0 chat-spool list -1 -s a.db
  assert_output main
  run -0 chat-spool list --spool b.db -1
  assert_output other
  CHAT_SPOOL=b.db run -0 chat-spool list -1
  assert_output other
  run -0 chat-spool list -1
  assert_output ''
  run --separate-stderr chat-spool list -s ''
  assert_usage chat-spool
}
