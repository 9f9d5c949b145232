#!/usr/bin/env bats
# Every command that makes work for a sleeping process is killed before each of its system calls. If there is work then,
# the process is awake.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture

setup() {
  torture_setup
  can_inject
}

# sleeper KIND ROOM: start a process that sleeps there, its process id in $SLEEPER: a receiver that waits for a message,
# or a sender that waits for the only space in the room.
sleeper() {
  case $1 in
    receiver) background chat-recv -w -q -r "$2" ;;
    sender) background chat-send -m 1 -w -r "$2" filler ;;
    default) background chat-recv -w -q ;;
  esac >/dev/null
  SLEEPER=$BACKGROUND_PID
  wait_blocked "$SLEEPER"
}

# work KIND ROOM: true if there is work for the process.
work() {
  case $1 in
    receiver) chat-recv -q -p -r "$2" ;;
    sender) ! chat-spool list -1 | grep -xF "$2" ;;
    default) [[ $(chat-spool config default-room) == b ]] ;;
  esac >/dev/null
}

awake() { process_ended "$SLEEPER" || ! work "$@"; }

# prepare_for NAME: create a spool for the command of that name, and store the command in $COMMAND, and the sleeping
# process in $KIND and $ROOM.
prepare_for() {
  rm -rf "$HOME/.local"
  : >in
  chat-send -r a one
  KIND=sender ROOM=a
  case $1 in
    receive) COMMAND=(chat-recv -r a) ;;
    run) COMMAND=(chat-recv -r a -- true) ;;
    dead-letter) COMMAND=(chat-recv -r a --dead b -- sh -c 'exit 100') ;;
    dead-letter-came) KIND=receiver ROOM=b COMMAND=(chat-recv -r a --dead b -- sh -c 'exit 100') ;;
    damaged) damage_one && COMMAND=(chat-recv -r a) ;;
    damaged-came) KIND=receiver ROOM=damaged && damage_one && COMMAND=(chat-recv -r a) ;;
    move) COMMAND=(chat-spool move a b) ;;
    move-came) KIND=receiver ROOM=b COMMAND=(chat-spool move a b) ;;
    delete) COMMAND=(chat-spool delete -y a) ;;
    send) KIND=receiver ROOM=b COMMAND=(chat-send -r b two) ;;
    load) # the room of the sleeper is not the last
      KIND=receiver ROOM=b COMMAND=(chat-spool load)
      printf '{"room":"%s","body":"x"}\n' b c d >in
      ;;
    send-many) # more rooms than are woken one by one
      KIND=receiver ROOM=room-7 COMMAND=(chat-send -1 -J)
      seq 80 | sed 's/.*/{"room":"room-&","body":"x"}/' >in
      ;;
    default-room) chat-send -r b two && KIND=default ROOM=b COMMAND=(chat-spool config default-room b) ;;
  esac
}

damage_one() { sqlite3 "$SPOOL" "UPDATE message SET body = x'41'"; }

# woken_by NAME: kill the command of that name before each call, or before a sample of the last ones.
woken_by() {
  local n total loader
  prepare_for "$1"
  read -r _ _ total loader < <("$FAULTS/trial" count main "${COMMAND[@]}")
  # shellcheck disable=SC2046  # numbers
  sample "$(dose 2 "$total")" $(seq $((${TORTURE:-0} ? loader + 1 : total - 16)) "$total")
  for n in "${SAMPLE[@]}"; do
    prepare_for "$1"
    sleeper "$KIND" "$ROOM"
    "$FAULTS/trial" kill "$n" main "${COMMAND[@]}" >statuses
    wait_until awake "$KIND" "$ROOM" || fail "asleep with work to do: '${COMMAND[*]}' was killed before call $n"
    ! process_ended "$SLEEPER" || count woken
    kill -KILL "$SLEEPER" 2>/dev/null || true
    wait "$SLEEPER" 2>/dev/null || true
  done
}

@test "a sender that waits for space wakes, whenever a command that frees space is killed" {
  local name
  for name in receive run dead-letter damaged move delete; do woken_by "$name"; done
  tell "${SUM[woken]:-0} kills left work"
}

@test "a receiver that waits for a message wakes, whenever a command that adds the message is killed" {
  local name
  for name in send load send-many dead-letter-came damaged-came move-came default-room; do woken_by "$name"; done
  tell "${SUM[woken]:-0} kills left work"
}

# The control.
@test "a control: a commit without a wake-up wakes no sender that waits for space" {
  prepare_for receive
  sleeper "$KIND" "$ROOM"
  sqlite3 "$SPOOL" "DELETE FROM message; UPDATE room SET depth = 0, bytes = 0 WHERE name = 'a'"
  WAIT_LIMIT=2 run wait_until awake "$KIND" "$ROOM"
  assert_failure
}
