/* nosync.c - a library for LD_PRELOAD: the calls whose names are in $NOSYNC do nothing and report
 * success. The control of power.bats: with it acknowledged messages must be lost. */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int fsync(int fd);
int fdatasync(int fd);

static int call(const char *name, int fd)
{
    const char *disabled = getenv("NOSYNC");
    const char *found = disabled != NULL ? strstr(disabled, name) : NULL;
    if (found != NULL)
        return 0;
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
