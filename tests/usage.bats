#!/usr/bin/env bats
# Options: --help and --version, and usage that the commands refuse with 64. Bad room names and bad names of senders are
# in chat-send.bats.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# refused PROGRAM [ARG ...]: it exits with 64, an error and a usage line; it does not wait for standard input, and
# stores and creates nothing.
refused() {
  local keep
  [[ -p never ]] || mkfifo never
  exec {keep}<>never
  run --separate-stderr timeout 20 "$@" <&"$keep"
  exec {keep}>&-
  assert_usage "$1" || fail "$*"
  assert_not_exist "$HOME/.local"
  assert_not_exist "$SPOOL"
}

# says TEXT: standard error contains it.
says() { [[ $stderr == *"$1"* ]] || fail "not said: $1: $stderr"; }

# ---------------------------------------------------------------- --help and --version

@test "--help prints every option to standard output and exits with 0" {
  local option
  capture chat-send --help
  assert_success
  assert_bytes stderr ''
  assert_line --index 0 'usage: chat-send [options] [--] [WORD ...]'
  for option in '-r, --room' '-s, --spool' '-f, --file' '-l, --lines' '-0, --null' '-1, --atomic' '-u, --user' \
    '-i, --print-id' '-q, --quiet' --help --version; do
    assert_output --partial "$option"
  done
  capture chat-recv --help
  assert_success
  assert_bytes stderr ''
  assert_line --index 0 --regexp '^usage: chat-recv '
  for option in '-r, --room' '-s, --spool' '-w, --wait' '-t, --timeout' '-c, --count' '-a, --all' '-F, --follow' \
    '-p, --peek' '-n, --no-newline' '-0, --null' '-o, --format' '-v, --verbose' '-q, --quiet' --raw --help --version; do
    assert_output --partial "$option"
  done
}

