/* slow.c - a library for LD_PRELOAD: each sync takes $SLOW milliseconds longer or, if $SLOW is
 * negative, no time at all.
 *
 * A sync sleeps, so the syncs of several processes run at the same time, which a real disk may not
 * allow. */

#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int fsync(int fd);
int fdatasync(int fd);

static int call(const char *name, int fd)
{
    const char *slow = getenv("SLOW");
    long milliseconds = slow != NULL ? atol(slow) : 0;
    if (milliseconds < 0)
        return 0;
    struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    while (nanosleep(&left, &left) < 0)
        ;
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd)
{
    return call("fsync", fd);
}

int fdatasync(int fd)
{
    return call("fdatasync", fd);
}
