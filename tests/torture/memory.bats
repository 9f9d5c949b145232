#!/usr/bin/env bats
# Every allocation of every command fails, once and from then on (tests/fault/nomemory.c): the command does its work, or
# reports that there is no memory and exits with 71. Nothing is lost. No crash, no hang. TORTURE=10 and more tries all
# of them.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture

setup() {
  torture_setup
  can_inject
}

# starved WHEN: run $COMMAND with a failing allocation: N, or N+.
starved() {
  rm -f asked
  trial "${WARM[@]}" run main env LD_PRELOAD="$FAULTS/nomemory.so" NOMEMORY="$1" NOMEMORY_OF="${COMMAND[0]}" NOMEMORY_COUNT=asked \
    "${COMMAND[@]}"
  ASKED=0
  [[ ! -e asked ]] || read -r ASKED <asked
}

# reported: the status fits, and an error is printed in one line.
reported() {
  WHY='the status is 71, or as without a fault'
  ((result == WHOLE || result == 71)) || return
  ((result == 71)) || return 0
  WHY='an error is one line about a lack of memory'
  said_in_a_line memory
}

# starve FROM TO STEP [+]: run $COMMAND with each STEP-th failing allocation from FROM to TO; "+": and all that follow it.
starve() {
  local n all=$ASKED
  for ((n = $1; n <= $2; n += $3)); do
    starved "$n${4:-}"
    if ! { kept && reported; }; then show_trial "allocation $n of $all"; fi
  done
}

# all_starve NAME ...: run these commands with a sample of all faults; a tenth of a full dose.
all_starve() {
  local name n faults WARM WHOLE
  for name; do
    rm -rf "$HOME/.local"
    prepare "$name"
    WARM=()
    ((RANDOM % 2)) || WARM=(run warm chat-recv -q -p \;)
    starved 0
    if ! { kept && ((result == 0 || result == 123)); }; then show_trial 'none'; fi
    WHOLE=$result
    faults=()
    for ((n = 1; n <= ASKED; n++)); do faults+=("$n" "$n+"); done
    sample "$(dose 1 $((${#faults[@]} / 10 + 1)))" "${faults[@]}"
    for n in "${SAMPLE[@]}"; do
      starved "$n"
      [[ $ASKED != *! ]] || count hits
      ((result == WHOLE)) || count refused
      if ! { kept && reported; }; then show_trial "allocation $n of $ASKED"; fi
    done
  done
  tell "${SUM[hits]:-0} faults, ${SUM[refused]:-0} of them an error; nothing done ${SUM[before]:-0}, all done ${SUM[after]:-0}"
}

@test "senders that fail at any allocation have sent, or report that they have not" {
  all_starve "${SENDERS[@]}"
}

@test "receivers that fail at any allocation have printed the message, or report that they have not, and lose nothing" {
  all_starve "${RECEIVERS[@]}"
}

@test "receivers with a COMMAND that fail at any allocation lose nothing" {
  all_starve "${WORKERS[@]}"
}

@test "the commands of chat-spool that fail at any allocation lose nothing" {
  all_starve "${VERBS[@]}"
}

@test "the shim reaches the allocations of SQLite" {
  prepare send
  WARM=()
  starved 0
  assert [ "$ASKED" -ge 300 ]
}

# ---------------------------------------------------------------- defects that were found

# Each allocation for the comparison of the schema.
@test "a spool that cannot be examined for lack of memory is not reported as another file" {
  local n all
  prepare list
  COMMAND=(chat-recv -q -r none)
  WARM=()
  starved 0
  all=$ASKED
  for ((n = all / 2; n <= all; n += $(dose 12 1))); do
    starved "$n"
    WHY='the status is 1, or 71'
    ((result == 1 || result == 71)) || show_trial "allocation $n"
  done
}

# SQLite's check of the structure needs memory for each page.
@test "a check that has no memory for a page does not report damage" {
  prepare check
  WARM=()
  starved 0
  assert [ "$ASKED" -ge 300 ]
  starve $((ASKED * 6 / 10)) $((ASKED * 7 / 10)) "$(dose 4 1)"
}

@test "a backup without memory does not report an I/O error" {
  prepare backup
  WARM=()
  starved 0
  starve $((ASKED - 16)) "$ASKED" 1
}

@test "a setting without memory for the old one does not report an I/O error" {
  prepare config
  WARM=(run warm chat-recv -q -p \;)
  starved 0
  assert [ "$ASKED" -ge 300 ]
  starve $((ASKED - 48)) "$ASKED" "$(dose 2 1)"
}

@test "a compact without memory for the list of rooms does not crash" {
  prepare compact
  WARM=()
  starved 0
  assert [ "$ASKED" -ge 50 ]
  starve $((ASKED / 2 + RANDOM % 4)) "$ASKED" "$(dose 16 1)" +
}

# A receiver keeps pointers to its messages and their positions in two arrays, which begin with 8 bytes each.
@test "a receiver that gets only one of two arrays does not use the other" {
  local n
  prepare receive-all
  WARM=()
  export NOMEMORY_SIZE=8
  for n in 1 2; do
    starved "$n"
    if ! { kept && reported && ((result == 71)); }; then show_trial "allocation $n of $ASKED"; fi
  done
}

# under_valgrind COMMAND [ARG ...]: run one of the programs in $FROM.
under_valgrind() {
  valgrind -q --error-exitcode=86 --leak-check=no --log-file=valgrind.log "$FROM/$1" "${@:2}"
}

# Each step takes more than a second.
# bats test_tags=full
@test "valgrind finds nothing on the main paths" {
  full_dose 'valgrind is slow'
  command -v valgrind >/dev/null || skip 'needs valgrind'
  local -a steps=('chat-send -l -k key -m 100' 'chat-recv -- cat')
  [[ ${DOSE:-} != full ]] || steps=('chat-send -l -k key -m 100' 'chat-recv -p -a -v' 'chat-recv -- cat' 'chat-send -d 1h hello'
    'chat-spool dump' 'chat-spool check')
  local step words FROM=$CHAT_BIN
  echo hello >in
  for step in "${steps[@]}"; do
    read -ra words <<<"$step"
    under_valgrind "${words[@]}" <in >out 2>err || fail "$step: status $?: $(cat err valgrind.log)"
    case $step in
      'chat-recv -p'* | *dump) assert grep -q hello out ;;
      *cat) assert_bytes out 'hello' ;;
    esac
  done
  # The control.
  FROM=.
  echo 'int main(int argc, char **argv) { int unset[2]; unset[argc % 2] = 1; return unset[1 - argc % 2] == (long)argv; }' >wrong.c
  gcc -O0 -w -o wrong wrong.c
  run -86 under_valgrind wrong
}
