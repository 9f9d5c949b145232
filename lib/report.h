/* report.h - report the faults that a check finds, whatever the store. */

#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

#include "chatspool.h"
#include "error.h"

struct report {
    chat_finding *callback; /* or NULL: only count */
    void *context;
    size_t faults;
};

/* Report a fault and count it; and report how one was repaired. */
void report_fault(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_repair(const struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Return CHAT_OK, or CHAT_DATA if there are faults: then the text says how many the spool PATH has.
 */
enum chat_status report_end(const struct report *report, struct error *error, const char *path);

#endif
