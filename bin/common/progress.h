/* progress.h - a line for people who wait for a long operation. */

#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Begin. Nothing is shown unless ENABLED, standard error is a terminal, and the operation takes
 * over a second. */
void progress_start(bool enabled);

/* Show how many messages were read or sent. */
void progress_read(int64_t messages);
void progress_sent(int64_t messages);

/* Show DONE as a percentage of TOTAL; WHAT names the operation. */
void progress_part(int64_t done, int64_t total, const char *what);

/* Erase the line. */
void progress_end(void);

#endif
