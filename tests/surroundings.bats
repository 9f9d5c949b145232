#!/usr/bin/env bats
# The effect of a difficult environment: closed descriptors, unsafe spool paths, damaged and hostile files, full disks,
# unusual modes, names and variables. See chatspool(7).

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

# See public in helper.bash.
ALICE=54321
MALLORY=54322

setup() {
  chat_setup
  MOUNTS=()
}

teardown() {
  chat_teardown
  local n
  for ((n = ${#MOUNTS[@]} - 1; n >= 0; n--)); do umount "${MOUNTS[n]}"; done # the last one may be on the first
}

# ---------------------------------------------------------------- tools

# snapshot PATH ...: print everything that can be seen of these files, to compare before and after. (find lists the files of a
# directory that did not change in the same order.)
snapshot() { find "$@" -printf '%p %y %m %U %n %s %T@ %l\n' -type f -exec sha256sum {} +; }

# untouched PATH ... -- COMMAND [ARG ...]: run the command (a program, for at most 20 s); the paths do not change.
untouched() {
  local paths=() before
  while [[ $1 != -- ]]; do
    paths+=("$1")
    shift
  done
  shift
  before=$(snapshot "${paths[@]}")
  [[ $(type -t "$1") == function ]] || set -- timeout 20 "$@"
  run --separate-stderr "$@"
  assert_equal "$(snapshot "${paths[@]}")" "$before"
}

# both_refuse STATUS SPOOL PATH: sender and receivers exit with this status for the spool, print one line, and change
# nothing at the path.
both_refuse() {
  local before
  before=$(snapshot "$3")
  run --separate-stderr timeout 20 chat-send -s "$2" x
  assert_error "$1" 'chat-send: '
  run --separate-stderr timeout 20 chat-recv -s "$2"
  assert_error "$1" 'chat-recv: '
  run --separate-stderr timeout 20 chat-recv -p -s "$2"
  assert_error "$1" 'chat-recv: '
  run --separate-stderr timeout 20 chat-recv -t 0.1 -s "$2"
  assert_error "$1" 'chat-recv: '
  assert_equal "$(snapshot "$3")" "$before"
}

# ---------------------------------------------------------------- descriptors

@test "chat-send hi needs no open descriptor" {
  local closing n=0
  for closing in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    n=$((n + 1))
    run --separate-stderr bash -c "chat-send $n $closing"
    assert_success
    assert_equal "$output$stderr" ''
  done
  run -0 chat-recv -a
  assert_output "$(seq $n)"
  sound
}

@test "a first chat-send hi needs no open descriptor" {
  local closing
  for closing in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    rm -rf "$HOME/.local"
    run --separate-stderr bash -c "chat-send hi $closing"
    assert_success
    run -0 chat-recv
    assert_output hi
  done
}

@test "no file that a program opens gets the number of a closed standard descriptor" {
  local closing command
  export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  chat-send first
  for command in 'chat-send hi' 'chat-send -l' 'chat-recv' 'chat-recv -q -t 0.01 -r empty' 'chat-recv -p' 'chat-send -f in'; do
    echo in >in
    for closing in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
      run strace -y -o trace bash -c "exec $command $closing"
      run grep -E "= [012]<($HOME/|$PWD/in|anon_inode|socket)" trace
      assert_output ''
    done
  done
  # The commands did their work: the last message is there.
  chat-send last
  run -0 chat-recv -a
  assert_line --index -1 last
  # The control: a closed descriptor is the first that is used.
  strace -y -o trace bash -c 'exec cat in <&-'
  run -0 grep -E "= 0<$PWD/in>" trace
}

@test "chat-send without arguments and standard input exits with 74 and does not touch the spool" {
  local options
  for options in '' -l -0 '-1 -l' '-f -' '-i'; do
    run --separate-stderr bash -c "chat-send $options <&-"
    assert_error 74 'chat-send: '
    assert_not_exist "$HOME/.local"
  done
}

@test "chat-send -f FILE needs no standard input" {
  echo body >file
  run --separate-stderr -0 bash -c 'chat-send -f file <&-'
  run -0 chat-recv
  assert_output body
}

@test "chat-send -i without standard output exits with 74 and does not touch the spool" {
  run --separate-stderr bash -c 'chat-send -i hi >&-'
  assert_error 74 'chat-send: '
  assert_not_exist "$HOME/.local"
}

@test "chat-recv without standard output exits with 74 and does not touch the spool" {
  local options
  for options in '' -a -p -w -F '-t 1' -q; do
    run --separate-stderr timeout 20 bash -c "chat-recv $options >&-"
    assert_error 74 'chat-recv: '
    assert_not_exist "$HOME/.local"
  done
  chat-send first
  for options in '' -a -p -w -F '-t 1' -q; do
    untouched "$HOME/.local" -- bash -c "chat-recv $options >&-"
    assert_error 74 'chat-recv: '
  done
  run -0 chat-recv
  assert_output first
}

@test "chat-recv without standard output and standard error exits with 74, too" {
  chat-send first
  run --separate-stderr bash -c 'chat-recv <&- >&- 2>&-'
  assert_equal "$status" 74
  run -0 chat-recv
  assert_output first
}

@test "chat-recv needs neither standard input nor standard error" {
  local closing
  for closing in '<&-' '2>&-' '<&- 2>&-'; do
    chat-send first
    run --separate-stderr -0 bash -c "chat-recv $closing"
    assert_output first
    run --separate-stderr -1 bash -c "chat-recv $closing"
    assert_output ''
  done
}

@test "an input that cannot be read and an output that cannot be written exit with 74" {
  chat-send first
  run --separate-stderr bash -c 'chat-send 0>file'
  assert_error 74 'chat-send: '
  run --separate-stderr bash -c 'chat-recv 1</dev/null'
  assert_error 74 'chat-recv: '
  run --separate-stderr bash -c 'chat-send </'
  assert_error 74 'chat-send: '
  run -0 chat-recv -a
  assert_output first
}

# nonblocking STDIN|STDOUT COMMAND [ARG ...]: run a command in the background, with that descriptor non-blocking.
nonblocking() {
  command -v perl >/dev/null || skip 'needs perl'
  background perl -MFcntl -e '
    my $which = shift;
    fcntl $which eq "STDIN" ? STDIN : STDOUT, F_SETFL, O_NONBLOCK or die;
    exec @ARGV or die' "$@"
}

@test "a non-blocking output is written completely" {
  local keep receiver
  seq 200000 | chat-send
  mkfifo pipe
  exec {keep}<>pipe
  nonblocking STDOUT chat-recv >pipe
  receiver=$BACKGROUND_PID
  wait_stuck "$receiver"
  head -c "$(seq 200000 | wc -c)" <&"$keep" >out
  finish "$receiver"
  assert_equal "$status" 0
  run cmp out <(seq 200000)
  assert_success
  assert_empty_room
}

@test "a non-blocking input is read to its end" {
  local options keep sender
  for options in '' -l; do
    rm -f pipe
    mkfifo pipe
    exec {keep}<>pipe
    eval "nonblocking STDIN chat-send $options <pipe $keep<&-"
    sender=$BACKGROUND_PID
    wait_blocked "$sender"
    printf 'begin' >&"$keep"
    wait_blocked "$sender"
    printf 'ning\n' >&"$keep"
    exec {keep}<&-
    finish "$sender"
    assert_equal "$status" 0
    run -0 chat-recv
    assert_output beginning
  done
}

# ---------------------------------------------------------------- spool paths that are not safe

@test "a spool that is a symbolic link is refused with 77" {
  chat-send -s dir/real.db first
  ln -s real.db dir/link.db
  both_refuse 77 dir/link.db dir
  run -0 chat-recv -s dir/real.db
  assert_output first
}

@test "a spool that is a dangling symbolic link is refused with 77, and its target is not created" {
  mkdir dir
  ln -s target.db dir/link.db
  both_refuse 77 dir/link.db dir
}

@test "a spool with a second hard link is refused with 77" {
  chat-send -s dir/real.db first
  ln dir/real.db other.db
  both_refuse 77 dir/real.db dir
  rm other.db
  run -0 chat-recv -s dir/real.db
  assert_output first
}

# mounted COMMAND [ARG ...]: run a command for which the file real/spool.db alone is mounted at mount/spool.db.
mounted() {
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  unshare --mount sh -c 'mount --bind real/spool.db mount/spool.db && exec "$@"' sh "$@"
}

@test "a spool file that is bind-mounted alone is refused with 77 there" {
  local command
  chat-send -s real/spool.db first
  mkdir mount
  (umask 077 && : >mount/spool.db)
  for command in 'chat-send x' chat-recv 'chat-recv -p' 'chat-recv -t 0.1' 'chat-spool list' 'chat-spool check --repair' 'chat-spool init'; do
    # shellcheck disable=SC2086
    run --separate-stderr mounted env CHAT_SPOOL="$PWD/mount/spool.db" $command
    assert_error 77 "${command%% *}: spool '$PWD/mount/spool.db' is not safe to use: the file itself is a mount point; mount its directory instead"
  done
  assert_equal "$(ls -A mount)" spool.db
  run -0 chat-recv -s real/spool.db
  assert_output first
}

@test "a spool directory that is bind-mounted contains the same spool" {
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  chat-send -s real/spool.db first
  mkdir mount
  run -0 unshare --mount sh -c 'mount --bind real mount && chat-recv -s mount/spool.db && chat-send -s mount/spool.db second'
  assert_output first
  run -0 chat-recv -s real/spool.db
  assert_output second
}

@test "without the system call statx spools work and links are refused" {
  local error
  needs strace
  ! sanitized || skip 'a sanitized program makes too many system calls'
  chat-send -s dir/spool.db first
  ln -s spool.db dir/link.db
  for error in ENOSYS EPERM; do
    run -0 strace -qq -o trace -e inject=statx:error=$error chat-send -s dir/spool.db second
    run -0 grep -c INJECTED trace
    run -0 strace -qq -o trace -e inject=statx:error=$error chat-recv -s dir/spool.db
    run -77 strace -qq -o trace -e inject=statx:error=$error chat-recv -s dir/link.db
  done
}

@test "a spool that is a directory is refused with 77" {
  mkdir -p dir/spool.db
  both_refuse 77 dir/spool.db dir
  both_refuse 77 dir/spool.db/ dir
}

@test "a path that can only be a directory is refused with 77, and nothing is created" {
  local path
  mkdir dir
  for path in dir/new/ dir/new/sub/ dir/. dir/new/. dir/.. dir/new/..; do
    both_refuse 77 "$path" dir
    untouched dir -- chat-spool init -s "$path"
    assert_error 77 "chat-spool: spool '$PWD/$path' is not safe to use: it is a directory"
  done
}

@test "a spool that is a FIFO is refused with 77, without waiting for its other end" {
  mkdir dir
  mkfifo -m 600 dir/spool.db
  both_refuse 77 dir/spool.db dir
}

@test "a spool that is a device is refused with 77" {
  mkdir dir
  mknod -m 600 dir/spool.db c 1 3 2>/dev/null || skip 'no right to make a device'
  both_refuse 77 dir/spool.db dir
}

@test "a spool that is a well-known device is refused with 77" {
  run --separate-stderr timeout 20 chat-send -s /dev/null x
  assert_error 77 'chat-send: '
  run --separate-stderr timeout 20 chat-recv -s /dev/null
  assert_error 77 'chat-recv: '
  run --separate-stderr timeout 20 chat-send -s /dev/stdin x
  assert_error 77 'chat-send: '
}

@test "a spool that is a socket is refused with 77" {
  command -v perl >/dev/null || skip 'needs perl'
  mkdir dir
  perl -MSocket -e 'socket S, PF_UNIX, SOCK_STREAM, 0; bind S, sockaddr_un("dir/spool.db") or die'
  chmod 600 dir/spool.db
  both_refuse 77 dir/spool.db dir
}

@test "a spool that other users can write is refused with 77" {
  local mode
  chat-send -s dir/spool.db first
  for mode in 620 602 666 660; do
    chmod $mode dir/spool.db
    both_refuse 77 dir/spool.db dir
  done
  chmod 600 dir/spool.db
  run -0 chat-recv -s dir/spool.db
  assert_output first
}

@test "a spool that other users can read is used as it is" {
  chat-send -s dir/spool.db first
  chmod 644 dir/spool.db
  run -0 chat-recv -s dir/spool.db
  assert_output first
}

@test "a spool in a directory that other users can write is refused with 77" {
  local mode
  chat-send -s dir/spool.db first
  for mode in 720 702 777 770; do
    chmod $mode dir
    both_refuse 77 dir/spool.db dir
  done
  chmod 755 dir
  run -0 chat-recv -s dir/spool.db
  assert_output first
}

@test "a new spool in a directory that other users can write is refused with 77, and nothing is created" {
  mkdir dir
  chmod 777 dir
  both_refuse 77 dir/spool.db dir
  assert_equal "$(ls -A dir)" ''
}

@test "a directory that other users can write is allowed if it has the sticky bit" {
  mkdir dir
  chmod 1777 dir
  run -0 chat-send -s dir/spool.db first
  run -0 chat-recv -s dir/spool.db
  assert_output first
  background chat-recv -w -s dir/spool.db >out
  wait_blocked "$BACKGROUND_PID"
  run -0 chat-send -s dir/spool.db second
  finish "$BACKGROUND_PID"
  assert_bytes out 'second\n'
}

@test "another user's spool is refused with 77, even for root" {
  public
  as_user $ALICE chat-send -s alice/spool.db first
  both_refuse 77 alice/spool.db alice
  # Whatever its modes.
  chmod 755 alice
  chmod 644 alice/*
  untouched alice -- as_user $MALLORY chat-send -s alice/spool.db x
  assert_error 77 'chat-send: '
  untouched alice -- as_user $MALLORY chat-recv -s alice/spool.db
  assert_error 77 'chat-recv: '
  run -0 as_user $ALICE chat-recv -s alice/spool.db
  assert_output first
}

@test "a new spool in another user's directory is refused with 77, even for root" {
  public
  untouched alice -- chat-send -s alice/spool.db x
  assert_error 77 'chat-send: '
  untouched alice -- chat-recv -t 0.1 -s alice/spool.db
  assert_error 77 'chat-recv: '
}

@test "each user has a separate default spool" {
  public
  as_user $ALICE chat-send 'of alice'
  as_user $MALLORY chat-send 'of mallory'
  run -0 as_user $ALICE chat-recv
  assert_output 'of alice'
  run -0 as_user $MALLORY chat-recv
  assert_output 'of mallory'
}

@test "two users can have spools in one sticky directory" {
  public
  mkdir shared
  chmod 1777 shared
  as_user $ALICE chat-send -s shared/alice.db first
  as_user $MALLORY chat-send -s shared/mallory.db first
  untouched shared -- as_user $MALLORY chat-recv -s shared/alice.db
  assert_error 77 'chat-recv: '
  run -0 as_user $ALICE chat-recv -s shared/alice.db
  assert_output first
}

@test "a user without access to a directory gets 77" {
  public
  mkdir locked
  chmod 700 locked
  run --separate-stderr as_user $ALICE chat-send -s locked/spool.db x
  assert_error 77 'chat-send: '
  run --separate-stderr as_user $ALICE chat-recv -s locked/spool.db
  assert_error 77 'chat-recv: '
  assert_equal "$(ls -A locked)" ''
}

@test "a new spool in a directory without write permission is an error, and nothing is created" {
  public
  mkdir locked
  chmod 755 locked
  run --separate-stderr as_user $ALICE chat-send -s locked/spool.db x
  assert_regex "$status" '^(73|77)$'
  assert_regex "$stderr" '^chat-send: [^'$'\n'']*permission denied'
  assert_equal "$(ls -A locked)" ''
}

# planted NAME KIND: beside a spool with a message, put a symbolic link (to a file, to nothing), a hard link or a FIFO
# in the place of one of the spool's files.
planted() {
  local name=$1 kind=$2
  rm -rf dir victims
  mkdir victims
  chat-send -s dir/spool.db first
  closed dir/spool.db
  rm -rf "dir/spool.db$name"
  echo precious >victims/file
  mkdir victims/directory
  case $kind in
    link) ln -s ../victims/file "dir/spool.db$name" ;;
    directory) ln -s ../victims/directory "dir/spool.db$name" ;;
    dangling) ln -s ../victims/missing "dir/spool.db$name" ;;
    hard) ln victims/file "dir/spool.db$name" ;;
    fifo) mkfifo "dir/spool.db$name" ;;
  esac
}

@test "links planted in the place of the spool's files are refused with 77 and not followed" {
  local name kind
  for name in -wal -shm -lock; do
    for kind in link dangling hard fifo directory; do
      planted $name $kind
      untouched victims -- chat-send -s dir/spool.db x
      assert_equal "$name $kind: $status" "$name $kind: 77"
      assert_error 77 'chat-send: '
      untouched victims -- chat-recv -s dir/spool.db
      assert_equal "$name $kind: $status: $output" "$name $kind: 77: "
      assert_error 77 'chat-recv: '
      untouched victims -- chat-recv -t 0.1 -r other -s dir/spool.db
      assert_equal "$name $kind: $status" "$name $kind: 77"
      assert_error 77 'chat-recv: '
      rm -r "dir/spool.db$name"
      run -0 chat-recv -s dir/spool.db
      assert_output first
    done
  done
}

@test "links planted in the place of the wake-up FIFO are refused with 77 by a waiting receiver and not followed" {
  local kind
  for kind in link dangling fifo directory; do
    planted -bell $kind
    untouched victims -- chat-recv -t 0.1 -r other -s dir/spool.db
    assert_equal "$kind: $status" "$kind: 77"
    assert_error 77 'chat-recv: '
    # A command that does not wait does not have to look at it.
    untouched victims -- chat-send -s dir/spool.db second
    assert_regex "$kind: $status" ': (0|77)$'
    untouched victims -- chat-recv -s dir/spool.db
    assert_regex "$kind: $status" ': (0|77)$'
  done
}

@test "links planted in the place of the reserve are not followed" {
  local kind
  for kind in link dangling hard fifo directory; do
    planted -reserve $kind
    untouched victims -- chat-send -s dir/spool.db second
    assert_regex "$kind: $status" ': (0|77)$'
    untouched victims -- bash -c 'seq 5000 | chat-send -l -s dir/spool.db'
    assert_regex "$kind: $status" ': (0|77)$'
    untouched victims -- chat-recv -s dir/spool.db
    assert_regex "$kind: $status" ': (0|77)$'
  done
}

@test "links planted before the spool exists are not followed" {
  local name kind
  for name in -wal -shm -lock -reserve -bell; do
    for kind in link dangling directory; do
      planted $name $kind
      rm dir/spool.db
      untouched victims -- chat-send -s dir/spool.db x
      # Files in the way of a new WAL may be removed: in a directory of our own that is safe.
      assert_regex "$name $kind: $status" ': (0|77)$'
      planted $name $kind
      rm dir/spool.db
      untouched victims -- chat-recv -t 0.1 -s dir/spool.db
      assert_regex "$name $kind: $status" ': (1|77)$'
    done
  done
}

@test "files that another user planted in the place of the spool's files are refused with 77" {
  public
  local name
  for name in -wal -shm -lock -bell; do
    rm -rf shared
    mkdir shared
    chmod 1777 shared
    if [[ $name == -bell ]]; then
      as_user $MALLORY mkdir -m 777 "shared/spool.db$name"
    else
      as_user $MALLORY touch "shared/spool.db$name"
      as_user $MALLORY chmod 666 "shared/spool.db$name"
      run --separate-stderr as_user $ALICE chat-send -s shared/spool.db first
      assert_equal "$name: $status" "$name: 77"
    fi
    run --separate-stderr as_user $ALICE chat-recv -t 0.1 -s shared/spool.db
    assert_equal "$name: $status" "$name: 77"
  done
}

@test "a wake-up FIFO that is not a FIFO is not written and blocks no command" {
  chat-send -s dir/spool.db first
  rm -rf dir/spool.db-bell
  mkdir -m 700 dir/spool.db-bell
  echo precious >victim
  ln -s ../../victim dir/spool.db-bell/main
  untouched victim -- chat-send -s dir/spool.db x
  untouched victim -- chat-recv -t 0.1 -s dir/spool.db
  rm dir/spool.db-bell/main
  ln victim dir/spool.db-bell/main
  untouched victim -- chat-send -s dir/spool.db x
  untouched victim -- chat-recv -t 0.1 -s dir/spool.db
  rm dir/spool.db-bell/main
  mkdir dir/spool.db-bell/main
  run timeout 20 chat-send -s dir/spool.db x
  assert [ "$status" -lt 124 ]
  rmdir dir/spool.db-bell/main
  # A FIFO that has no reader, or that is full, keeps no sender waiting.
  full_pipe dir/spool.db-bell/main
  run -0 timeout 20 chat-send -s dir/spool.db x
}

@test "spool names that are special to SQLite or a shell are plain paths" {
  local path
  mkdir plain
  cd plain
  for path in ':memory:' 'file:x' 'file:x?mode=memory' 'file::memory:' 'x?mode=ro' 'a%41b' 'a#b' '$(touch owned)' '-x' 'a;b' '~'; do
    run -0 chat-send -s "$path" "in $path"
    assert_exist "./$path"
    run -0 chat-recv -s "$path"
    assert_output "in $path"
  done
  assert_not_exist owned
}

@test "an unknown kind of URL is refused with 64" {
  local url
  for url in redis://localhost/0 http://localhost/ foo://bar; do
    run --separate-stderr chat-send -s "$url" x
    assert_equal "$status" 64
    run --separate-stderr chat-recv -s "$url"
    assert_equal "$status" 64
  done
  assert_equal "$(find . -name '*:*')" ''
}

@test "spool paths may have spaces, quotes, newlines, Unicode and long names" {
  local path long
  long=$(printf 'x%.0s' {1..200})
  for path in 'a b/c d.db' "it's" 'say "hi"' $'two\nlines' '日本語/スプール.db' "$long" "d/$long/$long" './././dot' 'percent%20' 'back\slash'; do
    run -0 chat-send -s "$path" "in $path"
    run -0 chat-recv -s "$path"
    assert_output "in $path"
    background chat-recv -w -s "$path" >out
    wait_blocked "$BACKGROUND_PID"
    run -0 chat-send -s "$path" again
    finish "$BACKGROUND_PID"
    assert_bytes out 'again\n'
  done
}

@test "a spool path that is too long is reported as an error" {
  local long
  long=$(printf 'x%.0s' {1..251})
  mkdir dir
  run --separate-stderr chat-send -s "dir/$long" x
  assert [ "$status" -ge 64 ]
  assert [ "$status" -le 77 ]
  assert_equal "$(ls -A dir)" ''
  run --separate-stderr chat-send -s "$(printf 'dir/%.0s' {1..2000})spool.db" x
  assert [ "$status" -ge 64 ]
  assert [ "$status" -le 77 ]
  assert_equal "$(ls -A dir)" ''
}

@test "a spool path longer than SQLite's limit works or is reported as an error" {
  local path
  path=$(printf 'directory/%.0s' {1..70})spool.db
  run --separate-stderr chat-send -s "$path" first
  if [[ $status == 0 ]]; then
    run -0 chat-recv -s "$path"
    assert_output first
  else
    assert_regex "$status" '^(64|7[34])$'
    assert_regex "$stderr" '^chat-send: [^'$'\n'']+$'
  fi
}

@test "a path through a file instead of a directory is an error" {
  echo text >file
  run --separate-stderr chat-send -s file/spool.db x
  assert_regex "$status" '^7[347]$'
  run --separate-stderr chat-recv -s file/spool.db
  assert_regex "$status" '^7[347]$'
}

@test "rooms with unusual names work like other rooms" {
  local room
  for room in 'a b' '*' '日本語' spool.db spool.db-lock '?' "it's" '$(x)' 'a;b' '%s' 'back\slash' "$(printf 'x%.0s' {1..255})"; do
    run -0 chat-send -r "$room" "in $room"
    background chat-recv -w -r "$room" >/dev/null
    finish "$BACKGROUND_PID"
    background chat-recv -w -o '%r %b\n' -r "$room" >out
    wait_blocked "$BACKGROUND_PID"
    run -0 chat-send -r "$room" again
    finish "$BACKGROUND_PID"
    run -0 cat out
    assert_output "$room again"
  done
  assert_empty_room
  sound
}

# ---------------------------------------------------------------- modes and homes

# our_modes DIRECTORY: directories have mode 0700, and all other files 0600.
our_modes() {
  run find "$1" -type d ! -perm 700
  assert_output ''
  run find "$1" ! -type d ! -perm 600
  assert_output ''
}

@test "the spool's directory has mode 0700 and its files 0600, whatever the umask" {
  local mask
  for mask in 0 0777 022 0077; do
    rm -rf "$HOME/.local"
    mkdir "$HOME/.local"
    run -0 bash -c "umask $mask; chat-send first"
    our_modes "$HOME/.local/state/chat"
    run -0 bash -c "umask $mask; chat-recv"
    assert_output first
    run -1 bash -c "umask $mask; chat-recv -t 0.01"
    run -0 bash -c "umask $mask; seq 3000 | chat-send -l"
    our_modes "$HOME/.local/state/chat"
  done
}

@test "the directory and files that a waiting receiver creates before there is a spool have modes 0700 and 0600" {
  local mask
  for mask in 0 0777; do
    rm -rf "$HOME/.local"
    background bash -c "umask $mask; exec chat-recv -w"  >out
    wait_blocked "$BACKGROUND_PID"
    our_modes "$HOME/.local/state/chat"
    run -0 bash -c "umask $mask; chat-send first"
    finish "$BACKGROUND_PID"
    assert_bytes out 'first\n'
    our_modes "$HOME/.local/state/chat"
  done
}

@test "a user who is not root can work under umask 0777" {
  public
  run -0 as_user $ALICE bash -c 'umask 0777; chat-send first'
  run -0 as_user $ALICE bash -c 'umask 0777; chat-recv'
  assert_output first
  run find alice ! -user $ALICE
  assert_output ''
}

# with_home HOME COMMAND [ARG ...]: run a command as root with this home in the password file, and the caller's
# environment.
with_home() {
  local home=$1
  shift
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  printf 'root:x:0:0:root:%s:/bin/sh\n' "$home" >passwd
  unshare --mount sh -c 'mount --bind "$1" /etc/passwd && shift && exec "$@"' sh "$PWD/passwd" "$@"
}

@test "without HOME the spool is in the home directory of the password file" {
  mkdir elsewhere
  with_home "$PWD/elsewhere" env -u HOME "$CHAT_BIN/chat-send" first
  assert_file_exist elsewhere/.local/state/chat/spool.db
  assert_not_exist "$HOME/.local"
  run -0 with_home "$PWD/elsewhere" env -u HOME "$CHAT_BIN/chat-recv"
  assert_output first
}

@test "the programs work with an empty environment" {
  mkdir elsewhere
  with_home "$PWD/elsewhere" env -i "$CHAT_BIN/chat-send" first
  assert_file_exist elsewhere/.local/state/chat/spool.db
  run -0 with_home "$PWD/elsewhere" env -i "$CHAT_BIN/chat-recv" -o '%b %u\n'
  assert_output 'first root'
}

@test "the programs work under env -i with a spool named" {
  run -0 env -i "$CHAT_BIN/chat-send" -s "$PWD/dir/spool.db" 'first 日本語'
  run -0 env -i "$CHAT_BIN/chat-recv" -s "$PWD/dir/spool.db"
  assert_output 'first 日本語'
}

@test "a missing home that cannot be created is an error that names the path" {
  public
  run --separate-stderr as_user $ALICE env HOME=/nonexistent/home chat-send x
  assert_regex "$status" '^7[37]$'
  assert_regex "$stderr" "^chat-send: .*/nonexistent.*permission denied"
}

@test "root with the HOME of a user creates nothing there, and gets advice" {
  local variable command
  public
  for variable in "HOME=$PUBLIC/alice" "XDG_STATE_HOME=$PUBLIC/alice/state"; do
    for command in 'chat-send x' chat-recv 'chat-recv -w' 'chat-spool init'; do
      # shellcheck disable=SC2086
      run --separate-stderr timeout 20 env "$variable" $command
      assert_error 77 "${command%% *}: root creates no spool in '$PUBLIC/alice', which belongs to another user; become that user"
    done
  done
  assert_equal "$(ls -A alice)" ''
  # The user can, and then root is refused that spool; a spool that root names is root's own decision.
  run -0 as_user $ALICE chat-send first
  run --separate-stderr env HOME="$PUBLIC/alice" chat-send x
  assert_error 77 'chat-send: spool '
  run find alice ! -user $ALICE
  assert_output ''
  run -0 chat-send -s alice/queue/spool.db x
  run -0 chat-recv -s alice/queue/spool.db
  assert_output x
}

@test "a user in no password file can send, and gets an error without HOME" {
  public
  run -0 as_user $ALICE chat-send first
  run -0 as_user $ALICE chat-recv -o '%b by %u\n'
  assert_regex "$output" '^first by .+$'
  run --separate-stderr as_user $ALICE env -u HOME chat-send first
  assert [ "$status" -ge 64 ]
  assert [ "$status" -le 77 ]
  assert_regex "$stderr" '^chat-send: [^'$'\n'']*$'
}

@test "an absolute XDG_STATE_HOME determines where the spool is" {
  XDG_STATE_HOME="$PWD/state" chat-send first
  assert_file_exist state/chat/spool.db
  assert_not_exist "$HOME/.local"
  XDG_STATE_HOME=relative chat-send second
  assert_not_exist relative
  run -0 chat-recv
  assert_output second
}

@test "no locale and no time zone changes a message" {
  local locale
  for locale in C POSIX en_US.UTF-8 nonsense ''; do
    run -0 env LC_ALL="$locale" LANG="$locale" TZ=Nowhere/Nothing chat-send -r 日本語 'grüße 日本語'
    run -0 env LC_ALL="$locale" LANG="$locale" TZ=:/etc/passwd chat-recv -r 日本語
    assert_output 'grüße 日本語'
  done
}

@test "the programs do not depend on the current directory" {
  mkdir gone
  cd gone
  rmdir ../gone
  run -0 chat-send first
  run -0 chat-recv
  assert_output first
}

# ---------------------------------------------------------------- files that are damaged or hostile

# one_file: create a closed spool at dir/spool.db with three messages, a long one in the middle.
one_file() {
  chat-send -s dir/spool.db -u alice first
  head -c 9000 /dev/zero | tr '\0' y | chat-send -s dir/spool.db -u alice
  chat-send -s dir/spool.db -u alice third
  closed dir/spool.db
  assert_not_exist dir/spool.db-wal
}

# what: print every visible field of the messages except the number of attempts, which changes and which no checksum
# covers.
what() { timeout 20 chat-recv -s dir/spool.db -a -o '%i %r %u %h %t %l %b\n' "$@"; }

@test "a file that is not a database is refused with 65 and not touched" {
  local make
  for make in ': >dir/x' 'echo text >dir/x' 'head -c 100000 /dev/zero >dir/x' 'head -c 100000 /dev/urandom >dir/x' \
    'printf "SQLite format 3\0" >dir/x' '{ printf "SQLite format 3\0"; head -c 100000 /dev/urandom; } >dir/x'; do
    rm -rf dir
    mkdir dir
    eval "$make"
    both_refuse 65 dir/x dir/x
  done
}

@test "another program's database is refused with 65 and not touched" {
  local journal
  for journal in delete wal; do
    rm -rf dir
    mkdir dir
    sqlite3 dir/x "PRAGMA journal_mode = $journal; CREATE TABLE bookmark (url TEXT); INSERT INTO bookmark VALUES ('x')" >/dev/null
    untouched dir/x -- chat-send -s dir/x x
    assert_error 65 'chat-send: '
    untouched dir/x -- chat-recv -s dir/x
    assert_error 65 'chat-recv: '
    run -0 sqlite3 dir/x 'SELECT url FROM bookmark'
    assert_output x
  done
}

@test "a database with chatspool's tables and another application id is refused with 65" {
  one_file
  sqlite3 dir/spool.db 'PRAGMA application_id = 1'
  both_refuse 65 dir/spool.db dir/spool.db
}

@test "a spool of a newer version is refused with 65 and an explanation" {
  one_file
  sqlite3 dir/spool.db 'PRAGMA user_version = 99'
  both_refuse 65 dir/spool.db dir/spool.db
  run --separate-stderr chat-recv -s dir/spool.db
  assert_regex "$stderr" newer
}

@test "a spool with a changed schema is refused with 65" {
  local change
  local changes=(
    'CREATE TRIGGER forge AFTER INSERT ON message BEGIN UPDATE message SET body = x'\''66'\''; END'
    'CREATE TRIGGER forge AFTER DELETE ON message BEGIN INSERT INTO message SELECT * FROM message; END'
    'CREATE VIEW extra AS SELECT 1'
    'CREATE TABLE extra (x TEXT)'
    'CREATE VIRTUAL TABLE extra USING fts5(x)'
    'CREATE INDEX extra ON message (sent)'
    'ALTER TABLE message ADD COLUMN extra TEXT'
    'ALTER TABLE message RENAME COLUMN sender TO author'
    'ALTER TABLE message RENAME TO messages'
    'DROP INDEX message_key'
    'DROP TABLE message'
    'DROP TABLE room'
    'DROP TABLE message; CREATE VIEW message AS SELECT 1 AS id'
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'BLOB NOT NULL', 'BLOB NOT null')"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'sender', 'Sender')"
    "PRAGMA writable_schema = on; INSERT INTO sqlite_schema (rowid, type, name, tbl_name, rootpage, sql)
      VALUES (-1, 'view', 'v', 'v', 0, 'CREATE VIEW v AS SELECT 1')"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = NULL WHERE name = 'message_key'"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'message'"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'message'"
    "PRAGMA writable_schema = on; DELETE FROM sqlite_schema"
    'ANALYZE'
  )
  one_file
  cp -a dir whole
  for change in "${changes[@]}"; do
    rm -rf dir
    cp -a whole dir
    run sqlite3 dir/spool.db "$change"
    cmp -s dir/spool.db whole/spool.db && fail "nothing was changed by: $change ($output)"
    run --separate-stderr timeout 20 chat-recv -s dir/spool.db
    assert_equal "$change: $status: $output" "$change: 65: "
    run --separate-stderr timeout 20 chat-send -s dir/spool.db x
    assert_equal "$change: $status" "$change: 65"
  done
}

@test "an endlessly recursive view in the place of a table hangs no command" {
  one_file
  sqlite3 dir/spool.db 'DROP TABLE room; CREATE VIEW room AS
    WITH RECURSIVE r(number, name, depth, bytes) AS (SELECT 1, "main", 1, 1 UNION ALL SELECT number + 1, name, 1, 1 FROM r)
    SELECT * FROM r'
  both_refuse 65 dir/spool.db dir/spool.db
}

# Message 1 was reported as damaged, and the second one printed.
damaged_is_passed() {
  [[ $status == 0 && $output == yyy* && $stderr == 'chat-recv: message 1 '*damaged* ]] || fail "$1: $status: $stderr"
}

@test "a message with a changed byte is reported as damaged and not printed" {
  local change
  one_file
  cp -a dir whole
  for change in "body = x'46697273'" "body = x'4669727374'" "body = x''" "sender = 'mallory'" "host = 'elsewhere'" 'sent = sent + 1' \
    'checksum = checksum + 1' 'checksum = 0'; do
    rm -rf dir
    cp -a whole dir
    sqlite3 dir/spool.db "UPDATE message SET $change WHERE position & 0xffffffffff = 1"
    run --separate-stderr chat-recv -p -s dir/spool.db
    damaged_is_passed "$change"
    run --separate-stderr chat-recv -s dir/spool.db
    damaged_is_passed "$change"
  done
}

@test "two messages with exchanged bodies are reported as damaged" {
  one_file
  sqlite3 dir/spool.db 'CREATE TEMP TABLE t AS SELECT * FROM message;
    UPDATE message SET body = (SELECT body FROM t WHERE t.position - message.position IN (2, -2)),
      checksum = (SELECT checksum FROM t WHERE t.position - message.position IN (2, -2))
    WHERE position & 3 IN (1, 3)'
  run --separate-stderr chat-recv -s dir/spool.db
  damaged_is_passed exchanged
}

@test "a message that was moved to another room by hand is reported as damaged" {
  one_file
  chat-send -s dir/spool.db -r other x
  sqlite3 dir/spool.db "UPDATE message SET position = (SELECT number FROM room WHERE name = 'other') << 40 | 1 WHERE position & 0xffffffffff = 1"
  run --separate-stderr chat-recv -s dir/spool.db -a -r other
  assert_equal "$status: $output" '0: x'
  [[ $stderr == 'chat-recv: message 1 '*damaged* ]]
}

# bats test_tags=full
@test "rows that no sender writes exit with 65 or are harmless, and never crash" {
  local change n=0 step
  step=$(dosed 3 1)
  one_file
  cp -a dir whole
  for change in 'UPDATE message SET id = -5 WHERE position & 0xffffffffff = 1' 'UPDATE message SET id = 9223372036854775807 WHERE position & 0xffffffffff = 1' 'UPDATE message SET id = 0 WHERE position & 0xffffffffff = 1' 'UPDATE message SET position = -5 WHERE position & 0xffffffffff = 1' \
    'UPDATE message SET body = zeroblob(70000000) WHERE position & 0xffffffffff = 1' 'UPDATE message SET place = -1' 'UPDATE message SET room = 7' 'UPDATE message SET due = 5' 'UPDATE message SET position = 1 << 62 WHERE position & 0xffffffffff = 1' 'UPDATE message SET attempts = -1' \
    'UPDATE message SET sent = 9223372036854775807 WHERE position & 0xffffffffff = 1' 'UPDATE message SET sent = -9223372036854775808 WHERE position & 0xffffffffff = 1' \
    "UPDATE message SET sender = '' WHERE position & 0xffffffffff = 1" "UPDATE message SET sender = CAST(x'ff1b5b' AS TEXT) WHERE position & 0xffffffffff = 1" \
    'UPDATE room SET depth = -1, bytes = -1' 'UPDATE room SET depth = 9223372036854775807' "UPDATE room SET name = 'a/b' WHERE number > 0" 'UPDATE room SET next_id = -1 WHERE number = 0' \
    'UPDATE room SET next_id = 9223372036854775807 WHERE number = 0' 'UPDATE room SET next_id = 1 WHERE number = 0' 'DELETE FROM room WHERE number = 0' 'DELETE FROM room' \
    'UPDATE room SET max_length = -1 WHERE number = 0' 'UPDATE room SET max_length = 9223372036854775807 WHERE number = 0'; do
    ((++n % step == 0)) || continue
    rm -rf dir
    cp -a whole dir
    run sqlite3 -bail dir/spool.db "$change"
    # 19: the schema already forbids it.
    [[ $status == 0 || $status == 19 ]] || fail "$change: $output"
    run --separate-stderr timeout 20 chat-send -s dir/spool.db x
    assert_regex "$change: $status" ': (0|65)$'
    # Every message that is printed as right is one of those that were sent.
    run --separate-stderr bash -c 'ulimit -v "$1"; timeout 20 chat-recv -n -s dir/spool.db' bash "$(sanitized && echo unlimited || echo 1000000)"
    assert_regex "$change: $status" ': (0|1|65)$'
    [[ $status != 0 || $output =~ ^(first|third|x|y+)$ ]] || fail "$change: $output"
  done
}

@test "garbage in the shared memory and the lock file does no harm" {
  local name
  chat-send -s dir/spool.db -u alice first
  chat-send -s dir/spool.db -u alice second
  what -p >right
  for name in -shm -lock -reserve; do
    head -c 32768 /dev/urandom >"dir/spool.db$name"
    what -p >seen
    cmp seen right
    : >"dir/spool.db$name"
    what -p >seen
    cmp seen right
  done
  run -0 chat-recv -a -s dir/spool.db
  assert_output $'first\nsecond'
}

@test "a spool whose file was removed by hand starts empty" {
  local left name
  for left in '' -shm -wal '-wal -shm' '-lock' '-bell' '-wal -shm -lock -reserve -bell'; do
    rm -rf dir
    chat-send -s dir/spool.db old
    background chat-recv -s dir/spool.db -r other -w
    wait_blocked "$BACKGROUND_PID"
    kill -TERM "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    mkdir left
    for name in $left; do mv "dir/spool.db$name" left; done
    find dir -depth -mindepth 1 -delete
    cp -a left/. dir
    rm -rf left
    run -0 chat-send -s dir/spool.db new
    run -0 chat-recv -a -s dir/spool.db
    assert_equal "$left: $output" "$left: new"
  done
}

# ---------------------------------------------------------------- full disks and limits

# small_disk KIND SIZE [OPTION ...]: mount a file system of that size at ./small, made with these options of mkfs.
small_disk() {
  mkdir small
  case $1 in
    tmpfs) mount -t tmpfs -o "size=$2,mode=700" chat-test small 2>/dev/null || skip 'no right to mount' ;;
    ext4)
      command -v mkfs.ext4 >/dev/null || skip 'needs mkfs.ext4'
      truncate -s "$2" image
      mkfs.ext4 -q -m 0 "${@:3}" image
      mount -o loop image small 2>/dev/null || skip 'no right to mount'
      chmod 700 small
      ;;
  esac
  MOUNTS+=("$PWD/small")
}

