# tests/mutate/run itself, on a small tree: which mutations it makes, and how it reports them.

# shellcheck disable=SC2154

load helper

setup() {
  chat_setup
  needs python3
  mkdir -p tree/lib tree/sql tree/tests/mutate
  cat >tree/lib/limit.c <<'END'
/* if (a < b) in a comment, and "a < b" in a text, stay. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0;
    if (n < 3)
        puts("small < 3");
    fflush(stdout);
    return 0;
}
END
  printf '%s\n' '-- WHERE in a comment' 'SELECT a FROM b WHERE a > 1 AND c IS NULL ORDER BY a DESC' >tree/sql/list.sql
  printf 'limit.c\tfirst\n*\tfirst second broken\n' >tree/tests/mutate/map
  # "first" tests 2 and 3; "second" always passes, and "broken" always fails.
  cat >features <<'END'
case $1 in
first) [ "$(bin/limit 2)" = 'small < 3' ] && [ -z "$(bin/limit 3)" ] || { echo 'not ok 1 the limit is 3'; false; } ;;
broken) echo 'not ok 1 never'; false ;;
esac
END
}

mutate() {
  "$REPOSITORY/tests/mutate/run" --tree tree --work work --programs bin/limit --test "sh $PWD/features {}" \
    --build 'mkdir -p bin && cc -O2 -Wno-all -o bin/limit lib/limit.c' "$@"
}

@test "mutations are one-line mistakes in C and in SQL, and none in comments or texts" {
  run -0 mutate --list
  assert_line 'lib/limit.c:8: relation'
  assert_line '    + if (n <= 3)'
  assert_line 'lib/limit.c:8: skipped check'
  assert_line 'lib/limit.c:10: dropped call'
  assert_line 'sql/list.sql:2: condition'
  assert_line --partial 'SELECT a FROM b WHERE 1 AND c IS NULL ORDER BY a DESC'
  assert_line --partial 'SELECT a FROM b WHERE a > 1  ORDER BY a DESC'
  assert_line --partial 'SELECT a FROM b WHERE a > 1 AND c IS NULL '
  refute_line --partial '+ /*'
  refute_line --partial 'small <= 3'
  refute_line --regexp 'sql/list.sql:1:'
}

@test "a mutation that a test notices is killed by that test, and an unnoticed one survives and is shown" {
  run -0 mutate --only '^lib/' --mutants 1000 --seed 7
  assert_line 'killed    lib/limit.c:8: relation (by first: the limit is 3)'
  assert_line 'survived  lib/limit.c:10: dropped call'
  assert_line '    - fflush(stdout);'
  assert_line 'left out, as it fails without a mutation: broken: never'
  assert_line --regexp '^[1-9][0-9]* of [1-9][0-9]* killed, [0-9.]+ %; [0-9]+ survived; seed 7$'
  # The copy is unchanged again; the tree was never touched.
  cmp work/tree/lib/limit.c tree/lib/limit.c
  grep -q 'n < 3' tree/lib/limit.c
}

@test "a mutation that is explained as equivalent is not counted" {
  printf 'lib/limit.c\tfflush(stdout);\t;\tthe exit does it\n' >tree/tests/mutate/equivalent
  run -0 mutate --only '^lib/' --mutants 1000 --seed 7
  refute_line 'survived  lib/limit.c:10: dropped call'
  assert_line --regexp ' 1 are explained$'
}

@test "the same seed chooses the same mutations" {
  run -0 mutate --only '^lib/' --mutants 3 --seed 11
  local before=$output
  run -0 mutate --only '^lib/' --mutants 3 --seed 11
  assert_equal "$output" "$before"
}
