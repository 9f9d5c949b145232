#!/usr/bin/env bats
# Expired messages: who deletes them, and who sees them until then.

load helper

# expired [ROOM]: print how many expired messages chat-spool list counts there.
expired() { chat-spool list -j | jq -r --arg room "${1:-main}" 'select(.room == $room) | .expired'; }

# stored: print how many messages there are, expired or not.
stored() { chat-spool dump | jq -n '[inputs | select(has("body"))] | length'; }

@test "a receive deletes the expired messages that it passes" {
  chat-send -x 2001-01-01 expired
  chat-send first
  run -0 chat-recv
  assert_output first
  assert_equal "$(stored)" 0
  chat-send -x 2001-01-01 expired
  chat-send second
  run chat-recv --tries 5 --backoff 1h -- false
  assert_equal "$(stored)" 1
}

@test "a receive that finds only expired messages deletes them" {
  chat-send -x 2001-01-01 expired
  run chat-recv
  assert_failure 1
  assert_equal "$(stored)" 0
}

@test "one receive deletes a bounded number of expired messages; the next ones delete the rest" {
  local n left=3000 after
  seq 3000 | chat-send -l -x 2001-01-01
  seq 5 | chat-send -l
  for n in 1 2 3 4; do
    run -0 chat-recv
    assert_output "$n"
    after=$(expired)
    ((left == 0 || after < left)) || fail "none of $left was deleted"
    left=$after
    ((n > 1 || left > 0)) || fail 'all of them were deleted at once'
  done
  assert_equal "$left" 0
}

@test "show, dump, delete and move see the expired messages that list counts" {
  local left
  seq 3000 | chat-send -l -x 2001-01-01
  seq 2 | chat-send -l
  run -0 chat-recv
  assert_output 1
  left=$(expired)
  ((left > 0)) || fail 'all of them were deleted at once'
  assert_equal "$(chat-spool show -j | wc -l)" $((left + 1))
  assert_equal "$(chat-spool dump | grep -c '"body"')" $((left + 1))
  run -0 chat-spool move main other
  assert_equal "$(expired other)" "$left"
  run -0 chat-recv -r other
  assert_output 2
  left=$(expired other)
  ((left > 0)) || fail 'all of them were deleted at once'
  run -0 chat-spool delete -q -y other
  run -0 chat-spool list
  assert_output ''
}

@test "an expired message that a receiver has claimed stays until the receiver releases it" {
  chat-send claimed
  background chat-recv -q --tries 1 -- bash -c 'touch started; until [[ -e go ]]; do sleep 0.01; done; exit 9'
  wait_until test -e started
  sqlite3 "$SPOOL" 'UPDATE message SET expires = 1; UPDATE room SET next_expiry = 1 WHERE number > 0'
  run -0 chat-spool compact -q
  run chat-recv
  assert_failure 1
  run chat-recv -w -t 0.1
  assert_failure 1
  run chat-send -m 1 full
  assert_failure 75
  touch go
  finish "$BACKGROUND_PID"
  run -0 chat-recv -r main.dead
  assert_output claimed
}

@test "a sender that waits for space wakes when a claimed, expired message is released" {
  chat-send claimed
  background chat-recv -q --tries 2 --backoff 1h -- bash -c 'touch started; until [[ -e go ]]; do sleep 0.01; done; exit 9'
  wait_until test -e started
  sqlite3 "$SPOOL" 'UPDATE message SET expires = 1; UPDATE room SET next_expiry = 1 WHERE number > 0'
  background chat-send -m 1 -w sent
  wait_blocked "$BACKGROUND_PID"
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  run -0 chat-recv
  assert_output sent
}

# ---------------------------------------------------------------- more than one portion

@test "a receiver gets a very large number of due messages in order" {
  seq 2500 | chat-send -l -d 0.3
  wait_until chat-recv -q -p >first
  chat-recv -a | cmp - <(seq 2500)
}

@test "compact deletes a very large number of expired messages" {
  seq 2500 | chat-send -l -x 2001-01-01
  assert_equal "$(stored)" 2500
  chat-spool compact -q
  assert_equal "$(stored)" 0
  run -0 chat-spool check
}

@test "a very large number of expired messages leaves space for a limited sender" {
  seq 2500 | chat-send -l -x 2001-01-01
  chat-send -m 1 new
  run -0 chat-recv -a
  assert_output new
}

@test "a waiting receiver deletes a very large number of expired messages" {
  seq 2500 | chat-send -l -x 2001-01-01
  background chat-recv -w
  wait_blocked "$BACKGROUND_PID"
  assert_equal "$(stored)" 0
}

is_oldest() { [[ $(chat-recv -q -p) == "$1" ]]; }

@test "an expired message does not hide a message that returns from its back-off" {
  chat-send -x 2001-01-01 expired
  chat-send first
  run -123 chat-recv --backoff 0.5 -- false
  printf '%s\n' second third | chat-send -l
  full_pipe out
  background bash -c 'exec chat-recv -F >out'
  wait_stuck "$BACKGROUND_PID"
  wait_until is_oldest first
  timeout 20 grep -a -o -m 3 -E 'first|second|third' <out >seen
  assert_equal "$(sort seen | xargs)" 'first second third'
  kill "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_empty_room
}

@test "a claimed message that another program has deleted is subtracted from the counters once" {
  printf '%s\n' a bb ccc | chat-send -l
  full_pipe out
  background bash -c 'exec chat-recv -a >out'
  wait_stuck "$BACKGROUND_PID"
  sqlite3 "$SPOOL" "DELETE FROM message WHERE position & 0xffffffffff = 2; UPDATE room SET depth = depth - 1, bytes = bytes - 2 WHERE name = 'main'"
  timeout 20 head -c $((65536 + 9)) <out | tr -d '\0' >seen
  assert_bytes seen 'a\nbb\nccc\n'
  finish "$BACKGROUND_PID"
  run -0 chat-spool check
}