# fill: fill the file system until there is no free block left.
fill() {
  dd if=/dev/zero of="$1" bs=64k 2>/dev/null || true
  dd if=/dev/zero of="$1" bs=512 oflag=append conv=notrunc 2>/dev/null || true
  run -0 stat -f -c %a small
  assert_output 0
}

# full_disk KIND SIZE LENGTH: send messages of that length until the disk is full, fill the rest, receive all messages,
# send again.
full_disk() {
  local sent=0
  small_disk "$1" "$2"
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  while
    sent=$((sent + 1))
    run --separate-stderr bash -c '{ echo "$1"; head -c "$2" /dev/zero | tr "\0" z; } | timeout 20 chat-send' bash "$sent" "$3"
    [[ $status == 0 ]]
  do ((sent < 5000)); done
  assert_error 74 'chat-send: '
  assert_regex "$stderr" 'no space left on device$'
  sent=$((sent - 1))
  assert [ "$sent" -ge 10 ]
  fill small/filler

  run --separate-stderr timeout 20 chat-send 'does not fit'
  [[ $status == 0 ]] || assert_error 74 'chat-send: '
  local extra=$((status == 0))
  # Receive one by one, and then all, without a free block.
  run --separate-stderr -0 timeout 20 chat-recv
  assert_line --index 0 1
  run --separate-stderr -0 timeout 20 chat-recv
  assert_line --index 0 2
  run --separate-stderr -0 timeout 20 chat-recv -c 3
  timeout 20 chat-recv -a >out
  run grep -c '^[0-9]' out
  assert_output $((sent - 5))
  run grep '^[0-9]' out
  assert_output "$(seq 6 "$sent")"
  assert_equal "$(tail -n 1 out | grep -c 'does not fit')" "$extra"
  assert_empty_room
  # That freed space: sending works again although the filler is still there.
  run --separate-stderr -0 timeout 20 chat-send again
  run --separate-stderr -0 timeout 20 chat-recv
  assert_output again
  rm small/filler
  run -0 bash -c 'seq 1000 | chat-send -l'
  run -0 chat-recv -a
  assert_output "$(seq 1000)"
}

