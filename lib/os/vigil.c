/* vigil.c - sleep until one of several things happens. */

/* Where a long has 32 bits, the checked ppoll() of glibc before 2.37 passes a 64-bit time to
 * the function for 32-bit times, and never waits (bits/poll2.h). So this file uses the
 * unchecked one. */
#undef _FORTIFY_SOURCE

#include "vigil.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

static bool add(struct vigil *vigil, struct pollfd fd)
{
    if (vigil->count == vigil->size) {
        size_t size = 2 * vigil->size + 8;
        struct pollfd *fds = realloc(vigil->fds, size * sizeof *fds);
        if (fds == NULL)
            return false;
        vigil->fds = fds;
        vigil->size = size;
    }
    vigil->fds[vigil->count++] = fd;
    return true;
}

bool vigil_add(struct vigil *vigil, int fd)
{
    return add(vigil, (struct pollfd){ .fd = fd, .events = POLLIN });
}

void vigil_wake_at(struct vigil *vigil, int64_t time)
{
    if (time > 0 && (vigil->until == 0 || time < vigil->until))
        vigil->until = time;
}

/* Create a timer that becomes ready at the time of VIGIL; with CLOCK_REALTIME, also when that clock
 * is set or the machine wakes up. Returns a descriptor, or -1 with errno. */
static int open_timer(const struct vigil *vigil)
{
    const struct itimerspec time = {
        .it_value = { vigil->until / 1000, (long)(vigil->until % 1000) * 1000000 },
    };
    int flags = TFD_TIMER_ABSTIME | (vigil->clock == CLOCK_REALTIME ? TFD_TIMER_CANCEL_ON_SET : 0);
    int fd = timerfd_create(vigil->clock, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0 && timerfd_settime(fd, flags, &time, NULL) < 0) {
        int errnum = errno;
        close(fd);
        errno = errnum;
        return -1;
    }
    return fd;
}

/* Add the timer, if VIGIL has a time, and the descriptors of the caller. Returns an errno, or 0. */
static int add_others(struct vigil *vigil, int *timer)
{
    *timer = vigil->until > 0 ? open_timer(vigil) : -1;
    if (vigil->until > 0 && *timer < 0)
        return errno;
    bool memory = *timer < 0 || vigil_add(vigil, *timer);
    for (size_t i = 0; i < vigil->other_count && memory; i++)
        memory = add(vigil, vigil->others[i]);
    return memory ? 0 : ENOMEM;
}

/* Store in the caller's descriptors, which are the last of VIGIL, what poll() has found. Returns
 * whether one of them is ready. */
static bool store_caller_events(const struct vigil *vigil)
{
    bool ready = false;
    for (size_t i = 0; i < vigil->other_count; i++) {
        short seen = vigil->fds[vigil->count - vigil->other_count + i].revents;
        vigil->others[i].revents = seen;
        ready = ready || seen != 0;
    }
    return ready;
}

int vigil_poll(struct pollfd *fds, nfds_t count, int64_t timeout, const sigset_t *unblocked)
{
    const struct timespec limit = { timeout / 1000, (long)(timeout % 1000) * 1000000 };
    return ppoll(fds, count, timeout < 0 ? NULL : &limit, unblocked);
}

enum chat_status vigil_sleep(struct vigil *vigil, int64_t timeout, const sigset_t *unblocked,
                             struct error *error)
{
    size_t own = vigil->count;
    int timer, n = -1, errnum = add_others(vigil, &timer);
    bool caller_ready = false;
    if (errnum == 0) {
        n = vigil_poll(vigil->fds, vigil->count, timeout, unblocked);
        errnum = errno;
        caller_ready = n > 0 && store_caller_events(vigil);
    }
    if (timer >= 0)
        close(timer);
    vigil->count = own;
    if (n < 0 && errnum != EINTR)
        return error_system(error, errnum, CHAT_SYSTEM, "cannot wait for messages");
    return n < 0 || caller_ready ? CHAT_INTERRUPTED : n > 0 ? CHAT_OK : CHAT_NONE;
}

void vigil_free(struct vigil *vigil)
{
    free(vigil->fds);
    *vigil = (struct vigil){ .fds = NULL };
}
