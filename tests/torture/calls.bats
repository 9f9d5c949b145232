#!/usr/bin/env bats
# Every system call of every command fails, once and from then on, in each way in which it can fail: with an I/O error,
# without space, memory or descriptors, interrupted, and so on. The exit status is a documented one that fits, an error
# is a line on standard error, nothing is lost, and 0 means that everything was done. No crash, no hang.
#
# TORTURE=30 and more tries all of them.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture

setup() {
  torture_setup
  needs_strace
  WHOLE=0 # the status without a fault
}

ERRORS=(EIO ENOSPC EDQUOT EROFS ENOMEM EMFILE EINTR EAGAIN)

# Calls that cannot fail, or fail only for a wrong argument; futex(), libc's own, where libc gives up; and close(),
# which closes even if it fails, but is not executed at all when strace makes it fail.
UNFAILING='^(exit_group|exit|close|futex|wait4|rt_sigaction|rt_sigprocmask|rt_sigreturn|getpid|gettid|getuid|geteuid|getgid|getegid|arch_prctl|set_robust_list|set_tid_address|rseq) '

# Calls that a signal interrupts, and calls that may have to wait. (open() waits only for FIFOs and the like, which are
# not opened.)
INTERRUPTED='^(p?(read|write)(v|64)?|fcntl|ftruncate|fallocate|f(data)?sync|p?poll) '

# every_fault: print the faults of $COMMAND, as lines "CALL ERROR WHEN" for strace. Some occur five times and not
# forever: the program repeats an interrupted or waiting call as long as necessary; and SQLite takes a failing lock for
# one that another process holds, and waits half a minute.
every_fault() {
  local name n error
  calls_of "${COMMAND[@]}" | grep -vE "$UNFAILING" | while read -r name n; do
    for error in "${ERRORS[@]}"; do
      [[ $error != @(EINTR|EAGAIN) || "$name " =~ $INTERRUPTED ]] || continue
      echo "$name $error $n"
      case $name-$error in
        *-EINTR | *-EAGAIN | fcntl-*) echo "$name $error $n..$((n + 4))" ;;
        *) echo "$name $error $n+" ;;
      esac
    done
  done
}

# reported: the status fits, and an error is printed in one line.
reported() {
  WHY='the status is a documented one that fits'
  case $result in
    "$WHOLE" | 71 | 74 | 75) ;;
    73) [[ $1 == *' EROFS '* ]] || ((${#ALL[@]} == 0)) ;;
    126) [[ ${COMMAND[*]} == *' -- '* ]] ;;
    77) [[ $1 == @(open|openat)\ * ]] ;; # SQLite may have opened the file for reading, then
    *) false ;;
  esac || return
  ((result != WHOLE)) || return 0
  [[ $TRACE != *'write(2,'* ]] || return 0 # then there is no way to say it
  WHY='an error is one line on standard error'
  said_in_a_line ''
}

# fails FAULT: run $COMMAND with it.
fails() {
  local name error when
  read -r name error when <<<"$1"
  : >trace
  trial "${WARM[@]}" run main strace -qq -o trace -e "trace=$name" -e "inject=$name:error=$error:when=$when" "${COMMAND[@]}"
  # Look only at the beginning of an endless loop.
  IFS= read -r -N 5000 TRACE <trace || true
  # Releasing a lock does not fail; if it does, SQLite waits for itself, ten seconds each time, and so does COMMAND.
  [[ $result != 124 ]] || ! grep -q 'F_UNLCK.*INJECTED' trace || return 0
  ! grep -q INJECTED trace || count hits
  ((result == WHOLE)) || count refused
  if ! { kept && reported "$1" && output_kept; }; then show_trial "$1"; fi
}

# output_kept: the output of a command is complete if its status is 0.
output_kept() {
  WHY='after status 0 the output is complete'
  [[ $result != 0 || ! $SHOWN ]] || cmp -s main.out shown
}

# all_fail NAME ...: run these commands with a sample of all faults; a thirtieth of a full dose.
all_fail() {
  local name fault faults WARM WHOLE
  for name; do
    rm -rf "$HOME/.local"
    prepare "$name"
    WARM=()
    ((RANDOM % 2)) || WARM=(run warm chat-recv -q -p \;)
    trial "${WARM[@]}" run main "${COMMAND[@]}"
    SHOWN=
    [[ $name != @(dump|receive-peek) ]] || SHOWN=1
    WHOLE=$result
    cp main.out shown
    mapfile -t faults < <(every_fault)
    sample "$(dose 1 2 $((${#faults[@]} / 30 + 1)))" "${faults[@]}"
    for fault in "${SAMPLE[@]}"; do fails "$fault"; done
  done
  tell "${SUM[hits]:-0} faults, ${SUM[refused]:-0} of them an error; nothing done ${SUM[before]:-0}, all done ${SUM[after]:-0}," \
    "a message twice ${SUM[doubled]:-0}"
}

