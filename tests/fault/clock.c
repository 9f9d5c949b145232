/* clock.c - a library for LD_PRELOAD: the wall clock shows the time in the file $CHAT_CLOCK, an
 * int64_t in milliseconds since 1970, and stands still until the file is written again. The
 * monotonic clock is the real one, so timeouts pass normally. For tests/model. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shown;

/* Map the file before main(), so that the system calls of a program are the same in every run. */
__attribute__((constructor)) static void clock_open(void)
{
    const char *path = getenv("CHAT_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *shown, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        shown = map;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int is_wall_clock(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int (*call)(clockid_t, struct timespec *);
    if (shown == NULL || !is_wall_clock(id)) {
        *(void **)&call = real("clock_gettime");
        return call(id, time);
    }
    int64_t now = *shown;
    *time = (struct timespec){ .tv_sec = now / 1000, .tv_nsec = (long)(now % 1000) * 1000000 };
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL)
        *result = now.tv_sec;
    return now.tv_sec;
}

/* Set a timer for a point in time: as far from the kernel's time as it is from the time shown. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    int (*call)(int, int, const struct itimerspec *, struct itimerspec *);
    int (*kernel)(clockid_t, struct timespec *);
    *(void **)&call = real("timerfd_settime");
    *(void **)&kernel = real("clock_gettime");
    struct itimerspec moved = *new;
    struct timespec now;
    enum { WALL = 1000000000 }; /* seconds: no monotonic clock has reached this */
    if (shown != NULL && (flags & TFD_TIMER_ABSTIME) != 0 && moved.it_value.tv_sec > WALL) {
        kernel(CLOCK_REALTIME, &now);
        moved.it_value.tv_sec += now.tv_sec - *shown / 1000;
    }
    return call(fd, flags, &moved, old);
}
