/* lost.c - a connection that is lost: given up, and tried again after a pause. */

#include "internal.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "connect.h"
#include "os/vigil.h"

/* Pauses between two attempts grow from one to the other, in milliseconds. A standby that is
 * promoted is found at most so long after that. */
enum { PAUSE_FIRST = 50, PAUSE_LAST = 2000 };

struct pg_timeout pg_timeout(const struct pg_store *s)
{
    int64_t timeout = s->base.timeout >= 0 ? s->base.timeout : s->timeout;
    bool endless = timeout < 0 || timeout > INT64_MAX / 2;
    return (struct pg_timeout){ .until = endless ? -1 : pg_clock() + timeout,
                                .pause = PAUSE_FIRST };
}

/* Return whether a signal waits until it is let in: the caller has something else to do. */
static bool is_signalled(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigisemptyset(&pending) == 0;
}

/* Sleep between half of the pause and all of it, so that clients that lost the same server do
 * not come back at the same moment. Returns false if the time is up, or a signal came. */
bool pg_pause(struct pg_timeout *timeout)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
    int64_t pause = timeout->pause / 2 + random % (timeout->pause / 2 + 1);
    if (timeout->until >= 0) {
        int64_t left = timeout->until - pg_clock();
        if (left <= 0)
            return false;
        if (pause > left)
            pause = left;
    }
    timeout->interrupted = vigil_poll(NULL, 0, pause, timeout->unblocked) < 0 || is_signalled();
    if (timeout->interrupted)
        return false;
    timeout->pause = 2 * timeout->pause < PAUSE_LAST ? 2 * timeout->pause : PAUSE_LAST;
    return true;
}

void pg_forget_write_locks(struct pg_store *s)
{
    s->put.entered_count = 0;
    s->put.whole = false;
}

bool pg_again(struct pg_store *s, enum chat_status status, struct pg_timeout *timeout)
{
    return status == CHAT_UNREACHABLE && s->conn == NULL && pg_pause(timeout);
}

void pg_disconnect(struct pg_store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->put.begun = s->fresh = s->unreplicated = s->secured = false;
    pg_forget_write_locks(s);
    s->listened_count = s->bell_count = s->done_count = 0;
    s->done_key_count = s->here_count = 0;
    s->room_number = 0;
    memset(s->prepared, 0, sizeof s->prepared);
}