@test "on a full tmpfs a send reports an error, and receiving works without a free block" {
  full_disk tmpfs 2m 30000
}

@test "on a full ext4 a send reports an error, and receiving works without a free block" {
  full_disk ext4 8M 90000
}

@test "an ext4 with blocks of 1 KiB stores messages of all lengths" {
  local length
  small_disk ext4 24M -b 1024
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  for length in 1 1000 1024 1025 4096 100000 3000000; do
    head -c "$length" /dev/zero | tr '\0' z >body
    chat-send -r lengths -f body
    run -0 chat-recv -r lengths -p -o '%l'
    assert_output "$length"
    chat-recv -n -r lengths | cmp - body
  done
  seq 5000 | chat-send -l
  run -0 chat-spool check
  run -0 chat-spool backup small/saved.db
  chat-recv -a | cmp - <(seq 5000)
  run -0 chat-spool compact
  chat-recv -a -s small/saved.db | cmp - <(seq 5000)
}

@test "a spool in the lower layer of an overlay is used in the upper one, and a waiting receiver wakes" {
  mkdir layers
  mount -t tmpfs -o size=64m,mode=700 chat-test layers 2>/dev/null || skip 'no right to mount'
  MOUNTS+=("$PWD/layers")
  mkdir layers/{lower,upper,work,merged}
  mkdir -m 700 layers/lower/chat
  seq 3 | chat-send -l -s layers/lower/chat/spool.db
  sha256sum layers/lower/chat/spool.db >before
  mount -t overlay -o "lowerdir=$PWD/layers/lower,upperdir=$PWD/layers/upper,workdir=$PWD/layers/work" chat-test layers/merged 2>/dev/null ||
    skip 'no overlays here'
  MOUNTS+=("$PWD/layers/merged")
  export CHAT_SPOOL=$PWD/layers/merged/chat/spool.db
  run -0 chat-recv -p -a
  assert_output $'1\n2\n3'
  background chat-recv -w -r other >out
  wait_blocked "$BACKGROUND_PID"
  chat-send -r other hello
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'hello\n'
  run -0 chat-recv -a
  assert_output $'1\n2\n3'
  run -0 chat-spool check
  sha256sum -c --quiet before
}

