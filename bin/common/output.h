/* output.h - writing in a way that shows whether the output arrived. */

#ifndef OUTPUT_H
#define OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct output {
    int fd;
    bool terminal;         /* a terminal: only a person reads it */
    bool file;             /* a regular file: written does not mean on disk */
    int failed;            /* errno of the first error, or 0 */
    uint64_t put, written; /* bytes */
    struct text pending;
};

void output_open(struct output *out, int fd);

/* Write now or at the next flush, which reports errors. */
void output_put(struct output *out, const void *bytes, size_t size);
void output_put_string(struct output *out, const char *string);

/* Write everything completely, and sync a regular file. Returns false on an error, which is in
 * "failed". */
bool output_flush(struct output *out);

/* Once true (set by a signal handler), a blocked write fails with EINTR. */
extern volatile sig_atomic_t output_stop;

#endif
