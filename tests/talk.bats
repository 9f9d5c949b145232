#!/usr/bin/env bats
# chat-talk on real terminals: people who type while messages come in, at wide and narrow terminals, in trouble and out of it.

# The tests run the library's functions in other shells; a variable that a test exports is for that test.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper
load terminal
load ssh

# Two throw-away users that no password file knows.
ALICE=54321 MALLORY=54322

setup() {
  chat_setup
  # It is noon here, so no test sees midnight.
  TZ=UTC$((10#$(date -u +%H) - 12))
  export TZ TERM=tmux-256color
  unset NO_COLOR COLUMNS EDITRC
  chat-spool open tea
}

teardown() {
  local result=0
  terminal_teardown || result=$?
  [[ ! ${SMALL:-} ]] || umount -l "$SMALL"
  return "$result"
}

# person NAME [OPTION ...]: that person at a terminal of that name, in the room tea.
person() {
  terminal "$1" chat-talk -u "$1" "${@:2}" tea
  wait_until last_row "$1" 'tea>'
}

# recorded NAME: all that the program writes to this terminal from now on is in the file NAME.raw as well.
recorded() {
  : >"$1.raw"
  tm pipe-pane -t "$1" "cat >>$(printf %q "$PWD/$1.raw")"
}

# has_bytes FILE BYTES: the file contains them.
has_bytes() { LC_ALL=C grep -qaF -- "$2" "$1"; }

# traced NAME OPTION ...: the system calls of the person's program are in the file "trace" from now on.
traced() {
  background strace -o trace "${@:2}" -p "$(pid_of "$1")" 2>attached
  wait_until grep -q attached attached
}

# read_by NAME: the person has read everything.
read_by() { [[ $(chat-recv -p -q -a -r "tea/$1" || [[ $? == 1 ]] || echo failed) == '' ]]; }

# tell TEXT [OPTION ...]: a message to the room from a program.
tell() { chat-send -r tea -u bob "${@:2}" -- "$1"; }

# ---------------------------------------------------------------- people

@test "two people see each other's messages" {
  person alice
  person bob
  enters alice 'Is the kettle on?'
  enters bob 'Nearly.'
  wait_until shows alice Nearly
  wait_until shows bob Nearly
  sees alice '-- tea: no unread messages
hh:mm alice  Is the kettle on?
hh:mm bob    Nearly.
tea>'
  sees bob '-- tea: no unread messages; here: alice
hh:mm alice  Is the kettle on?
hh:mm bob    Nearly.
tea>'
}

@test "three people see all messages in the same order" {
  local name
  for name in alice bob carol; do person "$name"; done
  for name in alice bob carol; do types "$name" "I am $name"; done
  for name in carol alice bob; do keys "$name" Enter; done
  for name in alice bob carol; do
    wait_until shows "$name" 'I am alice'
    wait_until shows "$name" 'I am bob'
    wait_until shows "$name" 'I am carol'
  done
  assert_equal "$(picture alice | grep 'I am')" "$(picture bob | grep 'I am')"
  assert_equal "$(picture alice | grep 'I am')" "$(picture carol | grep 'I am')"
}

@test "a half-typed line stays intact when a message arrives" {
  local line cursor
  person alice
  for line in 'plain text' '日本語のお茶' $'combining e\u0301a\u0308o\u0302' $'wide and combining 日\u0301x' 'emoji 🙂 and €'; do
    types alice "$line"
    wait_until last_row alice "tea> $line"
    cursor=$(cursor alice)
    tell "while typing: $line"
    wait_until shows alice "bob    while typing: $line"
    wait_until last_row alice "tea> $line"
    assert_equal "$(cursor alice)" "${cursor%,*},$((${cursor#*,} + 1))"
    keys alice Enter
    wait_until shows alice "alice  $line"
    wait_until last_row alice 'tea>'
  done
  run -0 chat-recv -p -a -r tea -o '%u %b\n'
  assert_line --index 1 'alice plain text'
  assert_line --index 3 'alice 日本語のお茶'
  assert_line --index 5 $'alice combining e\u0301a\u0308o\u0302'
}

@test "a message arrives while the cursor is in the middle of the line" {
  person alice
  types alice 'one three'
  keys alice Left Left Left Left Left
  tell hello
  wait_until shows alice hello
  types alice 'two '
  keys alice Enter
  wait_until shows alice 'alice  one two three'
}

@test "a half-typed line that is longer than a row stays intact" {
  local line='0123456789 日本語 abcdefghij é 0123456789 日本語 abcdefghij 0123456789 日本語 abcdefghij end'
  person alice
  types alice "$line"
  wait_until shows alice end
  tell hello
  sees alice '-- tea: no unread messages
hh:mm bob    hello
tea> 0123456789 日本語 abcdefghij é 0123456789 日本語 abcdefghij 01234
56789 日本語 abcdefghij end'
  keys alice C-a
  types alice X
  tell again
  keys alice C-e
  types alice Y
  sees alice '-- tea: no unread messages
hh:mm bob    hello
hh:mm bob    again
tea> X0123456789 日本語 abcdefghij é 0123456789 日本語 abcdefghij 0123
456789 日本語 abcdefghij endY'
  keys alice Enter
  wait_until last_row alice 'tea>'
  run -0 chat-recv -p -a -r tea -o '%u %b\n'
  assert_line "alice X${line}Y"
}

@test "a half-typed line that is higher than the screen stays intact" {
  ROWS_OF_TERMINAL=5 person alice
  types alice "$(seq -s ' ' 200)"
  wait_until shows alice '199 200'
  tell hello
  wait_until shows alice '199 200'
  types alice ' 201'
  wait_until shows alice '199 200 201'
  keys alice Enter
  wait_until last_row alice 'tea>'
  run -0 chat-recv -p -a -r tea -o '%u %b\n'
  assert_line "alice $(seq -s ' ' 201)"
}

@test "a half-typed line stays intact when the terminal is resized" {
  person alice
  tell 'a message before the terminal changes'
  wait_until shows alice before
  types alice '0123456789 abcdefghij 0123456789 abcdefghij 0123456789' -S -
  resize alice 40 20
  sees alice '-- tea: no unread messages
hh:mm bob    a message before the termin
al changes
tea> 0123456789 abcdefghij 0123456789 ab
cdefghij 0123456789' -S -
  types alice X
  tell 'a message while it is narrow'
  sees alice '-- tea: no unread messages
hh:mm bob    a message before the termin
al changes
hh:mm bob    a message while it is
             narrow
tea> 0123456789 abcdefghij 0123456789 ab
cdefghij 0123456789X' -S -
  resize alice 80 20
  sees alice '-- tea: no unread messages
hh:mm bob    a message before the terminal changes
hh:mm bob    a message while it is
             narrow
tea> 0123456789 abcdefghij 0123456789 abcdefghij 0123456789X' -S -
}

@test "pasted lines are one message that can be edited before it is sent" {
  person alice
  pastes alice $'one\n\ttwo\nthree\n'
  sees alice '-- tea: no unread messages
tea> one
    two
three'
  types alice '!'
  keys alice Enter
  sees alice '-- tea: no unread messages
hh:mm alice  one
                     two
             three!
tea>'
  run -0 chat-recv -p -r tea
  assert_output $'one\n\ttwo\nthree!'
}

@test "a paste of a thousand lines is one message" {
  person alice
  pastes alice "$(seq 1000)"
  wait_until last_row alice 1000
  keys alice Enter
  wait_until last_row alice 'tea>'
  chat-recv -p -r tea | cmp - <(seq 1000)
}

@test "a message arrives in the middle of a paste" {
  person alice
  types alice 'before '
  types alice $'\e[200~one\rtw'
  tell hello
  wait_until shows alice hello
  wait_until last_row alice 'tea> before'
  types alice $'o\e[201~ after'
  wait_until last_row alice 'two after'
  keys alice Enter
  wait_until shows alice 'two after'
  run -0 chat-recv -p -a -r tea -o '%u %b|'
  assert_output $'bob hello|alice before one\ntwo after|'
}

@test "a thousand messages at once leave the typed line intact" {
  local sender
  person alice
  types alice 'half-'
  chat-send -l -r tea -u bob < <(seq 1000) 3>&- &
  sender=$!
  types alice typed
  wait "$sender"
  wait_until shows alice 'bob    1000'
  wait_until last_row alice 'tea> half-typed'
  assert_equal "$(picture alice | tail -n 4)" 'hh:mm bob    998
hh:mm bob    999
hh:mm bob    1000
tea> half-typed'
}

# ---------------------------------------------------------------- the read position

@test "chat-talk starts with the unread messages and prints their number" {
  : | chat-talk -u alice tea
  seq 30 | chat-send -l -r tea -u bob
  terminal alice chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  assert_equal "$(picture alice | tail -n 3)" 'hh:mm bob    30
-- now
tea>'
  tm set-option -g history-limit 1000
  run tm capture-pane -p -S - -t alice
  assert_line --regexp '^-- tea: 30 unread since [0-2][0-9]:[0-5][0-9]$'
  assert_line --regexp '^[0-2][0-9]:[0-5][0-9] bob    1$'
}

@test "chat-talk shows at least the last N messages" {
  : | chat-talk -u alice tea
  seq 30 | chat-send -l -r tea -u bob
  : | chat-talk -u alice tea >all
  assert_equal "$(wc -l <all)" 30
  : | chat-talk -u alice tea >last
  assert_equal "$(sed 's/.* //' last | tr '\n' ' ')" "$(seq -s ' ' 11 30) "
  : | chat-talk -u alice -n 3 tea >last
  assert_equal "$(sed 's/.* //' last | tr '\n' ' ')" '28 29 30 '
  # Whether it looks at few messages or at all of them.
  seq 31 300 | chat-send -l -r tea -u bob
  : | chat-talk -u alice tea >/dev/null
  for n in 1 2 30 74 75 76 100 101 250 299 300 301; do
    : | chat-talk -u alice -n "$n" tea >last
    assert_equal "$n: $(sed 's/.* //' last | tr '\n' ' ')" "$n: $(seq -s ' ' $((n > 300 ? 1 : 301 - n)) 300) "
  done
  : | chat-talk -u alice -n 99999999999 tea >last
  assert_equal "$(wc -l <last)" 300
  chat-spool delete -qy tea
  seq 30 | chat-send -l -r tea -u bob
  : | chat-talk -u alice tea >/dev/null
  # Places are given out for the whole spool.
  seq 500 | chat-send -l -r other
  tell 31
  : | chat-talk -u alice -n 3 tea >last
  assert_equal "$(sed 's/.* //' last | tr '\n' ' ')" '29 30 31 '
}

@test "a message shown in one terminal of a person counts as read in all of them" {
  person alice
  terminal second chat-talk -u alice tea
  wait_until last_row second 'tea>'
  tell hello
  wait_until shows alice hello
  wait_until shows second hello
  wait_until read_by alice
  keys alice C-d
  wait_until ended alice 0
  keys second C-d
  wait_until ended second 0
  terminal third chat-talk -u alice tea
  wait_until last_row third 'tea>'
  sees third '-- tea: no unread messages
hh:mm bob    hello
-- now
tea>'
}

@test "chat-talk saves the read position at most once a second" {
  local begun
  ! sanitized || skip 'a leak check does not work under strace'
  needs strace
  person alice
  traced alice -e trace=fdatasync
  begun=$SECONDS
  for i in {1..20}; do tell "$i"; done
  wait_until read_by alice
  wait_blocked "$(pid_of alice)"
  run -0 grep -c fdatasync trace
  ((output <= SECONDS - begun + 2)) || fail "$output times in $((SECONDS - begun)) s"
}

@test "shown messages count as read, whatever ends chat-talk" {
  local signal
  for signal in HUP TERM; do
    person alice
    tell "before $signal"
    wait_until shows alice "before $signal"
    tell "and again"
    wait_until shows alice "and again"
    kill "-$signal" "$(pid_of alice)"
    wait_until ended alice 0
    read_by alice
    tm kill-session -t alice
  done
}

@test "the first visit opens the room, and a room that contains messages for receivers is refused" {
  run -0 chat-talk -u alice tea </dev/null
  chat-send -r tea hello
  run -0 chat-recv -r tea/bob
  assert_output hello
  chat-send -r jobs hello
  run -67 --separate-stderr chat-talk -u alice jobs </dev/null
  assert_stderr "chat-talk: room 'jobs' is plain: each message is for one receiver; use another room, or 'chat-spool open'"
  run -0 chat-recv -r jobs
  assert_output hello
}

@test "the room is the argument, CHAT_ROOM or the default room" {
  echo one | chat-talk -u alice
  run -0 chat-recv -p -r main
  assert_output one
  echo two | CHAT_ROOM=tea chat-talk -u alice >/dev/null
  echo three | CHAT_ROOM=coffee chat-talk -u alice tea >/dev/null
  run -0 chat-recv -p -a -r tea
  assert_output $'two\nthree'
  run -64 chat-talk a b
  run -64 chat-talk -b -q tea
  run -64 chat-talk -n 0 tea
  run -64 chat-talk -u a/b tea
  run -64 chat-talk tea/alice
}

# ---------------------------------------------------------------- commands

@test "/who lists the people who are present and those with unread messages" {
  : | chat-talk -u dave tea
  person alice
  person bob
  tell hello
  wait_until read_by alice
  wait_until read_by bob
  enters alice /who
  sees alice '-- tea: no unread messages
hh:mm bob    hello
-- here: alice, bob
-- not here: dave (1 unread)
tea>'
  keys bob C-d
  wait_until ended bob 0
  enters alice /who
  wait_until shows alice 'not here: bob, dave'
}

@test "a person whose program was killed is not here any more" {
  person alice
  person bob
  enters alice /who
  wait_until shows alice '-- here: alice, bob'
  kill -KILL "$(pid_of bob)"
  wait_until ended bob 137
  enters alice /who
  wait_until shows alice '-- not here: bob'
}

@test "/back shows earlier messages again" {
  : | chat-talk -u alice tea
  seq 5 | chat-send -l -r tea -u bob
  person alice -n 1
  enters alice '/back 2'
  sees alice "$(picture alice | head -n 1)
hh:mm bob    1
hh:mm bob    2
hh:mm bob    3
hh:mm bob    4
hh:mm bob    5
-- now
-- back
hh:mm bob    4
hh:mm bob    5
-- now
tea>"
  local wrong
  for wrong in x 0 -1 1000001 2x; do
    enters alice "/back $wrong"
    wait_until shows alice "/back needs a positive number, not '$wrong'"
    wait_until last_row alice "tea> /back $wrong"
    keys alice C-u
  done
  enters alice '/back  1000000'
  wait_until last_row alice 'tea>'
  assert_equal "$(picture alice | tail -n 8)" '-- back
hh:mm bob    1
hh:mm bob    2
hh:mm bob    3
hh:mm bob    4
hh:mm bob    5
-- now
tea>'
}

@test "/back without a number shows the last hundred messages" {
  seq 120 | chat-send -l -r tea -u bob
  : | chat-talk -u alice tea >/dev/null
  ROWS_OF_TERMINAL=140 person alice -n 1
  enters alice /back
  wait_until shows alice '-- back'
  wait_until last_row alice 'tea>'
  assert_equal "$(picture alice | sed -n '/^-- back/ { n; p; }')" 'hh:mm bob    21'
}

@test "/to sends to one person only, and both people see the addressee" {
  local name
  for name in alice bob carol; do person "$name"; done
  enters alice '/to bob it is her birthday'
  wait_until shows bob 'alice > bob  it is her birthday'
  wait_until shows alice 'alice > bob  it is her birthday'
  enters alice 'Hello, Carol'
  wait_until shows carol 'Hello, Carol'
  shows_not carol birthday
  enters alice '/to dave hello'
  wait_until shows alice "-- not sent: room 'tea' has no reader 'dave'"
  wait_until last_row alice 'tea> /to dave hello'
  keys alice C-u
  enters alice '/to dave'
  wait_until shows alice '-- /to needs a name and a text: /to NAME TEXT'
  keys alice C-u
  enters alice '/to'
  wait_until last_row alice 'tea> /to'
  keys alice C-u
  enters alice "/to $(printf 'x%.0s' {1..255}) hello"
  wait_until eval '[[ $(picture alice | grep -c "^-- not sent: ") == 2 ]]'
  keys alice C-u
  # A message to oneself is shown once.
  enters alice '/to alice  a note'
  wait_until shows alice 'alice > alice  a note'
  wait_until read_by alice
  assert_equal "$(picture alice | grep -c 'a note')" 1
}

@test "a private message is shown in all terminals of its reader and then counts as read" {
  person alice
  person bob
  terminal second chat-talk -u bob tea
  wait_until last_row second 'tea>'
  enters alice '/to bob hush'
  wait_until shows bob 'alice > bob  hush'
  wait_until shows second 'alice > bob  hush'
  wait_until read_by bob
}

@test "an unknown command is not sent, but the same text after a space is" {
  person alice
  local line
  enters alice '/etc or not'
  sees alice "-- tea: no unread messages
-- no command '/etc'; there are /who /back /to /quit; a space before
   the line sends it
tea> /etc or not"
  for line in /wh /whoo; do
    keys alice C-u
    enters alice "$line"
    wait_until shows alice "-- no command '$line';"
  done
  keys alice C-u
  enters alice ' /etc'
  wait_until shows alice 'alice  /etc'
  for line in '/etc/fstab is broken' / '/ x' //who '  /who'; do
    enters alice "$line"
    wait_until shows alice "alice  $line"
    wait_until last_row alice 'tea>'
  done
  enters alice /quit
  wait_until ended alice 0
  run -0 chat-recv -p -a -r tea
  assert_output $'/etc\n/etc/fstab is broken\n/\n/ x\n//who\n  /who'
}

@test "an empty line is not sent" {
  person alice
  keys alice Enter Enter
  types alice '  '
  keys alice Enter
  enters alice hello
  wait_until shows alice 'alice  hello'
  run -0 chat-recv -p -a -r tea
  assert_output hello
}

# ---------------------------------------------------------------- forbidden operations

@test "a body cannot look like another message" {
  person alice
  tell $'first\n12:58 carol  second\n-- third\r\n\n'
  sees alice '-- tea: no unread messages
hh:mm bob    first
             12:58 carol  second
             -- third

tea>'
  # A long line continues below the text, too.
  tell "$(printf 'x%.0s' {1..57})12:58 carol  fake"
  wait_until shows alice fake
  assert_equal "$(picture alice | tail -n 3)" "hh:mm bob    $(printf 'x%.0s' {1..57})
             12:58 carol  fake
tea>"
}

@test "a name cannot look like more than a name" {
  person alice
  chat-send -r tea -u 'carol > alice' one
  chat-send -r tea -u 'bob  two' three
  chat-send -r tea -u ' x ' four
  chat-send -r tea -u $'e\u202evil' five
  chat-send -r tea -u 'Ana Lucia' six
  wait_until shows alice six
  assert_equal "$(picture alice | sed 1d)" 'hh:mm carol \x3e alice  one
hh:mm bob\x20 two  three
hh:mm \x20x\x20  four
hh:mm e\xe2\x80\xaevil  five
hh:mm Ana Lucia  six
tea>'
}

@test "no message can control the terminal" {
  local sequence
  person alice
  recorded alice
  for sequence in $'\e[2J' $'\e]0;title\a' $'\x9b31m' $'\xc2\x9b31m' $'\x07\x08\x7f' $'\r\v\f' $'\u202e\u2066'; do
    printf 'x%sx' "$sequence" | chat-send -r tea -u bob
  done
  tell 'that is all'
  wait_until has_bytes alice.raw 'that is all'
  assert_equal "$(picture alice | sed '1d;$d')" 'hh:mm bob    x\x1b[2Jx
hh:mm bob    x\x1b]0;title\x07x
hh:mm bob    x\x9b31mx
hh:mm bob    x\xc2\x9b31mx
hh:mm bob    x\x07\x08\x7fx
hh:mm bob    x\x0d\x0b\x0cx
hh:mm bob    x\xe2\x80\xae\xe2\x81\xa6x
hh:mm bob    that is all'
  run -1 has_bytes alice.raw $'\a'
  run -1 has_bytes alice.raw $'\e[2J'
}

# ---------------------------------------------------------------- columns and rows

@test "words are wrapped at the last column, and a word wider than a row is broken" {
  local x
  x=$(printf 'x%.0s' {1..57})
  ROWS_OF_TERMINAL=40 person alice
  tell "${x:1} y"
  tell "${x:29} ${x:29}"
  tell "${x:28} ${x:29}"
  tell "a $x"
  tell "a x$x"
  tell "$x   z"
  tell $'a\tb12345678\tc'
  tell $'1\r\n2\r'
  wait_until shows alice '2'
  sees alice "-- tea: no unread messages
hh:mm bob    ${x:1}
             y
hh:mm bob    ${x:29} ${x:29}
hh:mm bob    ${x:28}
             ${x:29}
hh:mm bob    a
             $x
hh:mm bob    a ${x:2}
             xxx
hh:mm bob    $x
             z
hh:mm bob    a       b12345678       c
hh:mm bob    1
             2
tea>"
}

@test "the text begins in the same column for names up to 12 columns, or a quarter of a narrow terminal" {
  person alice
  chat-send -r tea -u sevenxx one
  chat-send -r tea -u twelvexxxxxx two
  tell three
  chat-send -r tea -u thirteenxxxxx four
  tell five
  sees alice '-- tea: no unread messages
hh:mm sevenxx  one
hh:mm twelvexxxxxx  two
hh:mm bob           three
hh:mm thirteenxxxxx  four
hh:mm bob           five
tea>'
  keys alice C-d
  wait_until ended alice 0
  tm kill-session -t alice
  COLUMNS_OF_TERMINAL=31 terminal alice chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  assert_equal "$(picture alice | sed 1d)" 'hh:mm sevenxx  one
hh:mm twelvexxxxxx  two
hh:mm bob      three
hh:mm thirteenxxxxx  four
hh:mm bob      five
-- now
tea>'
}

@test "the typed line leaves no remains when it becomes shorter, moves over rows or fills them exactly" {
  local x
  x=$(printf '0123456789%.0s' {1..20})
  person alice
  # The last column of a row is never the place of the cursor.
  types alice "${x:0:64}"
  wait_until last_row alice "tea> ${x:0:64}"
  assert_equal "$(cursor alice)" 69,1
  types alice "${x:64:1}"
  wait_until last_row alice "tea> ${x:0:65}"
  wait_until eval '[[ $(cursor alice) == 0,2 ]]'
  types alice "${x:65:80}"
  sees alice "-- tea: no unread messages
tea> ${x:0:65}
${x:65:70}
${x:135:10}"
  keys alice Home Right Right
  wait_until eval '[[ $(cursor alice) == 7,1 ]]'
  keys alice DC DC
  sees alice "-- tea: no unread messages
tea> 01${x:4:63}
${x:67:70}
${x:137:8}"
  keys alice End C-u
  sees alice '-- tea: no unread messages
tea>'
  assert_equal "$(cursor alice)" 5,1
  types alice "${x:0:66}"
  keys alice BSpace BSpace
  wait_until last_row alice "tea> ${x:0:64}"
  assert_equal "$(cursor alice)" 69,1
  keys alice C-u
  pastes alice $'one\ntwo three\n\nfour'
  sees alice '-- tea: no unread messages
tea> one
two three

four'
  keys alice BSpace BSpace BSpace BSpace BSpace C-w
  sees alice '-- tea: no unread messages
tea> one
two'
  keys alice C-l
  sees alice 'tea> one
two'
}

@test "keys that are not text are shown as such, and bytes that are not UTF-8 are ignored" {
  person alice
  tm send-keys -t alice -H 61 ff 62 c3 28 00 63
  wait_until last_row alice 'tea> ab(c'
  # A character may arrive in pieces.
  tm send-keys -t alice -H e6 97
  tell hello
  wait_until shows alice 'bob    hello'
  wait_until last_row alice 'tea> ab(c'
  tm send-keys -t alice -H a5
  wait_until last_row alice 'tea> ab(c日'
  keys alice C-v C-a
  pastes alice $'\u202e'
  wait_until last_row alice 'tea> ab(c日^A<202e>'
  types alice x
  assert_equal "$(cursor alice)" 20,2
  keys alice Enter
  wait_until last_row alice 'tea>'
  run -0 chat-recv -p -a -r tea -o '%u %b\n'
  assert_line $'alice ab(c日\x01\u202ex'
  # A newline in a paste is CR, LF or both; the last one is dropped.
  types alice $'\e[200~\none\r\ntwo\r\rthree\nfour\r\e[201~'
  wait_until last_row alice four
  keys alice Enter
  wait_until last_row alice 'tea>'
  run -0 chat-recv -p -a -r tea -o '%u %b|'
  assert_output --partial $'|alice \none\ntwo\n\nthree\nfour|'
}

# ---------------------------------------------------------------- days, bells, colours

# Between 11:00 and 12:00 UTC it is the same day in all time zones from UTC-11 to UTC+12.
@test "chat-talk shows the date when it changes" {
  : | chat-talk -u alice tea
  chat-send -J -r tea <<'END'
{"body":"one","user":"bob","time":"2019-01-02T11:00:00Z"}
{"body":"two","user":"bob","time":"2019-01-02T11:30:00Z"}
{"body":"three","user":"bob","time":"2019-11-13T11:00:00Z"}
END
  tell four
  terminal alice chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  assert_equal "$(picture alice | sed -E '1d; s/^-- [A-Z][a-z]+day, [0-9]+ [A-Z][a-z]+$/-- today/')" '-- Wednesday, 2 January 2019
hh:mm bob    one
hh:mm bob    two
-- Wednesday, 13 November 2019
hh:mm bob    three
-- today
hh:mm bob    four
-- now
tea>'
}

# rings NAME TEXT COUNT: when TEXT was shown, the bell of the terminal has rung COUNT times.
rings() {
  wait_until has_bytes "$1.raw" "$2"
  assert_equal "$(tr -dc '\a' <"$1.raw" | wc -c)" "$3"
}

@test "the bell rings for a message that mentions the person and for a private message" {
  : | chat-talk -u alice tea
  tell 'alice: before she came'
  person alice
  person carol
  recorded alice
  tell 'nothing for her'
  tell 'malice, alices, alice_b, alice2, alic, éalice and aliceé are other words'
  rings alice 'other words' 0
  tell 'Alice: bring the cable'
  rings alice cable 1
  enters alice 'I am alice'
  rings alice 'I am alice' 1
  enters carol '/to alice psst'
  rings alice psst 2
  tell 'I saw (ALICE)'
  rings alice ALICE 3
  tell 'malice or alice'
  rings alice 'or alice' 4
  tell alice
  tell 'the end'
  rings alice 'the end' 5
}

@test "with -b the bell rings for every message, and with -q for no message" {
  person alice -b
  person carol -q
  recorded alice
  recorded carol
  tell 'carol: one'
  tell two
  rings alice two 2
  rings carol two 0
}

@test "NO_COLOR removes the colours and nothing else" {
  terminal alice env NO_COLOR= chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  recorded alice
  terminal bob env NO_COLOR=1 chat-talk -u bob tea
  wait_until last_row bob 'tea>'
  recorded bob
  tell hello
  wait_until has_bytes alice.raw hello
  wait_until has_bytes bob.raw hello
  # Dim times and notices, a bold name of one's own, and a colour for each other name.
  enters alice mine
  wait_until has_bytes alice.raw 'mine'
  wait_until shows alice 'alice  mine'
  enters alice /who
  wait_until shows alice '-- here'
  types alice zzz
  wait_until has_bytes alice.raw zzz
  run -0 sed -E 's/[0-9]{2}:[0-9]{2} /hh:mm /g; s/\x1b\[/</g' alice.raw
  assert_output --regexp '<2mhh:mm <0m<3[1-6]mbob<0m    hello'
  assert_output --partial '<2mhh:mm <0m<1malice<0m  mine'
  assert_output --regexp '<2m-- here: alice, bob[^<]*<0m'
  run -1 grep -qaE $'\e\\[[0-9;]*m' bob.raw
}

@test "on a dumb terminal and with --plain chat-talk writes no escape sequences" {
  local way
  for way in plain dumb none; do
    case $way in
    plain) terminal alice chat-talk -u alice --plain tea ;;
    dumb) terminal alice env TERM=dumb chat-talk -u alice tea ;;
    none) terminal alice env -u TERM chat-talk -u alice tea ;;
    esac
    recorded alice
    wait_until shows alice '-- tea:'
    wait_blocked "$(pid_of alice)"
    tell "alice: hello $way"
    wait_until shows alice "hello $way"
    types alice 'never sent'
    # The hint appears even if nothing else happens.
    [[ $way != plain ]] || wait_until sleeps_without_limit "$(pid_of alice)"
    keys alice C-c
    wait_until shows alice '-- Ctrl-D leaves'
    enters alice "I use $way"
    wait_until shows alice "alice  I use $way"
    shows_not alice 'alice  never'
    resize alice 30 20
    tell 'a line that is wider than the narrow terminal'
    wait_until shows alice $'bob    a line that is\n             wider than the'
    enters alice /who
    wait_until shows alice '-- here: alice'
    keys alice C-d
    wait_until ended alice 0
    run -1 grep -qaE $'[\e\a]' alice.raw
    tm kill-session -t alice
  done
}

