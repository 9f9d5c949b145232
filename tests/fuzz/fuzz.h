/* fuzz.h - functions that the fuzzers share. Each fuzzer defines LLVMFuzzerTestOneInput()
 * (llvm.org/docs/LibFuzzer.html). */

#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* End the fuzzer, which keeps the input, if a condition does not hold. EXPECTED names the
 * condition. */
void expect(bool expected, const char *what);

/* Run a function that may call exit(), as for a usage error. Returns false if it did. Its
 * allocations then stay, as in a program that ends. */
extern jmp_buf fuzz_end;
extern bool fuzz_ends;
#define ENDS_WELL(call)                                                                            \
    (fuzz_ends = setjmp(fuzz_end) == 0, fuzz_ends ? ((call), fuzz_ends = false, true) : false)

/* Return a copy followed by a NUL, valid until the next call. */
const char *fuzz_text(const uint8_t *bytes, size_t size);

#endif
