/* worked.c - the messages of an open room that receivers of its readers work on. */

#include "worked.h"

#include <stdlib.h>

#include "open_row.h"
#include "os/lock.h"

struct work {
    struct sqlite_store *store;
    int64_t open;
    struct worked *worked;
    enum chat_status status;
};

static enum chat_status add_run(struct work *work, struct range run)
{
    struct worked *worked = work->worked;
    struct range *runs = realloc(worked->runs, (worked->count + 1) * sizeof *runs);
    if (runs == NULL)
        return error_set(work->store->base.error, CHAT_SYSTEM, "out of memory");
    worked->runs = runs;
    runs[worked->count++] = run;
    return CHAT_OK;
}

/* Add the positions TAKEN if a reader of the room has claimed them. */
static void add_claim(void *context, struct range taken)
{
    struct work *work = context;
    const int64_t number = position_room(taken.first);
    struct open_row reader;
    if (work->status != CHAT_OK)
        return;
    if (number != position_room(taken.last)) { /* a process has claimed everything */
        work->status = add_run(
            work, (struct range){ position_of(work->open, 0), position_of(work->open, ID_MAX) });
        return;
    }
    work->status = open_row_get(work->store, number, &reader);
    const int64_t offset = (work->open - number) << PLACE_BITS;
    if (work->status == CHAT_NONE)
        work->status = CHAT_OK;
    else if (work->status == CHAT_OK && reader.source == work->open && number != work->open)
        work->status = add_run(work, (struct range){ taken.first + offset, taken.last + offset });
}

/* Add the claims of this handle. The kernel reports only the locks of other processes. */
static void add_own_claims(struct work *work)
{
    const struct sqlite_store *s = work->store;
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; b->source == work->open && i < b->count; i++)
            add_claim(work, (struct range){ b->positions[i], b->positions[i] });
    for (size_t i = 0; i < s->kept_count; i++)
        add_claim(work, (struct range){ s->kept[i], s->kept[i] });
}

enum chat_status worked_list(struct sqlite_store *s, int64_t open, struct worked *worked)
{
    struct work work = { .store = s, .open = open, .worked = worked, .status = CHAT_OK };
    lock_each_taken(s->lock, (struct range){ 1, POSITION_MAX }, add_claim, &work);
    add_own_claims(&work);
    return work.status;
}

bool worked_has(const struct worked *worked, int64_t position)
{
    for (size_t i = 0; i < worked->count; i++)
        if (position >= worked->runs[i].first && position <= worked->runs[i].last)
            return true;
    return false;
}