# ends_in NAME TEXT: true if the terminal shows this text at last.
ends_in() { [[ $(picture "$1") == *"$2" ]]; }

@test "a terminal of 20 columns shows complete messages and the typed line" {
  COLUMNS_OF_TERMINAL=20 person alice
  tell 'The kettle is on, and there is cake.'
  types alice 'a line that is longer than 20 columns'
  sees alice '-- tea: no unread
   messages
hh:mm bob  The
   kettle is on, and
   there is cake.
tea> a line that is
longer than 20 colum
ns'
  keys alice Enter
  wait_until last_row alice 'tea>'
  # The text begins no later than in the middle, and continues there only if it begins there.
  chat-send -r tea -u al short
  wait_until shows alice 'hh:mm al  short'
  COLUMNS_OF_TERMINAL=26 person ann
  tell 'The kettle is on'
  wait_until ends_in ann $'hh:mm bob    The kettle is\n             on\ntea>'
  # The name of the room is shown if it takes no more than half of a row.
  chat-spool open teas
  COLUMNS_OF_TERMINAL=10 person carol
  COLUMNS_OF_TERMINAL=10 terminal dave chat-talk -u dave teas
  wait_until last_row dave '>'
}

@test "COLUMNS is the width of a terminal of unknown size, TZ the time zone, and messages are UTF-8 in any locale" {
  : | chat-talk -u alice tea
  chat-send -J -r tea <<<'{"body":"日本語 is a word of three wide characters","user":"bob","time":"2019-01-02T12:00:00Z"}'
  # A time before 1970 is rounded down, as are later ones.
  chat-spool open old
  : | chat-talk -u alice old
  chat-send -J -r old <<<'{"body":"x","user":"bob","time":"1969-12-31T23:59:59.500Z"}'
  TERM=dumb TZ=UTC on_terminal chat-talk -u alice old </dev/null >seen
  run sed '1d; s/[[:space:]]*$//' seen
  assert_output $'-- Wednesday, 31 December 1969\n23:59 bob    x\n-- now'
  for columns in 0 -5 x; do
    TERM=dumb TZ=UTC COLUMNS=$columns on_terminal chat-talk -u alice old </dev/null >again
    assert_equal "$(sed 's/ since.*//' again | tail -n +2)" "$(tail -n +2 seen)"
  done
  TERM=dumb COLUMNS=30 TZ=UTC-3 LC_ALL=C on_terminal chat-talk -u alice tea </dev/null >seen
  run sed 's/[[:space:]]*$//' seen
  assert_output '-- tea: 1 unread since
   2019-01-02 15:00
-- Wednesday, 2 January 2019
15:00 bob    日本語 is a word
             of three wide
             characters
-- now'
}

