/* fuzz.c - functions that the fuzzers share. */

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

/* The linker redirects every call of exit() to this function (--wrap). */
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
    text = malloc(size + 1); /* exactly this size, so that reading beyond it is detected */
    expect(text != NULL, "memory");
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}
