/* pause.c - a pause before the next attempt. */

/* As in lib/os/vigil.c: where a long has 32 bits, the checked ppoll() of glibc before 2.37 does not
 * wait. */
#undef _FORTIFY_SOURCE

#include "pause.h"

#include <time.h>

int pause_for(int64_t milliseconds, struct pollfd *fds, nfds_t count, const sigset_t *unblocked)
{
    const struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };
    return ppoll(fds, count, &time, unblocked);
}
