#!/usr/bin/env bats
# On a terminal: no message, name or error can control the terminal; the hint; the progress line. Each test runs on a
# pseudo-terminal (on_terminal).

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# assert_seen FORMAT COMMAND [ARG ...]: the terminal receives exactly this.
assert_seen() {
  local format=$1
  shift
  on_terminal "$@" >seen </dev/null
  assert_bytes seen "$format"
}

# assert_no_controls FILE: the file contains no control characters except newline and tab, and only UTF-8.
assert_no_controls() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
  run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
}

# ---------------------------------------------------------------- messages

@test "harmless text is shown unchanged" {
  chat-send $'Hello, world! \\x1b %s'
  chat-send $'one\n\ttwo\n'
  chat-send '日本語 äöü € 🙂 Ж é'
  chat-send $'\u00a0|\u2028|\U10ffff'
  assert_seen 'Hello, world! \\x1b %%s\n' chat-recv
  assert_seen 'one\n\ttwo\n' chat-recv
  assert_seen '日本語 äöü € 🙂 Ж é\n' chat-recv
  assert_seen '\u00a0|\u2028|\U10ffff\n' chat-recv
}

@test "every C0 control except newline and tab, and DEL, is shown as \\xHH" {
  local byte expected=''
  for byte in {0..31} 127; do
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x' "$byte")"
    case $byte in
      9) expected+='\t' ;;
      10) expected+='\n' ;;
      *) expected+=$(printf '\\\\x%02x' "$byte") ;;
    esac
  done >in
  chat-send <in
  assert_seen "$expected\n" chat-recv
}

@test "C1 controls are shown as \\xHH, one for each byte" {
  local byte expected=''
  for byte in {128..159}; do
    # shellcheck disable=SC2059
    printf "$(printf '\\xc2\\x%02x' "$byte")"
    expected+=$(printf '\\\\xc2\\\\x%02x' "$byte")
  done >in
  chat-send <in
  assert_seen "$expected\n" chat-recv
}

@test "bytes that are not UTF-8 are shown as \\xHH" {
  chat-send $'a\xffb\x80\x9b31m'
  chat-send $'cut \xe6\x97'
  chat-send $'cut \xf0\x9f\x99x'
  chat-send $'overlong \xc0\xaf \xe0\x80\xaf'
  chat-send $'surrogate \xed\xa0\x80'
  chat-send $'too high \xf4\x90\x80\x80 \xf8'
  chat-send $'\xe6日\xe6\x97日'
  assert_seen 'a\\xffb\\x80\\x9b31m\n' chat-recv
  assert_seen 'cut \\xe6\\x97\n' chat-recv
  assert_seen 'cut \\xf0\\x9f\\x99x\n' chat-recv
  assert_seen 'overlong \\xc0\\xaf \\xe0\\x80\\xaf\n' chat-recv
  assert_seen 'surrogate \\xed\\xa0\\x80\n' chat-recv
  assert_seen 'too high \\xf4\\x90\\x80\\x80 \\xf8\n' chat-recv
  assert_seen '\\xe6日\\xe6\\x97日\n' chat-recv
}

@test "the bytes of two messages do not form one character" {
  chat-send $'\xe6\x97'
  chat-send $'\xa5'
  assert_seen '\\xe6\\x97\\xa5' chat-recv -an
}

@test "long messages are shown correctly wherever their characters are split" {
  local shift
  for shift in '' x xx; do
    { printf '%s' "$shift"; perl -e 'print "日本語\n" x 20000'; } >in
    chat-send <in
    on_terminal chat-recv >seen </dev/null
    cmp in seen
  done
}

@test "random bytes never reach the terminal unescaped" {
  head -c 200000 /dev/urandom | chat-send
  on_terminal chat-recv >seen </dev/null
  assert [ "$(wc -c <seen)" -gt 200000 ]
  assert_no_controls seen
}

