#!/usr/bin/env bats
# A process that changes a spool, or copies its WAL into it, holds the write lock: SQLite before 3.51.3 loses commits
# when a checkpoint and a writer race (sqlite.org/wal.html, "the WAL-reset bug"). The tests look at the system calls of
# each command, and use large messages so that nearly every commit has a checkpoint, TORTURE times.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load torture

# by_turns COMMAND [ARG ...]: run it (its input is the file "in"), and look at all of its processes. Their actions are
# added to $TURNS, $WRITES, $CHECKPOINTS; forbidden ones are in $WHY.
by_turns() {
  local trace turns writes checkpoints bad=0
  rm -f trace.*
  status=0
  strace -ff -qq -s 0 -y -o trace "$@" <in >out 2>err || status=$?
  WHY=
  for trace in trace.*; do
    "$BATS_TEST_DIRNAME/../fault/turns" "$trace" "$SPOOL" "$HOME/.local/copy/spool.db" >found || bad=1
    read -r turns writes checkpoints < <(tail -n 1 found)
    WHY+=$(sed '$d' found)
    TURNS=$((TURNS + turns)) WRITES=$((WRITES + writes)) CHECKPOINTS=$((CHECKPOINTS + checkpoints))
  done
  return "$bad"
}

# bats test_tags=full
@test "no command changes the spool or its WAL, or empties the WAL, without the write lock" {
  needs_strace
  local kind TURNS=0 WRITES=0 CHECKPOINTS=0
  for kind in "${SENDERS[@]}" "${RECEIVERS[@]}" "${WORKERS[@]}" "${VERBS[@]}"; do
    rm -rf "$HOME/.local"
    prepare "$kind"
    by_turns "${COMMAND[@]}" || fail "${COMMAND[*]}: $WHY"
    if ((status != 0)); then
      [[ $kind == run-failing && $status == 123 || $kind == run-dead && $status == 123 || $kind == repair ]] ||
        fail "${COMMAND[*]}: status $status: $(<err)"
    fi
  done
  # Commands that fill the WAL again and again.
  seq "$(dosed 9000 24000)" >in
  for COMMAND in 'chat-send -l' 'chat-send -l -1' 'chat-recv -c 1500' 'chat-spool move main other' 'chat-recv -a -r other' \
    'chat-spool compact' 'chat-spool check --repair'; do
    read -ra words <<<"$COMMAND"
    by_turns "${words[@]}" || fail "$COMMAND: $WHY"
    ((status == 0)) || fail "$COMMAND: status $status: $(<err)"
  done
  tell "$TURNS turns, with $WRITES writes and $CHECKPOINTS checkpoints"
  ((TURNS >= 40 && WRITES >= 200 && CHECKPOINTS >= 4))
}

# The control.
@test "a control: the check finds a program that does not take the write lock" {
  needs_strace
  unsound 'it changes a counter'
  local TURNS=0 WRITES=0 CHECKPOINTS=0
  chat-send hello
  run ! by_turns sqlite3 "$SPOOL" 'UPDATE room SET depth = depth + 1; PRAGMA wal_checkpoint'
  by_turns sqlite3 "$SPOOL" 'UPDATE room SET depth = depth + 1; PRAGMA wal_checkpoint' || true
  assert_regex "$WHY" "a change: pwrite64\([0-9]+<$SPOOL-wal>"
  assert_regex "$WHY" "a checkpoint: fcntl\([0-9]+<$SPOOL-shm>"
  assert_regex "$WHY" "a change: pwrite64\([0-9]+<$SPOOL>"
  assert_regex "$WHY" "a lock on all of the spool: fcntl\([0-9]+<$SPOOL>"
}

# ---------------------------------------------------------------- large messages

# Print how many lines the message I has: up to two megabytes.
lines_of() { echo $(($1 * 7919 % 40000 + 1)); }

# large NAME COUNT: send messages with many lines "NAME I".
large() {
  local i
  for ((i = 1; i <= $2; i++)); do
    yes "$1 $i" | head -n "$(lines_of "$i")" | chat-send || exit
  done
}

# taker NAME [OPTION ...]: receive, and store for each message its first line, the number of its lines, and whether all
# were alike; until all messages were received.
taker() {
  until [[ -e 'done' ]]; do
    chat-recv -q -t 0.2 "${@:2}" -- awk 'NR == 1 { first = $0 } $0 != first { bad = 1 } END { print first, NR, bad + 0 }' >>"seen/$1"
    (($? < 2)) || exit 2
  done
}

# A reader is in the way of a checkpoint.
reader() {
  until [[ -e 'done' ]]; do
    sqlite3 "$SPOOL" 'BEGIN; SELECT count(*) FROM message; SELECT sum(length(body)) FROM message; COMMIT' >/dev/null || exit
    chat-spool list >/dev/null || exit
  done
}

@test "frequent checkpoints with large messages and readers in their way lose nothing" {
  local name pids=() others=() count
  count=$(dose 12 150)
  WAIT_LIMIT=$((60 + 4 * count))
  mkdir seen
  export SPOOL
  export -f large lines_of taker reader
  chat-send -r other hello
  for name in a b c d; do
    background "$BASH" -c '"$@"' "$name" large "$name" "$count" 2>"errors-$name"
    pids+=("$BACKGROUND_PID")
  done
  background "$BASH" -c 'taker one' 2>errors-one
  others+=("$BACKGROUND_PID")
  background "$BASH" -c 'taker all -a' 2>errors-all
  others+=("$BACKGROUND_PID")
  background "$BASH" -c reader 2>errors-reader
  others+=("$BACKGROUND_PID")
  for name in "${pids[@]}"; do
    finish "$name"
    assert_equal "sender: $status $(cat errors-?)" 'sender: 0 '
  done
  wait_until all_taken $((4 * count))
  touch 'done'
  for name in "${others[@]}"; do
    finish "$name"
    assert_equal "other: $status $(cat errors-*)" 'other: 0 '
  done
  for name in a b c d; do
    seq "$count" | while read -r i; do echo "$name $i $(lines_of "$i") 0"; done
  done | sort >expected
  run diff expected <(sort seen/*)
  assert_output ''
  assert_empty_room
  run -0 chat-spool check -q
}

all_taken() { (($(cat seen/* 2>/dev/null | wc -l) >= $1)); }