# ---------------------------------------------------------------- keys and signals

@test "Ctrl-C clears the line, and Ctrl-D leaves if the line is empty" {
  person alice
  types alice 'never sent'
  wait_until last_row alice 'tea> never sent'
  keys alice C-c
  wait_until last_row alice 'tea>'
  shows_not alice leaves
  # In an empty line it shows once how to leave.
  keys alice C-c C-c
  types alice x
  sees alice '-- tea: no unread messages
-- Ctrl-D or /quit leaves
tea> x'
  keys alice C-d
  enters alice y
  wait_until shows alice 'alice  xy'
  keys alice C-d
  wait_until ended alice 0
  run -0 chat-recv -p -a -r tea
  assert_output xy
}

@test "the arrow keys and Ctrl-R find sent messages, and no file stores them" {
  person alice
  enters alice 'first line'
  enters alice 'second line'
  wait_until shows alice 'alice  second line'
  # A line that is sent again at once is found once.
  enters alice 'second line'
  wait_until eval '[[ $(picture alice | grep -c "alice  second line") == 2 ]]'
  keys alice Up Up
  wait_until last_row alice 'tea> first line'
  keys alice Down
  wait_until last_row alice 'tea> second line'
  keys alice C-c
  wait_until last_row alice 'tea>'
  keys alice C-r
  types alice fir
  wait_until shows alice 'tea> first line'
  keys alice Enter
  wait_until last_row alice 'tea>'
  keys alice C-d
  wait_until ended alice 0
  run -0 chat-recv -p -a -r tea
  assert_output $'first line\nsecond line\nsecond line\nfirst line'
  assert_equal "$(find "$HOME" -type f | grep -v '/chat/spool\.db')" ''
}