@test "-n, -0, -v, -o, -a, -p and -F escape messages, too" {
  local way
  chat-send -u alice $'\x1b[31m'
  for way in -n -0 -v -a -p '-o <%b>'; do
    # shellcheck disable=SC2086  # words are meant
    on_terminal chat-recv -p $way </dev/null >seen
    run -0 grep -aF '\x1b[31m' seen
    run -1 grep -aF $'\x1b' seen
  done
  on_terminal chat-recv -F -t 0.1 </dev/null >seen
  assert_bytes seen '\\x1b[31m\n'
}

@test "-o writes escapes of the format unchanged and still escapes fields" {
  chat-send -u alice $'\x1b[31m'
  assert_seen '\x1b[1malice: \\x1b[31m\x1b[0m\n' chat-recv -o '\e[1m%u: %b\e[0m\n'
}

@test "-v shows a message on a terminal" {
  chat-send -u 'Ünal' $'hello\x07'
  on_terminal chat-recv -v </dev/null >seen
  run cat seen
  assert_output --regexp '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} Ünal: hello\\x07$'
}

@test "the newline rule looks at the message, not at its escaped form" {
  printf 'a\x07' | chat-send
  printf 'a\x07\n' | chat-send
  assert_seen 'a\\x07\n' chat-recv
  assert_seen 'a\\x07\n' chat-recv
}

@test "--raw shows every byte unchanged" {
  chat-send $'\x1b[31m\x07\xff\xc2\x9b日'
  assert_seen '\x1b[31m\x07\xff\xc2\x9b日\n' chat-recv --raw
}

@test "a terminal on standard error changes nothing on standard output" {
  chat-send $'\x1b[31m\xff'
  assert_seen '' bash -c 'chat-recv >out'
  assert_bytes out '\x1b[31m\xff\n'
}

@test "a terminal on standard output alone causes escaping" {
  chat-send $'\x1b[31m'
  assert_seen '\\x1b[31m\n' bash -c 'chat-recv 2>/dev/null </dev/null'
}

@test "on a terminal chat-recv explains why there is no new message" {
  local holder
  run -1 on_terminal chat-recv </dev/null
  [[ ${CHAT_TEST_CLUSTER:-} ]] || assert_output 'chat-recv: No new messages (the spool does not exist)'
  seq 3 | chat-send -l
  background chat-recv -- sh -c 'touch begun; exec sleep 60'
  holder=$BACKGROUND_PID
  wait_until test -e begun
  run -0 chat-recv -c 2
  run -1 on_terminal chat-recv </dev/null
  assert_output 'chat-recv: No new messages (1 claimed)'
  chat-send -d 1h later
  chat-send bad
  run -123 chat-recv --backoff 1h -- false
  run -1 on_terminal chat-recv </dev/null
  assert_output 'chat-recv: No new messages (1 claimed, 1 delayed, 1 held back)'
  chat-send -r other -d 1h later
  run -1 on_terminal chat-recv -r other -r empty </dev/null
  assert_output "chat-recv: No new messages in rooms 'other', 'empty' (1 delayed)"
  run -1 on_terminal chat-recv -r empty </dev/null
  assert_output "chat-recv: No new messages in room 'empty'"
  run -1 on_terminal chat-recv -q -r other </dev/null
  assert_output ''
  kill -KILL -- "-$holder"
}

@test "a new spool is announced once on a terminal, with its path" {
  assert_seen "chat-send: created spool '$PWD/dir/a.db'\n" chat-send -s dir/a.db hello
  assert_seen '' chat-send -s dir/a.db hello
  assert_seen "chat-send: created spool '$PWD/b.db'\n" bash -c 'seq 3 | chat-send -l -s b.db'
  assert_seen '' chat-send -q -s c.db hello
  assert_seen '' bash -c 'chat-send -s d.db hello 2>err'
  assert_bytes err ''
  assert_seen '' chat-spool init -s e.db
  assert_seen "chat-spool: created spool '$PWD/f.db'\n" chat-spool config default-room jobs -s f.db
  assert_seen "chat-spool: created spool '$PWD/g.db'\n" bash -c 'chat-spool dump -s b.db | chat-spool load -s g.db'
  assert_seen '' bash -c 'chat-spool dump -s b.db | chat-spool load -q -s h.db'
  chat-spool backup -s b.db saved.db
  assert_seen "chat-spool: created spool '$PWD/j.db'\n" chat-spool restore -s j.db saved.db
  assert_seen '' chat-spool restore -q -s k.db saved.db
  assert_seen "chat-spool: created spool '$PWD/l.db'\n" chat-spool open -s l.db tea
  # A command that creates no spool announces none.
  on_terminal chat-send -s i.db -m 1 -r a/b hello >seen </dev/null || true
  run -1 grep created seen
}

