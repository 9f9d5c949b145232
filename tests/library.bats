#!/usr/bin/env bats
# The library in cases that the commands do not reach: a handle that is used after an error, threads, and children by
# fork().

# The script in single quotes expands later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

setup_file() {
  # A child keeps all locks that its parent held when it was forked.
  export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
  # The library of the build under test, or of the plain build.
  local bin=${CHAT_BIN:-$REPOSITORY/bin}
  export LIBRARY_BUILD=$bin/../build PROGRAMS=$BATS_FILE_TMPDIR
  [[ ! -e $bin/../libchatspool.a ]] || LIBRARY_BUILD=$bin/..
}

setup() {
  [[ -e $LIBRARY_BUILD/libchatspool.a ]] || skip 'no library beside the programs'
  chat_setup
}

# compile SOURCE: compile tests/SOURCE.c with the library, to a program of its name in $PROGRAMS. CHAT_CC is the compiler that
# built the library.
compile() {
  local program=$PROGRAMS/${1##*/}
  local new=$program.$BASHPID
  local -a flags=(-lsqlite3) wrap
  [[ ! -e $program ]] || return 0
  if sanitized; then flags+=(-fsanitize='address,undefined'); fi
  ${CHAT_CC:-cc} -std=c17 -D_GNU_SOURCE -I"$REPOSITORY/lib" -I"$LIBRARY_BUILD" -c -o "$new.o" "$REPOSITORY/tests/$1.c"
  # __wrap_NAME in the program replaces NAME in the library.
  mapfile -t wrap < <(nm "$new.o" | sed -n 's/.* T __wrap_/-Wl,--wrap=/p')
  ${CHAT_CC:-cc} -o "$new" "$new.o" "$LIBRARY_BUILD/libchatspool.a" "${flags[@]}" "${wrap[@]}" -lpthread
  mv "$new" "$program"
}

# compile_calls: compile the program "calls", if the system calls have the names that it replaces.
compile_calls() {
  # In a static program SQLite makes such calls, too.
  if [[ ${CHAT_CC-} == *-static* ]] || ! nm "$LIBRARY_BUILD/libchatspool.a" | grep -q ' U fstat64$'; then
    skip 'the system calls have other names'
  fi
  compile library/calls
}

# as_recorded NAME - the output of `run` is the text in NAME.txt, without the path of this directory.
as_recorded() {
  assert_success
  is_recorded "library/$1.txt" <<<"${output//"$PWD/"/}"
}

# Create sound.db, with messages in all places, and damaged.db, which needs all kinds of repair. Each is one file.
faulty_spools() {
  chat-spool load -q -s sound.db <"$REPOSITORY/tests/data/faults.jsonl"
  closed sound.db
  cp sound.db damaged.db
  sqlite3 damaged.db "UPDATE message SET host = 'z' WHERE CAST(body AS TEXT) IN ('two', 'five'); DELETE FROM room WHERE number = 0"
}

@test "a rolled back transaction does not overwrite what others committed" {
  local count
  compile fault/rollback
  # shellcheck disable=SC2016
  export SEND='for i in 1 2 3 4 5 6 7 8 9 10; do chat-send -s "$SPOOL" "acked $i" || exit; done' SPOOL=$PWD/s.db
  for count in 1 540 548 556 560 566 572 580 600 620; do
    rm -f s.db*
    run "$PROGRAMS/rollback" s.db $count
    assert_success
    assert_output "$(for i in {1..10}; do echo "acked $i"; done
      echo 'delete while sending: refused'
      for i in {1..10}; do echo "acked $i"; done)"
    run -0 chat-recv -a -s s.db
    assert_output "$(for i in {1..10}; do echo "acked $i"; done)"
  done
}

@test "messages of all kinds in one transaction have the returned ids, and their rooms and senders" {
  local seed
  compile library/mixed
  for seed in {1..12}; do
    rm -f s.db*
    run "$PROGRAMS/mixed" s.db "$seed"
    assert_success
    assert [ "$output" -gt 300 ]
    CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
  done
}