# bats test_tags=full
@test "senders that fail at any system call have sent, or report that they have not" {
  all_fail "${SENDERS[@]}"
}

# bats test_tags=full
@test "receivers that fail at any system call have printed the message, or report that they have not, and lose nothing" {
  all_fail "${RECEIVERS[@]}"
}

# bats test_tags=full
@test "receivers with a COMMAND that fail at any system call lose nothing" {
  all_fail "${WORKERS[@]}"
}

# bats test_tags=full
@test "the commands of chat-spool that fail at any system call lose nothing" {
  all_fail "${VERBS[@]}"
}

# bats test_tags=full
@test "a command about an open room of which any system call fails leaves each reader its messages" {
  sample "$(dose 2 3 "${#OPENED[@]}")" "${OPENED[@]}"
  all_fail "${SAMPLE[@]}"
}

@test "a control: a reader loses a message if a write is not made and not reported" {
  prepare reader-take
  trial run main strace -qq -o trace -e trace=write,writev -e inject=write,writev:retval=4 "${COMMAND[@]}"
  assert_equal "$result" 0
  ! kept || fail 'nothing is lost'
  assert_equal "$WHY" 'delivered or still there: main one'
}

# ---------------------------------------------------------------- defects that were found

# unwaiting COMMAND: run it with a poll() that fails from its second call on; the first call looks for closed
# descriptors.
unwaiting() {
  # "run" would take the output, and read it.
  status=0 output=
  timeout 20 strace -qq -o trace -e trace=poll -e 'inject=poll:error=ENOMEM:when=2+' "$@" 2>err || status=$?
  stderr=$(<err)
  assert [ "$(wc -l <trace)" -lt 100 ]
}

@test "an input that cannot be polled is an error, not an endless loop" {
  printf 'one\ntwo' >in
  unwaiting chat-send -l <in
  assert_error 74 'chat-send: cannot read standard input: '
  assert_regex "$stderr" ": $NO_MEMORY;"
  assert_empty_room
}

@test "an output that cannot be polled is an error, not an endless loop" {
  command -v perl >/dev/null || skip 'needs perl'
  seq 100000 | chat-send
  full_pipe pipe
  unwaiting perl -MFcntl -e 'fcntl STDOUT, F_SETFL, O_NONBLOCK or die; exec @ARGV or die' chat-recv >pipe
  assert_regex "$status: $stderr" "^74: chat-recv: cannot write standard output: $NO_MEMORY\$"
  run -0 chat-recv
  assert_output "$(seq 100000)"
}

@test "a closed descriptor is found even if poll() fails" {
  run strace -y -qq -o trace -e trace=poll,open,openat -e inject=poll:error=ENOMEM bash -c 'exec chat-send hi <&- >&-'
  run grep -E "= [012]<$HOME/" trace
  assert_output ''
  run -0 grep -c INJECTED trace
  run -0 chat-recv
  assert_output hi
}

@test "a failing disk read exits with 74 and is not reported as damage" {
  chat-send first
  run --separate-stderr strace -qq -o trace -P "$SPOOL" -e inject=pread64:error=EIO chat-recv
  assert_error 74 "chat-recv: cannot open spool '$SPOOL': "
  assert_regex "$stderr" ": $IO_ERROR\$"
  # A page in the WAL. (SQLite itself calls this damage.)
  run --separate-stderr strace -qq -o trace -P "$SPOOL-wal" -e inject=pread64:error=EIO:when=4+ chat-recv
  assert_error 74 'chat-recv: cannot '
  assert_regex "$stderr" ": $IO_ERROR\$"
  closed "$SPOOL"
  run --separate-stderr strace -qq -o trace -P "$SPOOL" -e inject=pread64:error=EIO:when=3+ chat-recv
  assert_error 74 'chat-recv: cannot '
  assert_regex "$stderr" ": $IO_ERROR\$"
  run --separate-stderr strace -qq -o trace -P "$SPOOL" -e inject=pread64:error=EIO:when=4+ chat-spool check --repair
  assert_error 74 'chat-spool: cannot '
  assert_regex "$stderr" ": $IO_ERROR\$"
  run -0 chat-recv
  assert_output first
}

@test "a spool that briefly cannot be opened for writing is not reported as damaged" {
  chat-send first
  run --separate-stderr strace -qq -o trace -P "$SPOOL" -e inject=open,openat:error=ENOSPC:when=1 chat-recv -- true
  assert_error 74 "chat-recv: cannot open spool '$SPOOL': no space left on device"
  # SQLite then opens the index for reading.
  run --separate-stderr strace -qq -o trace -P "$SPOOL-shm" -e inject=open,openat:error=ENOSPC:when=1 chat-recv -- true
  assert_equal "$status: ${stderr%%$'\n'*}" "77: chat-recv: cannot use spool '$SPOOL': permission denied"
  run -0 chat-recv
  assert_output first
}

# bats test_tags=full
@test "a page that briefly cannot be read is neither reported nor repaired by check" {
  local n words failed=0
  for words in 'chat-spool check' 'chat-spool check --repair'; do
    rm -rf "$HOME/.local"
    prepare check
    read -ra COMMAND <<<"$words"
    for n in $(dosed '6 9 12 13 14 15 16 17 20 24' "$(echo {6..24})"); do
      fails "pread64 EIO $n"
      ((result == 0)) || failed=$((failed + 1))
      contents main.out
      WHY='a fault is not reported'
      [[ $CONTENTS != *structure* && $CONTENTS != *anew* ]] || show_trial "pread64 EIO $n"
    done
  done
  assert [ "$failed" -ge "$(dosed 6 10)" ]
}

@test "a receiver without disk space for its FIFO reports it" {
  chat-send first
  chat-recv
  run --separate-stderr timeout 20 strace -qq -o trace -e inject=mkdirat,mkdir,mknodat,mknod:error=EDQUOT chat-recv -w
  assert_error 74 "chat-recv: cannot wait on spool '$SPOOL': "
  assert_regex "$stderr" ": $NO_QUOTA\$"
}

@test "a FIFO directory that briefly cannot be examined is an error, and not reported as unsafe" {
  local path
  run timeout 20 chat-recv -w -t 0.01
  assert_equal "$status" 1
  for path in bell bell/main; do
    run --separate-stderr timeout 20 strace -qq -o trace -P "$SPOOL-$path" -e inject=newfstatat,statx,fstat:error=EIO chat-recv -w
    assert_error 74 "chat-recv: cannot wait on spool '$SPOOL': "
    assert_regex "$stderr" ": $IO_ERROR\$"
  done
}

@test "a backup that cannot examine the file to replace is an error and replaces nothing" {
  local n failed=0 before
  chat-send first
  chat-spool backup -q saved.db
  chat-send second
  before=$(sha256sum saved.db)
  for ((n = 1; n <= 60; n++)); do
    run --separate-stderr strace -qq -o trace -P "$PWD" -P "$PWD/saved.db" -P "$PWD/saved.db-wal" -P "${SPOOL%/*}" \
      -e inject=newfstatat,statx,fstat:error=EIO:when=$n chat-spool backup -q -y saved.db
    grep -q INJECTED trace || break
    if ((status == 0)); then
      before=$(sha256sum saved.db)
      continue
    fi
    failed=$((failed + 1))
    assert_equal "$n: $status" "$n: 74"
    assert_equal "$(sha256sum saved.db)" "$before"
  done
  assert [ "$failed" -ge 4 ]
}

# SQLite rolls back by itself if a read fails, and later writes would be committed piece by piece.
@test "a read that fails while a message is dropped changes nothing" {
  local n failed=0
  prepare send-drop
  for n in {4..24}; do
    fails "pread64 EIO $n"
    ((result == 0)) || failed=$((failed + 1))
  done
  assert [ "$failed" -ge 3 ]
}

@test "a sync of a new directory that is interrupted is an I/O error" {
  run --separate-stderr strace -qq -o trace -e trace=fsync -e inject=fsync:error=EINTR:when=1 chat-send -s new/spool.db hello
  assert_error 74 "chat-send: cannot create directory '$PWD/new': interrupted system call"
  run -1 chat-recv -s new/spool.db
}

@test "a repair that cannot examine a file again reports that, and not damage" {
  needs_strace
  local n
  printf '%s\n' one two three | chat-send -l
  damage
  cp -a "$HOME/.local" before
  strace -qq -o trace -e trace=openat chat-spool check --repair
  n=$(awk '/^openat/ { n++ } /"spool.db-reserve".*O_PATH/ { last = n } END { print last }' trace)
  rm -rf "$HOME/.local"
  cp -a before "$HOME/.local"
  run -73 strace -qq -o trace -e trace=openat -e "inject=openat:error=EROFS:when=$n" chat-spool check --repair
  assert_line --partial "cannot open '$SPOOL-reserve'"
  refute_output --partial 'has 1 fault'
  run -0 chat-spool check
}