# ---------------------------------------------------------------- errors

@test "errors escape names on a terminal and elsewhere" {
  local -a command
  local bad=$'a\x1b[31m\x07\n\t\xff\xc2\x9b日'
  for where in terminal elsewhere; do
    for program in chat-send chat-recv; do
      for option in -r -s; do
        command=("$program" "$option" "$bad/$bad")
        [[ $option == -r ]] || command=("$program" "$option" "/dev/null/$bad")
        [[ $program == chat-recv ]] || command+=(hello)
        if [[ $where == terminal ]]; then
          on_terminal "${command[@]}" </dev/null >seen && fail "succeeded: ${command[*]@Q}"
        else
          "${command[@]}" </dev/null >/dev/null 2>seen && fail "succeeded: ${command[*]@Q}"
        fi
        assert_no_controls seen
        grep -qF 'a\x1b[31m\x07\x0a\x09\xff\xc2\x9b日' seen
        # One line, and a usage line for a bad room.
        assert_equal "$(wc -l <seen)" "$([[ $option == -r ]] && echo 2 || echo 1)"
      done
    done
  done
}

@test "errors escape unknown options, bad numbers, formats and files" {
  local bad=$'\x1b\n\xff日'
  run --separate-stderr chat-send "--$bad"
  assert_usage chat-send
  [[ $stderr == *'\x1b\x0a\xff日'* ]]
  run --separate-stderr chat-recv -c "$bad"
  assert_usage chat-recv
  [[ $stderr == *'\x1b\x0a\xff日'* ]]
  run --separate-stderr chat-recv "$bad"
  assert_usage chat-recv
  run --separate-stderr chat-recv -o "%$bad"
  assert_usage chat-recv
  [[ $stderr != *$'\x1b'* && $stderr != *$'\xff'* ]]
  run --separate-stderr chat-send $'-\x1b'
  assert_usage chat-send
  [[ $stderr != *$'\x1b'* ]]
  run --separate-stderr chat-send -f "$bad"
  assert_error 74 chat-send:
  [[ $stderr == *"'"'\x1b\x0a\xff日'"'"* ]]
}

# ---------------------------------------------------------------- the hint

hint='chat-send: type the message, end it with Ctrl-D'

@test "chat-send at a terminal prints a hint" {
  chat-spool init
  on_terminal chat-send >seen <<<'hello'
  assert_bytes seen "$hint\n"
  capture chat-recv -n
  assert_bytes stdout 'hello\n'
}

@test "the hint is on standard error" {
  on_terminal bash -c 'chat-send -i 2>hint' >seen <<<'hello'
  assert_bytes hint "$hint\n"
  run cat seen
  assert_output --regexp '^[0-9]+$'
}

@test "there is no hint with arguments, with -q, or if standard input is not a terminal" {
  chat-spool init
  assert_seen '' chat-send hello
  on_terminal chat-send -q >seen <<<'hello'
  assert_bytes seen ''
  assert_seen '' bash -c 'echo hello | chat-send'
  assert_seen '' bash -c 'chat-send </dev/null'
  assert_seen '' bash -c 'chat-send -f /dev/null'
  run -0 chat-recv -a -o '%b|'
  assert_output $'hello|hello\n|hello\n|||'
}

@test "with arguments chat-send never reads the terminal" {
  chat-spool init
  on_terminal bash -c 'chat-send one; read -r line; echo "$line"' >seen <<<'typed'
  assert_bytes seen 'typed\n'
  run -0 chat-recv
  assert_output one
}

# ---------------------------------------------------------------- progress

# A stream that takes more than a second.
slow='{ seq 10; for i in {1..7}; do sleep 0.2; seq 10; done; }'

