/* vigil.h - sleep until one of several things happens.
 *
 * Both stores sleep here: on descriptors of their own, on those of the caller
 * (chat_set_descriptors), and until a time by a clock that does not stop while the machine is
 * suspended. The timeout of ppoll() is by CLOCK_MONOTONIC, which does. */

#ifndef VIGIL_H
#define VIGIL_H

#include <poll.h>
#include <time.h>

#include "error.h"

struct vigil {
    struct pollfd *fds;
    size_t count, size;
    struct pollfd *others; /* descriptors of the caller, which also get the result; or NULL */
    size_t other_count;
    clockid_t clock; /* CLOCK_REALTIME or CLOCK_BOOTTIME */
    int64_t until;   /* a time by that clock, in milliseconds; 0: no time */
};

/* Sleep only until the descriptor FD is readable. Returns false if there is no memory. */
bool vigil_add(struct vigil *vigil, int fd);

/* Sleep only until this time; 0 changes nothing. */
void vigil_wake_at(struct vigil *vigil, int64_t time);

/* Wait as ppoll() does, for at most TIMEOUT milliseconds; below zero, without a limit. Returns its
 * result. */
int vigil_poll(struct pollfd *fds, nfds_t count, int64_t timeout, const sigset_t *unblocked);

/* Sleep. CHAT_OK: a descriptor is ready, the time has come, or the clock was set: look again.
 * CHAT_NONE: TIMEOUT milliseconds are over (below zero: no limit). CHAT_INTERRUPTED: a signal came,
 * or a descriptor of the caller is ready. */
enum chat_status vigil_sleep(struct vigil *vigil, int64_t timeout, const sigset_t *unblocked,
                             struct error *error);

/* Free the memory of VIGIL; its descriptors stay open. */
void vigil_free(struct vigil *vigil);

#endif
