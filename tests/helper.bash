# Functions that every Bats file of the suite shares. Load it with `load helper`.
#
# Each test has its own HOME under $BATS_TEST_TMPDIR, and so its own default spool. The programs come from $CHAT_BIN
# (default: the repository's bin/). Tests never sleep and hope: wait_until and similar functions poll for an event for
# at most $WAIT_LIMIT seconds (default 30), and fail when the time is up.
#
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
# load_libraries: load the libraries of Bats. Bats loads this file for each test, and its libraries start forty
# processes to find their own files. So the first test of a run stores the functions of the libraries in one file.
load_libraries() {
  local kept=$BATS_RUN_TMPDIR/libraries.bash library before loaded
  # shellcheck source=/dev/null
  if [[ -e $kept ]]; then . "$kept"; return; fi
  before=$(compgen -A function | sort)
  for library in support assert file; do bats_load_library "bats-$library"; done
  mapfile -t loaded < <(comm -13 <(echo "$before") <(compgen -A function | sort))
  declare -f "${loaded[@]}" >"$kept-$$" && mv "$kept-$$" "$kept"
}
load_libraries

# Each process costs milliseconds, so the functions that every test calls start as few as possible.
REPOSITORY=${BASH_SOURCE[0]%/tests/*}
[[ $REPOSITORY == /* && $REPOSITORY != "${BASH_SOURCE[0]}" ]] || REPOSITORY=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)

# With $CHAT_TEST_CLUSTER the default spool of each test is on a PostgreSQL cluster.
# shellcheck source=tests/postgres/store.bash
[[ ! ${CHAT_TEST_CLUSTER:-} ]] || . "$REPOSITORY/tests/postgres/store.bash"

# A file that defines its own setup or teardown calls these two there.
setup() { chat_setup; }
teardown() { chat_teardown; }

chat_setup() {
  [[ ${TRACE:-} ]] || trace_the_test_alone
  : "${CHAT_BIN:=$REPOSITORY/bin}"
  [[ $CHAT_BIN == /* ]] || CHAT_BIN=$(cd "$CHAT_BIN" && pwd)
  export CHAT_BIN REPOSITORY
  export PATH="$CHAT_BIN:$PATH"
  export HOME="$BATS_TEST_TMPDIR/home"
  export TZ=UTC
  export LC_ALL=C.UTF-8
  unset CHAT_ROOM CHAT_SPOOL XDG_STATE_HOME
  # The status of a sanitizer's report must differ from every documented status.
  export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=86"
  export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}halt_on_error=1:exitcode=86"
  mkdir -p "$HOME"
  # shellcheck disable=SC2034  # for the tests: where the default spool will be
  SPOOL="$HOME/.local/state/chat/spool.db"
  BACKGROUND_PIDS=()
  PUBLIC=
  UNSOUND=
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || store_setup || return
  cd "$BATS_TEST_TMPDIR" || return
}

chat_teardown() {
  local pid result=0
  [[ ! ${BACKGROUND_PIDS[*]} ]] || for pid in $(still_there); do
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  [[ ! ${BATS_TEST_COMPLETED:-} || $UNSOUND ]] || check_spools || result=$?
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || store_teardown
  [[ ! $PUBLIC ]] || rm -rf "$PUBLIC"
  return "$result"
}

# still_there: print the background processes that were not waited for yet, and those whose session still has processes of
# this test. (On a busy machine the kernel reuses a process id within a minute.)
still_there() {
  local pid sessions jobs
  jobs=$'\n'$(jobs -p)$'\n'
  for pid in "${BACKGROUND_PIDS[@]}"; do [[ $jobs != *$'\n'$pid$'\n'* ]] || echo "$pid"; done
  printf -v sessions '%s,' "${BACKGROUND_PIDS[@]}"
  for pid in $(pgrep -s "${sessions%,}"); do
    ! grep -qszxF "BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR" "/proc/$pid/environ" || ps -o sid= -p "$pid"
  done
}

# is_recorded FILE: the text on standard input is the one in tests/FILE. RECORD=1 tests/run FEATURE records it again: read the
# difference before you commit it.
is_recorded() {
  cat >now
  [[ ! ${RECORD:-} ]] || cp now "$REPOSITORY/tests/$1"
  run diff -u "$REPOSITORY/tests/$1" now
  assert_output ''
}

# full_dose REASON: skip a test that is too slow for every run. `.ci/run` runs it: it has the tag "full".
full_dose() { [[ ${DOSE:-} == full || ${TORTURE:-0} != 0 ]] || skip "$1: with DOSE=full"; }

# unsound REASON: declare that this test leaves on purpose a spool that chat-spool check finds damaged or cannot check.
unsound() { UNSOUND=$1; }

# check_spools: fail if chat-spool check reports a problem in a spool that the test has used: one with a lock file
# beside it, except copies made by keep_spool.
check_spools() {
  local lock result=0 options
  [[ ! ${CHAT_TEST_CLUSTER:-} || ! ${STORE_DATABASE:-} ]] || check_spool "$SPOOL" || result=1
  options=$(shopt -p dotglob globstar nullglob || true)
  shopt -s dotglob globstar nullglob
  for lock in "$BATS_TEST_TMPDIR"/**/*-lock ${PUBLIC:+"$PUBLIC"/**/*-lock}; do
    [[ $lock == */before/* || -h $lock || ! -f $lock || ! -s ${lock%-lock} ]] || check_spool "${lock%-lock}" || result=1
  done
  eval "$options"
  return "$result"
}

# check_spool SPOOL: check it as the user who owns it.
check_spool() {
  local as=() owner
  if [[ ! -O $1 ]] && owner=$(stat -c %u -- "$1" 2>/dev/null); then
    as=(setpriv --reuid="$owner" --regid="$(stat -c %g -- "$1")" --clear-groups)
  fi
  (unset LD_PRELOAD && exec "${as[@]}" "$CHAT_BIN/chat-spool" check -s "$1") >"$BATS_RUN_TMPDIR/check-$$" 2>&1 ||
    batslib_print_kv_single_or_multi 6 spool "$1" check "$(head -c 2000 "$BATS_RUN_TMPDIR/check-$$")" |
    batslib_decorate 'the test leaves a spool that is not sound' | fail
}

# Bats records the call stack before each command, which takes a hundred times as long as a short command. Functions are
# exempt, and of the test itself only the line is recorded: a failure in a function is reported with the line of the test
# that called it. TRACE=1 records the lines of functions, too.
trace_the_test_alone() {
  local record # in one line, or $LINENO would count its lines; it is 1 in a trap for the end of the shell
  set +T
  declare -ft "$BATS_TEST_NAME"
  # shellcheck disable=SC2016  # the trap expands them
  record='[[ ${FUNCNAME[0]:-} != "$BATS_TEST_NAME" || $LINENO == 1 ]] || '
  # shellcheck disable=SC2016
  record+='BATS_DEBUG_LAST_STACK_TRACE=("$LINENO ${FUNCNAME[0]} $BATS_TEST_SOURCE") BATS_DEBUG_LASTLAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]}")'
  # shellcheck disable=SC2064  # this is the text
  trap "$record" DEBUG
}

# sanitized: true if the programs under test contain AddressSanitizer, which changes their memory use and their system
# calls.
sanitized() {
  grep -q __asan_init "$CHAT_BIN/chat-send"
}

# The texts of EIO, ENOMEM and EDQUOT in all C libraries, as regular expressions.
# shellcheck disable=SC2034
IO_ERROR='(input/output|I/O) error' NO_MEMORY='(cannot allocate|out of) memory' NO_QUOTA='(disk )?quota exceeded'

# dosed SAMPLE FULL: print FULL with DOSE=full, as in one step of .ci/run, and SAMPLE otherwise. A test that calls this has
# the tag "full".
dosed() { if [[ ${DOSE:-} == full ]]; then echo "$2"; else echo "$1"; fi; }

# needs PROGRAM ...: skip the test if one of the programs is missing.
needs() {
  local program
  for program; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || skip "no $program here"
  done
}

# program NAME: create an executable from standard input.
program() { cat >"$1" && chmod +x "$1"; }

# ---------------------------------------------------------------- running

# run [!|-STATUS] [--separate-stderr] COMMAND [ARG ...]: as the function of Bats, without its other options. This function is
# called thousands of times, and Bats starts a process for the name of each file with standard error.
run() {
  local expected='' errors='' flags=$-
  while [[ $1 == -* || $1 == '!' ]]; do
    case $1 in
      --separate-stderr) errors=$BATS_RUN_TMPDIR/stderr-$BASHPID-$((++RUNS)) ;;
      '!' | -[0-9]*) expected=${1#-} ;;
      *) fail "run: unknown option '$1'" || return ;;
    esac
    shift
  done
  set +eET
  if [[ $errors ]]; then
    output=$("$@" 2>"$errors") && status=0 || status=$?
    read -r -d '' stderr <"$errors"
    # shellcheck disable=SC2034  # for the tests
    IFS=$'\n' read -r -d '' -a stderr_lines <<<"$stderr"
  else
    output=$("$@" 2>&1) && status=0 || status=$?
  fi
  IFS=$'\n' read -r -d '' -a lines <<<"$output"
  set "-$flags"
  case $expected in
    '') [[ $status != 127 ]] || bats_generate_warning 1 "$*" ;;
    '!') ((status)) || unexpected 'nonzero exit code!' ;;
    *) ((status == expected)) || unexpected "exit code $expected, got $status" ;;
  esac
}
RUNS=0

# unexpected WHAT: fail, and let Bats add this to the command that it prints.
# shellcheck disable=SC2034
unexpected() { BATS_ERROR_SUFFIX=", expected $1" && return 1; }

# capture COMMAND [ARG ...]: run a command and keep its bytes in the files stdout and stderr in $BATS_TEST_TMPDIR, its
# $status, and (without NUL and final newlines) its $output, $lines, and $stderr. The command inherits standard input.
capture() {
  status=0
  "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
  text_of output "$BATS_TEST_TMPDIR/stdout"
  # shellcheck disable=SC2034  # for assert_line
  mapfile -t lines <<<"$output"
  # shellcheck disable=SC2034  # for assert_stderr
  text_of stderr "$BATS_TEST_TMPDIR/stderr"
}

# text_of VARIABLE FILE: store what the file holds, without NUL and final newlines.
text_of() {
  local text
  if IFS= read -r -d '' text <"$2"; then text=$(tr -d '\0' <"$2"); fi
  while [[ $text == *$'\n' ]]; do text=${text%$'\n'}; done
  printf -v "$1" %s "$text"
}

# background COMMAND [ARG ...]: start a command and store its process id in $BACKGROUND_PID. It leads a process group,
# which is killed at the end of the test. Redirections of the call apply to the command: background chat-recv -w >out.
# INT and QUIT are not ignored, although a shell would ignore them. The command itself has to open a FIFO, or this shell
# would wait for the other end: background bash -c 'exec chat-send -l <fifo'
background() {
  setsid env --default-signal=INT,QUIT,PIPE "$@" <&0 3>&- &
  BACKGROUND_PID=$!
  BACKGROUND_PIDS+=("$BACKGROUND_PID")
}

# finish PID: wait (with the limit) until the background process has ended; store its status in $status.
finish() {
  wait_until process_ended "$1"
  status=0
  # shellcheck disable=SC2034  # assert_success shows it
  output=
  wait "$1" || status=$?
}

# on_terminal COMMAND [ARG ...]: run a command with a pseudo-terminal as standard input, output and error. Print what
# the terminal received, with the newlines as the program wrote them, and return the command's status. Standard input of
# the call is typed at the terminal: on_terminal chat-send <<<hello
on_terminal() {
  local seen result=0
  seen=$(mktemp "$BATS_TEST_TMPDIR/terminal-XXXXXX")
  SHELL=$BASH script --quiet --return --echo never --command "$(printf '%q ' "$@")" /dev/null >"$seen" || result=$?
  sed 's/\r$//' "$seen"
  return "$result"
}

# ---------------------------------------------------------------- other users

# A file that uses these functions defines two users that no password file contains: ALICE=54321, MALLORY=54322.

# public: create a directory that other users can enter, at $PUBLIC, with copies of the programs.
public() {
  ((EUID == 0)) || skip 'only root can become another user'
  PUBLIC=$(mktemp -d "${TMPDIR:-/tmp}/chat-test-XXXXXX")
  chmod 755 "$PUBLIC"
  mkdir "$PUBLIC/bin" "$PUBLIC/alice" "$PUBLIC/mallory"
  cp "$CHAT_BIN"/chat-{send,recv,spool} "$PUBLIC/bin"
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || cp -R "$CHAT_BIN/chatspool" "$PUBLIC/bin"
  chown "$ALICE:$ALICE" "$PUBLIC/alice"
  chown "$MALLORY:$MALLORY" "$PUBLIC/mallory"
  chmod 700 "$PUBLIC/alice" "$PUBLIC/mallory"
  as_user "$ALICE" "$PUBLIC/bin/chat-send" --version >/dev/null || skip 'other users cannot run the programs'
  cd "$PUBLIC" || return
}

# as_user UID COMMAND [ARG ...]: run a command as that user, with that user's home.
as_user() {
  local home=$PUBLIC/mallory
  [[ $1 != "$ALICE" ]] || home=$PUBLIC/alice
  timeout 20 setpriv --reuid="$1" --regid="$1" --clear-groups env HOME="$home" PATH="$PUBLIC/bin:$PATH" "${@:2}"
}

# ---------------------------------------------------------------- waiting

# wait_until CONDITION [ARG ...]: wait until the command succeeds.
wait_until() {
  local end=$((SECONDS + ${WAIT_LIMIT:-30})) silence='' result=0
  ! "$@" || return 0
  exec {silence}<> <(:)
  until "$@"; do
    if ((SECONDS >= end)); then
      fail "waited ${WAIT_LIMIT:-30} s in vain for: $*" || result=1
      break
    fi
    moment 0.02
  done
  exec {silence}>&-
  return "$result"
}

# moment SECONDS: sleep. (This function and the next two are called thousands of times, and start no program: they read
# from a pipe that stays empty, the one of wait_until or a new one, which changes $!.)
moment() {
  if [[ ${silence:-} ]]; then
    read -r -t "$1" -u "$silence" || true
  else
    read -r -t "$1" <> <(:) || true
  fi
}

# process_ended PID: true also for a zombie.
process_ended() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${stat##*) } == Z* ]]
}

# asleep PID PATTERN: true if the process sleeps in a kernel function that matches PATTERN, and a moment later still
# sleeps the same sleep. If the kernel hides the function, any sleep counts.
asleep() {
  local sample before='' now where line
  for sample in 1 2 3; do
    where=
    { read -r where <"/proc/$1/wchan" || true; } 2>/dev/null
    # shellcheck disable=SC2053  # a pattern is meant
    [[ $where == $2 || -z $where || $where == 0 ]] || return 1
    now=
    { while read -r line; do
      [[ $line != State:*S* && $line != voluntary_ctxt_switches* ]] || now+=$line
    done <"/proc/$1/status"; } 2>/dev/null || return 1
    [[ $now == State:* && ($sample == 1 || $now == "$before") ]] || return 1
    before=$now
    moment 0.01
  done
}

# wait_blocked PID: wait until the process sleeps in poll, as a receiver without a message does.
wait_blocked() {
  wait_until asleep_or_ended "$1" '*poll*'
  if process_ended "$1"; then fail "process $1 ended instead of waiting"; fi
}

# wait_idle PID: wait until the receiver or sender sleeps until something happens. First it sleeps for a moment, and then it begins to
# watch the files of its spool.
wait_idle() {
  [[ ${CHAT_TEST_CLUSTER:-} ]] || wait_until watches_files "$1"
  wait_blocked "$1"
}

# sleeps_without_limit PID: true if the third argument of its ppoll() is NULL or unknown (for wait_until).
sleeps_without_limit() {
  local limit=
  asleep "$1" '*poll*' || return
  { read -r _ _ _ limit _ <"/proc/$1/syscall"; } 2>/dev/null || return 0
  [[ $limit == 0x0 ]]
}

watches_files() { process_ended "$1" || [[ $(readlink "/proc/$1/fd/"*) == *inotify* ]]; }

# wait_stuck PID: wait until the process sleeps because it cannot write its output (see full_pipe).
wait_stuck() {
  wait_until asleep_or_ended "$1" '*@(pipe|poll)*'
  if process_ended "$1"; then fail "process $1 ended instead of sticking in its write"; fi
}

asleep_or_ended() { process_ended "$1" || asleep "$@"; }

# full_pipe PATH: create a FIFO that is full to the last byte and that this shell keeps open.
full_pipe() {
  local keep
  mkfifo "$1"
  # shellcheck disable=SC2034  # it stays open to keep the pipe alive
  exec {keep}<>"$1"
  dd if=/dev/zero of="$1" bs=4096 oflag=nonblock 2>/dev/null || true
}

# file_has FILE TEXT: true if a line of the file is exactly the text (for wait_until).
file_has() { grep -qxF -- "$2" "$1" 2>/dev/null; }

# ---------------------------------------------------------------- asserting

# assert_bytes FILE FORMAT: the contents of the file are exactly the output of printf FORMAT.
assert_bytes() {
  # shellcheck disable=SC2059  # a format is meant
  if ! printf -- "$2" | cmp -s - "$1"; then
    # shellcheck disable=SC2059
    batslib_print_kv_single_or_multi 8 expected "$(printf -- "$2" | od -An -c)" seen "$(head -c 4096 "$1" | od -An -c)" |
      batslib_decorate "the bytes of $1 differ" | fail
  fi
}

# assert_stderr TEXT: run --separate-stderr or capture stored exactly this text of standard error.
assert_stderr() {
  # shellcheck disable=SC2154
  if [[ $stderr != "$1" ]]; then
    batslib_print_kv_single_or_multi 8 expected "$1" seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_error STATUS BEGINNING: the status is STATUS, standard output is empty, and standard error is one line with
# that beginning (for instance "chat-send: cannot open spool"). For run --separate-stderr and capture.
assert_error() {
  assert_equal "$status" "$1"
  assert_equal "$output" ''
  if [[ -z $stderr || $stderr == *$'\n'* || $stderr != "$2"* ]]; then
    batslib_print_kv_single_or_multi 9 'one line' "$2..." seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_usage PROGRAM: the status is 64, standard output is empty, and standard error is an error line and a usage
# line.
assert_usage() {
  local line1=${stderr%%$'\n'*} line2=${stderr#*$'\n'}
  assert_equal "$status" 64
  assert_equal "$output" ''
  if [[ $line1 != "$1: "?* || $line2 != "usage: $1 "* || $line2 == *$'\n'* ]]; then
    batslib_print_kv_single_or_multi 8 expected "$1: ..."$'\n'"usage: $1 ..." seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_empty_room [ROOM]: the room has no message to receive.
assert_empty_room() {
  run --separate-stderr chat-recv -p -r "${1:-main}"
  assert_equal "$status" 1
  assert_equal "$output" ''
}

# ---------------------------------------------------------------- counting instructions

# counted_by_perf COMMAND [ARG ...]: run a command and print how many instructions it executed in user mode. Fails if
# the machine's counter cannot be used ("<not supported>") or the command fails.
counted_by_perf() {
  perf stat -x , -e instructions:u -o count "$@" </dev/null 2>&1 | cat >seen
  ((PIPESTATUS[0] == 0)) && awk -F , '$3 == "instructions:u" && $1 + 0 > 0 { print $1 }' count | grep .
}

# counted_by_callgrind COMMAND [ARG ...]: count with callgrind, which counts the same on every machine: the processor
# counts 150 thousand less, because a whole memset() is one instruction there.
counted_by_callgrind() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=count "$@" </dev/null 2>&1 | cat >seen
  ((PIPESTATUS[0] == 0)) && awk '/Collected :/ { print $4 }' count | grep .
}

# instruction_counter: print the name of the first of these two functions that works here. (Valgrind works wherever it
# is installed, and takes a second.)
instruction_counter() {
  if counted_by_perf true >/dev/null 2>&1; then
    echo counted_by_perf
  else
    command -v valgrind >/dev/null && echo counted_by_callgrind
  fi
}

# keep_index: keep the index of the WAL alive. Valgrind does not know the mark by which the index survives the processes
# (F_GET_RW_HINT, lib/sqlite/wal_index.c). A waiting receiver keeps it alive, too. Without either, each process reads
# the WAL first.
keep_index() {
  background chat-recv -w -r elsewhere
  wait_blocked "$BACKGROUND_PID"
}

# empty_wal: empty the WAL, so that none of the next few commands does, which would cost more.
empty_wal() { sqlite3 "$SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null; }

# ---------------------------------------------------------------- looking into a spool

# ask SQL [SPOOL]: run SQL on a copy of the spool as it is at this moment. There the table message is a view with the
# id, the number of the room and the place of each message, wherever the spool stores them. Fails without a spool, where
# sqlite3 would create an empty file.
LOGICAL='ALTER TABLE message RENAME TO stored; CREATE VIEW message AS SELECT ifnull(id, position & 0xffffffffff) AS id,
  ifnull(room, position >> 40) AS room, iif(room IS NULL, position & 0xffffffffff, place) AS place, due, expires, sent, sender,
  host, attempts, failed, failure, key, checksum, body FROM stored'
ask() {
  local asked=$BATS_TEST_TMPDIR/asked-$BASHPID version
  [[ ${2:-$SPOOL} != postgresql:* ]] || { store_ask "$1" "${2:-$SPOOL}"; return; }
  [ -s "${2:-$SPOOL}" ] || return
  version=$(sqlite3 -bail "${2:-$SPOOL}" ".backup '$asked'" ".open '$asked'" 'PRAGMA user_version') || return
  [[ $version != 3 ]] || set -- "$LOGICAL; $1"
  sqlite3 -bail "$asked" "$1" && rm "$asked"
}

# rows [SPOOL]: print every field of every message except the numbers of rooms, one message per line.
ROWS='SELECT id, name, place, due, expires, sent, sender, host, attempts, key, checksum, hex(body)
  FROM message JOIN room ON number = message.room ORDER BY id'
rows() { ask "$ROWS" "$@"; }

# sound [SPOOL]: the file is intact, and the counters equal the rows.
sound() {
  local rooms ids
  rooms='SELECT name, depth, bytes, count(id), coalesce(sum(length(body)), 0) FROM room
    LEFT JOIN message ON message.room = number WHERE number > 0 GROUP BY number, name, depth, bytes
    HAVING depth <> count(id) OR bytes <> coalesce(sum(length(body)), 0)'
  ids='SELECT count(*) FROM message WHERE id >= (SELECT next_id FROM room WHERE number = 0)'
  if [[ ${1:-$SPOOL} == postgresql:* ]]; then
    run -0 chat-spool check -s "${1:-$SPOOL}"
    run -0 ask "$rooms" "$@"
    assert_output ''
    run -0 ask "$ids" "$@"
    assert_output 0
  else
    run -0 ask "PRAGMA integrity_check; $rooms; $ids" "$@"
    assert_output $'ok\n0'
  fi
}

# closed SPOOL: reduce the spool to one complete file, as the sqlite3 shell leaves it on closing. A spool in a database
# needs nothing.
closed() {
  [[ $1 != postgresql:* ]] || return 0
  sqlite3 "$1" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null && sqlite3 "$1" 'SELECT 1' >/dev/null
}

# ---------------------------------------------------------------- a fault at each system call

# The system calls that change something on the disk. A kill before any other call has the same effect as a kill before
# the next of these.
# shellcheck disable=SC2034  # for at_each_call
CHANGING='open|openat|creat|write|pwrite64|writev|fsync|fdatasync|ftruncate|fallocate|link|linkat|rename|renameat2?|mkdir|mkdirat|unlink|unlinkat|chmod|fchmod|fchmodat|fchown|exit_group'

# Keep and restore the files before the fault: $HOME/.local, with the default spool.
keep_spool() { rm -rf before && if [[ -e $HOME/.local ]]; then cp -a "$HOME/.local" before; else mkdir before; fi; }
renew_spool() { rm -rf "$HOME/.local" && cp -a before "$HOME/.local"; }

# contents FILE: store the contents in $CONTENTS, and the number of newlines in $LINES_OF_IT. (Uses only builtins: it
# runs thousands of times.)
contents() {
  local newlines
  IFS= read -r -d '' CONTENTS <"$1" || true
  newlines=${CONTENTS//[!$'\n']/}
  # shellcheck disable=SC2034
  LINES_OF_IT=${#newlines}
}

# own_calls TRACE: print each system call in the output of strace that our code makes, as "NAME N", the N-th of that
# name (strace counts by name), and its arguments. The calls of the dynamic loader are omitted: the loader may well
# crash when one fails. They end where the loader unmaps its cache. In a static program, the calls of libc end where it
# write-protects its initialized data, or, for musl, which has no list of robust locks, where it sets the address of its
# thread id.
own_calls() {
  awk -F '(' '
    BEGIN { last = "set_tid_address" }
    NR == FNR && /^set_robust_list/ && last != "munmap" { last = "mprotect" }
    NR == FNR { if (/ld\.so\.cache/) last = "munmap"; next }
    FNR == 1 { loading = 1 }
    /^[a-z]/ { seen[$1]++ }
    /^[a-z]/ && !loading { print $1, seen[$1], $2 }
    $1 == last { loading = 0 }
  ' "$1" "$1"
}

# calls_of COMMAND [ARG ...]: print each system call of the command that may fail, as "NAME N". Calls that never fail
# are omitted: brk() returns no errors, and an injected error looks like success; releasing a lock always works.
calls_of() {
  renew_spool
  strace -o trace "$@" <in >out 2>err
  own_calls trace | awk '!/^brk|F_UNLCK/ { print $1, $2 }'
}

# inject FAULT CALL COMMAND [ARG ...]: run the command with a fault at CALL ("NAME N"). Its status is in $result, its
# output in out and err. False if the fault was not injected.
inject() {
  local fault=$1 call=$2
  shift 2
  : >trace
  result=0
  { timeout 20 strace -qq -o trace -e "trace=${call% *}" -e "inject=${call% *}:$fault:when=${call#* }" \
    "$@" <in >out 2>err || result=$?; } 2>/dev/null
  contents trace
  [[ $result == 137 || $CONTENTS == *INJECTED* ]]
}

# stop_at CALL COMMAND [ARG ...]: run the command in the background and stop it at that system call ("NAME[:FAULT] N").
# Its process id is in $STOPPED; if $STOPPED is empty, the command has ended. (With -D the command is our child, and not
# strace. The command's own children are left alone.)
stop_at() {
  local call=$1
  shift
  : >trace
  background strace -D -qq -o trace -e "trace=${call%%[: ]*}" -e "inject=${call% *}:signal=STOP:when=${call#* }" "$@" <in >out 2>err
  wait_until stopped_or_ended "$BACKGROUND_PID"
  STOPPED=
  if grep -q -- '--- stopped by SIGSTOP ---' trace; then STOPPED=$BACKGROUND_PID; fi
}

stopped_or_ended() { grep -q -- '--- stopped by SIGSTOP ---' trace || process_ended "$1"; }

let_go() {
  [[ ! $STOPPED ]] || kill -CONT "$STOPPED"
  finish "$BACKGROUND_PID"
}

# at_each_call CHECK FAULT CALLS COMMAND [ARG ...]: for each system call of the command whose name matches CALLS (a
# regular expression), restore the spool, run the command with a fault at that call (its input is the file "in"), and
# require that CHECK succeeds; CHECK sets $WHY. At least 10 faults must be injected. Without DOSE=full or TORTURE a sample
# of $MOST (12) is tried: the last call, and others at equal distances before it.
at_each_call() {
  local check=$1 fault=$2 names=$3 most=0 call calls hits=0 result
  shift 3
  [[ ${DOSE:-} == full || ${TORTURE:-0} != 0 ]] || most=${MOST:-12}
  mapfile -t calls < <(calls_of "$@" | grep -E "^($names) " | awk -v most="$most" '
    { call[NR] = $0 }
    END {
      if (!most || most > NR) most = NR
      for (n = 1; n <= most; n++) print call[int(n * NR / most)]
    }')
  for call in "${calls[@]}"; do
    renew_spool
    inject "$fault" "$call" "$@" && hits=$((hits + 1))
    if ! "$check"; then
      # shellcheck disable=SC2154
      batslib_print_kv_single_or_multi 8 command "$*" fault "$fault, call $call" status "$result" \
        output "$(head -c 500 out)" stderr "$(head -c 500 err)" afterwards "$(head -c 500 rest)" |
        batslib_decorate "not kept: $WHY" | fail
      return
    fi
  done
  ((hits >= 10)) || fail "only $hits of ${#calls[@]} faults hit"
}
