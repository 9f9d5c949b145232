/* when.h - times and durations as people write them. */

#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"

/* The milliseconds in TEXT, a duration: a number with an optional fraction, and s, m, h or d (by
 * default seconds). Rounded up, so never shorter than requested; one over 8000 years counts as
 * forever and is cut to CHAT_TIME_MAX, so that the sum with any time of day fits. Any other TEXT
 * is a usage error that names OPTION. */
int64_t when_duration(const char *text, const char *option);

/* The time that TEXT means, in milliseconds since 1970: a duration from now, or a date and time
 * of ISO 8601, local if it names no zone. At least 1, as 0 does not count as a time in the
 * library: times before 1970 are past in any case. A time after CHAT_TIME_MAX is a usage error,
 * and so is a number without a unit that may be meant as a date or a timestamp. */
int64_t when_time(const char *text, const char *option);

/* As when_time, where a duration is from TEXT until now. */
int64_t when_past(const char *text, const char *option);

int64_t when_now(void);

/* From now on, "now" is what the clock of SPOOL shows. */
void when_clock(const chat_spool *spool);

/* Whether TEXT is a date and time of ISO 8601 (local where it names no zone): then in *MILLISECONDS
 * since 1970, below 0 before it. The year may have up to six digits, as older versions have written
 * a time after CHAT_TIME_MAX; the caller checks for that. */
bool when_date(const char *text, int64_t *milliseconds);

#endif
