#!/usr/bin/env bats
# chat-spool wait: until rooms are empty or messages are deleted.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

# waits WORD ...: start chat-spool wait and wait until it sleeps; its process id is in $WAITER.
waits() {
  background chat-spool wait "$@"
  WAITER=$BACKGROUND_PID
  wait_blocked "$WAITER"
}

# ends_with STATUS: it ends with this status.
ends_with() {
  finish "$WAITER"
  assert_equal "$status" "$1"
}

@test "wait ends at once for empty rooms, deleted messages and a missing spool" {
  run -0 chat-spool wait jobs
  run -0 chat-spool wait -i 7
  assert_not_exist "$SPOOL"
  chat-send -r other x
  run -0 chat-spool wait jobs mail
  assert_output ''
  run -0 chat-spool wait -i 7 -i 8
  run -1 chat-spool wait -t 0 jobs other
}

@test "wait ROOM sleeps until the room is empty and its last message is deleted" {
  seq 2 | chat-send -l -r jobs
  waits jobs
  assert_equal "$(chat-recv -r jobs)" 1
  background chat-recv -r jobs -- bash -c 'touch begun; until [[ -e go ]]; do sleep 0.01; done'
  wait_until test -e begun
  assert process_lives "$WAITER"
  touch go
  ends_with 0
}
process_lives() { ! process_ended "$1"; }

@test "wait ROOM ... ends when all of these rooms are empty, whatever else the spool contains" {
  local room
  for room in a b c; do chat-send -r "$room" x; done
  waits a b
  chat-recv -r a >/dev/null
  wait_blocked "$WAITER"
  chat-recv -r b >/dev/null
  ends_with 0
  assert_equal "$(chat-recv -r c)" x
}

@test "wait ROOM exits with 123 if a message entered its dead-letter room during the wait, not for older ones" {
  chat-send -r jobs old
  run -123 chat-recv -r jobs --tries 1 -- false
  run -0 chat-spool wait jobs
  seq 2 | chat-send -l -r jobs
  waits jobs
  run -123 chat-recv -r jobs --tries 1 -- false
  run -0 chat-recv -r jobs
  ends_with 123
  run -0 chat-spool wait jobs
}

@test "wait -i ID ends when the message is deleted, in whatever room it is" {
  local first second
  first=$(chat-send -i -r jobs one)
  second=$(chat-send -i -r jobs two)
  waits -i "$second"
  assert_equal "$(chat-recv -r jobs)" one
  chat-spool move -q -i "$second" later
  wait_blocked "$WAITER"
  assert_equal "$(chat-recv -r later)" two
  ends_with 0
  run -0 chat-spool wait -i "$first" -i "$second"
}

@test "wait -i ID exits with 123 if a receiver has given the message up, even in a room with another name" {
  local dead other
  dead=$(chat-send -i -r jobs one)
  waits -i "$dead"
  run -123 chat-recv -r jobs -- sh -c 'exit 100'
  ends_with 123
  run -123 chat-spool wait -i "$dead"
  other=$(chat-send -i -r jobs two)
  waits -i "$dead" -i "$other"
  run -123 chat-recv -r jobs --tries 1 --dead grave -- false
  ends_with 123
  # The message is tried again, so it is no longer dead.
  chat-spool requeue -q jobs
  waits -i "$dead"
  run -0 chat-recv -r jobs
  ends_with 0
}

@test "wait -t TIME exits with 1 when the time is up" {
  chat-send -r jobs x
  run -1 chat-spool wait -t 0.1 jobs
  assert_output ''
  run -1 chat-spool wait jobs -t 0
  run -1 chat-spool wait -t 0.1 -i 1
  run -0 chat-recv -r jobs
  run -0 chat-spool wait -t 0 jobs
}

@test "wait -s waits in the spool that it names, and a damaged message is not gone" {
  unsound 'stays damaged'
  chat-send -s other.db -r jobs x
  run -0 chat-spool wait -t 0 jobs
  run -1 chat-spool wait -t 0 -s other.db jobs
  run -1 chat-spool wait -t 0 -s other.db -i 1
  sqlite3 other.db "UPDATE message SET body = x'99'"
  run -1 chat-spool wait -t 0 -s other.db -i 1
}

@test "wait does not wait for an expired message" {
  chat-send -r jobs -x 0.01s x
  wait_until has_expired
  run -0 timeout 20 chat-spool wait jobs
}
has_expired() { [[ $(chat-spool list -j jobs) == *'"expired":1,'* ]]; }

@test "a signal ends wait" {
  chat-send -r jobs x
  waits jobs
  kill -TERM "$WAITER"
  ends_with 143
}

@test "wait without rooms and ids, or with both, is refused with 64" {
  local arguments
  for arguments in '' '-i 1 jobs' '-i x' '-i 0' '-t x jobs' 'a/b' '-t 1 -t 2 jobs'; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-spool wait $arguments
    assert_usage chat-spool
  done
  run --separate-stderr chat-spool wait
  assert_equal "${stderr%%$'\n'*}" "chat-spool: a room or '-i ID' is required"
}
