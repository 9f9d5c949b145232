#!/usr/bin/env bats
# A spool that is removed or replaced while a program has it open: no message in a file without a name is acknowledged.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2034,SC2154

load helper

# stream: start chat-send -l in the background, with one line sent and received; its input is descriptor 7.
stream() {
  rm -rf "$HOME/.local" lines err
  chat-send first
  chat-spool backup -y saved.db
  mkfifo lines
  background bash -c 'exec chat-send -l <lines 2>err'
  exec 7>lines
  echo one >&7
  wait_until eval 'chat-recv -p -a 2>/dev/null | grep -qx one'
}

# refused: the stream ends with 74 and an error when it has more to send. (Within a second of its last look it does not
# notice that only the lock file is gone.)
refused() {
  wait_until sends_no_more
  exec 7>&-
  finish "$BACKGROUND_PID"
  assert_equal "$status" 74
  run cat err
  assert_output --partial "spool '$SPOOL' was removed or replaced while it was in use"
}

sends_no_more() {
  process_ended "$BACKGROUND_PID" || { echo more >&7 && process_ended "$BACKGROUND_PID"; }
}

@test "a stream of lines continues if nothing is removed" {
  stream
  echo two >&7
  exec 7>&-
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv -a
  assert_output $'first\none\ntwo'
}

@test "a stream of lines ends with 74 when its spool is removed, created again, or replaced" {
  local way
  for way in 'rm -r "$SPOOL"*' 'rm -r "$SPOOL"*; chat-send other' 'rm "$SPOOL"' 'rm "$SPOOL"-{wal,shm}; mv saved.db "$SPOOL"' 'rm "$SPOOL-lock"' 'rm -r "${SPOOL%/*}"'; do
    stream
    eval "$way"
    refused
  done
}

@test "a message that was claimed in a replaced spool is not deleted from the new one" {
  chat-send first
  mkfifo go
  background bash -c 'exec chat-recv -- sh -c "echo begun >begun; read -r line <go" 2>err'
  wait_until test -s begun
  rm -r "$SPOOL"*
  chat-send other
  echo >go
  finish "$BACKGROUND_PID"
  assert [ "$status" -ge 64 ]
  run cat err
  assert_output --partial 'was removed or replaced while it was in use'
  run -0 chat-recv
  assert_output other
}

# ---------------------------------------------------------------- sleepers

# waiting: start a receiver that waits, in the background.
waiting() {
  rm -rf "$HOME/.local" out err
  chat-send first
  chat-recv >/dev/null
  background bash -c 'exec chat-recv -w >out 2>err'
  wait_blocked "$BACKGROUND_PID"
}

@test "a receiver whose FIFO or FIFO directory is removed while it waits recreates it and gets the next message" {
  local way
  for way in true 'rm "$SPOOL-bell/main"' 'rm -r "$SPOOL-bell"'; do
    waiting
    eval "$way"
    wait_until test -p "$SPOOL-bell/main"
    wait_blocked "$BACKGROUND_PID"
    chat-send hello
    finish "$BACKGROUND_PID"
    assert_bytes out 'hello\n'
  done
}

@test "a waiting receiver ends with 74 when its spool or lock file is removed or replaced" {
  local way
  for way in 'rm -r "$SPOOL"*' 'rm "$SPOOL"' 'rm "$SPOOL-lock"' 'rm -r "${SPOOL%/*}"' 'chat-spool backup saved.db; rm "$SPOOL"-{wal,shm}; mv saved.db "$SPOOL"'; do
    waiting
    eval "$way" || true # the receiver may make a FIFO again meanwhile
    finish "$BACKGROUND_PID"
    assert_equal "$way: $status" "$way: 74"
    run cat err
    assert_output --partial 'was removed or replaced while it was in use'
  done
}

# A user has 128 inotify instances.
@test "a receiver without an inotify instance checks once a minute whether its spool was replaced" {
  local from to
  ! sanitized || skip 'a sanitized program is not traced'
  needs strace
  chat-send first
  chat-recv >/dev/null
  from=$EPOCHSECONDS
  background strace -qq -o trace -e trace=inotify_init1,timerfd_settime -e inject=inotify_init1:error=EMFILE chat-recv -w -n >out
  wait_until grep -qs timerfd_settime trace
  to=$EPOCHSECONDS
  run -0 cat trace
  assert_line --partial 'EMFILE'
  assert_line --regexp '^timerfd_settime(64)?\([0-9]+, TFD_TIMER_ABSTIME'
  [[ $output =~ it_value=\{tv_sec=([0-9]+) ]]
  assert [ "${BASH_REMATCH[1]}" -ge $((from + 60)) ]
  assert [ "${BASH_REMATCH[1]}" -le $((to + 60)) ]
  chat-send second
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out second
}
