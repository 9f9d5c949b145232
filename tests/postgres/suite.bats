#!/usr/bin/env bats
# The list of the tests that do not run on a cluster says the truth.

load fault

@test "each line of the list of skipped tests matches a test, and has a reason" {
  local file pattern reason
  while IFS=$'\t' read -r file pattern reason; do
    [[ $file && $file != \#* ]] || continue
    assert_file_exist "$REPOSITORY/tests/$file.bats"
    run -0 grep -cE -- "$pattern" <(sed -n 's/^@test "\(.*\)" .*/\1/p' "$REPOSITORY/tests/$file.bats")
    assert [ -n "$reason" ]
  done <"$FAULT_DIRECTORY/skipped"
}