@test "receiving one long message works without a free block" {
  small_disk tmpfs 6m
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  chat-send first
  head -c 2000000 /dev/zero | tr '\0' z | chat-send
  chat-send last
  fill small/filler
  run -0 chat-recv
  assert_output first
  run -0 bash -c 'chat-recv -n | wc -c'
  assert_output 2000000
  run -0 chat-recv
  assert_output last
  run -0 timeout 20 chat-send again
}

@test "a stream that fills the disk reports how many messages are stored" {
  small_disk tmpfs 4m
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  run --separate-stderr bash -c 'seq 1000000 | timeout 60 chat-send -l'
  assert_equal "$status" 74
  assert_regex "$stderr" '[0-9]+'
  local stored
  chat-recv -a >out
  stored=$(wc -l <out)
  run cmp out <(seq "$stored")
  assert_success
  assert_regex "$stderr" "(^|[^0-9])$stored([^0-9]|\$)"
}

@test "a first send on a full disk is an error and leaves no spool" {
  small_disk tmpfs 1m
  fill small/filler
  run --separate-stderr timeout 20 chat-send -s small/spool.db x
  assert_regex "$status" '^7[34]$'
  assert_regex "$stderr" 'no space left on device$'
  assert_not_exist small/spool.db
  assert_not_exist small/spool.db-new
  rm small/filler
  run -0 timeout 20 chat-send -s small/spool.db x
  run -0 timeout 20 chat-recv -s small/spool.db
  assert_output x
}

