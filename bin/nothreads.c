/* nothreads.c - no threads and no plug-ins.
 *
 * SQLite's archive wants mutexes, threads and dlopen(), which a process that has called
 * chat_alone() has no use for. (dlsym() is the real one, for lib/module.c.) Each is a symbol of
 * libc that ld.so would look up at every start: 12 thousand instructions for all. So the linker
 * finds these instead. They are hidden: what libc loads by itself, to look up a user, needs the
 * real ones. */

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#pragma GCC visibility push(hidden)

#define NO_ATTRIBUTES(name)                                                                        \
    int name(pthread_mutexattr_t *attributes)                                                      \
    {                                                                                              \
        (void)attributes;                                                                          \
        return 0;                                                                                  \
    }

#define NO_MUTEX(name)                                                                             \
    int name(pthread_mutex_t *mutex)                                                               \
    {                                                                                              \
        (void)mutex;                                                                               \
        return 0;                                                                                  \
    }

NO_ATTRIBUTES(pthread_mutexattr_init)
NO_ATTRIBUTES(pthread_mutexattr_destroy)
NO_MUTEX(pthread_mutex_lock)
NO_MUTEX(pthread_mutex_trylock)
NO_MUTEX(pthread_mutex_unlock)
NO_MUTEX(pthread_mutex_destroy)

int pthread_mutexattr_settype(pthread_mutexattr_t *attributes, int type)
{
    (void)attributes, (void)type;
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    (void)mutex, (void)attributes;
    return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    (void)thread, (void)attributes, (void)start, (void)argument;
    abort();
}

int pthread_join(pthread_t thread, void **result)
{
    (void)thread, (void)result;
    abort();
}

void *dlopen(const char *file, int mode)
{
    (void)file, (void)mode;
    abort();
}

int dlclose(void *handle)
{
    (void)handle;
    abort();
}

char *dlerror(void)
{
    abort();
}

#pragma GCC visibility pop
