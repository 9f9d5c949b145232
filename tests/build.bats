#!/usr/bin/env bats
# The build: Makefile, bootstrap, sql/embed, and the include rules. It builds in a copy of the repository, and runs only
# with the default programs. The copy contains what make has built in the repository; with DOSE=full it is built from
# the sources, without optimisation.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

ROOT=$(cd "${BATS_TEST_DIRNAME}/.." && pwd)

# has_default_programs: true if the programs under test are those in bin/.
has_default_programs() { [[ $(realpath "${CHAT_BIN:-$ROOT/bin}") == "$ROOT/bin" ]]; }

full() { [[ ${DOSE:-} == full ]]; }

setup_file() {
    local jobs variables=''
    has_default_programs || return 0
    jobs="-j$(getconf _NPROCESSORS_ONLN)"
    # Pass the variables of an outer make to the ones in here, but not its options.
    [[ ${MAKEFLAGS:-} != *' -- '* ]] || variables=${MAKEFLAGS#* -- }
    unset MFLAGS MAKELEVEL MAKEOVERRIDES
    export LC_ALL=C TREE="$BATS_FILE_TMPDIR/tree"
    mkdir "$TREE"
    (cd "$ROOT" && tar --format=posix -cf - --exclude=./.git --exclude=./build .) | tar -xf - -C "$TREE"
    if full; then
        export MAKEFLAGS="$jobs -- CFLAGS=-O0 CPPFLAGS=-Wno-cpp"
        make -s -C "$TREE" clean
    else
        export MAKEFLAGS="$jobs -- $variables"
        mkdir "$TREE/build"
        cp -a "$ROOT"/build/{flags,*.h,*.a,lib,bin,pic,public} "$TREE/build"
    fi
    make -s -C "$TREE"
}

setup() {
    has_default_programs || skip "not about the programs in $CHAT_BIN"
    cd "$TREE" || return
}

# Print the sources that include NAME, without their common directory.
includers() {
    grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]$1[\">]" "${@:2}" || true
}

@test "a second make builds nothing" {
    run make
    assert_success
    assert_output ''
}

# changed FILE: change that file in a copy of the tree, and go there. (The other tests need no new build then.)
changed() {
    cp -a . "$BATS_TEST_TMPDIR/tree"
    cd "$BATS_TEST_TMPDIR/tree" || return
    touch "$1"
}

# bats test_tags=full
@test "make rebuilds only the files that include a changed header" {
    full || skip 'compiles much: with DOSE=full'
    changed lib/digest.h
    run -0 make V=1
    for source in bin/*/*.c lib/{,*/}*.c; do
        if grep -q 'lib/digest\.h' "build/${source%.c}.d"; then
            assert_output --partial " -o build/${source%.c}.o "
        else
            refute_output --partial " -o build/${source%.c}.o "
        fi
    done
    assert_output --partial ' -o bin/chat-send '
    assert_output --partial ' -o bin/chat-recv '
}

@test "make prints one line per built file, the command with V=1, and nothing with -s" {
    touch bin/common/text.c
    run make build/bin/common/text.o
    assert_output 'CC bin/common/text.c'
    touch bin/common/text.c
    run make V=1 build/bin/common/text.o
    assert_output --regexp ' -c -o build/bin/common/text.o bin/common/text.c$'
    refute_output --partial 'CC bin'
    touch bin/common/text.c
    run make -s build/bin/common/text.o
    assert_success
    assert_output ''
}

@test "make leaves JOBS to the tests" {
    # shellcheck disable=SC2016 # make's
    run env -u MAKEFLAGS JOBS=7 make -s --eval='told:; @echo "$$JOBS"' told
    assert_success
    assert_output 7
}