@test "the usual editing keys move and delete in the line, and editrc(5) adds others" {
  local key
  printf '%s\n' 'bind -s ^T tea' 'bind ^M ed-insert' >"$HOME/.editrc"
  person alice
  types alice 'one two'
  # The sequences that terminals send for Home, End, and the arrows with Ctrl.
  for key in $'\e[HA' $'\e[FB' $'\e[1~C' $'\e[4~D' $'\e[1;5D\e[1;5DE' $'\e[1;5CF'; do types alice "$key"; done
  wait_until last_row alice 'tea> ECAoneF twoBD'
  keys alice C-t
  wait_until last_row alice 'tea> ECAoneFtea twoBD'
  keys alice Enter
  wait_until shows alice 'alice  ECAoneFtea twoBD'
  types alice 'two words'
  keys alice Home
  types alice 'one '
  keys alice End C-w
  types alice three
  keys alice Left DC
  types alice E
  wait_until last_row alice 'tea> one two threE'
  keys alice Enter
  wait_until shows alice 'alice  one two threE'
}

@test "chat-talk reports that it has created the spool, and the next one does not" {
  terminal alice chat-talk -s new.db -u alice tea
  wait_until last_row alice 'tea>'
  shows alice "chat-talk: created spool '" || fail "$(picture alice)"
  terminal bob chat-talk -s new.db -u bob tea
  wait_until last_row bob 'tea>'
  shows_not bob created || fail "$(picture bob)"
}

