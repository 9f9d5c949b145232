/* bells.c - wake the processes that wait for the rooms that a transaction has changed.
 *
 * A process may be killed between its commit and the wake-up. So it opens the FIFOs before the
 * commit: if it dies while it holds them, the listeners are woken (os/bell.h). A process that
 * begins to listen after that looks at the spool once more when the transaction may be over
 * (wait.c). */

#include "bells.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/bell.h"

/* A transaction for more rooms wakes all receivers: it would need too many descriptors. */
enum { BELLS = 64 };

struct pending_bell {
    const char *bell; /* BELL_CAME or BELL_GONE */
    char room[CHAT_NAME_MAX + 1];
    int held; /* a descriptor, or -1 */
};

static bool is_pending(const struct sqlite_store *s, const char *bell, const char *room)
{
    for (size_t i = 0; i < s->bell_count; i++)
        if (strcmp(s->bells[i].bell, bell) == 0 && strcmp(s->bells[i].room, room) == 0)
            return true;
    return false;
}

enum chat_status bells_add(struct sqlite_store *s, const char *bell, const char *room)
{
    if (s->bells_all || is_pending(s, bell, room))
        return CHAT_OK;
    if (s->bell_count == BELLS) {
        bells_add_all(s);
        return CHAT_OK;
    }
    struct pending_bell *bells = realloc(s->bells, (s->bell_count + 1) * sizeof *bells);
    if (bells == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    s->bells = bells;
    bells[s->bell_count] = (struct pending_bell){ .bell = bell, .held = -1 };
    strcpy(bells[s->bell_count++].room, room); /* spool.c has checked its length */
    return CHAT_OK;
}

enum chat_status bells_add_both(struct sqlite_store *s, const char *room)
{
    enum chat_status status = bells_add(s, BELL_CAME, room);
    return status == CHAT_OK ? bells_add(s, BELL_GONE, room) : status;
}

void bells_add_all(struct sqlite_store *s)
{
    s->bells_all = true;
}

void bells_hold(struct sqlite_store *s)
{
    if (s->bells_all) {
        s->all_held[0] = bell_hold(&s->location, BELL_CAME, BELL_ALL);
        s->all_held[1] = bell_hold(&s->location, BELL_GONE, BELL_ALL);
        return;
    }
    for (size_t i = 0; i < s->bell_count; i++)
        s->bells[i].held = bell_hold(&s->location, s->bells[i].bell, s->bells[i].room);
}

/* Ring the bell of all rooms, and every single bell: a version of this program that does not know
 * the bell of all rooms listens to those. */
static void ring_all(struct sqlite_store *s)
{
    bell_ring_all(&s->location, BELL_CAME);
    bell_ring_all(&s->location, BELL_GONE);
}

void bells_ring(struct sqlite_store *s)
{
    if (s->bells_all)
        ring_all(s);
    for (size_t i = 0; i < s->bell_count && !s->bells_all; i++) {
        struct pending_bell *b = &s->bells[i];
        bell_ring_held(&s->location, b->bell, b->room, b->held);
        b->held = -1;
    }
    bells_forget(s);
}

static void let_go(int *held)
{
    if (*held >= 0)
        close(*held);
    *held = -1;
}

void bells_forget(struct sqlite_store *s)
{
    for (size_t i = 0; i < s->bell_count; i++)
        let_go(&s->bells[i].held);
    let_go(&s->all_held[0]);
    let_go(&s->all_held[1]);
    s->bell_count = 0;
    s->bells_all = false;
}
