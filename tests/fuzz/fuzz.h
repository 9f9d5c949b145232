/* fuzz.h - what the fuzzers share. Each has a LLVMFuzzerTestOneInput() of its own
 * (llvm.org/docs/LibFuzzer.html). */

#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* End the fuzzer, which keeps the input, if what was EXPECTED does not hold. */
void expect(bool expected, const char *what);

/* Run a function that may call exit(), as a usage error does: false if it did. Its allocations
 * then stay, as they do in a program that ends. */
extern jmp_buf fuzz_end;
extern bool fuzz_ends;
#define ENDS_WELL(call)                                                                            \
    (fuzz_ends = setjmp(fuzz_end) == 0, fuzz_ends ? ((call), fuzz_ends = false, true) : false)

/* A copy with a NUL behind it, good until the next call. */
const char *fuzz_text(const uint8_t *bytes, size_t size);

#endif