@test "the usual editing keys work on a terminal that does not describe them" {
  local key
  terminal alice env TERM=vt100 chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  types alice 'one two'
  for key in $'\e[HA' $'\e[FB' $'\e[1~C' $'\e[4~D' $'\e[1;5D\e[1;5DE' $'\e[1;5CF' $'\e[1~\e[3~'; do types alice "$key"; done
  wait_until last_row alice 'tea> CAoneF twoBD'
  keys alice Enter
  wait_until shows alice 'alice  CAoneF twoBD'
  keys alice C-d
  wait_until ended alice 0
}

@test "Ctrl-Z stops chat-talk, and fg restores the typed line" {
  terminal alice env PS1='$ ' bash --norc --noprofile -i
  wait_until last_row alice '$'
  # The whole job stops, or the shell would wait for its other process.
  enters alice 'sh -c "chat-talk -u alice tea; true"'
  wait_until last_row alice 'tea>'
  types alice 'half-'
  wait_until last_row alice 'tea> half-'
  # The line may fill its row exactly: then the shell continues in the next one.
  types alice "$(printf 'x%.0s' {1..60})"
  wait_until eval '[[ $(cursor alice) == 0,* ]]'
  keys alice C-z
  wait_until last_row alice '$'
  assert_equal "$(picture alice | grep -B 2 Stopped | head -n 1)" "tea> half-$(printf 'x%.0s' {1..60})"
  enters alice 'echo echoed'
  wait_until shows alice echoed
  tell 'while it was stopped'
  enters alice fg
  wait_until shows alice 'bob    while it was stopped'
  wait_until last_row alice "tea> half-$(printf 'x%.0s' {1..60})"
  for i in {1..60}; do echo BSpace; done | xargs tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t alice
  wait_until last_row alice 'tea> half-'
  types alice typed
  keys alice Enter
  wait_until shows alice 'alice  half-typed'
  keys alice C-d
  wait_until last_row alice '$'
}

