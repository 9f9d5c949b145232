/* fuzz.c - what the fuzzers share. */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

jmp_buf fuzz_end;
bool fuzz_ends;

void expect(bool expected, const char *what)
{
    if (expected)
        return;
    fprintf(stderr, "expected: %s\n", what);
    abort();
}

/* The linker gives every call of exit() to this one (--wrap). */
_Noreturn void __wrap_exit(int status);
_Noreturn void __real_exit(int status);

_Noreturn void __wrap_exit(int status)
{
    if (!fuzz_ends)
        __real_exit(status);
    fuzz_ends = false;
    longjmp(fuzz_end, 1);
}

const char *fuzz_text(const uint8_t *bytes, size_t size)
{
    static char *text;
    free(text);
    text = malloc(size + 1); /* of just this size: what reads behind it is found */
    expect(text != NULL, "memory");
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}
