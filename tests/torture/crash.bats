#!/usr/bin/env bats
# Every command is killed before every one of its system calls; and one of the commands that come after it, and clean up
# after it, is killed, too. Then every acknowledged message is there or was delivered.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture

setup() {
  torture_setup
  can_inject
}

# The commands that find the remains of a killed one. None of them changes its messages.
RECOVERY=('chat-send -r meanwhile x' 'chat-recv -q -r meanwhile' 'chat-recv -q -p -a' 'chat-spool check -q' 'chat-spool list')

# killed N: kill $COMMAND before its N-th system call; then kill one of the other commands anywhere; a third of these
# end normally.
killed() {
  local words
  read -ra words <<<"${RECOVERY[RANDOM % ${#RECOVERY[@]}]}"
  trial "${WARM[@]}" kill "$1" main "${COMMAND[@]}" \; kill $((25 + RANDOM % 130)) recovery "${words[@]}"
  ((result != 137)) || count killed
  ((STATUS[recovery] != 137)) || count recovery
  kept || show_trial "killed before call $1, ${words[*]} killed after it${WARM:+, the index was there}"
}

# killed_everywhere NAME SAMPLE: kill the command of that name before each of its system calls, TORTURE times; or before
# a sample of them. With the index of the WAL as another command has left it, and without.
killed_everywhere() {
  local warm round n total loader WARM
  prepare "$1"
  for warm in '' 'run warm chat-recv -q -p ;'; do
    read -ra WARM <<<"$warm"
    trial "${WARM[@]}" count main "${COMMAND[@]}"
    read -r total loader <<<"$CALLS"
    for ((round = 0; round < $(dose 1 1); round++)); do
      # shellcheck disable=SC2046  # numbers
      sample "$((${TORTURE:-0} ? total : $2))" $(seq $((loader + 1)) "$total")
      for n in "${SAMPLE[@]}"; do killed "$n"; done
    done
  done
  ((${SUM[killed]:-0} > 0)) || fail "no kill of $1 hit"
}

# Run all commands of a list, and report the results.
all_killed() {
  local name
  for name; do
    rm -rf "$HOME/.local"
    killed_everywhere "$name" 1
  done
  tell "${SUM[killed]:-0} kills, ${SUM[recovery]:-0} of a command that came after; nothing done yet ${SUM[before]:-0}," \
    "all done ${SUM[after]:-0}, a message twice ${SUM[doubled]:-0}"
}

@test "senders killed before any system call, and the commands after them, have sent or not, and harm no other process" {
  all_killed "${SENDERS[@]}"
}

@test "receivers killed before any system call, and the commands after them, have printed the message or not, and lose nothing" {
  all_killed "${RECEIVERS[@]}"
}

@test "receivers with a COMMAND killed before any system call, and the commands after them, lose nothing" {
  all_killed "${WORKERS[@]}"
}

@test "the commands of chat-spool killed before any system call, and the commands after them, lose nothing" {
  all_killed "${VERBS[@]}"
}

# bats test_tags=full
@test "a command about an open room that is killed before any system call, and a later one, leave each reader its messages" {
  RECOVERY+=('chat-recv -q -r tea/zoe' 'chat-spool readers tea')
  sample "$(dose 2 4 "${#OPENED[@]}")" "${OPENED[@]}"
  all_killed "${SAMPLE[@]}"
}

# The control: the injection finds a receiver that deletes first, and one that deletes a message whose output is
# incomplete.
@test "a control: a receiver that deletes before it prints loses messages when it is killed" {
  prepare receive
  cat >naive <<'NAIVE'
message=$(sqlite3 "$HOME/.local/state/chat/spool.db" '
  DELETE FROM message WHERE position & 0xffffffffff = 1 RETURNING body; UPDATE room SET depth = depth - 1, bytes = bytes - 3 WHERE name = '"'main'"'')
echo "$message"
NAIVE
  COMMAND=(sh naive)
  local n lost=0
  renew_spool
  run -0 ask 'SELECT id FROM message WHERE id = 1'
  assert_output 1
  for n in {40..88..3}; do
    renew_spool
    trial kill "$n" main "${COMMAND[@]}"
    kept || lost=$((lost + 1))
  done
  assert [ "$lost" -ge 1 ]
}

@test "a control: a reader that moves on before it prints loses messages when it is killed" {
  prepare reader-take
  cat >naive <<'NAIVE'
message=$(sqlite3 "$HOME/.local/state/chat/spool.db" "
  UPDATE room SET seen = 1 WHERE name = 'tea/bob' RETURNING (SELECT CAST(body AS TEXT) FROM message ORDER BY position LIMIT 1)")
echo "$message"
NAIVE
  COMMAND=(sh naive)
  local n lost=0
  renew_spool
  trial run main "${COMMAND[@]}"
  kept || fail "$WHY"
  for n in {40..88..6}; do
    trial kill "$n" main "${COMMAND[@]}"
    kept || lost=$((lost + 1))
  done
  assert [ "$lost" -ge 1 ]
}