@test "make help names every target" {
    run make help
    assert_success
    while read -r target; do
        case $target in
        # Steps of the others.
        FORCE | help | ready | faults | analyzed | linted | fuzzers | fuzz-programs) ;;
        *) assert_line --regexp "^  ([a-z0-9, -]*, )?$target(,| )" ;;
        esac
    done < <(sed -n 's/^\.PHONY: //p' Makefile mk/*.mk | tr ' ' '\n')
}

@test "make clean and make help run no compiler" {
    mkdir "$BATS_TEST_TMPDIR/nothing"
    printf '#!/bin/sh\necho asked >>%s\n' "$BATS_TEST_TMPDIR/asked" >"$BATS_TEST_TMPDIR/tool"
    chmod +x "$BATS_TEST_TMPDIR/tool"
    for target in clean help; do
        run make "$target" CC="$BATS_TEST_TMPDIR/tool" PKG_CONFIG="$BATS_TEST_TMPDIR/tool" BUILD="$BATS_TEST_TMPDIR/nothing/build" BINDIR="$BATS_TEST_TMPDIR/nothing"
        assert_success
        assert_not_exists "$BATS_TEST_TMPDIR/asked"
    done
    run make -n programs CC="$BATS_TEST_TMPDIR/tool" PKG_CONFIG="$BATS_TEST_TMPDIR/tool" BUILD="$BATS_TEST_TMPDIR/nothing/build" BINDIR="$BATS_TEST_TMPDIR/nothing"
    assert_exists "$BATS_TEST_TMPDIR/asked"
}

# bats test_tags=full
@test "make rebuilds the store after a change of an SQL statement" {
    changed sql/sqlite/schema.sql
    run make V=1 build/lib/sqlite/send.o
    assert_success
    assert_output --partial 'sql/embed'
    assert_output --partial ' -o build/lib/sqlite/send.o '
    full || return 0
    run make V=1 programs
    assert_success
    assert_output --partial ' -o bin/chat-send '
    run make programs
    assert_output ''
}

@test "make rebuilds everything after a change of the flags" {
    local object objects=(build/other/{lib/spool,pic/lib/spool,bin/send/main}.o)
    make -s BUILD=build/other CFLAGS=-O0 CPPFLAGS=-DOTHER "${objects[@]}"
    run make V=1 BUILD=build/other CFLAGS=-O0 "${objects[@]}"
    assert_success
    for object in "${objects[@]}"; do
        assert_output --partial " -o $object "
    done
}

# linked_with NAME=VALUE: link the programs with this setting from the existing objects, and print the libraries that
# chat-send needs.
linked_with() {
    local build=build/${1%=*}
    mkdir "$build"
    cp -a build/{*.h,*.a,lib,bin} "$build"
    make -s "$1" BUILD="$build" "$build/flags"
    touch -d '1 day ago' "$build/flags"
    make -s programs "$1" BUILD="$build" BINDIR="$build/bin"
    ldd "$build/bin/chat-send"
}

@test "SQLITE=shared links the shared library" {
    run linked_with SQLITE=shared
    assert_output --partial libsqlite3
}

@test "a build contains one copy of each program" {
    run bash -c "find bin -type f -executable ! -name '*.so' -printf '%P\\n' | sort"
    assert_output $'chat-recv\nchat-send\nchat-spool\nchat-talk'
}

@test "each program prints the version in the Makefile" {
    run bin/chat-send --version
    assert_success
    assert_output --partial "$(sed -n 's/^VERSION = //p' Makefile)"
}

@test "make uninstall removes what make install has installed" {
    run make install DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/usr
    assert_success
    usr=$BATS_TEST_TMPDIR/usr
    "$usr/bin/chat-send" --version
    "$usr/bin/chat-recv" --version
    for page in man/*.[1-9]; do
        assert_file_exists "$usr/share/man/man${page##*.}/${page##*/}"
    done
    assert_file_exists "$usr/lib/libchatspool.a"
    echo '#include <chatspool.h>' | cc -std=c17 -D_POSIX_C_SOURCE=200809L -pedantic-errors -Werror -fsyntax-only -I "$usr/include" -x c -

    run make uninstall DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/usr
    assert_success
    run find "$BATS_TEST_TMPDIR" ! -type d
    assert_output ''
}

@test "make clean keeps every file that git knows" {
    cp -rl . "$BATS_TEST_TMPDIR/clean"
    cd "$BATS_TEST_TMPDIR/clean"
    make -s clean
    assert_not_exists build
    assert_not_exists bin/chat-send
    assert_not_exists bin/chat-recv
    assert_exists bin/send/main.c
}

