/* clock.h - the clocks of this machine, and the server's. */

#ifndef POSTGRES_CLOCK_H
#define POSTGRES_CLOCK_H

#include "internal.h"

/* Return milliseconds on a clock that is never set. */
int64_t pg_clock(void);

/* Record that the server's clock shows TIME now. */
void pg_set_time(struct pg_store *s, int64_t time);

/* Return the server's time; this machine's, as long as the server's is unknown. */
int64_t pg_now(const struct store *store);

#endif
