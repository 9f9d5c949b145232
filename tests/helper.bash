# Functions that every Bats file of the suite shares. Load it with `load helper`.
#
# A test gets a HOME of its own under $BATS_TEST_TMPDIR, so the default spool is its own too; the programs come
# from $CHAT_BIN (default: the repository's bin/). Nothing here sleeps and hopes: wait_until and its relatives
# poll for the event with a bound of $WAIT_LIMIT seconds (default 30) and fail loudly.
#
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
# load_libraries: Bats loads this file for each test, and its libraries start forty processes to find their own files. So the first test
# of a run keeps their functions in one file.
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

REPOSITORY=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)

# With $CHAT_TEST_CLUSTER the default spool of each test is on a PostgreSQL cluster.
# shellcheck source=tests/postgres/store.bash
[[ ! ${CHAT_TEST_CLUSTER:-} ]] || . "$REPOSITORY/tests/postgres/store.bash"

# A file that defines its own setup or teardown calls these two in it.
setup() { chat_setup; }
teardown() { chat_teardown; }

chat_setup() {
  [[ ${TRACE:-} ]] || trace_the_test_alone
  CHAT_BIN=$(cd "${CHAT_BIN:-$REPOSITORY/bin}" && pwd)
  export CHAT_BIN REPOSITORY
  export PATH="$CHAT_BIN:$PATH"
  export HOME="$BATS_TEST_TMPDIR/home"
  export TZ=UTC
  export LC_ALL=C.UTF-8
  unset CHAT_ROOM CHAT_SPOOL XDG_STATE_HOME
  # A sanitizer's report must not look like one of our statuses.
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
  for pid in "${BACKGROUND_PIDS[@]}"; do
    is_ours "$pid" || continue
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  [[ ! ${BATS_TEST_COMPLETED:-} || $UNSOUND ]] || check_spools || result=$?
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || store_teardown
  [[ ! $PUBLIC ]] || rm -rf "$PUBLIC"
  return "$result"
}

# is_ours PID: that background process was not waited for yet, or its session still has processes of this test. (The kernel gives
# the number of a process that has gone to another one, on a busy machine within a minute.)
is_ours() {
  local pid
  while IFS= read -r pid; do [[ $pid != "$1" ]] || return 0; done < <(jobs -p)
  for pid in $(pgrep -s "$1"); do
    ! grep -qszxF "BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR" "/proc/$pid/environ" || return 0
  done
  return 1
}

# unsound REASON: this test leaves a spool that chat-spool check finds damaged, or can't check, on purpose.
unsound() { UNSOUND=$1; }

# check_spools: chat-spool check has nothing to say of any spool that the test has used: one with a lock file beside it, that is not a copy of keep_spool.
check_spools() {
  local lock result=0
  [[ ! ${CHAT_TEST_CLUSTER:-} || ! ${STORE_DATABASE:-} ]] || check_spool "$SPOOL" || result=1
  while IFS= read -r -d '' lock; do
    [[ ! -s ${lock%-lock} ]] || check_spool "${lock%-lock}" || result=1
  done < <(find "$BATS_TEST_TMPDIR" ${PUBLIC:+"$PUBLIC"} -path '*/before' -prune -o -type f -name '*-lock' -print0)
  return "$result"
}

# A spool of another user is checked by that user.
check_spool() {
  local as=() owner
  owner=$(stat -c %u -- "$1" 2>/dev/null || echo "$EUID")
  [[ $owner == "$EUID" ]] || as=(setpriv --reuid="$owner" --regid="$(stat -c %g -- "$1")" --clear-groups)
  env -u LD_PRELOAD "${as[@]}" "$CHAT_BIN/chat-spool" check -s "$1" >"$BATS_RUN_TMPDIR/check-$$" 2>&1 ||
    batslib_print_kv_single_or_multi 6 spool "$1" check "$(head -c 2000 "$BATS_RUN_TMPDIR/check-$$")" |
    batslib_decorate 'the test leaves a spool that is not sound' | fail
}

# Bats records the line before each command, which takes a hundred times as long as a short one. Functions are spared that: a
# failure in one is reported with the line of the test that called it. With TRACE=1 with its own, too.
trace_the_test_alone() {
  set +T
  declare -ft "$BATS_TEST_NAME"
}

# True if the programs under test carry AddressSanitizer: their memory and system calls are not ours to judge.
sanitized() {
  grep -q __asan_init "$CHAT_BIN/chat-send"
}

# What is said of EIO, ENOMEM and EDQUOT, as expressions: each C library has its own words.
# shellcheck disable=SC2034
IO_ERROR='(input/output|I/O) error' NO_MEMORY='(cannot allocate|out of) memory' NO_QUOTA='(disk )?quota exceeded'