@test "sql/embed keeps SQL and drops comments and line ends" {
    mkdir "$BATS_TEST_TMPDIR/sql"
    printf '%s\n' '-- Two tables.' 'CREATE TABLE a (' '    "x" TEXT -- a column' ');' '' 'CREATE TABLE b (y);' \
        >"$BATS_TEST_TMPDIR/sql/schema.sql"
    printf '%s\n' 'SELECT *' "    FROM a WHERE x = '\\'; -- all" >"$BATS_TEST_TMPDIR/rows"
    printf '%s\n' '-- What a reader runs.' '' '-- name: find_it' '@../rows' '' '-- name: begin' '-- Two.' 'BEGIN;' 'SELECT 1;' \
        >"$BATS_TEST_TMPDIR/sql/read.sql"
    sql/embed "$BATS_TEST_TMPDIR/sql" test >"$BATS_TEST_TMPDIR/test_sql.h"
    cat >"$BATS_TEST_TMPDIR/print.c" <<'END'
#include <stdio.h>
#include "test_sql.h"
int main(void)
{
    printf("%d\n%s\n%s\n%s\n", TEST_COUNT, test_text[TEST_FIND_IT], test_text[TEST_BEGIN], test_schema);
    return 0;
}
END
    cc -Wall -Werror -o "$BATS_TEST_TMPDIR/print" "$BATS_TEST_TMPDIR/print.c"
    run "$BATS_TEST_TMPDIR/print"
    assert_line --index 0 2
    assert_line --index 1 "SELECT * FROM a WHERE x = '\\'"
    assert_line --index 2 'BEGIN;'
    assert_line --index 3 'SELECT 1'
    assert_line --index 4 'CREATE TABLE a ( "x" TEXT );'
    assert_line --index 5 'CREATE TABLE b (y)'
}

# plans NAME ...: print the name of each statement, followed by SQLite's plan for the text that the programs contain. (One
# process for all of them.)
plans() {
    {
        echo '.bail on'
        echo 'CREATE TEMP TABLE ids (id INTEGER PRIMARY KEY);'
        sed -nE '/^    \[SQL_.*\] =$/ { s/^    \[SQL_(.*)\] =$/\L\1/; N; s/\n *"(.*)",$/\t\1/; s/\\(["\\])/\1/g; p }' build/sqlite_sql.h |
            awk -F '\t' -v names="$*" '
                BEGIN { split(names, name, " "); for (i in name) wanted[name[i]] }
                $1 in wanted { printf ".print statement %s\nEXPLAIN QUERY PLAN %s;\n", $1, $2 }'
    } | sqlite3 "$BATS_TEST_TMPDIR/plan.db"
}

@test "every statement can be prepared, and no statement scans a table" {
    sqlite3 "$BATS_TEST_TMPDIR/plan.db" <sql/sqlite/schema.sql
    local names
    # Scans are allowed in a file of several statements, in a command that wants every message, and in a look for an id
    # that a person gives.
    mapfile -t names < <(sed -n 's/^-- name: //p' sql/sqlite/*.sql | grep -vxE 'list_ids|list_all|find_id')
    assert [ "${#names[@]}" -gt 50 ]
    run -0 plans "${names[@]}"
    diff <(printf 'statement %s\n' "${names[@]}" | sort) <(printf '%s\n' "${lines[@]}" | grep '^statement ' | sort)
    # The schema table has ten rows at most, and statements may scan their own rows.
    run awk '/^statement / { name = $2 } /SCAN ([^0-9(s]|[0-9]+ [^C]|s[^q]|sqlite_[^s])/ { print name ": " $0 }' <<<"$output"
    assert_output ''
    # A look for an id first tries the most probable place.
    run -0 plans find_id
    assert_line --index 4 --partial 'SEARCH message USING INTEGER PRIMARY KEY'
}

@test "no statement calls an SQL math function, because the programs are built without them" {
    local names
    names=$(sed -nE 's/^NOMATH2?\((.*)\)$/\1/p' bin/common/nomath.c | paste -sd '|')
    [[ $names == *sin* ]]
    run grep -rnwiE "($names|ln|log10|log2|power|pi|ceil|ceiling|floor|mod|degrees|radians) *\(" sql/sqlite lib/sqlite/*.c
    assert_output ''
}

@test "bin/ includes only the library's public header, and no SQLite header" {
    run includers '[^">]*sqlite[^">]*' bin/*/*.[ch]
    assert_output ''
    local header names=none
    for header in lib/{,*/}*.h build/*.h; do
        [[ $header == lib/chatspool.h ]] || names+="|${header##*/}"
    done
    run includers "([^\">]*/)?($names)" bin/*/*.[ch]
    assert_output ''
}

@test "only the SQLite store includes SQLite headers" {
    for file in $(includers 'sqlite3\.h' lib/{,*/}*.[ch]) $(includers 'sqlite_sql\.h' lib/{,*/}*.[ch]); do
        assert_regex "$file" '^lib/sqlite/[a-z_]*\.[ch]$'
    done
}

