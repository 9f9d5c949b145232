# tests/run itself: a test that hangs ends, and counts as a failure.

load helper

# a_file: create a Bats file from standard input, at $FILE. (Bats would take a line with @test for a test of this file.)
a_file() {
  FILE="$BATS_TEST_TMPDIR/file.bats"
  sed 's/^TEST /@test /' >"$FILE"
}

# runs SECONDS: run tests/run on the file, with a limit of SECONDS for each test.
runs() {
  PIDS="$BATS_TEST_TMPDIR/pids"
  : >"$PIDS"
  export PIDS
  run timeout 100 env LIMIT="$1" "$REPOSITORY/tests/run" "$FILE"
}

# No process that the file has recorded is left.
assert_none_left() {
  local pid
  assert [ -s "$PIDS" ]
  while read -r pid; do
    wait_until process_ended "$pid"
  done <"$PIDS"
}

@test "tests/run counts the tests that end" {
  a_file <<'END'
TEST "one" { true; }
TEST "two" { false; }
TEST "three" { skip 'no reason'; }
TEST "four" { true; }
END
  runs 60
  assert_failure 1
  assert_line --regexp '^ok 1 one'
  assert_line --regexp '^not ok 2 two'
  assert_line '2 passed, 1 failed, 1 skipped'
}

@test "a test that waits for a program that ignores signals ends, and the next test runs" {
  a_file <<'END'
TEST "hangs" { seen=$(setsid bash -c 'trap "" TERM INT HUP ABRT; echo $$ >>"$PIDS"; while :; do sleep 1; done'); }
TEST "next" { true; }
END
  runs 2 # and as long again for the next test
  assert_failure 1
  assert_line --regexp '^not ok 1 hangs'
  assert_line --regexp '^ok 2 next'
  assert_line '# killed: a test took more than 2 s'
  assert_line '1 passed, 1 failed'
  assert_none_left
}

@test "a hang whose program is killed counts as a failure, even if the test then passes" {
  a_file <<'END'
TEST "hangs" { run bash -c 'trap "" TERM INT HUP ABRT; echo $$ >>"$PIDS"; while :; do sleep 1; done'; }
END
  runs 1
  assert_failure 1
  assert_line '# killed: a test took more than 1 s'
  assert_line --regexp ', 1 failed$'
  assert_none_left
}

@test "a hanging test shell ends and counts as a failure, and the next test runs" {
  a_file <<'END'
TEST "hangs" { echo $BASHPID >>"$PIDS"; trap '' TERM INT HUP ABRT; while :; do :; done; }
TEST "next" { true; }
END
  runs 2
  assert_failure 1
  assert_line '# killed: a test took more than 2 s'
  assert_line --regexp '^ok 2 next'
  assert_line '1 passed, 1 failed'
  assert_none_left
}

@test "a file that hangs before its first test ends, and its tests count as failures" {
  a_file <<'END'
setup_file() { echo $BASHPID >>"$PIDS"; trap '' TERM INT HUP ABRT; while :; do :; done; }
TEST "one" { true; }
TEST "two" { true; }
END
  runs 1
  assert_failure 1
  assert_line '# killed: a test took more than 1 s'
  assert_line '0 passed, 2 failed'
  assert_none_left
}

nobody_runs() { ! pgrep -f "tests/run $1"; }

@test "ending a run ends the programs of its tests" {
  a_file <<'END'
TEST "waits" { setsid bash -c 'trap "" TERM INT; echo $$ >>"$PIDS"; while :; do sleep 1; done'; }
END
  PIDS="$BATS_TEST_TMPDIR/pids"
  export PIDS
  background "$REPOSITORY/tests/run" "$FILE" >out
  wait_until test -s "$PIDS"
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_equal "$status" 143
  assert_none_left
  wait_until nobody_runs "$FILE"
}

@test "tests/suite finds a test that passes with programs that do nothing, and no other" {
  a_file <<'END'
load REPOSITORY/tests/helper
TEST "looks for nothing" { chat-send x; }
TEST "looks for silence after an error" { run chat-recv; assert_output ''; }
TEST "looks for the message" { chat-send x; run -0 chat-recv; assert_output x; }
END
  sed -i "s|REPOSITORY|$REPOSITORY|" "$FILE"
  mkdir -p build/fault
  run env CHAT_FAULTS="$PWD/build/fault" "$REPOSITORY/tests/suite" "$FILE"
  assert_failure
  assert_line "passes with programs that exit with 0: ${FILE%.bats}: looks for nothing"
  assert_line "passes with programs that exit with 0: ${FILE%.bats}: looks for silence after an error"
  assert_line "passes with programs that exit with 1: ${FILE%.bats}: looks for silence after an error"
  assert_line '3 tests that cannot fail or are missing'
}
