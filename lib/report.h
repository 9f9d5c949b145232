/* report.h - what a check finds in a spool, whatever the store. */

#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

#include "chatspool.h"
#include "error.h"

struct findings {
    chat_finding *told; /* or NULL: only count */
    void *context;
    size_t faults;
};

/* Tell of a fault, and count it; and of what was done about one. */
void findings_add(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void findings_tell(const struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* CHAT_OK, or CHAT_DATA where there are faults, with how many the spool PATH has. */
enum chat_status findings_end(const struct findings *findings, struct error *error,
                              const char *path);

#endif
