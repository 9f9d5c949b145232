/* clock.c - the clocks of this machine, and the server's. */

#include "clock.h"

#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t pg_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void pg_set_time(struct pg_store *s, int64_t time)
{
    int64_t running = read_clock(CLOCK_BOOTTIME);
    s->ahead = time - running;
    s->stepped = read_clock(CLOCK_REALTIME) - running;
}

/* Return the time by the clock that continues while this machine is suspended. If only the time of
 * this machine has jumped, it is a virtual machine that was suspended with all its clocks, and its
 * time was set since: add the jump. */
int64_t pg_now(const struct store *store)
{
    enum { STEP = 1000 };
    const struct pg_store *s = (const struct pg_store *)store;
    int64_t time = read_clock(CLOCK_REALTIME), running = read_clock(CLOCK_BOOTTIME);
    if (s->ahead == 0)
        return time;
    int64_t step = time - running - s->stepped;
    return running + s->ahead + (step > STEP ? step : 0);
}
