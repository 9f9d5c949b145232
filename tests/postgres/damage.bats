#!/usr/bin/env bats
# Rows that were changed by another program: their checksum and chat-spool check reveal them, and no other message is
# lost.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

# change STATEMENT: run it in the test's database.
change() { node_sql node1 -d "$DATABASE" "$1"; }

@test "a receiver moves a changed message to damaged, reports it, and continues" {
  printf '%s\n' one two three | chat-send -l
  change "UPDATE chat.message SET body = 'twO' WHERE id = (SELECT min(id) + 1 FROM chat.message)"
  run --separate-stderr chat-recv -a
  assert_equal "$status: $output" $'0: one\nthree'
  assert_regex "$stderr" 'damaged'
  run -0 chat-recv -r damaged
  assert_output twO
  run -0 chat-spool check
}

@test "check finds a change of the sender, the host, the key or the room" {
  local what
  for what in "sender = 'x'" "host = 'x'" "key = 'x'" "checksum = checksum + 1"; do
    chat-send -k key message
    change "UPDATE chat.message SET $what"
    run --separate-stderr chat-spool check
    assert_equal "$what: $status" "$what: 65"
    run chat-spool check --repair
    run --separate-stderr -0 chat-recv -r damaged
    assert_output message
    run -0 chat-spool check
  done
}

@test "check finds and corrects changed counters" {
  printf '%s\n' one two three | chat-send -l
  chat-recv >/dev/null
  change "INSERT INTO chat.tally SELECT number, 0, 7, -1 FROM chat.room"
  run --separate-stderr chat-spool check
  assert_equal "$status" 65
  run chat-spool check --repair
  run -0 chat-spool check
  run -0 chat-recv -a
  assert_output $'two\nthree'
}

@test "check beside senders and receivers finds nothing" {
  background bash -c 'for i in {1..60}; do chat-send "$i"; chat-recv >/dev/null; done'
  while ! process_ended "$BACKGROUND_PID"; do
    run -0 chat-spool check
  done
}
