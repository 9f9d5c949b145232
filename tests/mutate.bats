# tests/mutate/run and tests/mutate/reach themselves, on a small tree: which mutations they make, which tests they ask, and how
# they report them.

# shellcheck disable=SC2016,SC2154

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
    --sanitized '' --prepare : --build 'mkdir -p bin && cc -O2 -Wno-all -o bin/limit lib/limit.c' "$@"
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

@test "two statements change places only if one of them uses what the other changes, or calls a function" {
  printf '%s\n' 'void f(struct list *l)' '{' '    l->size = 1;' '    l->used = 2;' '    n = l->used;' '    g(l);' '}' >tree/lib/list.c
  run -0 mutate --only list.c --list
  refute_line 'lib/list.c:3: swapped order'
  assert_line 'lib/list.c:4: swapped order'
  assert_line 'lib/list.c:5: swapped order'
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
  run -0 mutate --only '^lib/' --at lib/limit.c:10 lib/limit.c:9
  refute_line 'survived  lib/limit.c:10: dropped call'
  assert_line --regexp ' 1 are explained$'
}

@test "a mutation that survives is tried again with sanitizers, in the features that .ci/run tests with them" {
  run -0 mutate --only '^lib/' --mutants 1000 --seed 7 --sanitized second --sanitized-build : \
    --sanitized-test "grep -q fflush lib/limit.c || { echo 'not ok 1 {} overflows'; false; }"
  assert_line 'killed    lib/limit.c:10: dropped call (by sanitizers, second: second overflows)'
  run sed -n "s/^SANITIZED = \"\(.*\)\"/    features='\1'/p" "$REPOSITORY/tests/mutate/run"
  assert_regex "$output" 'library'
  run -0 grep -xF -- "$output" "$REPOSITORY/.ci/run"
}

@test "the same seed chooses the same mutations" {
  run -0 mutate --only '^lib/' --mutants 1 --seed 11
  local before=$output
  run -0 mutate --only '^lib/' --mutants 1 --seed 11
  assert_equal "$output" "$before"
}

@test "a mutation is tested only by the tests that reach its line, the quick ones first" {
  local tests='["first", "quick", 9, true], ["first", "slow", 5000, true], ["second", "elsewhere", 1, true]'
  printf '{"tests": [%s], "lines": {"lib/limit.c": {"6": [0, 1], "9": [0, 1, 2], "10": [1, 0]}}}' "$tests" >reached
  # "slow" notices that nothing is flushed.
  printf '%s\n' 'echo "$1 $NAMES" >>asked' 'case $NAMES in *slow*) grep -q "^ *fflush" lib/limit.c || { echo "not ok 1 slow"; false; } ;; esac' >features
  run -0 mutate --only '^lib/' --at lib/limit.c:10 --reached reached
  assert_line 'killed    lib/limit.c:10: dropped call (by first: slow)'
  # The failed test is asked again, alone.
  run -0 cat work/tree/asked
  assert_output $'first ^(quick)$\nfirst ^(slow)$\nfirst ^(slow)$'
  run -0 mutate --only '^lib/' --at lib/limit.c:10 --reached reached --most 0.001
  assert_line 'survived  lib/limit.c:10: dropped call (5 s of tests were not asked)'
}

@test "which tests reach which lines is recorded by the programs, even if they are killed" {
  needs objdump addr2line nm
  mkdir -p tree/tests tree/bin
  sed -i 's/puts("small < 3");/puts("small < 3"), abort();/' tree/lib/limit.c
  printf '%s\n' 'programs:' $'\tmkdir -p $(BINDIR)' $'\tcc -std=c17 $(CFLAGS) -fPIE -pie -o $(BINDIR)/limit lib/limit.c $(LDFLAGS)' \
    'faults:' $'\tmkdir -p build/fault' >tree/Makefile
  cp "$REPOSITORY/tests/run" tree/tests
  printf '@test "%s" { ! "$CHAT_BIN/limit" %s; }\n' 'it is small' 2 'it is not' 3 >tree/tests/first.bats
  run -0 "$REPOSITORY/tests/mutate/reach" --tree tree --work work --targets programs --others faults first
  assert_output --regexp '^2 tests reach ([3-9]) of \1 lines at which a block begins$'
  run -0 python3 -c 'import json; r = json.load(open("work/reached")); print([t[1] for t in r["tests"]], r["lines"]["lib/limit.c"])'
  assert_output --partial "['it is small', 'it is not'] {"
  assert_output --partial "'7': [0, 1]"
  assert_output --partial "'9': [0],"
  assert_output --partial "'10': [1]"
}

@test "the map names a feature for each source file, and only features and files that exist" {
  cd "$REPOSITORY"
  run -0 python3 - <<'END'
import fnmatch, glob, os
rows = [line.rstrip("\n").split("\t") for line in open("tests/mutate/map") if line[0] != "#"]
files = [f for kind in ("bin/*/*.c", "lib/*.c", "lib/os/*.c", "lib/sqlite/*.c", "sql/sqlite/*.sql") for f in glob.glob(kind)]
patterns = [pattern for pattern, _ in rows if pattern != "*"]
print(*(f"no pattern for {f}" for f in sorted(files) if not any(fnmatch.fnmatch(f, p) for p in patterns)), sep="\n")
print(*(f"no file for {p}" for p in patterns if not fnmatch.filter(files, p)), sep="\n")
print(*(f"no feature {f}" for _, features in rows for f in features.split() if not os.path.exists(f"tests/{f}.bats")), sep="\n")
END
  assert_output ''
}