@test "--help fits a terminal of 80 columns and ends with a newline" {
  local program
  local -a programs=(chat-send chat-recv chat-talk chat-spool)
  mapfile -t -O 4 programs < <(chat-spool --help | sed -n 's/^  \([a-z]*\)  .*/chat-spool \1/p')
  ((${#programs[@]} > 20))
  for program in "${programs[@]}"; do
    # shellcheck disable=SC2086 # a program and a command
    capture $program --help
    run -1 grep -E '.{81}' stdout
    assert_equal "$(tail -c 1 stdout | od -An -c | tr -d ' ')" '\n'
  done
}

@test "--version prints one line with the program and the version" {
  local program
  for program in chat-send chat-recv; do
    capture "$program" --version
    assert_success
    assert_bytes stderr ''
    assert_output --regexp "^$program [0-9]+\.[0-9]+[^ ]*$"
    assert_bytes stdout "$output\n"
  done
}

@test "--help and --version touch no spool and read no input" {
  local program option
  mkfifo never
  exec {keep}<>never
  for program in chat-send chat-recv; do
    for option in --help --version; do
      timeout 20 "$program" "$option" <&"$keep" >out
      assert [ -s out ]
      CHAT_ROOM=a/b CHAT_SPOOL=/dev/null timeout 20 "$program" "$option" <&"$keep" >same
      cmp out same
    done
  done
  assert_not_exist "$HOME/.local"
}

@test "--help and --version may be abbreviated" {
  run -0 chat-send --he
  assert_line --index 0 --regexp '^usage: chat-send '
  run -0 chat-recv --vers
  assert_output --regexp '^chat-recv '
}

@test "--help and --version that cannot be printed exit with 74" {
  local program option
  for program in chat-send chat-recv; do
    for option in --help --version; do
      run --separate-stderr bash -c "$program $option >/dev/full"
      assert_error 74 "$program: cannot write standard output: no space left on device"
    done
  done
}

# ---------------------------------------------------------------- unknown and incomplete options

@test "an unknown option exits with 64, its name and a usage line" {
  refused chat-send --foo
  assert_stderr $'chat-send: unknown option \'--foo\'\nusage: chat-send [options] [--] [WORD ...] (see --help)'
  refused chat-send -Z hello
  assert_regex "$stderr" "^chat-send: unknown option '-Z'"
  refused chat-send -qZ
  assert_regex "$stderr" "^chat-send: unknown option '-Z'"
  refused chat-send --foo=bar
  refused chat-send -é
  refused chat-recv --foo
  assert_regex "$stderr" "^chat-recv: unknown option '--foo'"
  refused chat-recv -Z
  assert_regex "$stderr" "^chat-recv: unknown option '-Z'"
  refused chat-recv -1
}

@test "a missing argument of an option is refused with 64" {
  local option
  for option in -r -s -f -u -qr --room --spool --file --user; do
    refused chat-send "$option"
    says "chat-send: option '${option/q/}' needs an argument"$'\n'
  done
  for option in -r -s -t -c -o -ar --room --spool --timeout --count --format; do
    refused chat-recv "$option"
    says "chat-recv: option '${option/-ar/-r}' needs an argument"$'\n'
  done
}

@test "an argument for an option without arguments is refused with 64" {
  local option
  for option in --lines --null --atomic --print-id --quiet --help --version; do
    refused chat-send "$option=x"
    says "chat-send: option '$option' takes no argument"$'\n'
    refused chat-send "$option="
    says "chat-send: option '$option' takes no argument"$'\n'
  done
  for option in --wait --all --follow --peek --no-newline --null --verbose --quiet --raw --help --version; do
    refused chat-recv "$option=x"
    says "chat-recv: option '$option' takes no argument"$'\n'
  done
}

@test "an ambiguous long option is refused with 64, and the error lists the candidates" {
  refused chat-recv --r
  says "option '--r' is ambiguous: '--room', '--raw'"
  refused chat-recv --ver=x
  refused chat-recv --ve
  says "option '--ve' is ambiguous: '--verbose', '--version'"
  refused chat-recv --fo x
}

@test "an unknown option or command is refused with 64, and the error names the most similar one" {
  refused chat-send --rooom x
  says "unknown option '--rooom' (did you mean '--room'?)"
  refused chat-recv --timoeut=5
  says "unknown option '--timoeut' (did you mean '--timeout'?)"
  refused chat-recv -C 3
  says "unknown option '-C' (did you mean '-c', '--count'?)"
  refused chat-spool lsit
  says "unknown command 'lsit' (did you mean 'list'?)"
  refused chat-spool list --nmaes
  says "unknown option '--nmaes' (did you mean '--names'?)"
  refused chat-spool nothing
  says "unknown command 'nothing'"$'\n'
  refused chat-send -é
  says "unknown option '-é'"
  # One mistake is allowed, and another one in five letters: one that is missing, added, replaced or swapped.
  for word in ist listt llist bist lisx ilst lits mxxve:move restorexx:restore requeueeee:requeue; do
    run -64 chat-spool "${word%:*}"
    assert_line --index 0 "chat-spool: unknown command '${word%:*}' (did you mean '$([[ $word == *:* ]] && echo "${word#*:}" || echo list)'?)"
  done
  for word in x la mxxe mxxxve listlist1 aaaaaaaaaaaaaaaaaaaaaaaaa; do
    run -64 chat-spool "$word"
    assert_line --index 0 "chat-spool: unknown command '$word'"
  done
  # Two letters are enough, and of two names the first one counts.
  refused chat-send --mx 5
  says "unknown option '--mx' (did you mean '--max'?)"
  refused chat-send --kew x
  says "unknown option '--kew' (did you mean '--key'?)"
  # A letter has another case; other characters do not.
  for word in @ [ '`' '{' Z z $'\xff'; do
    run -64 chat-recv "-$word"
    assert_line --index 0 "chat-recv: unknown option '-${word/$'\xff'/'\xff'}'"
  done
  run -64 chat-recv -A
  assert_line --index 0 "chat-recv: unknown option '-A' (did you mean '-a', '--all'?)"
}

@test "a long option with one dash is refused with 64, and the error names the option" {
  refused chat-send -room x
  says "unknown option '-room' (did you mean '--room'?)"
  refused chat-send -room=x y
  says "unknown option '-room' (did you mean '--room'?)"
  refused chat-send -q -file x
  says "unknown option '-file' (did you mean '--file'?)"
  refused chat-recv -timeout 5
  says "unknown option '-timeout' (did you mean '--timeout'?)"
  refused chat-spool list -json
  says "unknown option '-json' (did you mean '--json'?)"
  # As an argument of an option and as a word it is not the option --help.
  chat-send -k -room -- -room
  run -0 chat-recv -o '%k %b'
  assert_output -- '-room -room'
  # Nor is a part of its name: -ro is -r o.
  chat-send -ro hello
  run -0 chat-recv -ro
  assert_output hello
}

@test "an option that takes one argument is refused with 64 if it is given twice" {
  local option
  for option in '-s a -s b' '-s a --spool b' '-u a -u b' '-f a -f a' '-k a -k b' '-d 1 -d 2' '-x 1 --expire=2' '-m 1 -m 2' '-m 1 -t 1 -t 2'; do
    # shellcheck disable=SC2086
    refused chat-send $option
    assert_regex "$stderr" "^chat-send: option '-[a-z]' \\(--[a-z]+\\) is given twice"
  done
  refused chat-send -s a --spool b
  says "chat-send: option '-s' (--spool) is given twice"$'\n'
  for option in '-s a -s b' '-t 1 -t 2' '-c 1 --count 1' '-o a -o b' '-P 1 -P 2 -- true' '--dead a --dead b -- true' '--backoff 1 --backoff 2 -- true'; do
    # shellcheck disable=SC2086
    refused chat-recv $option
    says 'is given twice'
  done
  refused chat-recv --backoff 1 --backoff 2 -- true
  says "chat-recv: option '--backoff' is given twice"$'\n'
  refused chat-spool show -i 1 --id 2
  says "chat-spool: option '-i' (--id) is given twice"$'\n'
  refused chat-spool init --group a --group b
  says "chat-spool: option '--group' is given twice"$'\n'
  refused chat-spool list -s a -s b
  refused chat-send -r a -r b -r a hello
  says "room 'a' is given twice"
  # An option that makes a list, and an option without an argument, which may be repeated.
  run -1 chat-recv -q -q -r a -r b -r a
}

@test "-h is --help in all programs, and so is help except as a message" {
  local program
  for program in chat-send chat-recv chat-talk chat-spool 'chat-spool list' 'chat-spool move'; do
    assert_equal "$($program -h)" "$($program --help)"
  done
  assert_equal "$(chat-recv help)" "$(chat-recv --help)"
  assert_equal "$(chat-spool help)" "$(chat-spool --help)"
  assert_equal "$(chat-spool help move)" "$(chat-spool move --help)"
  assert_equal "$(chat-spool help peek)" "$(chat-spool show --help)"
  refused chat-spool help mvoe
  says "unknown command 'mvoe' (did you mean 'move'?)"
  refused chat-spool help list show
  chat-send help
  run -0 chat-recv
  assert_output help
}

@test "commands of chat-spool refuse an argument too many, and name it" {
  local command
  for command in check compact init version where readers\ a open\ a forget\ a seek\ a/b\ end requeue\ a backup\ a restore\ a copy\ a\ b load\ a 'config max-length 5'; do
    # shellcheck disable=SC2086
    refused chat-spool $command x
    says "chat-spool: unexpected argument 'x'"$'\n'
  done
}

@test "every usage error ends with the usage line and names the option that lists the options" {
  local command
  for command in 'chat-send --foo' 'chat-recv word' 'chat-spool' 'chat-spool nothing' 'chat-spool show a b' 'chat-send -s redis://x y'; do
    # shellcheck disable=SC2086
    refused $command
    [[ $stderr == *$'\nusage: chat-'*' (see --help)' ]] || fail "$stderr"
  done
}

@test "the error for options of chat-send that exclude or need each other names them" {
  local arguments problem
  while IFS='|' read -r arguments problem; do
    # shellcheck disable=SC2086
    refused chat-send $arguments
    assert_equal "$arguments: ${stderr%%$'\n'*}" "$arguments: chat-send: $problem"
  done <<'END'
-l -0|options '-l', '-0' and '-J' exclude each other
-0 -J|options '-l', '-0' and '-J' exclude each other
-J -l|options '-l', '-0' and '-J' exclude each other
-l word|options '-l', '-0' and '-J' read standard input and take no arguments
-0 word|options '-l', '-0' and '-J' read standard input and take no arguments
-J word|options '-l', '-0' and '-J' read standard input and take no arguments
-l -f file|options '-l', '-0' and '-J' read standard input, not a file of '-f'
-f file word|option '-f' reads the message from a file and takes no arguments
--file=|the name of the file is empty
-1|option '-1' needs '-l', '-0' or '-J'
-1 word|option '-1' needs '-l', '-0' or '-J'
--user= word|'' cannot be a sender
-J -1 -m 5|option '-m' with '-J' and '-1' needs '-r'
-l -m 1 -r a -r b|option '-m' with '-l', '-0' or '-J' needs a single room
-0 -m 1 -r a -r b|option '-m' with '-l', '-0' or '-J' needs a single room
-J -m 1 -r a -r b|option '-m' with '-l', '-0' or '-J' needs a single room
--key= word|'' cannot be a key
--new word|options '--replace' and '--new' need '-k'
--replace word|options '--replace' and '--new' need '-k'
-k k --replace --new word|options '--replace' and '--new' exclude each other
-w word|options '-w' and '-t' wait for space and need '-m'
-t 1 word|options '-w' and '-t' wait for space and need '-m'
--drop word|option '--drop' frees space and needs '-m'
-m 1 --drop -w word|options '--drop' and '-w' exclude each other
-m 1 --drop -t 1 word|options '--drop' and '-w' exclude each other
-m 0 word|option '-m' needs a positive number, not '0'
-r a -r a word|room 'a' is given twice
END
  # Neighbours of these that are allowed.
  chat-send -J -1 -m 5 -r a <<<'{"body":"x"}'
  chat-send -J -m 5 <<<'{"body":"x"}'
  chat-send -J -1 <<<'{"body":"x"}'
  chat-send -m 5 -r b -r c x
  chat-send -l -m 5 -r a <<<x
  chat-send -l -r a -r b <<<x
  assert_equal "$(chat-spool list -j | sed 's/{"room":"\(.*\)","depth":\([0-9]*\),.*/\1 \2/' | xargs)" 'a 3 b 2 c 1 main 2'
}

@test "an unambiguous long option may be abbreviated" {
  chat-send --u alice --sp "$PWD/x" --ro room hello
  run -0 chat-recv --sp="$PWD/x" --ro room --form=%u
  assert_output alice
}

# ---------------------------------------------------------------- empty arguments

@test "an empty -r, -s, -u or -f is refused with 64" {
  local option
  for option in -r -s -u -f; do
    refused chat-send "$option" ''
    refused chat-send "$option" '' hello
  done
  for option in --room= --spool= --user= --file=; do refused chat-send "$option"; done
  for option in -r -s; do refused chat-recv "$option" ''; done
  for option in --room= --spool=; do refused chat-recv "$option"; done
  refused chat-recv -r good -r ''
}

# ---------------------------------------------------------------- chat-send: options that exclude each other

@test "-l with -0 is refused with 64" {
  refused chat-send -l -0
  refused chat-send -0l
}

@test "-l and -0 with arguments or with -f are refused with 64" {
  : >file
  local option
  for option in -l -0 --lines --null; do
    refused chat-send "$option" word
    refused chat-send "$option" -- word
    refused chat-send "$option" -- ''
    refused chat-send "$option" -f file
    refused chat-send -f file "$option"
  done
}

@test "-f with arguments is refused with 64" {
  : >file
  refused chat-send -f file word
  refused chat-send -f - word
  refused chat-send -f file -- word
}

@test "-1 without -l or -0 is refused with 64" {
  refused chat-send -1
  refused chat-send -1 word
  refused chat-send --atomic -f -
}

# ---------------------------------------------------------------- chat-recv: options that exclude each other

@test "any two of -n, -0, -o and -v are refused with 64" {
  refused chat-recv -n -0
  refused chat-recv -n -o %b
  refused chat-recv -n -v
  refused chat-recv -0 -o %b
  refused chat-recv -0 -v
  refused chat-recv -v -o %b
  refused chat-recv -vn
}

@test "-c with -a is refused with 64" {
  refused chat-recv -c 2 -a
  refused chat-recv -ac2
}

@test "-F with -a or -c, and with -p and two rooms, is refused with 64" {
  refused chat-recv -F -a
  refused chat-recv -F -c 2
  refused chat-recv -pF -r one -r two
}

@test "arguments of chat-recv without -- are refused with 64" {
  refused chat-recv word
  refused chat-recv -a word
  refused chat-recv main --help
}

@test "a -c that is not a positive number is refused with 64" {
  local count
  for count in 0 00 -1 +0 '' ' ' x 1x x1 1.5 0x10 1e3 9223372036854775808 99999999999999999999999; do
    refused chat-recv -c "$count"
    says "chat-recv: option '-c' needs a positive number, not '$count'"$'\n'
  done
  run -1 chat-recv -c 9223372036854775807
}

@test "a -t that is not a number from 0 up is refused with 64" {
  local seconds
  for seconds in -1 -0.5 '' ' ' . x 1x 1,5 1.2.3 nan NaN inf 5M 1w 2026-11-22; do
    refused chat-recv -t "$seconds"
    says "chat-recv: option '-t' needs a duration like 90, 1.5s, 5m, 2h or 1d, not '$seconds'"$'\n'
  done
}

@test "a bad format is refused with 64" {
  local format
  # shellcheck disable=SC1003  # a backslash is meant
  for format in % '%b%' %z %B '% b' %5b '\' 'x\' '\q' '\x' '\x1' '\xg1' '\x1g' '\1'; do
    refused chat-recv -o "$format"
    [[ $stderr == "chat-recv: no such "@(field|escape)" in the format '$format': '"* ]] || fail "$stderr"
  done
  refused chat-recv -o 'a\x1gb'
  [[ $stderr == "chat-recv: no such escape in the format 'a\x1gb': '\x'"$'\n'* ]]
  refused chat-recv -o '%b%'
  [[ $stderr == "chat-recv: no such field in the format '%b%': '%'"$'\n'* ]]
  refused chat-recv -o '%b%z'
  [[ $stderr == "chat-recv: no such field in the format '%b%z': '%z'"$'\n'* ]]
}

@test "a name that no room can have is refused with 64 and the reason" {
  local name reason
  while IFS='|' read -r name reason; do
    refused chat-send -r "$(printf '%b' "$name")" hello
    [[ $stderr == "chat-send: '"*"' cannot name a room: $reason"$'\n'* ]] || fail "$stderr"
    refused chat-recv -r "$(printf '%b' "$name")"
    refused chat-recv --dead "$(printf '%b' "$name")" -- true
  done <<END
|it is empty
-x|it begins with '-' or '.'
.x|it begins with '-' or '.'
$(printf 'x%.0s' {1..256})|it is longer than 255 bytes
$(printf 'x%.0s' {1..254})\\t|it has control characters, or is not UTF-8
a\\tb|it has control characters, or is not UTF-8
a\\xff|it has control characters, or is not UTF-8
END
  refused chat-recv -r /
  says "chat-recv: '/' cannot name a reader: use ROOM/NAME"$'\n'
  refused chat-spool show a/b/c
  [[ $stderr == "chat-spool: 'a/b/c' cannot name a reader: use ROOM/NAME"$'\n'* ]]
}

@test "a point that seek does not know is refused with 64" {
  refused chat-spool seek jobs/bob yesterday
  [[ $stderr == "chat-spool: 'yesterday' is not 'start', 'end', a time like 2026-11-22T13:40:07Z, or a duration like 2h"$'\n'* ]]
}

@test "seek refuses a number that may be a date" {
  local word
  for word in 20261130 1234567890; do
    refused chat-spool seek jobs/bob "$word"
    [[ $stderr == "chat-spool: '$word' may be a date, a timestamp or a number of seconds; write a date like 2027-01-01, or seconds like ${word}s"$'\n'* ]]
  done
}

@test "an unknown kind of spool is refused with 64" {
  local where
  for where in redis://localhost nosuch://x/y; do
    refused chat-send -s "$where" hello
    refused chat-recv -s "$where"
    CHAT_SPOOL=$where refused chat-send hello
  done
}

# ---------------------------------------------------------------- all together

@test "wrong usage takes and stores nothing in an existing spool" {
  chat-send hello
  run --separate-stderr chat-send -Z no
  assert_usage chat-send
  run --separate-stderr chat-recv -c 0
  assert_usage chat-recv
  run --separate-stderr chat-recv -a no
  assert_usage chat-recv
  capture chat-recv -a
  assert_bytes stdout 'hello\n'
}

@test "an error has two lines even if its subject contains newlines" {
  refused chat-send $'--foo\nbar'
  refused chat-recv -o $'%\n'
  refused chat-recv $'a\nb'
  refused chat-recv -c $'1\n2'
}

@test "usage errors do not depend on the name under which the program runs" {
  mkdir elsewhere
  ln -s "$CHAT_BIN/chat-send" elsewhere/
  run --separate-stderr elsewhere/chat-send --foo
  assert_usage chat-send
}
