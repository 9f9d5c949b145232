/* suspend.c - a library for LD_PRELOAD: simulate that this machine, and no other, was suspended for
 * the number of seconds in the file $SUSPENDED. The monotonic clock stood still during that time,
 * so it is behind the wall clock by that much. With $SUSPENDED_VM the clock that includes a suspend
 * stood still, too: that is a virtual machine that its host has stopped, and whose wall clock was
 * set since. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long suspended(void)
{
    long seconds = 0;
    const char *name = getenv("SUSPENDED");
    FILE *file = name != NULL ? fopen(name, "r") : NULL;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &seconds) != 1)
        seconds = 0;
    fclose(file);
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (clock == CLOCK_MONOTONIC || (clock == CLOCK_BOOTTIME && getenv("SUSPENDED_VM") != NULL))
        time->tv_sec -= suspended();
    return status;
}