@test "only json_in.c includes Jansson, and only chat-send and chat-spool link it" {
    run includers 'jansson\.h' bin/*/*.[ch] lib/{,*/}*.[ch]
    assert_output bin/common/json_in.c
    run nm bin/chat-send
    assert_output --partial json_loadb
    run nm bin/chat-recv
    refute_output --partial json_loadb
}

@test "lib/ never prints, never reads the environment, never exits" {
    nm --undefined-only build/libchatspool.a >"$BATS_TEST_TMPDIR/names"
    run -0 grep -c ' U sqlite3_step$' "$BATS_TEST_TMPDIR/names"
    run grep -E ' U ((secure_)?getenv|environ|_exit|_Exit|exit|quick_exit|abort|atexit)$' "$BATS_TEST_TMPDIR/names"
    assert_output ''
    run grep -E ' U (std(in|out|err)|put(s|char)|perror|v?(err|warn)x?|(__)?v?printf(_chk)?|syslog)$' "$BATS_TEST_TMPDIR/names"
    assert_output ''
}

# bats test_tags=full
@test "make analyze fails if gcc, clang-tidy or cppcheck reports something" {
    full || skip 'reads all sources: with DOSE=full'
    local tool wrong=build/analyzed/lib/wrong.c
    printf '%s\n' 'int wrong(void);' 'int wrong(void)' '{' '    int *nowhere = 0;' '    return *nowhere;' '}' >lib/wrong.c
    for tool in "$wrong.gcc" "$wrong.clang" build/analyzed/cppcheck; do
        run make -s "$tool"
        assert_failure
        assert_output --partial lib/wrong.c:5
        assert_not_exists "$tool"
    done
    rm lib/wrong.c
}

# bootstrap_surroundings USER-ID COMMAND ...: create in $stub the commands that bootstrap itself uses, for a user with
# that id, and stand-ins that print how they were called.
bootstrap_surroundings() {
    stub=$BATS_TEST_TMPDIR/stub
    rm -rf "$stub"
    mkdir "$stub"
    for command in sh cat dirname env mktemp rm sed sort tail tr; do
        ln -s "$(command -v "$command")" "$stub"
    done
    printf '#!/bin/sh\necho %d\n' "$1" >"$stub/id"
    for command in "${@:2}"; do
        printf '#!/bin/sh\necho "%s: $*"\necho "%s: $*" >>%s/called\n' "$command" "$command" "$stub" >"$stub/$command"
    done
    find "$stub" -type f -exec chmod +x {} +
}

@test "bootstrap installs nothing if nothing is missing" {
    bootstrap_surroundings 0 apt-get sudo make
    run env PATH="$stub:$PATH" ./bootstrap check CC=gcc
    assert_success
    assert_line --index 0 --regexp '^bootstrap: make check, which takes about .* minutes$'
    assert_line --index 1 --regexp '^make: -j [0-9]+ check CC=gcc$'
    assert_equal "${#lines[@]}" 2
}

