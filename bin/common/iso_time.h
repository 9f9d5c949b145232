/* iso_time.h - a time as ISO 8601 has it. */

#ifndef ISO_TIME_H
#define ISO_TIME_H

#include <stdint.h>
#include <time.h>

#include "output.h"

/* The seconds of TIME, rounded down also before 1970, and the milliseconds behind them. */
time_t split_time(int64_t time, int *milliseconds);

/* Write TIME as ISO 8601 has it: 2026-11-22T13:40:07.123Z. The other one stores that in TEXT and
 * returns it. */
enum { FORMAT_TIME = 64 };
void format_time(int64_t time, struct output *out);
const char *format_time_text(int64_t time, char text[FORMAT_TIME]);

#endif