@test "batches of one room and one handle are deleted, or released, together" {
  compile library/join
  run "$PROGRAMS/join" s.db
  assert_success
  assert_output 'itself: these messages cannot be acknowledged together
another handle'"'"'s: these messages cannot be acknowledged together
another room'"'"'s: these messages cannot be acknowledged together
behind deleted messages: these messages are not claimed
deleted messages: these messages are not claimed
main: two
main: four
main: five
main: six
other: of another room
3 and 5
user@host to long, no key: 65536 4
user@host to long, key 5: 65537 5
user@host to long, no key: 30000 6
user@host to long, key 7: 40000 7
user@host to long, no key: 200000 8
user@host to long, key 1: 0 
user@host to long, no key: 1 2
user@host to long, key 3: 65535 3
3 left
busy or full
busy or full
busy or full
busy or full
'"$(printf 'kept: %s\n' 4 7 4 6 7 1 2 3 4 5 6 7 8 9)"
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "threads with a handle each and a common lock send and receive, and a handle may move between threads" {
  compile library/threads
  run "$PROGRAMS/threads" s.db
  assert_success
  assert_output '200 of 200 received once
another handle: none
afterwards: none'
}

# bats test_tags=full
@test "ThreadSanitizer reports nothing for threads with a lock, and something for threads without" {
  full_dose 'compiles the library once more'
  local library=$BATS_TEST_TMPDIR/build/libchatspool.a
  local -a run=(setarch -R) flags=(-std=c17 -D_GNU_SOURCE -g -fsanitize=thread "-I$REPOSITORY/lib")
  sanitized && skip 'another sanitizer'
  # ThreadSanitizer needs addresses that a kernel with much randomization does not give.
  setarch -R true 2>/dev/null || run=()
  echo 'int main(void) { return 0; }' >none.c
  gcc "${flags[@]}" -o none none.c && "${run[@]}" ./none || skip 'no ThreadSanitizer here'
  env -u MAKEFLAGS -u MAKELEVEL make -s -C "$REPOSITORY" CC=gcc CFLAGS='-O1 -g' SANITIZE=thread BUILD="${library%/*}" "$library"
  gcc "${flags[@]}" -o threads "$REPOSITORY/tests/library/threads.c" "$library" -lsqlite3 -lpthread
  export TSAN_OPTIONS=exitcode=66:halt_on_error=1
  run "${run[@]}" ./threads s.db
  assert_success
  assert_line '200 of 200 received once'
  run "${run[@]}" ./threads careless.db careless
  assert_failure 66
  assert_output --partial 'data race'
}

# start_child WHAT: start the program with its child, and wait until the child has printed something. The child
# continues when the descriptor $KEEP is closed.
start_child() {
  compile library/fork
  mkfifo input
  background bash -c "exec \"\$PROGRAMS/fork\" s.db $1 <input >said"
  exec {KEEP}>input
  wait_until test -s said
}

@test "a child forked while no spool was open keeps what it sends, even if other processes read the spool" {
  local what
  for what in closed unused; do
    rm -rf s.db* input said
    start_child $what
    assert_equal "$(cat said)" sent
    # If the child has no lock, this removes the WAL while the child uses it.
    sqlite3 s.db 'SELECT count(*) FROM message' >/dev/null
    exec {KEEP}>&-
    finish "$BACKGROUND_PID"
    assert_success
    run -0 chat-recv -a -s s.db
    assert_output --partial $'first\nsecond'
  done
}

@test "a child forked while a spool was open cannot open one, and its parent continues" {
  compile library/fork
  run "$PROGRAMS/fork" s.db open </dev/null
  assert_success
  assert_output "cannot open spool '$PWD/s.db': this process was forked while one was open"
  run -0 chat-recv -a -s s.db
  assert_output $'parent\nparent again'
}

@test "a claim of a dead process survives in its child" {
  start_child claim
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run chat-recv -s s.db
  assert_failure 1
  exec {KEEP}>&-
  run -0 chat-recv -w -s s.db
  assert_output claimed
}

@test "a child that executes a program inherits no claim and no descriptor" {
  start_child claim-exec
  run cat descriptors
  refute_output --partial s.db
  kill -KILL "$BACKGROUND_PID"
  run -0 chat-recv -w -s s.db
  assert_output claimed
  exec {KEEP}>&-
}

@test "the library prints nothing, whatever fails" {
  compile library/silent
  mkdir directory
  echo 'not a spool' >text
  ln -s text link
  capture "$PROGRAMS/silent" "$PWD"
  assert_success
  assert_output 10
  assert_stderr ''
}

@test "a wait for a message ends when another descriptor is ready, as its revents show" {
  compile library/descriptors
  run "$PROGRAMS/descriptors" s.db
  assert_success
  assert_output 'nothing: time is up
a byte: interrupted, input
a message: look again
the reader has gone: interrupted, no reader
the writer has gone: interrupted, end of input
neither: time is up'
}

@test "a program keeps its own handlers for SIGALRM and SIGPIPE, although the library waits for a lock" {
  needs strace
  compile library/signals
  : >in
  chat-send first
  # Another process holds the write lock until it continues.
  stop_at 'pwrite64 1' -P "$SPOOL-wal" chat-send second
  [[ $STOPPED ]] || fail 'it was not stopped'
  local sender=$BACKGROUND_PID
  background "$PROGRAMS/signals" "$SPOOL" >said
  wait_until asleep "$BACKGROUND_PID" '*setlk*'
  kill -CONT "$STOPPED"
  finish "$sender"
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes said '1 alarm, 1 pipe, kept\n'
  run -0 chat-recv -a
  assert_output $'first\nsecond\nhello'
}

@test "a process that cannot sync the message it has claimed releases the claim and continues" {
  local failing
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  compile library/claim
  : >in
  chat-send first # a log with a header
  chat-recv -q >first
  # A sender that is stopped before it syncs.
  stop_at 'fdatasync:retval=0 1' chat-send 'to be kept'
  [[ $STOPPED ]] || fail 'it was not stopped'
  mkfifo end
  background bash -c 'exec strace -D -qq -o trace -P "$1-wal" -e inject=fdatasync:error=EIO "$2" "$1" <end >claimed' claim "$SPOOL" "$PROGRAMS/claim"
  failing=$BACKGROUND_PID
  exec {keep}>end
  wait_until test -s claimed
  assert_bytes claimed '8\n'
  # The control: the message is still there.
  ! process_ended "$failing" || fail 'the process has ended'
  run -0 --separate-stderr timeout 20 chat-recv -t 10
  assert_output 'to be kept'
  exec {keep}>&-
  finish "$failing"
  kill -CONT "$STOPPED"
}

@test "NULL and zero mean the default in every function of the library, or are refused" {
  compile library/defaults
  run "$PROGRAMS/defaults" s.db
  assert_success
  assert_output "1 message in room main from $(id -un)@$(uname -n)
no user: a from $(id -un)@h
no host: b from u@$(uname -n)
/home/alice/.local/state/chat/spool.db
/state/chat/spool.db
given.db
$(chat-send --version | cut -d ' ' -f 2)"
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "every function accepts an argument at its limit, and refuses one beyond it with a reason" {
  compile library/refused
  run "$PROGRAMS/refused" s.db
  as_recorded refused
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "a rebuild finds the rows of a page up to the limits of the file format, and nothing beyond them" {
  compile library/rows
  run "$PROGRAMS/rows"
  as_recorded rows
}

@test "each damage to a WAL is recognized, and a repair makes all frames readable" {
  compile library/frames
  run "$PROGRAMS/frames" wal
  as_recorded frames
}

@test "two holders of a lock file see exactly the bytes that the other has locked" {
  compile library/ranges
  run "$PROGRAMS/ranges" locks
  as_recorded ranges
}

@test "each function whose own allocation fails reports that there is no memory, and changes nothing" {
  [[ ${CHAT_CC-} != *-static* ]] || skip 'in a static program the allocations of the C library fail, too'
  compile library/memory
  faulty_spools
  run "$PROGRAMS/memory" sound.db damaged.db "$PWD/s.db"
  as_recorded memory
}

# bats test_tags=full
@test "each function that meets a lack of memory anywhere reports it, does not crash, and damages nothing" {
  compile library/memory
  faulty_spools
  local step=17
  [[ ${DOSE-} != full ]] || step=1
  run "$PROGRAMS/memory" sound.db damaged.db "$PWD/s.db" $step
  assert_success
  assert_output "$(printf '%s: done\n' send claim read list readers move fail wait compact settings skip backup restore check check repair)"
}

@test "readers finish messages in any order, move, lose messages and are forgotten, and each step is as recorded" {
  compile library/readers
  run "$PROGRAMS/readers" s.db
  as_recorded readers
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "each function that writes reports which process writes, and a restore which process works on a message" {
  compile library/busy
  run "$PROGRAMS/busy" s.db
  as_recorded busy
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "a batch that was joined has the messages, the bytes and the later limits of both" {
  compile library/batches
  run "$PROGRAMS/batches"
  as_recorded batches
}

# Create a spool for each operation of the program "failing".
failing_spools() {
  local name definition root data=$REPOSITORY/tests/data
  local -A changes=([hosts]="UPDATE message SET host = 'z' WHERE CAST(body AS TEXT) IN ('one', 'five')"
    [counts]='UPDATE room SET depth = depth + 1'
    [settings]='UPDATE room SET max_length = 0 WHERE number = 0'
    [readers]="DELETE FROM room WHERE name = 'tea'"
    [source]="UPDATE room SET source = 3 WHERE name = 'tea/bob'; UPDATE room SET seen = 13 WHERE name = 'tea/carol'"
    [view]='CREATE VIEW v AS SELECT 1'
    [lost]='DELETE FROM room WHERE number = 0')
  chat-spool load -q -s sound.db <"$data/faults.jsonl"
  closed sound.db
  for name in "${!changes[@]}" index short wal free; do cp sound.db "$name.db"; done
  for name in "${!changes[@]}"; do sqlite3 "$name.db" "${changes[$name]}"; done
  # With a schema without the index, it is not updated.
  definition=$(sqlite3 index.db "SELECT sql FROM sqlite_schema WHERE name = 'message_key'")
  root=$(sqlite3 index.db "SELECT rootpage FROM sqlite_schema WHERE name = 'message_key'")
  sqlite3 index.db 'PRAGMA writable_schema = on' "UPDATE sqlite_schema SET type = 'view', name = 'v', tbl_name = 'v', rootpage = 0,
    sql = 'CREATE VIEW v AS SELECT 1' WHERE name = 'message_key'"
  sqlite3 index.db "UPDATE message SET key = NULL WHERE key = 'k'"
  sqlite3 index.db 'PRAGMA writable_schema = on' "UPDATE sqlite_schema SET type = 'index', name = 'message_key',
    tbl_name = 'message', rootpage = $root, sql = '$definition' WHERE name = 'v'"
  for name in index "${!changes[@]}"; do closed "$name.db"; done
  truncate -s $((($(stat -c %s short.db) / 4096 - 1) * 4096)) short.db
  # The header says how many pages a spool has, and this one has 7 of them: less than a 64th of 448.
  for name in 447 448; do
    cp sound.db "size $name.db"
    printf '%b' "\\x01\\x$(printf %x $((name - 256)))" | dd of="size $name.db" bs=1 seek=30 conv=notrunc status=none
  done
  chat-send -s wal.db -u u -r jobs x
  chat-send -s wal.db -u u -r jobs y
  for name in header unknown; do for root in db db-wal db-lock; do cp "wal.$root" "$name.$root"; done; done
  printf '\1\2\3\4' | dd of=wal.db-wal bs=1 seek=48 conv=notrunc status=none
  for name in header unknown; do printf '\1\2\3\4' | dd of="$name.db-wal" bs=1 conv=notrunc status=none; done
  rm unknown.db-lock
  cp "$data/spool-1.db" one.db
  cp "$data/spool-2.db" two.db
  for name in empty long; do
    head -c 30000 /dev/zero | chat-send -s free.db -r $name
    chat-recv -q -s free.db -r $name
  done
  closed free.db
  # Rooms that are empty, and rooms that contain a message which they do not count.
  sqlite3 free.db "INSERT INTO room (number, name, depth, bytes, returned) VALUES (1023, 'a', 0, 0, 0), (1024, 'b', 0, 0, 0),
    (1025, 'c', 0, 0, 0), (3000, 'd', 0, 0, 0); UPDATE room SET depth = 0 WHERE name IN ('jobs', 'mail', 'tea');
    UPDATE message SET room = 1025 WHERE CAST(body AS TEXT) = 'four'"
  closed free.db
  head -c 4500000 /dev/zero | tr '\0' x | chat-send -s large.db -u u -r large
  closed large.db
  chat-send -s backup.db -u u -r saved one
  closed backup.db
  cp backup.db old.db
  chat-send -s old.db -u u two
  cp old.db-wal gone.db-wal
}

# The records of failing calls take ten seconds each. tests/mutate runs them with RECORDS=1, because no other tests notice more
# mistakes.
every_failing_call() { [[ ${RECORDS:-} ]] || full_dose 'lets hundreds of calls fail'; }

# bats test_tags=full
@test "each call that fails in an operation on a whole spool has the recorded result, and a second attempt succeeds" {
  every_failing_call
  [[ ${CHAT_CC-} != *-static* ]] || skip 'in a static program the calls of SQLite fail, too'
  unsound 'the spools are damaged'
  compile library/failing
  failing_spools
  "$PROGRAMS/failing" | sed "s|$PWD/||g; s|I/O error|input/output error|g" | is_recorded library/failing.txt
}

@test "each function makes these system calls, and locks, syncs, wakes and closes in this order" {
  compile_calls
  run "$PROGRAMS/calls" "$PWD" trace
  as_recorded calls
}

# bats test_tags=full
@test "each function whose system call fails reports the reason, and can be repeated" {
  every_failing_call
  compile_calls
  run "$PROGRAMS/calls" "$PWD" fail
  as_recorded failing_calls
}

# bats test_tags=full
@test "each function whose disk dies reports the first reason, and can be repeated when the disk works again" {
  every_failing_call
  compile_calls
  run "$PROGRAMS/calls" "$PWD" die
  as_recorded dying
}

@test "each file of a spool that is not safe to use is refused with the reason, or is made right" {
  compile_calls
  run "$PROGRAMS/calls" "$PWD" unsafe
  as_recorded unsafe
}

@test "messages sent with each condition, received, failed and moved leave exactly the recorded rows" {
  compile library/steps
  run "$PROGRAMS/steps" s.db
  as_recorded steps
  CHAT_SPOOL=$PWD/s.db run -0 chat-spool check
}

@test "each step in the history of a spool changes the rows, the claims and the sleep of processes as recorded" {
  local text
  compile library/history
  for text in "$REPOSITORY"/tests/library/history/*.txt; do
    rm -f s.db*
    "$PROGRAMS/history" s.db <"$text" | sed "s|$PWD/||g" | is_recorded "library/history/${text##*/}"
  done
}
