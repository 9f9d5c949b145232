/* lost.c - a connection that is lost: given up, and tried again after a pause. */

#include "internal.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "os/vigil.h"

/* Pauses between two attempts grow from one to the other, in milliseconds. A standby that is
 * promoted is found at most so long after that. */
enum { PAUSE_FIRST = 50, PAUSE_LAST = 2000 };

struct pg_patience pg_patience(const struct pg_store *s)
{
    int64_t patience = s->base.patience >= 0 ? s->base.patience : s->patience;
    bool endless = patience < 0 || patience > INT64_MAX / 2;
    return (struct pg_patience){ .until = endless ? -1 : pg_clock() + patience,
                                 .pause = PAUSE_FIRST };
}

/* Whether a signal waits until it is let in: the caller has something else to do. */
static bool is_signalled(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigisemptyset(&pending) == 0;
}

/* Sleep between half of the pause and all of it, so that clients that lost the same server do
 * not come back at the same moment. Returns false if the time is up, or a signal came. */
bool pg_pause(struct pg_patience *patience)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
    int64_t pause = patience->pause / 2 + random % (patience->pause / 2 + 1);
    if (patience->until >= 0) {
        int64_t left = patience->until - pg_clock();
        if (left <= 0)
            return false;
        if (pause > left)
            pause = left;
    }
    patience->interrupted = vigil_poll(NULL, 0, pause, patience->unblocked) < 0 || is_signalled();
    if (patience->interrupted)
        return false;
    patience->pause = 2 * patience->pause < PAUSE_LAST ? 2 * patience->pause : PAUSE_LAST;
    return true;
}

void pg_left_rooms(struct pg_store *s)
{
    s->entered_count = 0;
    s->whole = false;
}

bool pg_again(struct pg_store *s, enum chat_status status, struct pg_patience *patience)
{
    return status == CHAT_UNREACHABLE && s->conn == NULL && pg_pause(patience);
}

void pg_disconnect(struct pg_store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->open = s->fresh = s->alone = false;
    pg_left_rooms(s);
    s->listened_count = s->bell_count = s->done_count = 0;
    s->done_key_count = s->here_count = 0;
    memset(s->prepared, 0, sizeof s->prepared);
}
