#!/usr/bin/env bats
# Many processes at one spool: 256 senders and 64 receivers at once, TORTURE times; and one of them stopped anywhere. No
# process gets an error because the spool is locked, no process starves, and a process that has to wait in vain names
# the process for which it waits.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load torture

setup() {
  torture_setup
  mkdir seen errors counts
  mkfifo gate
  : >ready
  PEOPLE=()
  export -f sender receiver pass_gate
}

# ---------------------------------------------------------------- a crowd

# Wait at the gate until all processes are there.
pass_gate() {
  exec <gate {GATE}>&-
  echo >>ready
  read -r || true
}

# sender NAME: run one process per message, until all senders together have sent $LAST messages; the number of its own
# is in counts/NAME.
sender() {
  local n=0 id=0
  pass_gate
  while ((id < LAST)); do
    chat-send -i "$1 $((n + 1))" >"id-$1" || exit
    read -r id <"id-$1"
    echo $((++n)) >"counts/$1"
  done
}

# receiver NAME: run one process per message, until all senders have finished.
receiver() {
  local n=0
  pass_gate
  until [[ -e 'done' ]]; do
    chat-recv -q -t 1 >>"seen/$1"
    case $? in
      0) echo $((++n)) >"counts/$1" ;;
      1) ;;
      *) exit 1 ;;
    esac
  done
}

# crowd SENDERS RECEIVERS TURNS [STOPPED]: start that many processes; each sender sends TURNS messages if all work at
# the same speed. The first sender may be stopped before the gate opens.
crowd() {
  local i
  export GATE LAST=$(($1 * $3))
  exec {GATE}<>gate
  for ((i = 1; i <= $1; i++)); do enter sender "s$i"; done
  for ((i = 1; i <= $2; i++)); do enter receiver "r$i"; done
  WAIT_LIMIT=$((60 + LAST / 10))
  wait_until all_ready $(($1 + $2))
  [[ ! ${4:-} ]] || kill -STOP -- "-${PEOPLE[0]#*:}"
  exec {GATE}>&-
}

# enter WHAT NAME
enter() {
  echo 0 >"counts/$2"
  background "$BASH" -c '"$@"' "$2" "$1" "$2" 2>"errors/$2"
  PEOPLE+=("$2:$BACKGROUND_PID")
}

all_ready() { (($(wc -l <ready) == $1)); }

