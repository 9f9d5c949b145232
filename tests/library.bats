#!/usr/bin/env bats
# The library, where the commands do not go: a handle that lives on after an error.

# shellcheck disable=SC2030,SC2031,SC2154

load helper

setup_file() {
  # The library of the build under test, or the one of the plain build.
  local build=$CHAT_BIN/../build
  [[ -e $CHAT_BIN/../libchatspool.a ]] && build=$CHAT_BIN/..
  [[ -e $build/libchatspool.a ]] || skip 'no library beside the programs'
  export PROGRAM=$BATS_FILE_TMPDIR/rollback
  local -a flags=(-lsqlite3)
  if nm "$CHAT_BIN/chat-send" | grep -q __asan_init; then flags+=(-fsanitize='address,undefined'); fi
  cc -std=c17 -D_GNU_SOURCE -I"$REPOSITORY/lib" -o "$PROGRAM" "$REPOSITORY/tests/fault/rollback.c" "$build/libchatspool.a" "${flags[@]}"
}

@test "what was rolled back is not written over what others committed" {
  local count
  # shellcheck disable=SC2016
  export SEND='for i in 1 2 3 4 5 6 7 8 9 10; do chat-send -s "$SPOOL" "acked $i" || exit; done' SPOOL=$PWD/s.db
  for count in 1 540 548 556 560 566 572 580 600 620; do
    rm -f s.db*
    run "$PROGRAM" s.db $count
    assert_success
    assert_output "$(for i in {1..10}; do echo "acked $i"; done
      echo 'settle while sending: refused'
      for i in {1..10}; do echo "acked $i"; done)"
    run -0 chat-recv -a -s s.db
    assert_output "$(for i in {1..10}; do echo "acked $i"; done)"
  done
}