@test "bootstrap installs missing packages as root" {
    bootstrap_surroundings 0 apt-get make
    run env PATH="$stub" ./bootstrap demo
    assert_success
    assert_line --index 0 --partial 'bootstrap: installing gcc libc6-dev libedit-dev libjansson-dev libsqlite3-dev libxxhash-dev pkg-config, then make demo, '
    assert_line --regexp '^make: -s -j [0-9]+ demo$'
    refute_output --partial 'valgrind'
    refute_output --partial 'apt-get:'
    assert_equal "$(grep ^apt-get "$stub/called" | sort)" $'apt-get: -q -y --no-install-recommends install gcc libc6-dev libedit-dev libjansson-dev libsqlite3-dev libxxhash-dev pkg-config\napt-get: -q update'
}

@test "bootstrap uses sudo if the user is not root" {
    bootstrap_surroundings 1000 apt-get sudo make
    run env PATH="$stub" ./bootstrap demo
    assert_success
    run cat "$stub/called"
    assert_line 'sudo: apt-get -q update'
    assert_line --partial 'sudo: env DEBIAN_FRONTEND=noninteractive apt-get '
}

@test "bootstrap names the missing packages if it cannot install them" {
    bootstrap_surroundings 0
    run env PATH="$stub" ./bootstrap demo
    assert_failure
    assert_output --partial 'no package manager'
    assert_output --partial 'libsqlite3-dev'

    bootstrap_surroundings 1000 apt-get
    run env PATH="$stub" ./bootstrap demo
    assert_failure
    assert_output --partial 'neither root nor sudo'
    assert_output --partial 'libsqlite3-dev'
    refute_output --partial 'apt-get: '
}

@test "bootstrap shows the package manager's output only if it fails" {
    bootstrap_surroundings 0 apt-get make
    printf '#!/bin/sh\nsed -n 1p <<END\nE: no such package\nEND\nexit 100\n' >"$stub/apt-get"
    run env PATH="$stub" ./bootstrap demo
    assert_failure
    assert_line 'E: no such package'
    assert_line --partial 'bootstrap: cannot install: gcc '
    assert_not_exists "$stub/called"
}

@test "bootstrap --dry-run lists the missing packages and does nothing else" {
    bootstrap_surroundings 0 apt-get make
    run env PATH="$stub" ./bootstrap --dry-run demo
    assert_success
    assert_output $'gcc\nlibc6-dev\nlibedit-dev\nlibjansson-dev\nlibsqlite3-dev\nlibxxhash-dev\npkg-config'
    assert_not_exists "$stub/called"
    run env PATH="$stub:$PATH" ./bootstrap --dry-run demo
    assert_success
    assert_output ''
}

@test "the output of bootstrap demo ends with the next steps and fits on a screen" {
    run ./bootstrap demo
    assert_success
    assert [ "${#lines[@]}" -lt 40 ]
    assert_line --partial "The programs are in $PWD/bin."
    assert_line --partial "export PATH=\"$PWD/bin:\$PATH\""
    assert_line --partial "man \"$PWD/man/chat-send.1\""
    assert_line --index -1 '    make install'
}

@test "bootstrap --install installs the packages of several targets and builds nothing" {
    bootstrap_surroundings 0 apt-get make
    run env PATH="$stub" ./bootstrap --install demo check
    assert_success
    assert_line --index 0 --regexp '^bootstrap: installing .*bats .*gcc .*shellcheck '
    assert_equal "${#lines[@]}" 1
    assert_equal "$(grep -c 'apt-get: .* install .* bats .* gcc ' "$stub/called")" 1
    run grep -cx 'apt-get: -q update' "$stub/called"
    assert_output 1
    run env PATH="$stub:$PATH" ./bootstrap --install demo
    assert_output 'bootstrap: nothing is missing'
}

@test "bootstrap --help describes the script" {
    run ./bootstrap --help
    assert_success
    assert_line --index 0 'usage: ./bootstrap [--dry-run] TARGET [NAME=VALUE ...]'
    run ./bootstrap
    assert_failure 64
    assert_line --index 0 'usage: ./bootstrap [--dry-run] TARGET [NAME=VALUE ...]'
}
