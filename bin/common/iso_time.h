/* iso_time.h - times in ISO 8601. */

#ifndef ISO_TIME_H
#define ISO_TIME_H

#include <stdint.h>
#include <time.h>

#include "output.h"

/* Split TIME into seconds, rounded down even before 1970, and milliseconds. */
time_t split_time(int64_t time, int *milliseconds);

/* Write TIME in ISO 8601: 2026-11-22T13:40:07.123Z. The second function stores the text in TEXT and
 * returns it. */
enum { FORMAT_TIME = 64 };
void format_time(int64_t time, struct output *out);
const char *format_time_text(int64_t time, char text[FORMAT_TIME]);

#endif