# leave LETTER: wait until those processes have ended, and require that they printed no error.
leave() {
  local person
  for person in "${PEOPLE[@]}"; do
    [[ $person == "$1"* ]] || continue
    finish "${person#*:}"
    [[ $status == 0 ]] || fail "$person: status $status: $(cat "errors/${person%:*}")"
  done
  run cat errors/*
  assert_output ''
}

# Every message of the senders was received once.
nothing_lost() {
  local file
  chat-recv -q -a >seen/rest || [[ $? == 1 ]]
  for file in counts/s*; do seq -f "${file#*/} %.0f" 1 "$(<"$file")"; done | sort >sent
  sort seen/* >all
  run diff sent all
  assert_output ''
  run -0 chat-spool check -q
}

# shares LETTER: store the smallest and the median of their counts in $LEAST and $MEDIAN.
shares() {
  local counts
  mapfile -t counts < <(sort -n counts/"$1"*)
  LEAST=${counts[0]} MEDIAN=${counts[${#counts[@]} / 2]}
}

# nobody_starves LETTER NAME: the slowest process had a fifth of the median's share, or more. In a small sample, only
# reported.
nobody_starves() {
  shares "$1"
  tell "$2: $LEAST turns or more, the median $MEDIAN"
  ((LEAST * 5 >= MEDIAN)) || ((!${TORTURE:-0}))
}

@test "many concurrent senders and receivers lose nothing, and no process starves" {
  local senders=24 receivers=6
  if ((${TORTURE:-0})); then senders=256 receivers=64; fi
  crowd $senders $receivers "$(dose 8 20)"
  leave s
  nobody_starves s senders
  nobody_starves r receivers
  touch 'done'
  leave r
  nothing_lost
}

# The control.
@test "the checks see a sender that starves because it never gets the write lock" {
  crowd 5 1 8 stopped
  wait_until awk '{ sum += $1 } END { exit sum < 30 }' counts/s2 counts/s3 counts/s4 counts/s5
  shares s
  ((LEAST * 5 < MEDIAN))
  kill -CONT -- "-${PEOPLE[0]#*:}"
  leave s
  touch 'done'
  leave r
  nothing_lost
}

# ---------------------------------------------------------------- a stopped process

# Programs that wait for a hundredth of the time: 0.3 seconds.
IMPATIENT=$FAULTS/impatient

@test "a command that waits in vain for a stopped process names that process" {
  needs_strace
  seq 3 | chat-send -l
  sqlite3 "$SPOOL" 'PRAGMA wal_checkpoint(TRUNCATE)' >emptied
  stop_at 'fdatasync 1' chat-recv # which syncs the log's new header, within its turn
  run --separate-stderr "$IMPATIENT/chat-send" hello
  assert_error 75 "chat-send: spool '$SPOOL' is busy: process $STOPPED (chat-recv), which is stopped, has been writing for 30 seconds"
  # Without /proc the process is not known.
  if unshare --mount mount -t tmpfs none /proc 2>/dev/null; then
    run --separate-stderr unshare --mount sh -c 'mount -t tmpfs none /proc && "$1" hello' sh "$IMPATIENT/chat-send"
    assert_error 75 "chat-send: spool '$SPOOL' is busy: another process has been writing for 30 seconds"
  fi
  let_go
  assert_equal "$status" 0
  assert_bytes out '1\n'
  run -0 chat-send hello
}

@test "a command that waits in vain for another program names that program" {
  mkfifo statements
  chat-send hello
  background "$BASH" -c 'exec sqlite3 "$1" <statements >locked' sh "$SPOOL"
  exec {MORE}>statements
  echo 'BEGIN IMMEDIATE; SELECT 1;' >&$MORE
  wait_until test -s locked
  run --separate-stderr "$IMPATIENT/chat-send" hello
  assert_error 75 "chat-send: cannot use spool '$SPOOL': process $BACKGROUND_PID (sqlite3) has locked it"
  exec {MORE}>&-
  finish "$BACKGROUND_PID"
  run -0 chat-send hello
}

# locked: let another program lock the spool, until unlocked.
locked() {
  mkfifo statements
  background "$BASH" -c 'exec sqlite3 "$1" <statements >locked' sh "$SPOOL"
  LOCKER=$BACKGROUND_PID
  exec {MORE}>statements
  echo 'BEGIN IMMEDIATE; SELECT 1;' >&$MORE
  wait_until test -s locked
}

unlocked() {
  echo .quit >&$MORE # others may have inherited the FIFO
  exec {MORE}>&-
  finish "$LOCKER"
  rm statements locked
}

@test "a receiver that may wait reports once that the spool is locked, and continues when it is unlocked" {
  local options receiver
  # A single write, because two run at once.
  program line <<<$'#!/bin/sh\nprintf "%s\\n" "$(cat)"'
  for options in '-F' '-c 4 -w' '-F -P 2 -- ./line'; do
    rm -rf "$HOME/.local"
    printf '%s\n' one two three | chat-send -l
    locked
    # shellcheck disable=SC2086
    background "$IMPATIENT/chat-recv" $options >out 2>said
    receiver=$BACKGROUND_PID
    wait_until test -s said
    sleep 2.5 # it tries at least twice more, with a second between two attempts
    unlocked
    wait_until assert_empty_room
    chat-send four
    if [[ $options == -c* ]]; then
      finish "$receiver"
    else
      wait_until file_has out four
      wait_until assert_empty_room
      kill -TERM "$receiver"
      finish "$receiver"
    fi
    assert_success
    assert_equal "$(sort out)" "$(printf '%s\n' one two three four | sort)"
    assert_equal "$(<said)" "chat-recv: cannot use spool '$SPOOL': process $LOCKER (sqlite3) has locked it; trying again"
  done
}

@test "a follower counts a failed attempt even if the spool was locked when COMMAND ended" {
  chat-send job
  locked
  background "$IMPATIENT/chat-recv" -F --tries 1 -- false 2>said
  wait_until test -s said
  unlocked
  wait_until bash -c '[[ $(chat-recv -p -r main.dead -o "%b %n" 2>&1) == "job 1" ]]'
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(wc -l <said)" 2
}

@test "a signal ends a follower that waits for a locked spool, and the message stays" {
  chat-send job
  locked
  background "$IMPATIENT/chat-recv" -F >out 2>said
  wait_until test -s said
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_equal "$status" 75
  unlocked
  assert_equal "$(chat-recv)" job
}

@test "a receiver that may not wait ends if the spool stays locked" {
  local options
  chat-send job
  locked
  for options in '' '-a' '-t 0.1' '-F -t 0.1' '-- true' '-t 0.1 -- true'; do
    # shellcheck disable=SC2086
    run --separate-stderr "$IMPATIENT/chat-recv" $options
    assert_equal "$options: $status" "$options: 75"
  done
  unlocked
  assert_equal "$(chat-recv)" job
}

# Other processes continue, or name the process that delays them; and all continue when that process does.
others_go_on() {
  COUNT=$((COUNT + 1))
  capture "$IMPATIENT/chat-send" "while $COUNT"
  case $status in
    0) ;;
    75) [[ $stderr == *"process $STOPPED ("*"), which is stopped, has "* ]] || return ;;
    *) return 1 ;;
  esac
  seen=$status
  capture "$IMPATIENT/chat-recv" -q
  case $status in
    0 | 1) ;;
    75) [[ $stderr == *"process $STOPPED ("*"), which is stopped, has "* ]] || return ;;
    *) return 1 ;;
  esac
  count "$seen"
}

@test "a process that is stopped anywhere delays no other process forever" {
  needs_strace
  local kind call calls COUNT=0 seen
  WAIT_LIMIT=60 # to build the index SQLite gives another ten seconds
  sample "$(dose 3 7)" receive receive-all run send send-lines list move
  for kind in "${SAMPLE[@]}"; do
    rm -rf "$HOME/.local"
    prepare "$kind"
    mapfile -t calls < <(calls_of "${COMMAND[@]}")
    sample "$(dose 1 5)" "${calls[@]}"
    for call in "${SAMPLE[@]}"; do
      renew_spool
      stop_at "$call" "${COMMAND[@]}"
      others_go_on || fail "SEED=$SEED ${COMMAND[*]}, stopped at $call: status $status: $stderr"
      let_go
      [[ $status == 0 ]] || fail "SEED=$SEED ${COMMAND[*]}, stopped at $call, ended with $status: $(<err)"
      run -0 chat-send -i afterwards
      assert_regex "$output" '^[0-9]+$'
      run -0 chat-spool check -q
    done
  done
  tell "stopped at $COUNT system calls: others continued ${SUM[0]:-0} times, and reported the stopped process ${SUM[75]:-0} times"
}