@test "a first send into an exhausted inode quota is an error" {
  mkdir small
  mount -t tmpfs -o size=4m,nr_inodes=8,mode=700 chat-test small 2>/dev/null || skip 'no right to mount'
  MOUNTS+=("$PWD/small")
  local used stored=0 refused=0
  for used in {1..7}; do
    touch "small/used-$used" 2>/dev/null || break
    run --separate-stderr timeout 20 chat-send -s small/spool.db "$used"
    if [[ $status == 0 ]]; then
      assert_equal "$refused" 0
      stored=$((stored + 1))
      run -0 chat-recv -s small/spool.db
      assert_output "$used"
    else
      assert_regex "$status" '^7[34]$'
      assert_error "$status" 'chat-send: '
      refused=$((refused + 1))
    fi
    rm -rf small/spool.db*
  done
  assert [ "$stored" -ge 1 ]
  assert [ "$refused" -ge 1 ]
}

@test "a read-only file system is an error, and the messages stay" {
  small_disk tmpfs 2m
  chat-send -s small/chat/spool.db first
  mount -o remount,ro small
  run --separate-stderr timeout 20 chat-send -s small/chat/spool.db x
  assert_regex "$status" '^7[347]$'
  assert_regex "$stderr" '^chat-send: [^'$'\n'']*$'
  run --separate-stderr timeout 20 chat-recv -s small/chat/spool.db
  assert_regex "$status" '^7[347]$'
  assert_regex "$stderr" '^chat-recv: [^'$'\n'']*$'
  run --separate-stderr timeout 20 chat-send -s small/new/spool.db x
  assert_regex "$status" '^7[347]$'
  mount -o remount,rw small
  run -0 chat-recv -a -s small/chat/spool.db
  assert_output first
}

