/* vigil.h - sleeping until one of several things happens.
 *
 * Both stores sleep here: on descriptors of their own, on those of the caller
 * (chat_set_descriptors), and until a time by a clock that does not stand still while the machine
 * is suspended. The timeout of ppoll() is by CLOCK_MONOTONIC, which does. */

#ifndef VIGIL_H
#define VIGIL_H

#include <poll.h>
#include <time.h>

#include "error.h"

struct vigil {
    struct pollfd *fds;
    size_t count, size;
    struct pollfd *others; /* descriptors of the caller, where the result is stored, too; or NULL */
    size_t other_count;
    clockid_t clock; /* CLOCK_REALTIME or CLOCK_BOOTTIME */
    int64_t until;   /* a time by that clock, in milliseconds; 0: none */
};

/* Sleep until the descriptor FD is ready to be read, too. False: out of memory. */
bool vigil_add(struct vigil *vigil, int fd);

/* Sleep until that time at the latest; 0 changes nothing. */
void vigil_wake_at(struct vigil *vigil, int64_t time);

/* Wait as ppoll() does, with its result, for at most TIMEOUT milliseconds; below zero, without a
 * limit. */
int vigil_poll(struct pollfd *fds, nfds_t count, int64_t timeout, const sigset_t *unblocked);

/* CHAT_OK: a descriptor is ready, the time has come, or the clock was set: look again. CHAT_NONE:
 * TIMEOUT milliseconds are over (below zero: no limit). CHAT_INTERRUPTED: a signal came, or a
 * descriptor of the caller is ready. */
enum chat_status vigil_sleep(struct vigil *vigil, int64_t timeout, const sigset_t *unblocked,
                             struct error *error);

/* Free what VIGIL has; its descriptors stay open. */
void vigil_free(struct vigil *vigil);

#endif
