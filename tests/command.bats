#!/usr/bin/env bats
# chat-recv -- COMMAND: what the command gets, what its exit status means, several at once, and that no message is lost.
# TORTURE is the number of messages of the last test.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  : "${TORTURE:=150}"
  # A command that reports its start, and ends with the given status once the file "go" is there.
  { echo "#!$BASH" && cat; } >hold <<'END'
echo $$ >>pids
{ cat; echo; } | grep . >>started
exec {silence}<> <(:)
for ((i = 0; i < 1500; i++)); do
  [[ ! -e go ]] || exit "${1:-0}"
  read -r -t 0.02 -u "$silence"
done
END
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

# left [ROOM]: print the messages of the room and their failed attempts in one line.
left() { chat-recv -qpa -r "${1:-main}" -o '%b:%n ' || [[ $? == 1 ]] || echo failed; }

# pending PID: a signal for the process is pending.
pending() { grep -qE '^(Sig|Shd)Pnd:.*[1-9a-f]' "/proc/$1/status"; }

# handled PID: the process has received all signals, and sleeps again.
handled() { ! pending "$1" && asleep "$1" '*@(sigsuspend|poll)*'; }

# signal SIGNAL PID: send it, and wait until the process has received it.
signal() {
  kill -"$1" "$2"
  wait_until handled "$2"
}

