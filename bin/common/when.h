/* when.h - times and durations as people write them. */

#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"

/* Return the milliseconds in TEXT, a duration: a number with an optional fraction, and s, m, h or d
 * (default: seconds). The result is rounded up, so it is never shorter than requested. More than
 * 8000 years count as forever and are limited to CHAT_TIME_MAX, so that the sum with any time fits.
 * Any other TEXT is a usage error that names OPTION. */
int64_t when_duration(const char *text, const char *option);

/* Return whether TEXT is such a duration, and store it in *MILLISECONDS. */
bool when_span(const char *text, int64_t *milliseconds);

/* End the program with a usage error, which begins with PREFIX, if TEXT is a number without a unit
 * that may be meant as a date like 20270101 or as a timestamp. */
void when_refuse_ambiguous(const char *text, const char *prefix);

/* Return the time in TEXT in milliseconds since 1970: a duration from now, or an ISO 8601 date and
 * time, local if it names no zone. The result is at least 1, because 0 means no time in the
 * library; times before 1970 are past in any case. A time after CHAT_TIME_MAX is a usage error, and
 * so is a number without a unit that may be meant as a date or a timestamp. */
int64_t when_time(const char *text, const char *option);

/* Like when_time(), but a duration counts back from now. */
int64_t when_past(const char *text, const char *option);

int64_t when_now(void);

/* Use the clock of SPOOL for "now" from now on. */
void when_clock(const chat_spool *spool);

/* Return whether TEXT is an ISO 8601 date and time (local if it names no zone). Stores it in
 * *MILLISECONDS since 1970, negative before. The year may have up to six digits, because older
 * versions have written times after CHAT_TIME_MAX; the caller checks for those. */
bool when_date(const char *text, int64_t *milliseconds);

#endif