@test "chat-talk continues at a SIGTSTP that was ignored when it began" {
  # Only a shell with jobs lets a program stop.
  terminal alice env PS1='$ ' bash --norc --noprofile -i
  wait_until last_row alice '$'
  enters alice 'bash -c "trap \"\" TSTP; exec chat-talk -u alice tea"'
  wait_until last_row alice 'tea>'
  kill -TSTP "$(pgrep -P "$(pid_of alice)")"
  enters alice 'still here'
  wait_until shows alice 'alice  still here'
  keys alice C-d
  wait_until last_row alice '$'
}

@test "chat-talk restores the terminal's settings" {
  local way
  printf '%s\n' '#!/bin/sh' 'stty -a >before' '"$@"' 'echo "status $?"' 'stty -a >after' | program around
  for way in C-d TERM HUP; do
    terminal alice ./around chat-talk -u alice tea
    wait_until last_row alice 'tea>'
    recorded alice
    case $way in
    C-d) keys alice C-d ;;
    *) kill "-$way" "$(pgrep -P "$(pid_of alice)")" ;;
    esac
    wait_until ended alice 0
    shows alice 'status 0'
    cmp before after
    has_bytes alice.raw $'\e[?2004l'
    tm kill-session -t alice
  done
}

@test "SIGTERM ends chat-talk although Ctrl-S has stopped the terminal" {
  local way pid
  for way in '' --plain; do
    # shellcheck disable=SC2086  # or no word
    terminal alice chat-talk -u alice $way tea
    wait_until shows alice '-- '
    pid=$(pid_of alice)
    wait_blocked "$pid"
    keys alice C-s
    seq 5000 | chat-send -l -r tea -u bob
    wait_stuck_in_write "$pid"
    kill "$pid"
    wait_until process_ended "$pid"
    tm kill-session -t alice
  done
}
# wait_stuck_in_write PID: until it sleeps because its terminal takes nothing.
wait_stuck_in_write() { wait_until asleep "$1" '*@(n_tty_write|tty|wait_woken)*'; }