# read_only_spool: create a spool on a file system that was made read-only, with three messages, the first of them
# claimed before.
read_only_spool() {
  small_disk tmpfs 2m
  export CHAT_SPOOL=$PWD/small/chat/spool.db
  seq 4 | chat-send -l
  chat-recv -q
  chat-send -d 1h later
  mount -o remount,ro small
}

@test "on a read-only file system a spool can be peeked at, listed, shown, dumped, checked and backed up" {
  read_only_spool
  run -0 chat-recv -p -a
  assert_output $'2\n3\n4'
  run -0 chat-spool list
  assert_line --regexp '^main +4 '
  run -0 chat-spool show main
  assert_line --regexp '^2 .* 2$'
  run -0 chat-spool config max-length
  chat-spool dump >dumped
  assert_equal "$(jq -r .body dumped | tr '\n' ' ')" '2 3 4 later '
  run -0 chat-spool check
  run -0 chat-spool check --repair
  run -0 chat-spool backup -q saved.db
  run -0 chat-recv -s saved.db -a
  assert_output $'2\n3\n4'
}

@test "on a read-only file system commands that change a spool exit with 74 and report why" {
  local command
  read_only_spool
  for command in 'chat-send x' chat-recv 'chat-recv -w' 'chat-recv -- cat' 'chat-spool compact' 'chat-spool config max-length 1000' 'chat-spool delete -y main' \
    'chat-spool move main other'; do
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 $command
    assert_equal "$command: $status $output" "$command: 74 "
    assert_equal "$command: $stderr" "$command: ${command%% *}: cannot write spool '$CHAT_SPOOL': read-only file system"
  done
  mount -o remount,rw small
  run -0 chat-recv -a
  assert_output $'2\n3\n4'
}

