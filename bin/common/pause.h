/* pause.h - a pause before the next attempt. */

#ifndef PAUSE_H
#define PAUSE_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

/* Sleep for MILLISECONDS, or until one of the COUNT descriptors in FDS is ready, or a
 * signal of *UNBLOCKED arrives (NULL: the signals stay as they are). Returns what poll() would. */
int pause_for(int64_t milliseconds, struct pollfd *fds, nfds_t count, const sigset_t *unblocked);

#endif
