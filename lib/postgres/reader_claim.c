/* reader_claim.c - claim messages as a reader of an open room. */

#include "internal.h"

#include "bells.h"
#include "locks.h"
#include "query.h"
#include "read.h"
#include "reader.h"
#include "rooms.h"

/* Look at the reader and lock available messages, after creating the reader and making due messages
 * ready. */
static enum chat_status lock_messages(struct pg_store *s, const struct chat_query *query,
                                      const char *name, struct pg_reader *reader,
                                      struct pg_locked *locked)
{
    bool promoted = query->until > 0 || query->every;
    for (;;) {
        const bool here = pg_reader_is_here(s, name);
        pg_bells_call_leave(s);
        pg_locks_call_unlock_done(s);
        size_t be = here ? 0 : pg_reader_call_here(s, name);
        size_t look = pg_reader_call_look(s, name),
               lock = pg_locks_call(s, PG_LOCK_READER, query, name);
        enum chat_status status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return status;
        const bool came = !here && pg_rows(s, be) > 0;
        status = pg_reader_read_look(s, look, name, reader);
        pg_locks_read(s, lock, locked);
        if (came && pg_reader_note_here(s, name) != CHAT_OK)
            return CHAT_SYSTEM;
        if (status != CHAT_OK)
            return status;
        if (!reader->may_delete) {
            pg_locks_call_unlock(s, reader->number, locked->id, locked->count);
            return pg_locks_refuse(s);
        }
        if (reader->number == 0) {
            status = pg_reader_create(s, name);
        } else if ((reader->due || reader->source_due) && !promoted) {
            pg_locks_call_unlock(s, reader->number, locked->id, locked->count);
            status = pg_reader_promote(s, reader);
            promoted = true;
        } else
            break;
        if (status != CHAT_OK)
            return status;
    }
    if (!query->every || locked->count > 0)
        return CHAT_OK;
    return pg_locks_take(s, PG_LOCK_READER_BEHIND, query, name, locked);
}

enum chat_status pg_reader_claim(struct pg_store *s, const struct chat_query *query,
                                 const char *name, struct chat_batch *batch)
{
    const struct pg_view view = { .reader = name, .every = query->every };
    struct pg_reader reader = { .number = 0 };
    struct pg_locked locked = { .count = 0 };
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && batch->count == 0) { /* all of them may have gone since then */
        status = lock_messages(s, query, name, &reader, &locked);
        if (status != CHAT_OK)
            return status;
        if (locked.count == 0)
            return CHAT_NONE;
        pg_locks_keep_fitting(s, reader.number, name, query, &locked);
        status = pg_read_claimed(s, reader.number, &view, locked.id, locked.count, batch);
    }
    batch->room = reader.number;
    batch->source = reader.source;
    batch->seen = reader.seen;
    batch->missed = rooms_missed(&s->base, reader.number, reader.missed);
    batch->returned = reader.keep;
    return status;
}
