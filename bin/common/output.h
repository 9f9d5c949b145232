/* output.h - writing, so that it is known whether it arrived. */

#ifndef OUTPUT_H
#define OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct output {
    int fd;
    bool terminal;         /* only a person reads it */
    bool file;             /* a regular file: written is not yet on disk */
    int failed;            /* the errno of what went wrong first, or 0 */
    uint64_t put, written; /* bytes */
    struct text pending;
};

void output_open(struct output *out, int fd);

/* Write, now or at the next flush. The flush reports errors. */
void output_put(struct output *out, const void *bytes, size_t size);
void output_put_string(struct output *out, const char *string);

/* Hand over all that was put: written whole, and on disk where it goes to a regular file.
 * False: failed says why. */
bool output_flush(struct output *out);

/* Once true (set by a signal handler), a write that blocks is given up with EINTR. */
extern volatile sig_atomic_t output_stop;

#endif
