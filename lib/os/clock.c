/* clock.c - the time of day. */

#include "clock.h"

#include <time.h>

int64_t clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