@test "on a read-only file system a spool without its WAL exits with 74 and advice, and one without its lock file is read" {
  read_only_spool
  mount -o remount,rw small
  rm "$CHAT_SPOOL-lock"
  mount -o remount,ro small
  run -0 chat-recv -p -a
  assert_output $'2\n3\n4'
  mount -o remount,rw small
  chat-spool backup -q small/chat/saved.db
  mount -o remount,ro small
  run --separate-stderr chat-recv -p -s small/chat/saved.db
  assert_error 74 "chat-recv: cannot read spool '$PWD/small/chat/saved.db': there is no 'saved.db-wal', and the file system is read-only; copy the spool"
  cp small/chat/saved.db .
  run -0 chat-recv -p -a -s saved.db
  assert_output $'2\n3\n4'
}

@test "a read-only mount of a spool's directory shows what is written through the writable one" {
  local n
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  mkdir real mount
  chat-send -s real/spool.db 0
  background unshare --mount sh -c 'mount --bind real mount && mount -o remount,bind,ro mount && for n in 1 2 3 4 5 6 7 8 9 10; do until [ -e "go$n" ]; do sleep 0.01; done
    chat-recv -p -a -s mount/spool.db >"seen$n.new"; mv "seen$n.new" "seen$n"; done'
  background chat-recv -s real/spool.db -w -r other
  for n in {1..10}; do
    seq 100 | chat-send -l -s real/spool.db -r others
    chat-recv -q -c 50 -s real/spool.db -r others
    chat-send -s real/spool.db "$n"
    : >"go$n"
    wait_until test -e "seen$n"
    assert_equal "$(<"seen$n")" "$(seq 0 "$n")"
  done
}

