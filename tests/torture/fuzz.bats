#!/usr/bin/env bats
# Data from strangers (the values of options, JSON lines, the files of a spool) made by a fuzzer that follows the code
# (libFuzzer): never a crash, never an error of memory, never another message, and what is read, written and read again is the
# same.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

# bats file_tags=full

load torture

setup_file() {
  export FUZZED=$REPOSITORY/build/fuzz
  [[ ${DOSE:-} == full || ${TORTURE:-0} != 0 ]] || return 0
  echo 'int LLVMFuzzerTestOneInput(const char *b, long n) { return n > 3 && b[0] == 7 ? 0 : 0; }' >"$BATS_FILE_TMPDIR/none.c"
  if ! clang -fsanitize=fuzzer,address -o "$BATS_FILE_TMPDIR/none" "$BATS_FILE_TMPDIR/none.c" 2>/dev/null; then
    export FUZZED=
  else
    # Whatever is set for the make that runs the tests is not for this one.
    env -u MAKEFLAGS -u MFLAGS make -s -C "$REPOSITORY" BINDIR=build/fuzz/bin fuzzers
  fi
}

possible() {
  [[ ${DOSE:-} == full || ${TORTURE:-0} != 0 ]] || skip 'compiles all sources with a sanitizer: with DOSE=full, or TORTURE'
  [[ $FUZZED ]] || skip 'needs a clang with libFuzzer'
}

# fuzzed NAME: for 2 s, with a dose for 10 and more.
fuzzed() {
  possible
  ! sanitized || skip 'the fuzzers are a sanitized build of their own'
  run -0 "$REPOSITORY/tests/fuzz/run" "$FUZZED" "$(dose 2 10)" "$1"
  tell "$output"
}

@test "a control: the fuzzer finds an overflow that the first bytes hide" {
  possible
  cat >bad.c <<'C'
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *b, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *b, size_t n) {
    static volatile int a[4];
    if (n > 2 && b[0] == '{' && b[1] == '"') a[b[2]] = 1;
    return 0;
}
C
  clang -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o bad bad.c
  run ./bad -max_total_time=60 -artifact_prefix=./
  assert_not_equal "$status" 0
  assert_output --partial 'out of bounds'
}

@test "no option argument breaks a program: times, durations, numbers, formats, names, escapes" {
  fuzzed options
}

@test "no JSON line breaks a program, and an accepted line can be written and read again" {
  fuzzed json
}

@test "no page breaks the code that reads the pages of a broken spool" {
  fuzzed pages
}

@test "no change of a spool's file or WAL breaks a program, creates another message, or survives a repair" {
  fuzzed spool
}
