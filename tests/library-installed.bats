#!/usr/bin/env bats
# The library as other programs get it: the files that make install installs, the exported names, the functions it
# calls, and chatspool(3) with its example.

# shellcheck disable=SC2016,SC2030,SC2031

load helper

setup_file() {
  # Only the variables of an outer make reach the one in here, so that it has nothing to compile. It works on a copy,
  # because other tests use the programs at the same time.
  unset MFLAGS MAKELEVEL MAKEOVERRIDES
  case ${MAKEFLAGS:-} in
  *'-- '*) MAKEFLAGS="-- ${MAKEFLAGS#*-- }" ;;
  *) unset MAKEFLAGS ;;
  esac
  export ROOT=$BATS_FILE_TMPDIR/root TREE=$BATS_FILE_TMPDIR/tree
  about_these_programs || return 0
  mkdir "$TREE"
  tar -C "$REPOSITORY" -cf - --exclude=./.git . | tar -C "$TREE" -xf -
  make -s -C "$TREE" install PREFIX="$ROOT"
}

about_these_programs() {
  [[ $(realpath "${CHAT_BIN:-$REPOSITORY/bin}") == "$REPOSITORY/bin" ]]
}

setup() {
  about_these_programs || skip "not about the programs in $CHAT_BIN"
  chat_setup
  export PKG_CONFIG_PATH=$ROOT/lib/pkgconfig
  HEADER=$ROOT/include/chatspool.h
}