# ---------------------------------------------------------------- no terminal

@test "without a terminal chat-talk sends each input line and prints the existing messages" {
  run -0 chat-talk -u alice tea < <(printf 'one\n/quit\n\nlast')
  run sed -E 's/^[0-9-]{10} [0-9:]{8} //' <<<"$output"
  assert_output $'alice: one\nalice: /quit\nalice: \nalice: last'
  run -0 chat-recv -p -a -r tea -o '%b|'
  assert_output 'one|/quit||last|'
  diff <(chat-talk -u bob tea </dev/null) <(chat-recv -p -a -v -r tea)
  run -0 --separate-stderr chat-talk -u bob tea </dev/null
  run sed -E 's/^[0-9-]{10} [0-9:]{8} //' <<<"$output"
  assert_output $'alice: one\nalice: /quit\nalice: \nalice: last'
}

@test "what chat-talk has shown counts as read when its input ends, however many messages that are" {
  local count
  : | chat-talk -u robot tea
  for count in 99 100 101 200; do
    seq "$count" >lines
    run -0 chat-talk -n 1 -u robot tea <lines
    assert_equal "${lines[-1]##* }" "$count"
    read_by robot
  done
}

@test "INT, TERM and HUP end chat-talk without a terminal, and what it has shown counts as read" {
  local signal
  mkfifo in
  for signal in INT TERM HUP; do
    background bash -c 'exec chat-talk -u robot tea <in >out'
    exec {input}>in
    tell "before $signal"
    wait_until grep -q "bob: before $signal" out
    kill "-$signal" "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_equal "$signal: $status" "$signal: 0"
    exec {input}>&-
    read_by robot
  done
}

@test "a program that reads and writes gets new messages while its input stays open" {
  mkfifo in
  background bash -c 'exec chat-talk -u robot tea <in >out'
  exec {input}>in
  wait_until grep -q robot <(chat-talk -u alice tea </dev/null && echo robot)
  tell hello
  wait_until grep -q 'bob: hello' out
  echo answer >&"$input"
  wait_until grep -q 'robot: answer' out
  exec {input}>&-
  finish "$BACKGROUND_PID"
  assert_success
}

@test "a person at a terminal can send output into a pipe" {
  terminal alice bash -c 'chat-talk -u alice tea | tee log'
  enters alice 'typed line'
  wait_until grep -q 'alice: typed line' log
  keys alice C-d
  wait_until ended alice 0
}

@test "under script(1) chat-talk behaves as in a terminal" {
  : | chat-talk -u bob tea
  tell hello
  TERM=dumb on_terminal chat-talk -u alice tea <<<'typed' >seen
  run cat seen
  assert_line --regexp 'bob +hello.?$'
  run -0 chat-recv -p -a -r tea
  assert_output $'hello\ntyped'
}

@test "over ssh chat-talk works without a terminal and with one, and ends with the connection" {
  there
  ssh there chat-talk -u bob tea <<<hello >/dev/null
  run -0 ssh there chat-talk -u carol tea </dev/null
  assert_output --regexp '^[0-9-]{10} [0-9:]{8} bob: hello$'
  terminal alice ssh -t there env ASAN_OPTIONS=detect_leaks=0 chat-talk -u alice tea
  wait_until last_row alice 'tea>'
  shows alice 'bob    hello'
  enters alice 'from far away'
  wait_until shows alice 'alice  from far away'
  assert_equal "$(here_away alice)" yes
  tm kill-session -t alice
  wait_until eval '[[ $(here_away alice) == - ]]'
}
# here_away NAME: whether that reader is there.
here_away() { chat-spool readers -s "$THERE" tea | awk -v name="$1" '$1 == name { print $6 }'; }

@test "people with their own accounts talk in the spool of a group, and no other user can" {
  local name user group
  public
  cp "$CHAT_BIN/chat-talk" bin
  group=$(getent group staff users | head -n 1)
  [[ $group ]] || skip 'no group staff or users here'
  mkdir place
  chown "$ALICE" place
  export CHAT_SPOOL=$PUBLIC/place/shared/spool.db
  for name in alice bob; do
    user=$ALICE
    [[ $name == alice ]] || user=$((MALLORY + 1))
    mkdir -p "$name" && chown "$user" "$name"
    # shellcheck disable=SC2206
    as=(setpriv --reuid="$user" --regid="$user" --groups="$(cut -d : -f 3 <<<"$group")" env HOME="$PUBLIC/$name" PATH="$PUBLIC/bin:$PATH")
    [[ $name != alice ]] || "${as[@]}" chat-spool init --group "${group%%:*}" 2>/dev/null
    terminal "$name" "${as[@]}" chat-talk -u "$name" tea
    wait_until last_row "$name" 'tea>'
  done
  enters alice 'Is the kettle on?'
  wait_until shows bob 'alice  Is the kettle on?'
  enters bob Nearly.
  wait_until shows alice 'bob    Nearly.'
  run -77 --separate-stderr as_user "$MALLORY" chat-talk tea </dev/null
  assert_error 77 'chat-talk: cannot open spool'
}

@test "chat-talk ends when the reader of its output is gone" {
  mkfifo in out
  background bash -c 'exec chat-talk -u alice tea <in >out 2>err'
  exec {input}>in {output}<out
  wait_blocked "$BACKGROUND_PID"
  exec {output}<&-
  finish "$BACKGROUND_PID"
  assert_equal "$status" 74
  run cat err
  assert_output 'chat-talk: cannot write standard output: broken pipe'
  exec {input}>&-
}

@test "chat-talk ends with its terminal, and shown messages count as read" {
  local pid
  person bob
  person alice
  tell hello
  wait_until shows alice hello
  pid=$(pid_of alice)
  tm kill-session -t alice
  wait_until process_ended "$pid"
  wait_until read_by alice
}