# dosed SAMPLE FULL: print FULL with DOSE=full, as a step of .ci/run has it, and SAMPLE in each other run.
dosed() { if [[ ${DOSE:-} == full ]]; then echo "$2"; else echo "$1"; fi; }

# needs PROGRAM ...: skip the test where one of them is missing.
needs() {
  local program
  for program; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || skip "no $program here"
  done
}

# program NAME: an executable there, from standard input.
program() { cat >"$1" && chmod +x "$1"; }

# ---------------------------------------------------------------- running

# capture COMMAND [ARG ...]: run it, keep its bytes: the files stdout and stderr in $BATS_TEST_TMPDIR,
# $status, and (without NUL and last newlines) $output, its $lines, and $stderr. Standard input is passed on.
capture() {
  status=0
  "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
  output=$(tr -d '\0' <"$BATS_TEST_TMPDIR/stdout")
  # shellcheck disable=SC2034  # for assert_line
  mapfile -t lines <<<"$output"
  # shellcheck disable=SC2034  # for assert_stderr
  stderr=$(tr -d '\0' <"$BATS_TEST_TMPDIR/stderr")
}

# background COMMAND [ARG ...]: start it, its process id in $BACKGROUND_PID; killed at the end of the test, with
# all that it started (it leads a process group of its own).
# Redirections of the call are its own: background chat-recv -w >out. INT and QUIT are not ignored, as the
# shell would have it. A FIFO is opened by the command itself, or this shell would wait for its other end:
# background bash -c 'exec chat-send -l <fifo'
background() {
  setsid env --default-signal=INT,QUIT,PIPE "$@" <&0 3>&- &
  BACKGROUND_PID=$!
  BACKGROUND_PIDS+=("$BACKGROUND_PID")
}

# finish PID: wait (with the bound) until the background process has ended; its status in $status.
finish() {
  wait_until process_ended "$1"
  status=0
  # shellcheck disable=SC2034  # assert_success shows it
  output=
  wait "$1" || status=$?
}

# on_terminal COMMAND [ARG ...]: run it with a pseudo-terminal as standard input, output and error; print what
# the terminal saw, with the newlines as the program wrote them; return the command's status.
# What the call has on its standard input is typed at the terminal: on_terminal chat-send <<<hello
on_terminal() {
  local seen result=0
  seen=$(mktemp "$BATS_TEST_TMPDIR/terminal-XXXXXX")
  SHELL=$BASH script --quiet --return --echo never --command "$(printf '%q ' "$@")" /dev/null >"$seen" || result=$?
  sed 's/\r$//' "$seen"
  return "$result"
}

# ---------------------------------------------------------------- other users

# A file that uses these has two throw-away users that no password file knows: ALICE=54321, MALLORY=54322.

# public: a directory that other users can come to, at $PUBLIC, and the programs in it.
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

# as_user UID COMMAND [ARG ...]: as that user, with a home of its own.
as_user() {
  local home=$PUBLIC/mallory
  [[ $1 != "$ALICE" ]] || home=$PUBLIC/alice
  timeout 20 setpriv --reuid="$1" --regid="$1" --clear-groups env HOME="$home" PATH="$PUBLIC/bin:$PATH" "${@:2}"
}

# ---------------------------------------------------------------- waiting

# wait_until CONDITION [ARG ...]: until the command succeeds.
wait_until() {
  local end=$((SECONDS + ${WAIT_LIMIT:-30}))
  until "$@"; do
    if ((SECONDS >= end)); then
      fail "waited ${WAIT_LIMIT:-30} s in vain for: $*"
      return 1
    fi
    moment 0.02
  done
}

# moment SECONDS: sleep so long. (This and the next two are called thousands of times, and start no program. It changes $!.)
moment() { read -r -t "$1" <> <(:) || true; }

# process_ended PID: true for a zombie as well.
process_ended() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${stat##*) } == Z* ]]
}

# asleep PID PATTERN: sleeping in a kernel function that matches PATTERN, and still in the same sleep a moment
# later. Where the kernel does not tell the function, the sleep alone must do.
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

# wait_blocked PID: until the process sleeps in poll, as a receiver without a message does.
wait_blocked() {
  wait_until asleep_or_ended "$1" '*poll*'
  if process_ended "$1"; then fail "process $1 ended instead of waiting"; fi
}

# wait_stuck PID: until the process sleeps because it can't write its output (see full_pipe).
wait_stuck() {
  wait_until asleep_or_ended "$1" '*@(pipe|poll)*'
  if process_ended "$1"; then fail "process $1 ended instead of sticking in its write"; fi
}

asleep_or_ended() { process_ended "$1" || asleep "$@"; }

# full_pipe PATH: a FIFO there that is full to the last byte, and that another process (this shell) could read.
full_pipe() {
  local keep
  mkfifo "$1"
  # shellcheck disable=SC2034  # it stays open to keep the pipe alive
  exec {keep}<>"$1"
  dd if=/dev/zero of="$1" bs=4096 oflag=nonblock 2>/dev/null || true
}

