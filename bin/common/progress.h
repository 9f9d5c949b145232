/* progress.h - a line for people who wait for something long. */

#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Begin; nothing is shown unless ENABLED, standard error is a terminal, and it takes over a second.
 */
void progress_start(bool enabled);

/* So many messages were read, or are sent. */
void progress_read(int64_t messages);
void progress_sent(int64_t messages);

/* So much of TOTAL, as a percentage; WHAT is done with it. */
void progress_part(int64_t done, int64_t total, const char *what);

/* Take the line away. */
void progress_end(void);

#endif