@test "a file-size limit makes a send fail without SIGXFSZ, and nothing is stored" {
  local limit
  chat-send first
  for limit in 0 4 64 200; do
    # Standard error must be a pipe, because the limit applies to a file there, too.
    run bash -c '{ ulimit -f "$1"; head -c 1000000 /dev/zero | chat-send 2>&1; } | cat; exit "${PIPESTATUS[0]}"' bash $limit
    assert_equal "$limit: $status" "$limit: 74"
    assert_regex "$output" '^chat-send: [^'$'\n'']+$'
  done
  run -0 chat-send last
  run -0 chat-recv -a
  assert_output $'first\nlast'
}

@test "a file-size limit makes a first send fail and leaves no spool" {
  local limit
  for limit in 0 1 4; do
    run --separate-stderr bash -c 'ulimit -f "$1"; chat-send first' bash $limit
    assert_regex "$status" '^7[34]$'
    assert_not_exist "$SPOOL"
  done
  run -0 chat-send first
  run -0 chat-recv -a
  assert_output first
}

@test "a file-size limit stops no receive with SIGXFSZ, and nothing is lost" {
  local limit seen
  # Too few KiB for the WAL, and enough.
  for limit in 0 4 1000; do
    seq 300 | chat-send
    seen=$(bash -c 'ulimit -f "$1"; chat-recv 2>&3; echo "status $?"' bash $limit 3>err)
    if ((limit < 1000)); then
      # The message may have been written; then it is received once more.
      assert_regex "$seen" 'status 74$'
      run -0 chat-recv -a
      assert_output "$(seq 300)"
    else
      assert_equal "$seen" "$(seq 300)"$'\nstatus 0'
    fi
    assert_empty_room
  done
}

# few_descriptors LIMIT COMMAND [ARG ...]
few_descriptors() { capture timeout 20 bash -c 'exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n "$1"; shift; exec "$@"' bash "$@"; }

@test "too few descriptors are an error, and nothing is lost" {
  local limit enough=0
  sanitized && skip 'a sanitized program needs some itself'
  chat-send first
  for limit in {4..16}; do
    few_descriptors "$limit" chat-recv -p
    assert_regex "$limit: $status" ': (0|7[14])$'
    if [[ $status == 0 ]]; then
      assert_output first
      enough=$((enough + 1))
    else
      assert_error "$status" 'chat-recv: '
      assert_equal "$enough" 0
    fi
    few_descriptors "$limit" chat-send -r other x
    assert_regex "$limit: $status" ': (0|7[14])$'
  done
  assert [ "$enough" -ge 1 ]
  # For a database the difference is one descriptor, no more than the loader needs to start the program.
  [[ $SPOOL == postgresql:* ]] || assert [ "$enough" -lt 13 ]
  run -0 chat-recv
  assert_output first
}

@test "too little memory is an error, and nothing is lost" {
  sanitized && skip 'a sanitized program needs much more'
  chat-send first
  run --separate-stderr bash -c 'ulimit -v 60000; head -c 60000000 /dev/zero | chat-send'
  assert_regex "$status" '^7[14]$'
  assert_regex "$stderr" '^chat-send: [^'$'\n'']*$'
  head -c 60000000 /dev/zero | chat-send
  run -0 chat-recv
  assert_output first
  run --separate-stderr bash -c 'ulimit -v 60000; chat-recv | wc -c; exit "${PIPESTATUS[0]}"'
  assert_equal "$status: $output" '71: 0'
  run -0 bash -c 'chat-recv -n | wc -c'
  assert_output 60000000
}

# bats test_tags=full
@test "a message for which the memory is hardly sufficient is sent completely or not at all" {
  local limit
  sanitized && skip 'a sanitized program needs much more'
  head -c 3900000 /dev/zero >body
  for limit in $(dosed "$(echo {8..48..4})" "$(echo {8..48})"); do
    run timeout 20 bash -c 'ulimit -v "$1"; exec chat-send <body' bash "${limit}000"
    # With even less memory the program, or a library that it loads, does not start.
    assert_regex "$limit: $status" ': (0|69|71|127)$'
    [[ $status == 0 ]] || continue
    chat-recv -n | cmp - body
  done
  assert_equal "$status" 0
  assert_empty_room
  sound
}

# ---------------------------------------------------------------- contents that no program writes

@test "a planted rollback journal is not used" {
  chat-send first
  chat-recv -p >/dev/null
  cp "$SPOOL" "$SPOOL-journal"
  export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" # it does not work under strace
  for command in 'chat-send second' 'chat-recv'; do
    # shellcheck disable=SC2086
    run -0 strace -f -qq -o trace -e trace=file $command
    run -1 grep -e '-journal' trace
  done
  run -0 chat-recv
  assert_output second
}

@test "a lock on the whole lock file hangs no receiver" {
  cc -o lock_all "$BATS_TEST_DIRNAME/fault/lock_all.c"
  chat-send first
  background ./lock_all "$SPOOL-lock" >locked
  wait_until grep -q locked locked
  run --separate-stderr timeout 20 chat-recv
  assert_error 75 "chat-recv: spool '$SPOOL' is busy: another program has locked '$SPOOL-lock'"
  run --separate-stderr timeout 20 chat-recv -t 0.2
  assert_equal "$status" 75
}