# Print the names of the functions that the header declares.
declared() {
  cc -E -P "$HEADER" | tr '\n' ' ' | tr ';' '\n' | grep -v typedef | grep -oE '\bchat_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

# Print the names that a program can link with, for a shared and a static library.
visible() {
  nm "$@" --defined-only --extern-only | awk '$2 == "T" || $2 == "D" || $2 == "B" || $2 == "R" { sub(/@.*/, "", $3); print $3 }' | sort
}

@test "the shared library exports what chatspool.h declares, and nothing else" {
  run declared
  assert_line chat_open
  run diff <(declared) <(visible -D "$ROOT/lib/libchatspool.so")
  assert_output ''
}

@test "the static library exports what chatspool.h declares, and nothing else" {
  run diff <(declared) <(visible "$ROOT/lib/libchatspool.a")
  assert_output ''
}

@test "a program may have functions with the names of the static library's internal functions" {
  visible "$TREE/build/libchatspool.a" | grep -v '^chat_' | sed 's/.*/char &;/' >names.c
  run -0 cat names.c
  assert_line 'char lock_write;'
  echo '#include <chatspool.h>
    int main(void) { chat_spool *spool; return chat_open("s.db", &spool); }' >main.c
  # shellcheck disable=SC2046
  cc -static -o program main.c names.c $(pkg-config --cflags --libs --static chatspool)
  run ./program
  assert_success
}

@test "the shared library has its soname, and needs only SQLite and libc" {
  run readelf -d "$ROOT/lib/libchatspool.so"
  assert_line --partial 'Library soname: [libchatspool.so.1]'
  run sed -n 's/.*Shared library: \[\(.*\)\.so.*/\1/p' <<<"$output"
  refute_line --regexp '^(libchatspool|libjansson|libxxhash)$'
  assert_line libsqlite3
  assert_equal "${#lines[@]}" 2
}

@test "the library calls no function that prints, ends the process or reads the environment" {
  local library
  for library in "$ROOT/lib/libchatspool.a" "-D $ROOT/lib/libchatspool.so"; do
    # shellcheck disable=SC2086
    run -0 nm --undefined-only $library
    assert_line --regexp ' U sqlite3_step'
    run awk '{ sub(/@.*/, "", $2); print $2 }' <<<"$output"
    refute_line --regexp '^((secure_)?getenv|environ|_?_?exit|_Exit|quick_exit|abort|atexit)$'
    refute_line --regexp '^(std(in|out|err)|f?put(s|c|char)|fwrite|perror|v?(err|warn)x?|(__)?v?f?printf(_chk)?|(v|__)?syslog(_chk)?)$'
  done
}

# The variables that outlive a call, and why they cannot be in a handle:
#   connections    the process's connections to spools, because SQLite records locks per process (sqlite/database.c)
#   process        descriptors of the process that wait to be closed, because closing drops its locks (sqlite/wal_index.c)
#   read_failed, disk_full    the error of the last system call, for the caller (sqlite/vfs.c)
#   vfs            the layer that SQLite keeps registered for the life of the process (sqlite/vfs.c)
#   version        the text of chat_store_version(), the same each time (sqlite/admin.c)
@test "the library keeps no global state except the listed variables" {
  run bash -c 'objdump -t "$ROOT/lib/libchatspool.a" | awk "\$0 ~ / O / && \$0 ~ / \.(data|bss)(\.[a-z_]+)?\t/ && \$0 !~ /\.data\.rel\.ro/ { print \$NF }" |
    sed "s/\.[0-9]*$//; s/.*\.//" | sort'
  assert_output 'connections
disk_full
process
read_failed
unclosed
version
vfs
vfs'
}

@test "pkg-config names the library, and what a static program needs in addition" {
  run -0 pkg-config --libs chatspool
  assert_output --regexp "^-L$ROOT/lib -lchatspool *$"
  run -0 pkg-config --cflags chatspool
  assert_output --regexp "^-I$ROOT/include *$"
  run -0 pkg-config --libs --static chatspool
  assert_output --partial ' -lsqlite3 '
  run -0 pkg-config --modversion chatspool
  assert_output "$(sed -n 's/^VERSION = //p' "$REPOSITORY/Makefile")"
}

# example COMPILE ...: the program in chatspool(3), built with this command, prints the output on the page.
example() {
  "$BATS_TEST_DIRNAME/examples" list "$REPOSITORY/man/chatspool.3" >blocks
  awk '/^block / { on = $2 == "c"; next } on { print substr($0, 3) }' blocks >letters.c
  awk '/^block / { on = $2 != "c"; next } on { print substr($0, 3) }' blocks >expected
  rm -f letters.db*
  "$@" -std=c17 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -pedantic-errors -Werror -o letters letters.c
  run diff expected <(LD_LIBRARY_PATH=$ROOT/lib ./letters)
  assert_success
  assert_output ''
  run -0 chat-recv -s letters.db -r letters
  assert_output 'Dear Carol'
}

# Compile with the output of pkg-config after the sources.
# shellcheck disable=SC2046  # several arguments
with_shared() { cc "$@" $(pkg-config --cflags --libs chatspool); }
# shellcheck disable=SC2046
with_static() { cc -static "$@" $(pkg-config --cflags --libs --static chatspool); }

@test "the example in chatspool(3) works with the shared library as the page says" {
  example with_shared
  run env LD_LIBRARY_PATH="$ROOT/lib" ldd letters
  assert_line --partial "libchatspool.so.1 => $ROOT/lib/libchatspool.so.1"
}

@test "the example in chatspool(3) works with the static library as the page says" {
  example with_static
  run readelf -d letters
  refute_output --partial NEEDED
}

# Print the prototypes in the synopsis, as the compiler would read them.
synopsis() {
  awk '
    function unquoted(text) { gsub(/"/, "", text); return text }
    /^\.Sh DESCRIPTION/ { exit }
    /^\.Ft / { type = unquoted(substr($0, 5)) }
    /^\.Fn / { n = split($0, part, /"/); split(part[1], word, " ")
               list = n == 1 ? word[3] : ""
               for (i = 2; i <= n; i += 2) list = list (list == "" ? "" : ", ") part[i]
               print type, word[2] "(" list ");" }
    /^\.Fo / { name = $2; list = "" }
    /^\.Fa / { list = list (list == "" ? "" : ", ") unquoted(substr($0, 5)) }
    /^\.Fc/  { print type, name "(" list ");" }
  ' "$REPOSITORY/man/chatspool.3"
}

@test "chatspool(3) declares every function as chatspool.h does" {
  { echo '#include <chatspool.h>' && synopsis; } >synopsis.c
  run cc -std=c17 -D_POSIX_C_SOURCE=200809L -Werror -fsyntax-only -I "$ROOT/include" synopsis.c
  assert_success
  run diff <(declared) <(synopsis | grep -oE '\bchat_[a-z0-9_]+\(' | tr -d '(' | sort)
  assert_output ''
}

@test "chatspool(3) names every status of chatspool.h" {
  run diff <(sed -n '/^enum chat_status/,/^}/s/^ *\(CHAT_[A-Z]*\).*/\1/p' "$HEADER") \
    <(sed -n '/^\.Sh RETURN VALUES/,/^\.Sh EXAMPLES/s/^\.It Dv //p' "$REPOSITORY/man/chatspool.3")
  assert_output ''
}

@test "the version in the header is the version of the library" {
  cat >main.c <<'END'
#include <chatspool.h>
#include <stdio.h>
#if !CHAT_CHECK_VERSION(0, 2, 0) || CHAT_CHECK_VERSION(1000, 0, 0)
#error CHAT_CHECK_VERSION
#endif
int main(void)
{
    printf("%d.%d.%d\n%s\n", CHAT_VERSION_MAJOR, CHAT_VERSION_MINOR, CHAT_VERSION_PATCH, chat_version());
    return 0;
}
END
  # shellcheck disable=SC2046
  cc -o program main.c $(pkg-config --cflags --libs chatspool) -Wl,-rpath,"$ROOT/lib"
  run -0 ./program
  assert_equal "${lines[0]}" "${lines[1]}"
}

@test "the header compiles as C++ and ISO C, or names the macro to define" {
  echo '#include <chatspool.h>' >header.c
  run -0 cc -std=c17 -pedantic-errors -Werror -D_POSIX_C_SOURCE=200809L -fsyntax-only -I"${HEADER%/*}" header.c
  run ! cc -std=c17 -pedantic -fsyntax-only -I"${HEADER%/*}" header.c
  assert_output --partial 'define _POSIX_C_SOURCE as 200809L'
  if command -v c++ >/dev/null; then
    run -0 c++ -pedantic-errors -Werror -fsyntax-only -I"${HEADER%/*}" -x c++ header.c
  fi
}

@test "chatspool(3) describes every function of chatspool.h and its return values" {
  local name
  for name in $(declared); do
    echo "# $name"
    run -0 grep -cE "^\.(Fn $name( |\$)|It .*Fn $name( |\$))" <(sed -n '/^\.Sh DESCRIPTION/,/^\.Sh EXAMPLES/p' "$REPOSITORY/man/chatspool.3")
  done
  # Return values other than a status are described in RETURN VALUES.
  for name in $(cc -E -P "$HEADER" | tr '\n' ' ' | tr ';' '\n' | grep -vE 'typedef|^ *(enum chat_status|void) ' | grep -oE '\bchat_[a-z0-9_]+\(' | tr -d '(' | sort -u); do
    echo "# $name"
    run -0 grep -E "^\.It .*Fn $name( |\$)" "$REPOSITORY/man/chatspool.3"
  done
}