@test "chat-talk ends with its terminal even if SIGHUP is ignored" {
  local way pid
  for way in '' --plain; do
    # shellcheck disable=SC2086  # or no word
    terminal alice env --ignore-signal=HUP chat-talk -u alice $way tea
    wait_until shows alice '-- tea:'
    pid=$(pid_of alice)
    wait_blocked "$pid"
    tm kill-session -t alice
    wait_until process_ended "$pid"
  done
}

@test "chat-talk ends with its terminal in the middle of a paste, a search, a quoted key and a sequence" {
  local begun pid
  for begun in $'\e[200~half of a paste' $'\x12sea' $'\x16' $'\e['; do
    terminal alice env --ignore-signal=HUP chat-talk -u alice tea
    wait_until last_row alice 'tea>'
    pid=$(pid_of alice)
    types alice "$begun"
    wait_blocked "$pid"
    tm kill-session -t alice
    wait_until process_ended "$pid"
  done
}

# ---------------------------------------------------------------- trouble

@test "each kind of failure has its status" {
  run -74 bash -c 'exec chat-talk -u alice tea <&-'
  run -74 bash -c 'exec chat-talk -u alice tea </dev/null >&-'
  head -c 4096 /dev/zero | tr '\0' x >rubbish
  run -65 --separate-stderr chat-talk -s rubbish tea </dev/null
  assert_error 65 'chat-talk: '
  run -73 --separate-stderr chat-talk -s /dev/null/spool.db tea </dev/null
  assert_error 73 'chat-talk: '
  chat-spool config max-length 10
  run -65 --separate-stderr chat-talk -u alice tea <<<'eleven bytes'
  assert_stderr 'chat-talk: the message is longer than 10 bytes'
  # A database takes one descriptor, no more than the loader needs to start the program.
  # A sanitized program needs some itself.
  [[ $SPOOL != postgresql:* ]] && ! sanitized || return 0
  run -71 --separate-stderr bash -c 'exec 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 6; exec chat-talk -u alice tea' </dev/null
  assert_error 71 'chat-talk: '
}

@test "a line moves up only when it is on disk" {
  ! sanitized || skip 'a leak check does not work under strace'
  needs strace
  person alice
  traced alice -s 200 -e trace=write,fdatasync
  enters alice 'written down'
  wait_until shows alice 'alice  written down'
  run -0 awk '/^fdatasync\(.*= 0/ { synced = 1 } /^write\(1, .*alice.*written down/ { print synced + 0 }' trace
  assert_output 1
}

@test "a line that is too long is put back, and can be made shorter" {
  chat-spool config max-length 10
  person alice
  enters alice 'eleven byte'
  wait_until shows alice '-- not sent: the message is longer than 10 bytes'
  wait_until last_row alice 'tea> eleven byte'
  keys alice BSpace Enter
  wait_until shows alice 'alice  eleven byt'
}

@test "when the room is not open any more, chat-talk keeps the line, and goes on when the room is open again" {
  person alice
  tell hello
  wait_until read_by alice
  types alice 'half-typed'
  chat-spool forget -y tea
  wait_until shows alice "-- room 'tea' is not open any more; trying again"
  keys alice Enter
  wait_until shows alice "-- not sent: room 'tea' is not open"
  wait_until last_row alice 'tea> half-typed'
  chat-spool open tea
  wait_until shows alice '-- the spool works again'
  keys alice Enter
  wait_until shows alice 'alice  half-typed'
}

@test "on a full disk chat-talk keeps the line and sends it when there is space" {
  ((EUID == 0)) || skip 'only root can mount'
  mkdir small
  mount -t tmpfs -o size=8m,mode=700 tmpfs small 2>/dev/null || skip 'no right to mount'
  SMALL=$PWD/small
  export CHAT_SPOOL=$SMALL/spool.db
  chat-spool open tea
  COLUMNS_OF_TERMINAL=150 person alice
  head -c 20M /dev/zero >small/filling 2>/dev/null || true
  enters alice 'a line for later'
  wait_until shows alice '-- not sent: '
  shows alice 'no space left on device'
  wait_until last_row alice 'tea> a line for later'
  rm small/filling
  keys alice Enter
  wait_until last_row alice 'tea>'
  run -0 chat-recv -p -r tea
  assert_output 'a line for later'
  keys alice C-d
  wait_until ended alice 0
}

# sent_at_last NAME LINE: the line was sent; if it was put back, send it again, at once. (For wait_until: so chat-talk has
# no quiet moment in which to look at the names of the spool's files.)
sent_at_last() {
  ! last_row "$1" "tea> $2" || keys "$1" Enter
  shows "$1" "$1  $2"
}

@test "after the spool was removed chat-talk continues with a new one" {
  person alice
  enters alice one
  wait_until shows alice 'alice  one'
  mv "${SPOOL%/*}" "$HOME/away"
  types alice two
  wait_until sent_at_last alice two
  person bob
  enters bob three
  wait_until shows alice 'bob    three'
  enters alice four
  wait_until shows bob 'alice  four'
}

@test "after the spool was replaced chat-talk shows the new one from its first message" {
  person alice
  enters alice one
  wait_until shows alice 'alice  one'
  wait_until read_by alice
  mv "${SPOOL%/*}" "$HOME/away"
  chat-spool open tea
  tell 'as many messages as before'
  types alice two
  wait_until sent_at_last alice two
  wait_until shows alice 'bob    as many messages as before'
  shows alice '-- this is another spool now'
}

# ---------------------------------------------------------------- without libedit

# bats test_tags=full
@test "without libedit chat-talk uses the editing of the terminal" {
  full_dose 'builds the program'
  make -s -j 2 -C "$REPOSITORY" BUILD="$PWD/build" BINDIR="$PWD/without" LIBEDIT=0 "$PWD/without/chat-talk"
  run -1 grep -q libedit <(ldd without/chat-talk)
  terminal alice "$PWD/without/chat-talk" -u alice tea
  wait_until shows alice '-- tea:'
  types alice 'I use wordz'
  keys alice BSpace
  enters alice s
  wait_until shows alice 'alice  I use words'
  keys alice C-d
  wait_until ended alice 0
}

# ---------------------------------------------------------------- idle

# bats test_tags=full
@test "chat-talk makes no system call while nothing happens" {
  ! sanitized || skip 'a leak check does not work under strace'
  needs strace
  person alice
  tell hello
  wait_until shows alice hello
  wait_until read_by alice
  wait_until sleeps_without_limit "$(pid_of alice)"
  traced alice
  sleep "$(dosed 2 10)"
  run cat trace
  assert_output --regexp '^(ppoll|poll|restart_syscall)\([^'$'\n'']*$'
}
