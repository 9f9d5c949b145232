#!/usr/bin/env bats
# The hardening by the compiler and the linker, as found in the programs: the list of the Open Source Security
# Foundation's guide for compilers. The control is a program without any of it.

# shellcheck disable=SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  command -v readelf >/dev/null || skip 'needs binutils'
  PROGRAMS=("$CHAT_BIN"/chat-{send,recv,spool})
  LIBRARY=$(compgen -G "$CHAT_BIN/../build/public/libchatspool.so.*.*") || LIBRARY=
}

# The checks for a FILE; all of them fail for an unprotected one.

relocated_anywhere() { readelf -hW "$1" | grep -q 'Type: *DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE'; }

relocations_read_only() { readelf -lW "$1" | grep -q GNU_RELRO && readelf -dW "$1" | grep -qE '\((FLAGS|FLAGS_1)\).*NOW'; }

no_text_relocations() { readelf -hW "$1" >/dev/null 2>&1 && ! readelf -dW "$1" | grep -q TEXTREL; }

stack_not_executable() { readelf -lW "$1" | grep GNU_STACK | grep -q ' RW '; }

nothing_writable_and_executable() { readelf -lW "$1" | grep LOAD | grep -q ' R E ' && ! readelf -lW "$1" | grep LOAD | grep -q ' RWE '; }

no_path_to_libraries() { readelf -hW "$1" >/dev/null 2>&1 && ! readelf -dW "$1" | grep -qE '\((RPATH|RUNPATH)\)'; }

# Look in one of our functions, because SQLite's archive has its own protection.
code_of() { objdump -d --no-show-raw-insn --disassemble="$2" "$1" | grep -E '^ +[0-9a-f]+:'; }

stack_protected() { code_of "$1" error_system | grep -q 'call.*__stack_chk_fail'; }

fortified() { code_of "$1" error_system | grep -q 'call.*__v\?snprintf_chk'; }

branches_protected() { code_of "$1" error_system | head -n 1 | grep -q endbr64; }

# holds CHECK FILE ...
holds() {
  local file
  for file in "${@:2}"; do
    "$1" "$file" || fail "not so: $1 $file"
  done
}

needs_code() {
  nm "${PROGRAMS[0]}" 2>&1 | grep -q ' error_system$' || skip 'the programs are stripped'
}

@test "the programs and the library are position-independent" {
  holds relocated_anywhere "${PROGRAMS[@]}"
  holds no_text_relocations "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
}

@test "the tables that the loader fills in are read-only when a program starts" {
  holds relocations_read_only "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
}

@test "no memory is both writable and executable, and neither is the stack" {
  holds stack_not_executable "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
  holds nothing_writable_and_executable "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
}

@test "libraries are loaded from the system's directories only" {
  holds no_path_to_libraries "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
}

@test "functions protect their stack, and calls of libc check their sizes" {
  needs_code
  sanitized && skip 'a sanitizer does both in its own way'
  holds stack_protected "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
  ldd "$CHAT_BIN/chat-spool" | grep -q libc.so.6 || skip 'this libc has no checks of sizes'
  holds fortified "${PROGRAMS[@]}" ${LIBRARY:+"$LIBRARY"}
}

@test "indirect branches have landing pads on processors that support them" {
  needs_code
  [[ $(uname -m) == x86_64 ]] || skip 'not this processor'
  holds branches_protected "${PROGRAMS[@]}"
}

@test "the checks find a program without these protections" {
  local check missed=()
  [[ $(uname -m) == x86_64 ]] || skip 'not this processor'
  cat >bare.c <<'END_OF_C'
#include <stdio.h>
int error_system(char *to, const char *text);
int error_system(char *to, const char *text) { char line[80]; return sprintf(line, "%s", text) + sprintf(to, "%s", line); }
__attribute__((section(".both,\"awx\",@progbits#"))) int both = 1;
static const char *const texts[] = { "a", "b" };
int main(int argc, char **argv) { char to[80]; return error_system(to, texts[argc > 1]) + argv[0][0] + both; }
END_OF_C
  gcc -no-pie -fno-pie -U_FORTIFY_SOURCE -fno-stack-protector -fcf-protection=none -Wl,-z,norelro,-z,lazy,-z,execstack \
    -Wl,-rpath,/nowhere -o bare bare.c 2>/dev/null
  gcc -shared -fno-pic -mcmodel=large -Wl,-z,notext -o text.so bare.c 2>/dev/null
  for check in relocated_anywhere relocations_read_only stack_not_executable nothing_writable_and_executable \
    no_path_to_libraries stack_protected fortified branches_protected; do
    if "$check" bare; then missed+=("$check"); fi
  done
  if no_text_relocations text.so; then missed+=(no_text_relocations); fi
  assert_equal "${missed[*]}" ''
}
