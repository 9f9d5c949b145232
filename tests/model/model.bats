#!/usr/bin/env bats
# Random histories of sends, receives, commands that succeed, fail and die, kills, moves and changes of the clock,
# compared with a model of a spool (tests/model): after each step the spool must be in a state that the model allows.
# make model runs them for MODEL minutes, with the seeds from SEED on. A failure prints the shortest history that causes
# it. make check runs a few, and replays the histories that were kept.

load ../helper

setup() {
  chat_setup
  "$REPOSITORY/tests/model/run" --help >/dev/null 2>&1 || skip 'no Hypothesis for Python here'
  ! sanitized || skip 'the clock is preloaded, and a sanitizer has to be the first'
  CHAT_FAULTS=${CHAT_FAULTS:-$REPOSITORY/build/fault}
  export CHAT_FAULTS CHAT_MODEL_PROGRAMS=$CHAT_BIN
  [[ ! ${CHAT_TEST_CLUSTER:-} ]] || export CHAT_MODEL_POSTGRES=$POSTGRES
  cd "$REPOSITORY" || return
}

model() { tests/model/run "$@"; }

# wrong PROGRAM: replace this program by standard input from now on. $REAL has the correct programs.
wrong() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir wrong
  export REAL=$CHAT_MODEL_PROGRAMS CHAT_MODEL_PROGRAMS=$BATS_TEST_TMPDIR/wrong
  ln -s "$REAL"/chat-{send,recv,spool} wrong
  rm "wrong/$1"
  { echo '#!/bin/bash' && cat; } | program "wrong/$1"
  cd "$REPOSITORY" || return
}

# caught HISTORY SEED REGEX: the history detects it, and so do random ones with DOSE=full. With this seed they do so soon.
caught() {
  run model --replay "tests/model/histories/$1"
  assert_failure 1
  assert_line --regexp "$3"
  [[ ${DOSE:-} == full ]] || return 0
  run model --minutes 5 --first --seed "$2"
  assert_failure 1
  assert_line --partial 'this history is wrong'
  assert_line --regexp "$3"
}

# bats test_tags=full
@test "random histories agree with the model" {
  if [[ ${MODEL:-} ]]; then
    model --minutes "$MODEL" --seed "${SEED:-1}"
  else
    model --minutes 10 --histories "$(dosed 8 50)" --seed "${SEED:-1}"
  fi
}

@test "histories that once went wrong agree with the model" {
  model --replay tests/model/histories/*
}

# ---------------------------------------------------------------- controls

# bats test_tags=full
@test "the model catches a sender that lets a room hold one message too many" {
  wrong chat-send <<'END'
for word; do
  [[ $before != -m ]] || word=$((word + 1))
  words+=("$word") before=$word
done
exec "$REAL/chat-send" "${words[@]}"
END
  caught a-full-room 11 'chat-send exits with|chat-send prints ids|a message that nobody sent'
}

# bats test_tags=full
@test "the model catches a receiver that loses the first of three messages" {
  wrong chat-recv <<'END'
[[ " $* " != *' -c 3 '* ]] || "$REAL/chat-recv" -r "$2" >/dev/null 2>&1
exec "$REAL/chat-recv" "$@"
END
  caught three-at-once 11 'received|passed by|ended early|exits with|a message is gone'
}

# bats test_tags=full
@test "the model catches a failed attempt that is not counted" {
  wrong chat-recv <<'END'
for word; do
  shift
  words+=("$word")
  [[ $word != -- ]] || break
done
[[ ! $1 ]] || words+=(bash -c '"$@"; status=$?; exit $((status == 1 ? 75 : status))' bash "$@")
exec "$REAL/chat-recv" "${words[@]}"
END
  caught a-failed-attempt 11 'exits with|attempts of message'
}

# bats test_tags=full
@test "the model catches a load that loses the last line" {
  wrong chat-spool <<'END'
[[ $1 != load ]] || exec < <(head -n -1)
exec "$REAL/chat-spool" "$@"
END
  caught a-last-line 18 'a message is gone'
}