# switches PID: print how often the process has gone to sleep so far.
switches() { sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$1/status"; }

# ---------------------------------------------------------------- its input and environment

@test "the environment describes the message" {
  chat-send -r lamps -u 'Ada L.' hello
  local expected
  expected=$(chat-recv -p -r lamps -o 'CHAT_ID=%i\nCHAT_MESSAGE_ROOM=%r\nCHAT_USER=%u\nCHAT_HOST=%h\nCHAT_TIME=%t\nCHAT_ATTEMPT=1\nCHAT_KEY=%k\n')
  CHAT_ID=none CHAT_ATTEMPT=7 CHAT_KEY=none CHAT_MESSAGE_ROOM=none run chat-recv -r lamps -- sh -c 'env |
    grep -E "^CHAT_(ID|MESSAGE_ROOM|USER|HOST|TIME|ATTEMPT|KEY)=" | LC_ALL=C sort'
  assert_success
  assert_output "$(LC_ALL=C sort <<<"$expected")"
  assert_equal "$(grep -cE '^CHAT_TIME=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$' <<<"$expected")" 1
}

@test "the environment contains the key of the message, or an empty one" {
  chat-send -k 'a key' hello
  run -0 chat-recv -- sh -uc 'echo "[$CHAT_KEY]"'
  assert_output '[a key]'
  chat-send hello
  CHAT_KEY=inherited run -0 chat-recv -- sh -uc 'echo "[$CHAT_KEY]"'
  assert_output '[]'
}

@test "the environment contains a path of the spool that is valid in every directory" {
  mkdir here
  chat-send hello
  run -0 chat-recv -- sh -c 'cd here && env | grep "^CHAT_SPOOL=" && chat-send -r results default'
  [[ ${CHAT_TEST_CLUSTER:-} ]] || assert_output "CHAT_SPOOL=$SPOOL"
  chat-send -s here/other.db hello
  CHAT_SPOOL=$PWD/none.db run -0 chat-recv -s here/other.db -- sh -c 'cd / && env | grep "^CHAT_SPOOL=" && chat-send -r results other'
  assert_output "CHAT_SPOOL=$PWD/here/other.db"
  assert_equal "$(chat-recv -r results)" default
  assert_equal "$(chat-recv -s here/other.db -r results)" other
  assert_not_exist none.db
}

@test "COMMAND gets CHAT_ROOM only if it names a room from which chat-recv does not receive" {
  seq 4 | chat-send -l -r jobs
  CHAT_ROOM=results run -0 chat-recv -r jobs -- sh -c 'chat-send "$(cat) done"; echo "$CHAT_ROOM"'
  assert_output results
  assert_equal "$(chat-recv -r results)" '1 done'
  CHAT_ROOM='jobs' run -0 chat-recv -- sh -c 'chat-send "$(cat) done"; echo "${CHAT_ROOM-unset}"'
  assert_output unset
  CHAT_ROOM='jobs' run -0 chat-recv -r urgent -r jobs -- sh -c 'chat-send "$(cat) done"; echo "${CHAT_ROOM-unset}"'
  assert_output unset
  run -0 chat-recv -r jobs -- sh -c 'chat-send "$(cat) done"; echo "${CHAT_ROOM-unset}"'
  assert_output unset
  assert_equal "$(chat-recv -a)" $'2 done\n3 done\n4 done'
  assert_empty_room jobs
}

@test "a COMMAND that names no room never sends to the room of its own message" {
  chat-send job
  run --separate-stderr timeout 20 chat-recv -- chat-send again
  assert_equal "$status" 123
  assert_equal "$(grep -v ^usage: <<<"$stderr" | head -n 1)" \
    "chat-send: the message being processed is from the default room 'main'; use -r 'main' to send to that room again"
  assert_equal "$(left)" 'job:1 '
  run --separate-stderr timeout 20 chat-recv -- sh -c 'chat-send -s "$CHAT_SPOOL" again'
  assert_equal "$status" 123
  # A named room is used.
  run -0 timeout 20 chat-recv -- sh -c 'chat-send -r "$CHAT_MESSAGE_ROOM" again; CHAT_ROOM=main chat-send again; chat-send -s other.db again'
  assert_equal "$(left)" 'again:0 again:0 '
  # The same holds for lines of -J that name no room.
  printf '%s\n' '{"room":"results","body":"one"}' '{"body":"two"}' >lines
  run --separate-stderr timeout 20 chat-recv -- sh -c 'chat-send -J <lines'
  assert_equal "$status" 123
  assert_equal "$(head -n 1 <<<"$stderr")" "chat-send: line 2 names no room, and the message being processed is from the default \
room 'main'; 1 message was stored"
  assert_equal "$(left)" 'again:1 again:0 '
  assert_equal "$(chat-recv -r results)" one
  run -0 timeout 20 chat-recv -- sh -c 'chat-send -J -r results <lines; echo "{\"room\":\"main\",\"body\":\"x\"}" | chat-send -J'
  chat-spool config default-room other
  run -0 chat-recv -r main -- chat-send over
  assert_equal "$(chat-recv -r other)" over
}

@test "the environment contains each variable of the message once, whatever was inherited" {
  needs python3
  chat-send -r jobs hello
  cat >twice.py <<'END'
import ctypes, os
words = lambda *words: (ctypes.c_char_p * (len(words) + 1))(*words, None)
names = b"CHAT_ID CHAT_MESSAGE_ROOM CHAT_USER CHAT_HOST CHAT_TIME CHAT_ATTEMPT CHAT_KEY CHAT_ROOM".split()
twice = [name + b"=" + value for name in names for value in (b"jobs", b"other", b"jobs")]
rest = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
path = os.fsencode(os.environ["CHAT_BIN"] + "/chat-recv")
ctypes.CDLL(None).execve(path, words(path, b"-r", b"jobs", b"--", b"env"), words(*twice, *rest, *twice))
END
  run -0 python3 twice.py
  assert_equal "$(grep -o '^CHAT_[A-Z_]*' <<<"$output" | grep -vE '^CHAT_(TEST_|FAULTS$)' | sort)" "$(printf '%s\n' CHAT_ATTEMPT CHAT_BIN CHAT_HOST CHAT_ID CHAT_KEY \
    CHAT_MESSAGE_ROOM CHAT_SPOOL CHAT_TIME CHAT_USER)"
}

# fields_for OPTIONS: print the variables that COMMAND gets for the next message, with OPTIONS, sorted.
fields_for() {
  # shellcheck disable=SC2086
  chat-recv $1 -- env >seen
  grep -E '^CHAT_(ID|MESSAGE_ROOM|USER|HOST|TIME|ATTEMPT|KEY|READER|MISSED|COUNT|ROOM)=' seen | sort | tr '\n' ' '
  echo
}

@test "each kind of message has exactly its variables" {
  chat-spool open --keep 2 --max 3 tea
  chat-recv -q -r tea/bob || true
  seq 5 | chat-send -l -r tea -u alice
  { printf '{"room":"%s","user":"u1","host":"h1","time":"2026-01-02T03:04:05.678Z","key":%s,"body":"x"}\n' jobs '"k 1"' jobs null jobs null jobs null jobs null tea null; } |
    chat-send -J
  chat-recv -q -r jobs -- false 2>/dev/null || true
  for options in '-r jobs' '-b 2 -r jobs' '-r jobs' '-b 3 -r jobs' '-r tea/bob' '-b 3 -r tea/bob'; do CHAT_ROOM=plain fields_for "$options"; done |
    sed 's/CHAT_ID=[0-9]*/CHAT_ID=/; /=tea/s/CHAT_\(HOST\|TIME\)=[^ ]*/CHAT_\1=/g; s/ $//' >variables
  printf 'null\n' | chat-send -r tea/bob -u u2 -k k2
  CHAT_ROOM='jobs' fields_for '-r tea/bob -r jobs' | sed 's/CHAT_TIME=[^ ]*/CHAT_TIME=/; s/CHAT_ID=[0-9]*/CHAT_ID=/; s/CHAT_HOST=[^ ]*/CHAT_HOST=/; s/ $//' >>variables
  run diff - variables <<'END'
CHAT_ATTEMPT=2 CHAT_HOST=h1 CHAT_ID= CHAT_KEY=k 1 CHAT_MESSAGE_ROOM=jobs CHAT_ROOM=plain CHAT_TIME=2026-01-02T03:04:05.678Z CHAT_USER=u1
CHAT_ATTEMPT=1 CHAT_COUNT=2 CHAT_MESSAGE_ROOM=jobs CHAT_ROOM=plain
CHAT_ATTEMPT=1 CHAT_HOST=h1 CHAT_ID= CHAT_KEY= CHAT_MESSAGE_ROOM=jobs CHAT_ROOM=plain CHAT_TIME=2026-01-02T03:04:05.678Z CHAT_USER=u1
CHAT_ATTEMPT=1 CHAT_COUNT=1 CHAT_MESSAGE_ROOM=jobs CHAT_ROOM=plain
CHAT_ATTEMPT=1 CHAT_HOST= CHAT_ID= CHAT_KEY= CHAT_MESSAGE_ROOM=tea CHAT_MISSED=3 CHAT_READER=bob CHAT_ROOM=plain CHAT_TIME= CHAT_USER=alice
CHAT_ATTEMPT=1 CHAT_COUNT=2 CHAT_MESSAGE_ROOM=tea CHAT_MISSED=0 CHAT_READER=bob CHAT_ROOM=plain
CHAT_ATTEMPT=1 CHAT_HOST= CHAT_ID= CHAT_KEY=k2 CHAT_MESSAGE_ROOM=tea/bob CHAT_MISSED=0 CHAT_READER=bob CHAT_TIME= CHAT_USER=u2
END
  assert_output ''
}

@test "the rest of the environment is unchanged, and each message has its own variables" {
  printf '%s\n' a b c | chat-send -l
  OTHER='as it was' run chat-recv -a -- sh -c 'echo "$(cat) $CHAT_ID $OTHER"'
  assert_success
  assert_output $'a 1 as it was\nb 2 as it was\nc 3 as it was'
}

@test "standard input is exactly the body" {
  local size
  printf 'one\0two\n\n\xff\0' | tee body | chat-send
  capture chat-recv -- cat
  assert_success
  cmp body stdout
  for size in 0 1 4096 65535 65536 65537 3000000; do
    head -c "$size" /dev/urandom >body
    chat-send -f body
    chat-recv -- cat >out # capture would read these bytes as text, which takes long
    cmp body out
  done
  assert_empty_room
}

@test "a command gets all of a body that is larger than the pipe" {
  # shellcheck disable=SC2034  # for as_user
  local ALICE=54321 MALLORY=54322
  [[ $(</proc/sys/fs/pipe-user-pages-soft) == 16384 ]] || skip 'the limit for the pipes of a user is another here'
  public
  # A user with this many pipes gets small ones: pipe(7).
  # shellcheck disable=SC2016  # perl expands them
  background setpriv --reuid=$ALICE --regid=$ALICE --clear-groups bash -c 'ulimit -n 4096 && exec perl -e "
    while (@ends < 2200) { pipe(my \$r, my \$w) or die; push @ends, \$r, \$w }
    open(my \$f, q(>), q(alice/ready)); close(\$f); sleep 60"'
  wait_until test -e alice/ready
  seq 5000 >alice/body
  as_user $ALICE chat-send -f alice/body
  as_user $ALICE chat-recv -- cat >received
  cmp received alice/body
}

@test "a command may leave the body unread" {
  local size
  for size in 0 100 1000000; do
    head -c "$size" /dev/zero | chat-send
    run chat-recv -- true
    assert_success
    assert_output ''
    head -c "$size" /dev/zero | chat-send
    run chat-recv -- sh -c 'exec <&-; sleep 0.1'
    assert_success
  done
  assert_empty_room
}

@test "the body is not in the arguments, and no shell reads it" {
  chat-send '$(touch evil); `touch evil`'
  run chat-recv -- sh -c 'tr "\0" " " </proc/$$/cmdline; cat' 'a b' '*' ''
  assert_success
  refute_output --partial 'evil);'$'\n'
  assert_output --partial 'a b *  $(touch evil); `touch evil`'
  assert_file_not_exist evil
}

@test "options after the command's name belong to the command" {
  chat-send hello
  run chat-recv -- printf '%s|' -a -P --help --
  assert_success
  assert_output -- '-a|-P|--help|--|'
}

@test "a command gets the descriptors 0 to 2 and no others" {
  chat-send hello
  run chat-recv -- bash -c 'for ((fd = 0; fd < 250; fd++)); do [[ ! -e /proc/$$/fd/$fd ]] || echo "$fd"; done' \
    5</dev/null 77</dev/null 200>other
  assert_success
  assert_output $'0\n1\n2'
}

@test "chat-recv closes the input of each command, and so needs few descriptors for many" {
  seq 60 | chat-send -l
  run -0 bash -c 'ulimit -n 40; chat-recv -a -- cat | wc -c'
  assert_output 111
  seq 60 | chat-send -l
  run -0 bash -c 'ulimit -n 40; chat-recv -a -b 1 -- cat | wc -l'
  assert_output 60
}

@test "a command runs even if descriptors 0 to 2 are closed" {
  chat-send hello
  chat-recv -- sh -c '{ cat && ls -l /proc/$$/fd; } >seen 2>&1' <&- >&- 2>&-
  assert_equal "$(head -c 5 seen)" hello
  assert_empty_room
}

@test "a command gets default signal handlers, whatever chat-recv inherited" {
  chat-send hello
  run env --ignore-signal=INT,HUP,PIPE,CHLD,USR1,XFSZ --block-signal=TERM,CHLD,USR2 \
    chat-recv -- grep -E '^Sig(Blk|Ign)' /proc/self/status
  assert_success
  assert_output $'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000'
  assert_empty_room
}

@test "a command leads its own process group" {
  chat-send hello
  run chat-recv -- sh -c 'read -r pid name state parent group rest </proc/$$/stat; echo "$((pid == group))"'
  assert_success
  assert_output 1
}

@test "a command can send to and receive from the same spool, and does not get its own message" {
  printf '%s\n' one two three | chat-send -l
  chat-send -r other more
  run chat-recv -- sh -c 'chat-recv -r other; chat-recv; chat-send -r result "$(cat) done"'
  assert_success
  assert_output $'more\ntwo'
  assert_equal "$(chat-recv -r result)" 'one done'
  assert_equal "$(left)" 'three:0 '
  assert_empty_room other
}

# ---------------------------------------------------------------- the meaning of its exit status

# after STATUS: run a command with that status; print the status of chat-recv, and the messages left in the room and in
# the dead-letter room.
after() {
  local result=0
  chat-send job
  chat-recv -- sh -c "exit $1" || result=$?
  echo "$result [$(left)] [$(left main.dead)]"
  chat-recv -aq >/dev/null || true
  chat-recv -aq -r main.dead >/dev/null || true
}

@test "exit 0 deletes the message" {
  assert_equal "$(after 0)" '0 [] []'
  # The message is in the room until then.
  chat-send job
  run -0 chat-recv -- sh -c 'chat-spool list -1; exit 0'
  assert_output main
  assert_empty_room
}

@test "exit 75 and 111 keep the message, count no attempt, and stop chat-recv with 75" {
  assert_equal "$(after 75)" '75 [job:0 ] []'
  assert_equal "$(after 111)" '75 [job:0 ] []'
  printf '%s\n' a b c | chat-send -l
  run chat-recv -a -- sh -c 'read -r word; echo "$word"; [ "$word" = a ] || exit 75'
  assert_equal "$status" 75
  assert_output $'a\nb'
  assert_equal "$(left)" 'b:0 c:0 '
}

@test "exit 99 deletes the message and stops chat-recv with 0" {
  printf '%s\n' a b c | chat-send -l
  run chat-recv -a -- sh -c 'read -r word; echo "$word"; [ "$word" = a ] || exit 99'
  assert_success
  assert_output $'a\nb'
  assert_equal "$(left)" 'c:0 '
  run timeout 20 chat-recv -F -- sh -c 'exit 99'
  assert_success
  assert_empty_room
  # Even after a failure, as a signal to a follower does.
  printf '%s\n' a b c | chat-send -l
  run -0 chat-recv -a -- sh -c 'read -r word; [ "$word" != a ] || exit 1; exit 99'
  assert_equal "$(left)" 'a:1 c:0 '
}

@test "exit 100 and 65 move the message to the dead-letter room at once" {
  assert_equal "$(after 100)" '123 [] [job:1 ]'
  assert_equal "$(after 65)" '123 [] [job:1 ]'
}

@test "any other exit status and a signal count as a failed attempt" {
  local code
  for code in 1 2 64 74 101 126 127 128 255; do
    assert_equal "$code: $(after "$code")" "$code: 123 [job:1 ] []"
  done
  for code in TERM KILL SEGV; do
    chat-send job
    run chat-recv -- sh -c "ulimit -c 0; kill -$code \$\$"
    assert_equal "$status" 123
    assert_equal "$(chat-recv -o '%b:%n')" job:1
  done
}

@test "a missing command stops chat-recv with 127, one that cannot be executed with 126, and no attempt counts" {
  printf '%s\n' a b | chat-send -l
  capture chat-recv -a -- no-such-command
  assert_error 127 "chat-recv: cannot run 'no-such-command': no such file or directory"
  capture chat-recv -a -- ./no-such-command
  assert_error 127 "chat-recv: cannot run './no-such-command': no such file or directory"
  capture chat-recv -a -- ''
  assert_error 127 "chat-recv: cannot run '': no such file or directory"
  capture chat-recv -F -- /etc/passwd
  assert_error 126 "chat-recv: cannot run '/etc/passwd': permission denied"
  assert_equal "$(left)" 'a:0 b:0 '
}

@test "a command is searched in PATH, and a script needs no #! line" {
  mkdir programs
  echo 'echo "found $1"; cat' >programs/script
  chmod +x programs/script
  # Earlier directories have no such file, or one that is not executable; an empty entry is the directory itself.
  mkdir other
  touch other/script
  echo 'echo "here $# $1 $2"; cat' >script2
  chmod +x script2
  chat-send hello
  PATH="$PWD/none:$PWD/other:$PWD/programs:$PATH" run -0 chat-recv -- script me
  assert_output $'found me\nhello'
  chat-send hello
  PATH="$PWD/other::$PATH" run -0 chat-recv -- script2 one two
  assert_output $'here 2 one two\nhello'
  chat-send hello
  PATH="$PWD/programs:$PATH" run chat-recv -- script me
  assert_success
  assert_output $'found me\nhello'
  chat-send hello
  run chat-recv -- programs/script you
  assert_success
  assert_output $'found you\nhello'
}

@test "each run tries a failing message once and continues with the next" {
  seq 5 | chat-send -l
  run --separate-stderr timeout 20 chat-recv -a -- sh -c 'read -r n; echo "$n"; [ $((n % 2)) = 1 ]'
  assert_equal "$status" 123
  assert_output $'1\n2\n3\n4\n5'
  assert_equal "$(left)" '2:1 4:1 '
  run --separate-stderr chat-recv -c 9 --backoff 0.01 -- sh -c 'sleep 0.1; read -r n; echo "$n $CHAT_ATTEMPT"; false'
  assert_equal "$status" 123
  assert_output $'2 2\n4 2'
}

@test "without --tries a message is retried forever and keeps its position" {
  local attempt
  printf '%s\n' first second | chat-send -l
  for attempt in {1..12}; do
    run --separate-stderr chat-recv -- sh -c 'echo "$CHAT_ATTEMPT"; false'
    assert_equal "$status" 123
    assert_output "$attempt"
  done
  assert_equal "$(left)" 'first:12 second:0 '
}

@test "each failed attempt is reported with its message, room, number and exit status, with -q too" {
  local id
  id=$(chat-send -i -r jobs job)
  capture chat-recv -q -r jobs -- sh -c 'exit 3'
  assert_equal "$status" 123
  assert_bytes stderr "chat-recv: message $id in room 'jobs': attempt 1 failed with status 3\n"
  capture chat-recv -q -r jobs --tries 3 -- sh -c 'kill -KILL $$'
  assert_bytes stderr "chat-recv: message $id in room 'jobs': attempt 2 of 3 was ended by signal 9 (Killed)\n"
  capture chat-recv -r jobs --tries 3 --dead grave -- sh -c 'echo no >&2; exit 4'
  assert_bytes stderr "no\nchat-recv: message $id in room 'jobs': attempt 3 of 3 failed with status 4; moved to room 'grave'\n"
  capture chat-recv -r grave -- sh -c 'exit 65'
  assert_bytes stderr "chat-recv: message $id in room 'grave': attempt 4 failed with status 65; moved to room 'grave.dead'\n"
  # An attempt that does not count is not a failed one.
  capture chat-recv -r grave.dead -- sh -c 'exit 75'
  assert_bytes stderr ''
  capture chat-recv -r grave.dead -- sh -c 'exit 99'
  assert_bytes stderr ''
}

@test "the report of an attempt omits the move if the message could not be moved" {
  chat-send -r jobs job
  run --separate-stderr chat-recv -r jobs --tries 1 -- sh -c 'mv "$CHAT_SPOOL" gone; exit 1'
  [[ $stderr == *"attempt 1 of 1 failed with status 1"$'\n'* && $stderr != *"moved to"* ]] || fail "$stderr"
  mv gone "$SPOOL"
  unsound 'it was moved away'
}

@test "--retries works as an alias of --tries" {
  chat-send job
  run -123 chat-recv --retries 1 -- false
  assert_equal "$(left main.dead)" 'job:1 '
  run --separate-stderr chat-recv --tries 1 --retries 2 -- false
  assert_usage chat-recv
  run --separate-stderr chat-recv --retr 2 -- false
  assert_usage chat-recv
}

@test "--backoff with several times holds a message back for each of them, and repeats the last one" {
  local attempts held begun due options
  # One time doubles with each attempt, up to an hour, or the time itself. With -F it is a second by default.
  while read -r attempts held options; do
    echo "{\"room\":\"jobs\",\"attempts\":$attempts,\"body\":\"job\"}" | chat-spool load
    begun=$(date +%s)
    # shellcheck disable=SC2086  # words are meant
    run -123 chat-recv -r jobs $options -- false
    due=$(date -d "$(chat-spool show -j jobs | grep -o '"due":"[^"]*' | cut -d '"' -f 4)" +%s)
    ((due >= begun + held && due <= $(date +%s) + held + 1)) || fail "$options after $attempts attempts: $((due - begun)) s"
    chat-spool delete -qy jobs
  done <<END
0 60 --backoff 1m,1h,1d
1 3600 --backoff 1m,1h,1d
2 86400 --backoff 1m,1h,1d
7 86400 --backoff 1m,1h,1d
0 600 --backoff 10m
2 2400 --backoff 10m
3 3600 --backoff 10m
9 3600 --backoff 10m
0 7200 --backoff 2h
3 7200 --backoff 2h
4 16 -F -t 0.1
12 3600 -F -t 0.1
END
  for held in "1m," ,1m 1m,,1h 1m,x 1m:1h ''; do
    run --separate-stderr chat-recv --backoff "$held" -- touch ran
    assert_usage chat-recv
  done
  assert_file_not_exist ran
}

@test "--tries N moves a message to the dead-letter room after N failed attempts" {
  local id
  id=$(chat-send -i job)
  chat-recv --tries 3 -- false || assert_equal $? 123
  chat-recv --tries 3 -- false || assert_equal $? 123
  assert_equal "$(left)" 'job:2 '
  run chat-recv --tries 3 -- false
  assert_equal "$status" 123
  assert_equal "$(left)" ''
  assert_equal "$(chat-recv -r main.dead -o '%i %b %n')" "$id job 3"
}

@test "an attempt beyond --tries, after a receiver with more tries, is reported without their number" {
  chat-send job
  run --separate-stderr chat-recv --tries 3 -- false
  assert_stderr "chat-recv: message 1 in room 'main': attempt 1 of 3 failed with status 1"
  run --separate-stderr chat-recv --tries 1 -- false
  assert_stderr "chat-recv: message 1 in room 'main': attempt 2 failed with status 1; moved to room 'main.dead'"
}

@test "--dead ROOM names the dead-letter room" {
  chat-send -r jobs one
  chat-send -r jobs two
  run chat-recv -r jobs --tries 1 --dead grave -- false
  assert_equal "$status" 123
  run chat-recv -r jobs --dead grave -- sh -c 'exit 100'
  assert_equal "$status" 123
  assert_equal "$(left jobs)$(left jobs.dead)$(left grave)" 'one:1 two:1 '
}

@test "each of several rooms has its own dead-letter room" {
  chat-send -r a one
  chat-send -r b two
  run chat-recv -a -r a -r b -- sh -c 'exit 65'
  assert_equal "$status" 123
  assert_equal "$(left a.dead)/$(left b.dead)" 'one:1 /two:1 '
}

@test "--backoff TIME holds a failed message back and doubles the time with each attempt" {
  local begun now
  chat-send job
  begun=${EPOCHREALTIME/./}
  chat-recv --backoff 3s -- false || assert_equal $? 123
  assert_equal "$(left)" ''
  capture chat-recv -p
  # A machine may pause for three seconds.
  ((${EPOCHREALTIME/./} - begun >= 3000000)) || assert_error 1 'chat-recv: No new messages'
  assert_equal "$(chat-recv -t 20 --backoff 1s -- sh -c 'echo "$CHAT_ATTEMPT"; false')" 2
  now=${EPOCHREALTIME/./}
  assert [ $((now - begun)) -ge 3000000 ]
  assert_equal "$(chat-recv -t 20 -o '%b %n')" 'job 2'
  assert [ $((${EPOCHREALTIME/./} - now)) -ge 1900000 ]
}

# ---------------------------------------------------------------- -b

@test "-b N passes up to N messages to one COMMAND, one per line, and deletes them together" {
  seq 7 | chat-send -l
  run -0 --separate-stderr chat-recv -a -b 3 -- sh -c 'echo $(cat)'
  assert_output $'1 2 3\n4 5 6\n7'
  assert_stderr ''
  assert_empty_room
  # Without options for more, one batch is processed; with -w chat-recv waits for the first message only.
  seq 5 | chat-send -l
  run -0 chat-recv -b 3 -- sh -c 'echo $(cat)'
  assert_output '1 2 3'
  run -0 timeout 20 chat-recv -w -b 3 -- sh -c 'echo $(cat)'
  assert_output '4 5'
  # A batch has messages of one room, and at most the requested number.
  seq 3 | chat-send -l -r a
  seq 4 | chat-send -l -r b
  run -0 chat-recv -c 5 -b 100 -r a -r b -- sh -c 'echo $(cat)'
  assert_output $'1 2 3\n1 2'
  assert_equal "$(left b)" '3:0 4:0 '
}

@test "-b with -0 and with -j passes the exact bodies, even if they are larger than a pipe" {
  local last
  printf 'a\nb\0c\n\0\0' | chat-send -0
  capture chat-recv -b 1 -0 -- cat
  assert_bytes stdout 'a\nb\0'
  capture chat-recv -a -b 9 -0 -- cat
  assert_bytes stdout 'c\n\0\0'
  for last in x y z; do
    head -c 100000 /dev/zero | tr '\0' $last | chat-send -r big -k $last
    head -c 100000 /dev/zero | tr '\0' $last
    printf '\0'
  done >expected
  chat-recv -a -b 9 -0 -r big -- cat >seen
  cmp expected seen
  seq 2 | chat-send -l -r json -u alice
  chat-recv -p -a -j -r json >expected
  chat-recv -a -b 2 -j -r json -- cat >seen
  cmp expected seen
}

@test "with -b the environment contains what the messages of a batch have in common" {
  seq 3 | chat-send -l -r jobs -k key
  seq 2 | chat-send -l -r jobs
  CHAT_ID=9 CHAT_USER=x CHAT_HOST=x CHAT_TIME=x CHAT_KEY=x CHAT_COUNT=9 run -0 chat-recv -a -b 2 -r jobs -- \
    sh -c 'env | grep -E "^CHAT_(ID|USER|HOST|TIME|KEY|COUNT|ATTEMPT|MESSAGE_ROOM)=" | LC_ALL=C sort | tr "\n" " "; echo'
  assert_output 'CHAT_ATTEMPT=1 CHAT_COUNT=2 CHAT_MESSAGE_ROOM=jobs 
CHAT_ATTEMPT=1 CHAT_COUNT=1 CHAT_MESSAGE_ROOM=jobs '
  chat-send x
  CHAT_COUNT=9 run -0 chat-recv -- sh -c 'echo "${CHAT_COUNT-unset}"'
  assert_output unset
}

@test "with -b a batch fails as a whole, and then each of its messages is tried alone" {
  printf '%s\n' one bad two | chat-send -l
  capture chat-recv -a -b 3 --tries 2 -- sh -c '! grep bad'
  assert_equal "$status" 123
  assert_bytes stderr "chat-recv: 3 messages from 1 to 3 in room 'main': attempt 1 of 2 failed with status 1\n"
  assert_equal "$(left)" 'one:1 bad:1 two:1 '
  chat-send three
  run -123 --separate-stderr chat-recv -a -b 3 --tries 2 -- sh -c 'read -r word; echo "$word $CHAT_COUNT $CHAT_ATTEMPT"; [ "$word" != bad ]'
  assert_output $'one 1 2\nbad 1 2\ntwo 1 2\nthree 1 1'
  assert_stderr "chat-recv: message 2 in room 'main': attempt 2 of 2 failed with status 1; moved to room 'main.dead'"
  assert_empty_room
  assert_equal "$(left main.dead)" 'bad:2 '
}

@test "with -b exit 65 is a failed attempt for several messages and moves a single one" {
  printf '%s\n' one bad | chat-send -l
  run -123 chat-recv -a -b 2 -- sh -c '! grep -q bad || exit 65'
  assert_equal "$(left)" 'one:1 bad:1 '
  run -123 chat-recv -a -b 2 -- sh -c '! grep -q bad || exit 65'
  assert_equal "$(left)$(left main.dead)" 'bad:2 '
}

@test "with -b exit 75 keeps the whole batch, and no attempt counts" {
  seq 3 | chat-send -l
  run -75 chat-recv -a -b 2 -- sh -c 'exit 75'
  assert_equal "$(left)" '1:0 2:0 3:0 '
}

@test "with -b the messages of a killed chat-recv are available at once" {
  seq 3 | chat-send -l
  background chat-recv -a -b 3 -- ./hold
  wait_until started 3
  assert_empty_room
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  assert_equal "$(left)" '1:0 2:0 3:0 '
}

@test "-b with -P runs several COMMANDs, each with its own batch" {
  seq 8 | chat-send -l
  background chat-recv -a -P 2 -b 3 -- ./hold
  wait_until started 6
  assert_equal "$(wc -l <pids)" 2
  assert_equal "$(left)" '7:0 8:0 '
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(sort started)" "$(seq 8)"
  assert_empty_room
}

@test "-F -b takes the messages that exist and does not wait for a full batch" {
  background chat-recv -F -b 10 -- sh -c 'echo $(cat)' >out
  wait_blocked "$BACKGROUND_PID"
  chat-send one
  wait_until file_has out one
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
}

@test "-b without COMMAND, and -0 and -j without -b, are refused with 64" {
  local arguments
  for arguments in '-b 2' '-b 0 -- touch ran' '-b x -- touch ran' '-0 -- touch ran' '-j -- touch ran' '-b 2 -n -- touch ran' \
    '-b 2 -v -- touch ran' '-b 2 -o %b -- touch ran' '-b 2 -p -- touch ran' '-b 2 -0 -j -- touch ran'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-recv $arguments
    assert_usage chat-recv
  done
  assert_file_not_exist ran
}

# ---------------------------------------------------------------- -F

# Write the time and the message of each call to the file "log"; fail for "bad" before the given attempt.
timed='read -r word; echo "${EPOCHREALTIME/./} $word $CHAT_ATTEMPT" >>log; [[ $word != bad || $CHAT_ATTEMPT == $1 ]]'

@test "-F holds a failed message back for 1 s, then doubles the time, and receives later ones first" {
  local first second third
  printf '%s\n' bad good better | chat-send -l
  run timeout 30 chat-recv -F -t 2.5 -- bash -c "$timed" timed 3
  assert_equal "$status" 123
  assert_equal "$(cut -d ' ' -f 2- log)" $'bad 1\ngood 1\nbetter 1\nbad 2\nbad 3'
  read -r first second third <<<"$(sed -n 's/ bad.*//p' log | tr '\n' ' ')"
  # The pause is not longer: otherwise -t would have ended the run before.
  assert [ $((second - first)) -ge 1000000 ]
  assert [ $((third - second)) -ge 2000000 ]
  assert_equal "$(left)" ''
}

@test "with -F exit 75 holds a message back, counts no attempt, and chat-recv continues" {
  printf '%s\n' bad good | chat-send -l
  run timeout 30 chat-recv -F --backoff 0.3 -t 1 -- bash -c '
    read -r word; echo "$word $CHAT_ATTEMPT"
    [[ $word == good || -e tried ]] || { touch tried; exit 75; }'
  assert_success
  assert_output $'bad 1\ngood 1\nbad 1'
}

@test "-F --tries N gives a message up after N attempts" {
  chat-send bad
  run --separate-stderr timeout 30 chat-recv -F --tries 3 --backoff 0.05 -t 1 -- sh -c 'echo "$CHAT_ATTEMPT"; false'
  assert_equal "$status" 123
  assert_output $'1\n2\n3'
  assert_equal "$(left)$(left main.dead)" 'bad:3 '
}

@test "-F processes new messages until a signal arrives" {
  local receiver
  background chat-recv -F -- cat >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  echo one | chat-send
  wait_until file_has out one
  echo two | chat-send
  wait_until file_has out two
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  assert_equal "$(<out)" $'one\ntwo'
}

# no_processes COUNT COMMAND [ARG ...]: run it, and let it fail COUNT times to create a process.
no_processes() {
  local calls=clone,clone3,vfork,fork
  [[ $(uname -m) == x86_64 ]] || calls=clone,clone3
  timeout 30 strace -qq -o trace -e "trace=$calls" -e "inject=$calls:error=EAGAIN:when=1..$1" "${@:2}"
}

@test "a receiver that may wait continues if no process can be created, and reports it once" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  local options
  for options in '-F -t 10' '-w' '-t 20 -P 2'; do
    chat-send job
    # shellcheck disable=SC2086
    capture no_processes 2 chat-recv $options -- sh -c 'cat; exit 99'
    assert_success
    assert_output job
    assert_stderr "chat-recv: cannot run 'sh': resource temporarily unavailable; trying again"
    assert_empty_room
  done
}

@test "a receiver that may not wait ends with 71 if no process can be created, and the message stays" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  local options
  chat-send job
  for options in '' '-a' '-t 1' '-F -t 1'; do
    # shellcheck disable=SC2086
    capture no_processes 100 chat-recv $options -- cat
    assert_equal "$options: $status $output" "$options: 71 "
    assert_equal "${stderr##*$'\n'}" "chat-recv: cannot run 'cat': resource temporarily unavailable"
  done
  assert_equal "$(left)" 'job:0 '
}

# ---------------------------------------------------------------- -c, -a, -w, -t

@test "without options chat-recv processes one message, with -c N N of them, with -a all" {
  seq 7 | chat-send -l
  assert_equal "$(chat-recv -- cat)" 1
  assert_equal "$(chat-recv -c 3 -- cat)" 234
  assert_equal "$(chat-recv -a -- cat)" 567
}

@test "without a message no command runs, and chat-recv exits with 1" {
  capture chat-recv -- touch ran
  assert_error 1 'chat-recv: No new messages'
  capture chat-recv -a -q -- touch ran
  assert_equal "$status$stderr" 1
  capture chat-recv -t 0.1 -- touch ran
  assert_error 1 'chat-recv: No new messages'
  capture chat-recv -F -t 0.1 -- touch ran
  assert_error 1 'chat-recv: No new messages'
  assert_file_not_exist ran
}

@test "-a ignores messages that are sent after its start" {
  seq 3 | chat-send -l
  run timeout 20 chat-recv -a -- sh -c 'chat-send -r main "$(cat)0"'
  assert_success
  assert_equal "$(left)" '10:0 20:0 30:0 '
}

@test "-w waits for one message, -c N -w for N, -a -w for the first and then processes all" {
  local receiver
  background chat-recv -w -- cat >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  chat-send one
  finish "$receiver"
  assert_success
  assert_equal "$(<out)" one

  background chat-recv -c 2 -w -- cat >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  echo two | chat-send
  wait_until file_has out two
  chat-send three
  finish "$receiver"
  assert_success
  assert_equal "$(<out)" $'two\nthree'

  background chat-recv -a -w -- cat >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  seq 3 | chat-send -l -1
  finish "$receiver"
  assert_success
  assert_equal "$(<out)" 123
}

@test "-c 5 -t succeeds if two messages are processed in time" {
  seq 2 | chat-send -l
  run timeout 20 chat-recv -c 5 -t 0.2 -- cat
  assert_success
  assert_output 12
}

@test "several rooms are tried in the given order each time" {
  chat-send -r low a
  chat-send -r low b
  run chat-recv -a -r high -r low -- sh -c 'cat; [ -e sent ] || { touch sent; chat-send -r high first; }'
  assert_success
  assert_output ab
  chat-send -r low c
  run chat-recv -c 3 -r high -r low -- cat
  assert_output firstc
}

# ---------------------------------------------------------------- -P

@test "-P N runs N commands at once, and never more" {
  local receiver
  seq 5 | chat-send -l -r five
  background chat-recv -r five -a -P 3 -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 3
  wait_until asleep "$receiver" '*sigsuspend*'
  assert_equal "$(wc -l <started)" 3
  assert_equal "$(chat-recv -r five -p)" 4
  touch go
  finish "$receiver"
  assert_success
  assert_equal "$(sort -n started)" "$(seq 5)"
  assert_empty_room five
}

@test "with -P a slow command delays no other command" {
  { echo slow; seq 20; } | chat-send -l
  run timeout 30 chat-recv -a -P 2 -- bash -c '
    read -r word
    if [[ $word == slow ]]; then
      until (($(cat finished 2>/dev/null | wc -l) == 20)); do sleep 0.02; done
    fi
    echo "$word" >>finished'
  assert_success
  assert_equal "$(<finished)" "$(seq 20; echo slow)"
}

@test "the messages of several finished commands are deleted together" {
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  local syncs
  seq 16 | chat-send -l
  # During one slow sync all running commands end.
  run -0 strace -o trace -e trace=fdatasync -e inject=fdatasync:delay_exit=300000 chat-recv -a -P 8 -- true
  syncs=$(grep -c fdatasync trace)
  echo "# $syncs syncs for 16 messages" >&3
  assert [ "$syncs" -le 8 ]
  assert_empty_room
}

@test "a running command delays no other receiver" {
  local receiver
  printf '%s\n' slow quick | chat-send -l
  background chat-recv -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  assert_equal "$(chat-recv)" quick
  capture chat-recv
  assert_error 1 'chat-recv: No new messages'
  touch go
  finish "$receiver"
  assert_success
}

@test "with -P each failed command counts, and one that exits with 75 lets the others finish" {
  seq 6 | chat-send -l
  run chat-recv -a -P 6 -- sh -c 'read -r n; exit $((n % 2))'
  assert_equal "$status" 123
  assert_equal "$(left)" '1:1 3:1 5:1 '
  run chat-recv -a -P 3 -- sh -c 'read -r n
    echo "$n" >>started
    if [ "$n" != 1 ]; then sleep 0.2; exit 0; fi
    until [ "$(wc -l <started)" = 3 ]; do sleep 0.02; done
    exit 75'
  assert_equal "$status" 75
  assert_equal "$(left)" '1:1 '
}

@test "chat-recv makes no system call while its commands run" {
  local receiver before
  echo 1 | chat-send
  background chat-recv -F -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  wait_until asleep "$receiver" '*sigsuspend*'
  before=$(switches "$receiver")
  sleep 1
  assert_equal "$(switches "$receiver")" "$before"
  touch go
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success

  rm go
  echo 2 | chat-send
  background chat-recv -F -P 2 -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 2
  wait_idle "$receiver"
  before=$(switches "$receiver")
  sleep 1
  assert_equal "$(switches "$receiver")" "$before"
  echo 3 | chat-send
  wait_until started 3
  touch go
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  assert_empty_room
}

# ---------------------------------------------------------------- signals

@test "the first INT, TERM or HUP lets running commands finish and starts no other" {
  local signal receiver
  for signal in INT TERM HUP; do
    rm -f go started
    touch started
    printf "%s\n" one two | chat-send -l -r "$signal"
    background chat-recv -F -r "$signal" -- ./hold
    receiver=$BACKGROUND_PID
    wait_until started 1
    signal "$signal" "$receiver"
    touch go
    finish "$receiver"
    assert_success
    assert_equal "$(<started)" one
    assert_equal "$(chat-recv -r "$signal" -o '%b %n')" 'two 0'
  done
}

@test "without -F a signal ends the run with the status of the processed messages" {
  local code receiver
  for code in 0 1; do
    rm -f go started
    touch started
    echo one | chat-send -r "$code"
    echo two | chat-send -r "$code"
    background chat-recv -a -r "$code" -- ./hold "$code"
    receiver=$BACKGROUND_PID
    wait_until started 1
    signal TERM "$receiver"
    touch go
    finish "$receiver"
    assert_equal "$status" "$((code * 123))"
    assert_equal "$(<started)" one
  done
}

@test "several signals at once are one request to stop, and the command finishes" {
  local receiver
  echo job | chat-send
  background chat-recv -F -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  kill -STOP "$receiver"
  kill -TERM "$receiver"
  kill -INT "$receiver"
  kill -HUP "$receiver"
  signal CONT "$receiver"
  touch go
  finish "$receiver"
  assert_success
  assert_empty_room
}

@test "a signal to chat-recv and then to its process group, as timeout(1) sends it, is one request to stop" {
  local receiver
  echo job | chat-send
  background chat-recv -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  kill -TERM "$receiver" "-$receiver"
  wait_until handled "$receiver"
  touch go
  finish "$receiver"
  assert_success
  assert_empty_room
}

@test "a second hang-up is not passed on" {
  local receiver
  echo job | chat-send
  background chat-recv -F -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  signal HUP "$receiver"
  sleep 1.1
  signal HUP "$receiver"
  touch go
  finish "$receiver"
  assert_success
  assert_empty_room
}

@test "a second signal after a second is passed on to the commands and their children" {
  local receiver
  echo job | chat-send
  background chat-recv -F -- bash -c 'trap "echo heard >>heard; wait; exit 0" INT
    (trap "echo a child, too >>heard; exit" INT; touch ready; while :; do sleep 0.02; done) &
    . ./hold'
  receiver=$BACKGROUND_PID
  wait_until started 1
  wait_until test -e ready
  signal TERM "$receiver"
  assert_file_not_exist heard
  sleep 1.1
  kill -INT "$receiver"
  finish "$receiver"
  assert_success
  assert_equal "$(sort heard)" $'a child, too\nheard'
  assert_empty_room
}

@test "a command that was killed by a signal counts as a failed attempt, and its message stays" {
  local receiver
  echo job | chat-send
  background chat-recv -a -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 1
  signal TERM "$receiver"
  sleep 1.1
  kill -TERM "$receiver"
  finish "$receiver"
  assert_equal "$status" 123
  assert_equal "$(chat-recv -o '%n')" 1
}

@test "a third signal after another second kills the remaining commands" {
  local receiver
  echo job | chat-send
  background chat-recv -a -- bash -c 'trap "echo heard >>heard" TERM; . ./hold'
  receiver=$BACKGROUND_PID
  wait_until started 1
  signal TERM "$receiver"
  sleep 1.1
  signal TERM "$receiver"
  wait_until test -e heard
  signal TERM "$receiver"
  assert_file_not_exist go
  sleep 1.1
  kill -TERM "$receiver"
  finish "$receiver"
  assert_equal "$status" 123
  assert_equal "$(<heard)" heard
  assert_equal "$(chat-recv -o '%n')" 1
}

@test "a stopped command is reported, and a second signal ends it" {
  local receiver
  echo job | chat-send
  background chat-recv -- sh -c 'echo $$ >>pids; kill -STOP $$; echo went on >went' 2>errors
  receiver=$BACKGROUND_PID
  wait_until test -s errors
  assert_equal "$(<errors)" "chat-recv: message 1: the command 'sh', process $(<pids), is stopped"
  signal TERM "$receiver"
  sleep 1.1
  kill -TERM "$receiver"
  finish "$receiver"
  assert_equal "$status" 123
  assert_file_not_exist went
  assert_equal "$(chat-recv -o '%n')" 1
}

@test "a stopped command that is continued does its work" {
  local receiver
  echo job | chat-send
  background chat-recv -- sh -c 'echo $$ >>pids; kill -TTOU $$; echo went on >went' 2>errors
  receiver=$BACKGROUND_PID
  wait_until test -s errors
  assert_equal "$(<errors)" "chat-recv: message 1: the command 'sh', process $(<pids), is stopped: it cannot write to the terminal"
  kill -CONT "$(<pids)"
  finish "$receiver"
  assert_success
  assert_equal "$(<went)" 'went on'
  assert_empty_room
}

@test "a command that reads from the terminal is reported" {
  chat-send job
  on_terminal sh -c 'exec chat-recv -q -- sh -c "echo \$\$ >>pids; read -r word </dev/tty" 2>errors' </dev/null &
  local terminal=$!
  wait_until test -s errors
  assert_equal "$(<errors)" "chat-recv: message 1: the command 'sh', process $(<pids), is stopped: it cannot read from the terminal"
  kill -KILL "$(<pids)"
  wait "$terminal" || assert_equal $? 123
  assert_equal "$(chat-recv -o '%n')" 1
}

@test "a signal ends chat-recv even if INT, TERM and HUP were blocked at the start" {
  local signal receiver
  for signal in INT TERM HUP; do
    background env --block-signal=INT,TERM,HUP,ALRM,CHLD chat-recv -w -q -- touch ran
    receiver=$BACKGROUND_PID
    wait_blocked "$receiver"
    kill -"$signal" "$receiver"
    finish "$receiver"
    assert_equal "$status" 1
  done
}

@test "a signal ends a waiting receiver" {
  local receiver
  background chat-recv -F -P 4 -- touch ran
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  kill -INT "$receiver"
  finish "$receiver"
  assert_success
  background chat-recv -w -q -- touch ran
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  kill -INT "$receiver"
  finish "$receiver"
  assert_equal "$status" 1
  assert_file_not_exist ran
}

@test "a signal ends chat-recv even if there is always another message" {
  local receiver
  seq 20000 | chat-send -l
  background chat-recv -F -P 50 -- true
  receiver=$BACKGROUND_PID
  wait_until bash -c '[[ $(chat-recv -p) -gt 20 ]]'
  kill -TERM "$receiver"
  finish "$receiver"
  assert_success
  run chat-recv -p
  assert_success
}

@test "the messages of a killed chat-recv are available at once, and no attempt counts" {
  local receiver
  seq 4 | chat-send -l
  background chat-recv -a -P 3 -- ./hold
  receiver=$BACKGROUND_PID
  wait_until started 3
  assert_equal "$(left)" '4:0 '
  kill -KILL "$receiver"
  finish "$receiver"
  assert_equal "$status" 137
  assert_equal "$(left)" '1:0 2:0 3:0 4:0 '
}

@test "a waiting chat-recv gets the message of a killed one" {
  local killed receiver
  echo job | chat-send
  background chat-recv -- ./hold
  killed=$BACKGROUND_PID
  wait_until started 1
  background chat-recv -w -- cat >out
  receiver=$BACKGROUND_PID
  wait_blocked "$receiver"
  kill -KILL "$killed"
  finish "$receiver"
  assert_success
  assert_equal "$(<out)" job
}

# ---------------------------------------------------------------- usage

@test "options that make no sense with or without a command are usage errors" {
  local arguments long problem
  long=$(printf 'r%.0s' {1..251})
  chat-send hello
  while IFS='|' read -r arguments problem; do
    # shellcheck disable=SC2086
    capture chat-recv $arguments
    assert_usage chat-recv
    assert_equal "$arguments: ${stderr%%$'\n'*}" "$arguments: chat-recv: $problem"
  done <<END
-P 2|options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND
-b 2|options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND
--tries 2|options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND
--dead x|options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND
--backoff 2|options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND
-P 2 --|a COMMAND is required after '--'
-P 0 -- touch ran|option '-P' needs a positive number, not '0'
-P x -- touch ran|option '-P' needs a positive number, not 'x'
-P -1 -- touch ran|option '-P' needs a positive number, not '-1'
-b 0 -- touch ran|option '-b' needs a positive number, not '0'
--tries 0 -- touch ran|option '--tries' needs a positive number, not '0'
--tries x -- touch ran|option '--tries' needs a positive number, not 'x'
--backoff x -- touch ran|option '--backoff' needs a duration like 90, 1.5s, 5m, 2h or 1d, not 'x'
--backoff -1 -- touch ran|option '--backoff' needs a duration like 90, 1.5s, 5m, 2h or 1d, not '-1'
--dead a/b -- touch ran|'a/b' cannot name a room: it has a '/'
--dead= -- touch ran|'' cannot name a room: it is empty
-p -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
-n -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
-o %b -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
-v -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
--raw -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
-b 2 -n -- touch ran|a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'
-0 -- touch ran|a COMMAND gets the body of one message; options '-0' and '-j' need '-b'
-j -- touch ran|a COMMAND gets the body of one message; options '-0' and '-j' need '-b'
-b 2 -0 -j -- touch ran|options '-n', '-0', '-o', '-j' and '-v' exclude each other
touch ran|unexpected argument 'touch' (for a room: -r touch; for a command: -- touch)
-a touch ran|unexpected argument 'touch' (for a room: -r touch; for a command: -- touch)
--dead main -- touch ran|'main' cannot be both received from and the dead-letter room
-r a -r b --dead b -- touch ran|'b' cannot be both received from and the dead-letter room
-r a -r b --dead a -- touch ran|'a' cannot be both received from and the dead-letter room
-a -c 2 -- touch ran|options '-a' and '-c' exclude each other
-F -a -- touch ran|option '-F' excludes '-a' and '-c'
-F -c 2|option '-F' excludes '-a' and '-c'
-F -p -r a -r b|options '-F' and '-p' need a single room
-r $long -- touch ran|the default dead-letter room of '$long' would exceed 255 bytes; use --dead
END
  assert_file_not_exist ran
  capture chat-recv -r "${long:1}" -- touch ran
  assert_error 1 'chat-recv: No new messages'
  capture chat-recv -r "$long" --dead grave -- touch ran
  assert_error 1 'chat-recv: No new messages'
  assert_equal "$(left)" 'hello:0 '
}

@test "nothing after -- is a usage error, and no message is taken" {
  chat-send -r jobs hello
  unset none
  # shellcheck disable=SC2086  # a variable that is unset is meant
  run --separate-stderr chat-recv -r jobs -- $none
  assert_usage chat-recv
  assert_regex "$stderr" "^chat-recv: a COMMAND is required after '--'"
  # The control: with a command the same options take the message.
  assert_equal "$(left jobs)" 'hello:0 '
  none='cat'
  run -0 chat-recv -r jobs -- $none
  assert_output hello
}

@test "a shell command line in a single argument gets a hint, and its message stays" {
  chat-send hello
  run -127 --separate-stderr chat-recv -- 'echo hi'
  assert_stderr "chat-recv: cannot run 'echo hi': no such file or directory (for a shell command line: -- sh -c LINE)"
  run -127 --separate-stderr chat-recv -- nosuch
  assert_stderr "chat-recv: cannot run 'nosuch': no such file or directory"
  assert_equal "$(left)" 'hello:0 '
}

@test "a command without -- before it gets a hint" {
  run --separate-stderr chat-recv jobs
  assert_usage chat-recv
  assert_regex "$stderr" "^chat-recv: unexpected argument 'jobs' \(for a room: -r jobs; for a command: -- jobs\)"
}

# ---------------------------------------------------------------- all at once

# A receiver that is killed and restarted several times, and at the end processes everything.
torture='
  for ((i = 0; i < $1; i++)); do
    chat-recv -F -t 1.5 -P 8 --tries 4 --backoff 0.05 -- bash -c "$2" job &
    echo $! >>receivers
    sleep 0.$((RANDOM % 3 + 1))
    echo $! >>killed
    kill -KILL $!
    wait $! 2>/dev/null
  done
  chat-recv -F -t 1.5 -P 8 --tries 4 --backoff 0.05 -- bash -c "$2" job &
  echo $! >>receivers
  wait $!'

# The command fails, dies, or does its work; each line of the log is a single write.
job='
  read -r n
  case $((RANDOM % 10)) in
    0) echo "failed $n $PPID" >>log; exit 1 ;;
    1) echo "failed $n $PPID" >>log; kill -KILL $$ ;;
    2) exit 75 ;;
    3) sleep 0.1 ;;
  esac
  echo "done $n $PPID" >>log'