# file_has FILE TEXT: true once the file has the text as a line of its own (for wait_until).
file_has() { grep -qxF -- "$2" "$1" 2>/dev/null; }

# ---------------------------------------------------------------- asserting

# assert_bytes FILE FORMAT: the file holds exactly what printf FORMAT writes.
assert_bytes() {
  # shellcheck disable=SC2059  # a format is meant
  if ! printf -- "$2" | cmp -s - "$1"; then
    # shellcheck disable=SC2059
    batslib_print_kv_single_or_multi 8 expected "$(printf -- "$2" | od -An -c)" seen "$(head -c 4096 "$1" | od -An -c)" |
      batslib_decorate "the bytes of $1 differ" | fail
  fi
}

# assert_stderr TEXT: what run --separate-stderr or capture saw on standard error is exactly this.
assert_stderr() {
  # shellcheck disable=SC2154
  if [[ $stderr != "$1" ]]; then
    batslib_print_kv_single_or_multi 8 expected "$1" seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_error STATUS BEGINNING: this status, nothing on standard output, one line on standard error with that
# beginning (for instance "chat-send: cannot open spool"). For run --separate-stderr and capture.
assert_error() {
  assert_equal "$status" "$1"
  assert_equal "$output" ''
  if [[ -z $stderr || $stderr == *$'\n'* || $stderr != "$2"* ]]; then
    batslib_print_kv_single_or_multi 9 'one line' "$2..." seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_usage PROGRAM: 64, nothing on standard output, one line that says what was wrong and one of usage.
assert_usage() {
  local line1=${stderr%%$'\n'*} line2=${stderr#*$'\n'}
  assert_equal "$status" 64
  assert_equal "$output" ''
  if [[ $line1 != "$1: "?* || $line2 != "usage: $1 "* || $line2 == *$'\n'* ]]; then
    batslib_print_kv_single_or_multi 8 expected "$1: ..."$'\n'"usage: $1 ..." seen "$stderr" |
      batslib_decorate 'standard error differs' | fail
  fi
}

# assert_empty_room [ROOM]: nothing is there to receive.
assert_empty_room() {
  run --separate-stderr chat-recv -p -r "${1:-main}"
  assert_equal "$status" 1
  assert_equal "$output" ''
}

# ---------------------------------------------------------------- counting instructions

# counted_by_perf COMMAND [ARG ...]: run it, print how many instructions it took in user mode. It fails where the machine's
# counter can't be used ("<not supported>"), or the command fails.
counted_by_perf() {
  perf stat -x , -e instructions:u -o count "$@" </dev/null 2>&1 | cat >seen
  ((PIPESTATUS[0] == 0)) && awk -F , '$3 == "instructions:u" && $1 + 0 > 0 { print $1 }' count | grep .
}

# The same by callgrind, which sees the same on each machine: the processor counts 150 thousand less, where a whole memset()
# is one instruction.
counted_by_callgrind() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=count "$@" </dev/null 2>&1 | cat >seen
  ((PIPESTATUS[0] == 0)) && awk '/Collected :/ { print $4 }' count | grep .
}

# The name of the first of the two that works here.
instruction_counter() {
  local counter
  for counter in counted_by_perf counted_by_callgrind; do
    "$counter" true >/dev/null 2>&1 && echo "$counter" && return
  done
  return 1
}

# Valgrind does not know the mark by which the index of the log outlives its processes (F_GET_RW_HINT, lib/sqlite/wal_index.c). A
# receiver that waits elsewhere keeps it alive as well; without either the log is read first by each process.
keep_index() {
  background chat-recv -w -r elsewhere
  wait_blocked "$BACKGROUND_PID"
}

# ---------------------------------------------------------------- looking into a spool

# ask SQL [SPOOL]: of a copy of the spool, as it is at this moment, where the table message is a view that has the id, the
# number of the room and the place of each, wherever the spool has them. Fails without a spool: sqlite3 would make an empty
# file.
LOGICAL='ALTER TABLE message RENAME TO stored; CREATE VIEW message AS SELECT ifnull(id, position & 0xffffffffff) AS id,
  ifnull(room, position >> 40) AS room, iif(room IS NULL, position & 0xffffffffff, place) AS place, due, expires, sent, sender,
  host, attempts, failed, failure, key, checksum, body FROM stored'
ask() {
  local asked
  [[ ${2:-$SPOOL} != postgresql:* ]] || { store_ask "$1" "${2:-$SPOOL}"; return; }
  [ -s "${2:-$SPOOL}" ] || return
  asked=$(mktemp "$BATS_TEST_TMPDIR/asked-XXXXXX")
  sqlite3 "${2:-$SPOOL}" ".backup '$asked'" || return
  [[ $(sqlite3 "$asked" 'PRAGMA user_version') != 3 ]] || sqlite3 "$asked" "$LOGICAL" || return
  sqlite3 "$asked" "$1" && rm "$asked"
}

# rows [SPOOL]: all that is kept of every message but the numbers of rooms, a line each.
ROWS='SELECT id, name, place, due, expires, sent, sender, host, attempts, key, checksum, hex(body)
  FROM message JOIN room ON number = message.room ORDER BY id'
rows() { ask "$ROWS" "$@"; }

# sound [SPOOL]: the file is whole, and the counters are what the rows say.
sound() {
  if [[ ${1:-$SPOOL} == postgresql:* ]]; then
    run -0 chat-spool check -s "${1:-$SPOOL}"
  else
    run -0 ask 'PRAGMA integrity_check' "$@"
    assert_output ok
  fi
  run -0 ask 'SELECT name, depth, bytes, count(id), coalesce(sum(length(body)), 0) FROM room
    LEFT JOIN message ON message.room = number WHERE number > 0 GROUP BY number, name, depth, bytes
    HAVING depth <> count(id) OR bytes <> coalesce(sum(length(body)), 0)' "$@"
  assert_output ''
  run -0 ask 'SELECT count(*) FROM message WHERE id >= (SELECT next_id FROM room WHERE number = 0)' "$@"
  assert_output 0
}

# closed SPOOL: a whole spool in one file, as the sqlite3 shell leaves it when it closes. A database is whole anyway.
closed() {
  [[ $1 != postgresql:* ]] || return 0
  sqlite3 "$1" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null && sqlite3 "$1" 'SELECT 1' >/dev/null
}

# ---------------------------------------------------------------- a fault at each system call

# Of a system call that changes something on the disk; a kill before any other is a kill before the next of these.
# shellcheck disable=SC2034  # for at_each_call
CHANGING='open|openat|creat|write|pwrite64|writev|fsync|fdatasync|ftruncate|fallocate|link|linkat|rename|renameat2?|mkdir|mkdirat|unlink|unlinkat|chmod|fchmod|fchmodat|fchown|exit_group'

# The files before the fault: $HOME/.local, with the default spool.
keep_spool() { rm -rf before && if [[ -e $HOME/.local ]]; then cp -a "$HOME/.local" before; else mkdir before; fi; }
renew_spool() { rm -rf "$HOME/.local" && cp -a before "$HOME/.local"; }

# contents FILE: into $CONTENTS, and the number of its newlines into $LINES_OF_IT. (Of builtins only: this happens
# thousands of times.)
contents() {
  local newlines
  IFS= read -r -d '' CONTENTS <"$1" || true
  newlines=${CONTENTS//[!$'\n']/}
  # shellcheck disable=SC2034
  LINES_OF_IT=${#newlines}
}

# own_calls TRACE: of what strace has written each call that is ours, as "NAME N", the N-th of that name (strace counts them
# by name), and what it was. The dynamic loader's are not: it may well crash when one fails. They end where it lets go of its
# cache; those of a libc that is inside the program where it makes what it has set up read-only, or for musl, which
# has no list of robust locks, where it tells where its thread is.
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

# calls_of COMMAND [ARG ...]: each system call of the command that may fail, as "NAME N". Not those that never fail: brk()
# returns no errors, and an injected one looks like a success; to give up a lock that one has always works.
calls_of() {
  renew_spool
  strace -o trace "$@" <in >out 2>err
  own_calls trace | awk '!/^brk|F_UNLCK/ { print $1, $2 }'
}

# inject FAULT CALL COMMAND [ARG ...]: run the command with the CALL ("NAME N") faulty. Its status is in $result, its
# output in out and err. False if the fault hit nothing.
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

# stop_at CALL COMMAND [ARG ...]: the command, stopped at that system call ("NAME[:FAULT] N"), in the background. Its process id
# is in $STOPPED; or that is empty, and it has ended. (With -D it is the command that is our child, and not strace. Its own
# children are left alone.)
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

# at_each_call CHECK FAULT CALLS COMMAND [ARG ...]: for each system call of the command, if its name matches CALLS (a regular
# expression), renew the spool, run the command with that call faulty (its input is the file "in"), and see that CHECK
# holds; CHECK sets $WHY. Nearly all of them must have been hit, and 10 at least. Without DOSE=full or TORTURE a sample of 16 is tried:
# the last call, and others at equal distances before it.
at_each_call() {
  local check=$1 fault=$2 names=$3 most=0 call calls hits=0 result
  shift 3
  [[ ${DOSE:-} == full || ${TORTURE:-0} != 0 ]] || most=16
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
  ((hits >= 10 && hits * 10 >= ${#calls[@]} * 9)) || fail "only $hits of ${#calls[@]} faults hit"
}