# shows_progress WORDS COMMAND [ARG ...]: the command shows numbers with these words on its terminal while lines arrive,
# and erases them at the end.
shows_progress() {
  local lines FED=0 start=${EPOCHREALTIME/./}
  mkfifo lines
  background script --quiet --flush --return --command "${*:2} <lines" seen >/dev/null </dev/null
  exec {lines}>lines
  wait_until feed_until_number "$lines"
  exec {lines}>&-
  finish "$BACKGROUND_PID"
  assert_success
  progressed "$1" "$start"
  assert [ "${PROGRESS[-1]}" -ge 1 ]
  assert [ "${PROGRESS[-1]}" -le "$FED" ]
}

# feed_until_number DESCRIPTOR: write another line, then return true if the terminal has received a number (not in
# script's own first line).
feed_until_number() {
  echo '{"body":"line"}' >&"$1"
  FED=$((FED + 1))
  sed 1d seen | grep -aq '[0-9]'
}

# progressed WORDS START: the file seen contains only numbers with these words, not more than five a second since START,
# and is erased. The numbers are in the array PROGRESS.
progressed() {
  local all
  all=$(sed -e 1d -e '/^Script done/d' seen | tr '\r' '\n' | tr -d '\0')
  assert_equal "${all##*$'\n'}" $'\e[K'
  mapfile -t PROGRESS < <(sed -e '/^$/d' -e '/\x1b/d' <<<"$all" | sed "s/ $1\$//; s/^ *//")
  run -1 grep -v '^[0-9]*$' <<<"$(printf '%s\n' "${PROGRESS[@]}")"
  assert [ "${#PROGRESS[@]}" -le $(((${EPOCHREALTIME/./} - $2) / 200000 + 1)) ]
}

@test "a stream that takes over a second shows its progress if standard error is a terminal" {
  chat-spool init
  shows_progress 'messages sent' chat-send -l
  (($(chat-recv -a | wc -l) > 0))
}

@test "an atomic stream that takes over a second shows its progress, too" {
  chat-spool init
  shows_progress 'messages read' chat-send -l -1
}

@test "load and dump show their progress" {
  local lines start
  chat-spool init
  shows_progress 'messages sent' chat-spool load
  head -c 6000000 /dev/zero | tr '\0' x | fold -w 1000 | chat-send -l
  rm lines seen && mkfifo lines
  start=${EPOCHREALTIME/./}
  background script --quiet --flush --return --command 'chat-spool dump >lines' seen >/dev/null </dev/null
  exec {lines}<lines
  wait_until drink_until_number "$lines"
  cat <&"$lines" >/dev/null
  exec {lines}<&-
  finish "$BACKGROUND_PID"
  assert_success
  progressed '% dumped' "$start"
  assert [ "${PROGRESS[0]}" -ge 1 ]
  assert [ "${PROGRESS[0]}" -le 99 ]
}

# drink_until_number DESCRIPTOR: read some of the dump, then return true if the terminal has received a number.
drink_until_number() {
  head -c 20000 <&"$1" >/dev/null
  sed 1d seen | grep -aq '[0-9]'
}

@test "an error replaces the progress line" {
  chat-spool init
  { seq 10000; head -c 67108866 /dev/zero; } >in
  on_terminal bash -c '{ for i in {1..7}; do seq 10; sleep 0.2; done; cat in; } | chat-send -l' </dev/null >seen &&
    fail 'succeeded'
  run grep -a 'chat-send: ' seen
  assert_equal "${#lines[@]}" 1
  assert_output --regexp $'(^|\e\\[K)chat-send: [^\r\e]*$'
}

@test "there is no progress line with -q, for quick work, or if standard error is not a terminal" {
  assert_seen '' bash -c "$slow | chat-send -lq"
  assert_seen '' bash -c "$slow | chat-send -l 2>errors"
  assert_bytes errors ''
  assert_seen '' bash -c 'seq 10 | chat-send -l'
  run -0 chat-recv -a
  assert_line --index 0 1
  assert_line --index -1 10
}