@test "whatever fails or is killed, each message is processed once or is in the dead-letter room" {
  local first second
  seq "$TORTURE" | chat-send -l
  touch log receivers killed
  background bash -c "$torture" torture $((TORTURE / 40)) "$job" 2>errors
  first=$BACKGROUND_PID
  background bash -c "$torture" torture $((TORTURE / 40)) "$job" 2>>errors
  second=$BACKGROUND_PID
  WAIT_LIMIT=$((60 + TORTURE)) finish "$first"
  WAIT_LIMIT=$((60 + TORTURE)) finish "$second"
  chat-recv -F -t 1 --tries 4 --backoff 0.05 -- bash -c "$job" job 2>>errors || [[ $? == @(1|123) ]]
  assert_equal "$(left)" ''
  chat-recv -qa -r main.dead -o 'dead %b %n\n' >dead || [[ $? == 1 ]]
  # A job may run again only if its receiver was killed, or was gone before the job began.
  run awk -v messages="$TORTURE" '
    FILENAME == "receivers" { receiver[$1] = 1; next }
    FILENAME == "killed" { killed[$1] = 1; next }
    { lived = $3 in receiver && !($3 in killed) }
    $1 == "done" { done[$2]++; sure[$2] += lived }
    $1 == "failed" { failed[$2]++; counted[$2] += lived }
    $1 == "dead" { dead[$2]++; if ($3 != 4) print $2 " is dead after " $3 " attempts" }
    END {
      for (n = 1; n <= messages; n++) {
        if (done[n] + dead[n] == 0) print n " is lost"
        if (sure[n] + dead[n] > 1) print n " is done " sure[n] " times, dead " dead[n] + 0 " times"
        if (counted[n] > 4) print n " was tried " counted[n] " times"
        if (dead[n] && failed[n] < 4) print n " is dead, but failed " failed[n] + 0 " times"
      }
    }' receivers killed log dead
  assert_output ''
}
