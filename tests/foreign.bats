#!/usr/bin/env bats
# Files that are not spools: they are recognized before any file is created beside them, and are not changed.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

# every COMMAND: run it with each of the programs that opens a spool; load and copy have something to read.
COMMANDS=('chat-send x' 'chat-send -k key x' 'chat-send -m 1 -w x' 'chat-send -l' chat-recv 'chat-recv -p' 'chat-recv -a' 'chat-recv -w' 'chat-recv -F -t 0.1'
  'chat-recv -- cat' 'chat-spool list' 'chat-spool show main' 'chat-spool check' 'chat-spool check --repair' 'chat-spool dump' 'chat-spool load'
  'chat-spool move main other' 'chat-spool delete -y main' 'chat-spool compact' 'chat-spool config' 'chat-spool config max-length 1000' 'chat-spool init'
  'chat-spool backup saved.db' 'chat-spool restore -y backup.db')

setup() {
  chat_setup
  mkdir dir
  chat-send -s source.db x
  chat-spool backup -q -s source.db backup.db
  echo '{"room":"main","body":"x"}' >in
}

# listing: print everything in dir, with times and contents.
listing() { find dir -printf '%p %y %m %s %T@\n' -type f -exec sha256sum {} \; | sort; }

# left_alone FILE: no command turns it into a spool, creates a file beside it, or changes it.
left_alone() {
  local command before
  before=$(listing)
  for command in "${COMMANDS[@]}"; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr env CHAT_SPOOL="$PWD/$1" timeout 20 $command <in
    assert_equal "$1: $command: $status $output" "$1: $command: 65 "
    assert_equal "$command: ${stderr##*$'\n'}" "$command: ${command%% *}: '$PWD/$1' is not a spool"
  done
  assert_equal "$(listing)" "$before"
  assert_not_exist saved.db
}

@test "a file of 0, 1, 2 or 99 bytes is not a spool, and no file is created beside it" {
  local size
  for size in 0 1 2 99; do
    rm -f dir/file
    head -c $size /dev/zero >dir/file
    chmod 600 dir/file
    left_alone dir/file
  done
}

@test "the beginning of a spool file is not a spool" {
  local size
  chat-send first
  for size in 1 99; do
    (umask 077 && head -c $size "$SPOOL" >dir/file)
    left_alone dir/file
  done
}

@test "a text file is not a spool, and no file is created beside it" {
  (umask 077 && seq 10000 >dir/text)
  left_alone dir/text
}

@test "another program's database is not a spool, and no file is created beside it" {
  local mode
  needs sqlite3
  for mode in delete wal; do
    rm -f dir/*
    (umask 077 && sqlite3 dir/other.db "PRAGMA journal_mode = $mode; CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious')" >/dev/null)
    left_alone dir/other.db
    assert_equal "$(sqlite3 dir/other.db 'SELECT text FROM notes')" precious
  done
}

@test "another program's database that is in use is not a spool, and its WAL is left alone" {
  needs sqlite3
  umask 077
  mkfifo statements
  background sh -c 'exec sqlite3 dir/other.db <statements'
  exec 9>statements
  echo "PRAGMA journal_mode = wal; CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious');" >&9
  wait_until test -s dir/other.db-wal
  wait_until eval '[[ $(sqlite3 -readonly dir/other.db "SELECT count(*) FROM notes" 2>/dev/null) == 1 ]]'
  left_alone dir/other.db
  exec 9>&-
  finish "$BACKGROUND_PID"
  assert_equal "$(sqlite3 dir/other.db 'SELECT text FROM notes')" precious
}

@test "copy to a file that is not a spool is refused, and creates no file beside it" {
  local before
  chat-send first
  (umask 077 && seq 10000 >dir/text)
  before=$(listing)
  run --separate-stderr chat-spool copy "$SPOOL" dir/text
  assert_error 65 "chat-spool: '$PWD/dir/text' is not a spool"
  run --separate-stderr chat-spool copy dir/text "$SPOOL"
  assert_error 65 "chat-spool: '$PWD/dir/text' is not a spool"
  assert_equal "$(listing)" "$before"
  run -0 chat-recv
  assert_output first
}

@test "a spool without its lock file or its WAL is still a spool" {
  chat-send first
  closed "$SPOOL"
  rm "$SPOOL-lock"
  run -0 chat-recv -p
  assert_output first
  sqlite3 "$SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  rm -f "$SPOOL-wal" "$SPOOL-shm" "$SPOOL-lock"
  run -0 chat-recv
  assert_output first
}

# Closing a descriptor of a database drops the locks of the process's other connections to it.
@test "recognizing a spool costs a warm command no system call" {
  needs strace
  ! sanitized || skip 'a sanitized program makes too many system calls'
  chat-send first
  chat-send second
  strace -qq -o trace -e trace=open,openat chat-send third
  run grep -c '"spool.db",' trace
  assert_output 0
  # The control: without the lock file the spool is examined.
  rm "$SPOOL-lock"
  strace -qq -o trace -e trace=open,openat chat-send third
  run grep -c '"spool.db",' trace
  assert_output 1
}
