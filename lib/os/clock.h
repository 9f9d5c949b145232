/* clock.h - the time of day. */

#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Return milliseconds since 1970, by this machine's clock. */
int64_t clock_now(void);

#endif
