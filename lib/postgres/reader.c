/* reader.c - receiving as a reader of an open room.
 *
 * A reader is a row of chat.room that reads another room, its source. It has seen the source up to
 * a place: behind that nothing was settled by a receiver of the reader, and what it is past but not
 * done with has a copy in the reader's own room. A claim is an advisory lock with two keys, by the
 * numbers of the reader and of the message, so that the readers of a room do not see the claims of
 * each other. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum chat_status not_open(const struct pg_store *s, const char *name)
{
    char room[CHAT_NAME_MAX + 1];
    return error_set(s->base.error, CHAT_NOUSER, "room '%s' is not open",
                     pg_source_name(name, room));
}

/* The two names that a statement about a reader takes. */
static void add_names(struct pg_values *values, const char *name, char room[CHAT_NAME_MAX + 1])
{
    pg_string(values, name);
    pg_string(values, pg_source_name(name, room));
}

/* --- a look ---------------------------------------------------------------- */

static size_t call_look(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    add_names(&values, name, room);
    return pg_call(s, PG_LOOK_READER, &values);
}

/* CHAT_NOUSER: the room is not open. */
static enum chat_status read_look(const struct pg_store *s, size_t call, const char *name,
                                  struct pg_reader *reader)
{
    const PGresult *row = pg_result(s, call);
    if (pg_rows(s, call) == 0)
        return not_open(s, name);
    *reader = (struct pg_reader){
        .source = pg_get_number(row, 0, 0),
        .number = pg_get_number(row, 0, 1),
        .seen = pg_get_number(row, 0, 2),
        .missed = pg_get_number(row, 0, 3),
        .due = pg_get_number(row, 0, 4) != 0,
        .source_due = pg_get_number(row, 0, 5) != 0,
        .keep = pg_get_number(row, 0, 6),
        .may_delete = pg_get_number(row, 0, 7) != 0,
    };
    return CHAT_OK;
}

enum chat_status pg_look_reader(struct pg_store *s, const char *name, struct pg_reader *reader)
{
    size_t call = call_look(s, name);
    enum chat_status status = pg_exchange(s, "read");
    return status == CHAT_OK ? read_look(s, call, name, reader) : status;
}

enum chat_status pg_promote_reader(struct pg_store *s, const struct pg_reader *reader)
{
    enum chat_status status = reader->due ? pg_promote(s, reader->number) : CHAT_OK;
    return status == CHAT_OK && reader->source_due ? pg_promote(s, reader->source) : status;
}

/* --- presence -------------------------------------------------------------- */

static bool is_here(const struct pg_store *s, const char *name)
{
    for (size_t i = 0; i < s->here_count; i++)
        if (s->here[i] == pg_hash(name))
            return true;
    return false;
}

/* Add to the exchange that a process is here as this reader. */
static size_t call_here(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, name);
    return pg_call(s, PG_BE_HERE, &values);
}

static enum chat_status note_here(struct pg_store *s, const char *name)
{
    return pg_remember(&s->here, &s->here_count, pg_hash(name)) ? CHAT_OK : pg_no_memory(s);
}

static enum chat_status need_reader(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    pg_string(&values, pg_source_name(name, room));
    pg_string(&values, name);
    return pg_do(s, PG_NEED_READER, &values, "write");
}

enum chat_status pg_be_here(struct pg_store *s, const char *name)
{
    enum chat_status status = CHAT_OK;
    bool made = false;
    while (status == CHAT_OK && !is_here(s, name)) {
        size_t call = call_here(s, name);
        status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return status;
        if (pg_rows(s, call) > 0)
            return note_here(s, name);
        if (made) /* it was forgotten at once */
            return not_open(s, name);
        status = need_reader(s, name);
        made = true;
    }
    return status;
}

/* --- claim ----------------------------------------------------------------- */

static size_t call_lock(struct pg_store *s, enum pg sql, const struct chat_query *query,
                        const char *name)
{
    struct pg_values values = { .count = 0 };
    struct pg_array own;
    pg_own_ids(s, name, &own);
    pg_string(&values, name);
    pg_number(&values, query->until > 0 ? query->until : INT64_MAX);
    pg_add_array(&values, &own);
    pg_number(&values, query->max_messages < CLAIMS ? (int64_t)query->max_messages : CLAIMS);
    if (sql == PG_LOCK_READER) {
        pg_number(&values, query->every);
        pg_number(&values, pg_passed_place(s, name));
    }
    size_t call = pg_call(s, sql, &values);
    pg_array_free(&own);
    return call;
}

static void call_unlock(struct pg_store *s, int64_t reader, const int64_t *ids, size_t count)
{
    int64_t keys[LOCKED];
    for (size_t i = 0; i < count; i++)
        keys[i] = pg_reader_key(reader, ids[i]);
    pg_call_unlock_keys(s, keys, count);
}

/* Look at the reader and lock what may be had. It is made if there is none, and what is due is made
 * ready before. */
static enum chat_status lock_messages(struct pg_store *s, const struct chat_query *query,
                                      const char *name, struct pg_reader *reader,
                                      struct pg_locked *locked)
{
    bool promoted = query->until > 0 || query->every;
    for (;;) {
        const bool here = is_here(s, name);
        pg_call_leave_bells(s);
        pg_call_unlock_done(s);
        size_t be = here ? 0 : call_here(s, name);
        size_t look = call_look(s, name), lock = call_lock(s, PG_LOCK_READER, query, name);
        enum chat_status status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return status;
        const bool came = !here && pg_rows(s, be) > 0;
        status = read_look(s, look, name, reader);
        pg_read_locked(s, lock, locked);
        if (came && note_here(s, name) != CHAT_OK)
            return CHAT_SYSTEM;
        if (status != CHAT_OK)
            return status;
        if (!reader->may_delete) {
            call_unlock(s, reader->number, locked->id, locked->count);
            return pg_refuse(s);
        }
        if (reader->number == 0) {
            status = need_reader(s, name);
        } else if ((reader->due || reader->source_due) && !promoted) {
            call_unlock(s, reader->number, locked->id, locked->count);
            status = pg_promote_reader(s, reader);
            promoted = true;
        } else
            break;
        if (status != CHAT_OK)
            return status;
    }
    if (!query->every || locked->count > 0)
        return CHAT_OK;
    size_t call = call_lock(s, PG_LOCK_READER_BEHIND, query, name);
    enum chat_status status = pg_exchange(s, "read");
    if (status == CHAT_OK)
        pg_read_locked(s, call, locked);
    return status;
}

/* Read the messages with these ids, and unlock what does not come to BATCH. */
static enum chat_status read_messages(struct pg_store *s, const struct chat_query *query,
                                      const char *name, const struct pg_reader *reader,
                                      const int64_t *ids, size_t count, struct chat_batch *batch)
{
    const struct pg_view view = { .reader = name, .every = query->every };
    struct pg_gone gone;
    enum chat_status status =
        pg_read_claimed(s, PG_GET_READER_MESSAGES, reader->number, &view, ids, count, batch, &gone);
    if (gone.count > 0) {
        call_unlock(s, reader->number, gone.id, gone.count);
        enum chat_status unlocked = pg_exchange(s, "read");
        if (unlocked != CHAT_OK)
            return unlocked;
    }
    return batch->count > 0 ? CHAT_OK : status; /* an error behind these comes again */
}

/* What the reader has lost and no other batch of this handle reports. */
static int64_t missed_now(const struct pg_store *s, const struct pg_reader *reader)
{
    int64_t missed = reader->missed;
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        if (b->room == reader->number)
            missed -= b->missed;
    return missed > 0 ? missed : 0;
}

enum chat_status pg_claim_reader(struct pg_store *s, const struct chat_query *query,
                                 const char *name, struct chat_batch *batch)
{
    struct pg_reader reader = { .number = 0 };
    struct pg_locked locked = { .count = 0 };
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && batch->count == 0) { /* all of them may have gone meanwhile */
        status = lock_messages(s, query, name, &reader, &locked);
        if (status != CHAT_OK)
            return status;
        if (locked.count == 0)
            return CHAT_NONE;
        size_t count = pg_fitting(&locked, query);
        if (count < locked.count) { /* another receiver may have found them claimed */
            call_unlock(s, reader.number, locked.id + count, locked.count - count);
            pg_call_ring(s, LOCK_CAME, name);
        }
        status = read_messages(s, query, name, &reader, locked.id, count, batch);
    }
    batch->room = reader.number;
    batch->source = reader.source;
    batch->seen = reader.seen;
    batch->missed = missed_now(s, &reader);
    batch->returned = reader.keep;
    return status;
}

/* --- settle ---------------------------------------------------------------- */

/* Add to the exchange that the reader is past the first COUNT messages of BATCH: they are done, or
 * get a copy. */
static void call_pass(struct pg_store *s, const struct chat_batch *batch, size_t count, bool done)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_array_start(&ids, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(&ids, batch->messages[i]->id);
    pg_number(&values, batch->room);
    pg_add_array(&values, &ids);
    pg_number(&values, batch->seen);
    pg_number(&values, batch->missed);
    pg_number(&values, done);
    pg_call(s, PG_PASS, &values);
    pg_array_free(&ids);
}

/* A receiver trims its room once in so many messages. */
static bool has_sampled(const struct chat_batch *batch, size_t count)
{
    enum { PART = 64, TIMED = 16 };
    const int64_t every = batch->returned < 0 ? TIMED : batch->returned / PART + 1;
    for (size_t i = 0; i < count; i++)
        if (pg_is_sampled(batch->messages[i]->id, every))
            return true;
    return false;
}

enum chat_status pg_settle_reader(struct pg_store *s, struct chat_batch *batch, size_t count)
{
    char room[CHAT_NAME_MAX + 1];
    struct pg_values values = { .count = 0 };
    pg_call_unlock_done(s);
    pg_call_settling(s, batch->source);
    call_pass(s, batch, count, true);
    if (has_sampled(batch, count)) {
        pg_number(&values, batch->source);
        pg_number(&values, (int64_t)count);
        pg_call(s, PG_TRIM, &values);
    }
    pg_call_sweep(s, batch, batch->source);
    pg_call_ring_gone(s, pg_source_name(batch->messages[0]->room, room), batch->source);
    return pg_exchange(s, "write");
}

/* --- fail and move --------------------------------------------------------- */

/* Begin a transaction in which each message of BATCH has a row of its own in the reader's room.
 * ROWS becomes their ids; 0: the message is gone. TO: the room that they are to go to, or NULL. */
static enum chat_status take_rows(struct pg_store *s, const struct chat_batch *batch,
                                  const char *to, int64_t *rows)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_call_unlock_done(s);
    pg_call(s, PG_BEGIN, NULL);
    if (to != NULL)
        pg_call_enter_room(s, to); /* before other locks, as all do */
    pg_call_settling(s, batch->source);
    call_pass(s, batch, batch->count, false);
    pg_array_start(&ids, PG_INT8);
    for (size_t i = 0; i < batch->count; i++)
        pg_array_number(&ids, batch->messages[i]->id);
    pg_add_array(&values, &ids);
    pg_number(&values, batch->room);
    size_t call = pg_call(s, PG_GET_COPIES, &values);
    pg_array_free(&ids);
    enum chat_status status = pg_exchange(s, "write");
    if (status != CHAT_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++) {
        rows[i] = 0;
        for (int k = 0; k < pg_rows(s, call); k++)
            if (pg_get_number(pg_result(s, call), k, 0) == batch->messages[i]->id)
                rows[i] = pg_get_number(pg_result(s, call), k, 1);
    }
    return CHAT_OK;
}

/* Do CHANGE with the rows, for which the ids of the messages stand meanwhile. */
static enum chat_status change_rows(struct pg_store *s, struct chat_batch *batch,
                                    const int64_t *rows, pg_change *change, const void *how)
{
    int64_t *ids = calloc(batch->count, sizeof *ids);
    if (ids == NULL)
        return pg_no_memory(s);
    for (size_t i = 0; i < batch->count; i++) {
        ids[i] = batch->messages[i]->id;
        batch->messages[i]->id = rows[i];
    }
    enum chat_status status = change(s, batch, how);
    for (size_t i = 0; i < batch->count; i++)
        batch->messages[i]->id = ids[i];
    free(ids);
    if (status == CHAT_OK)
        status = pg_do(s, PG_COMMIT, NULL, "write");
    return status;
}

enum chat_status pg_change_copies(struct pg_store *s, struct chat_batch *batch, const char *to,
                                  pg_change *change, const void *how)
{
    int64_t *rows = calloc(batch->count, sizeof *rows);
    if (rows == NULL)
        return pg_no_memory(s);
    enum chat_status status = take_rows(s, batch, to, rows);
    if (status == CHAT_OK)
        status = change_rows(s, batch, rows, change, how);
    if (status != CHAT_OK && s->conn != NULL) {
        struct error error = *s->base.error;
        pg_do(s, PG_ROLLBACK, NULL, "write");
        *s->base.error = error;
    }
    free(rows);
    return status;
}

/* --- walk ------------------------------------------------------------------ */

static size_t call_walk(struct pg_store *s, const struct chat_query *query, const char *name,
                        const struct chat_cursor *cursor)
{
    enum { MESSAGES = 1024, BYTES = 1 << 30 };
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    const bool behind = cursor->due > 0;
    pg_string(&values, name);
    pg_number(&values, behind ? cursor->due : cursor->place);
    pg_number(&values, query->until > 0 ? query->until : INT64_MAX);
    pg_number(&values, query->max_messages < MESSAGES ? (int64_t)query->max_messages : MESSAGES);
    pg_number(&values, query->max_bytes < BYTES ? (int64_t)query->max_bytes : BYTES);
    if (behind)
        pg_number(&values, cursor->id);
    pg_string(&values, pg_source_name(name, room));
    if (!behind)
        pg_number(&values, query->every);
    return pg_call(s, behind ? PG_WALK_READER_BEHIND : PG_WALK_READER, &values);
}

enum chat_status pg_walk_reader(struct pg_store *s, const struct chat_query *query,
                                const char *name, struct chat_cursor *cursor,
                                struct chat_batch *batch)
{
    const struct pg_view view = { .reader = name, .every = query->every };
    struct pg_reader reader;
    enum chat_status status = pg_look_reader(s, name, &reader);
    if (status == CHAT_OK && query->until == 0 && !query->every)
        status = pg_promote_reader(s, &reader);
    while (status == CHAT_OK) {
        size_t call = call_walk(s, query, name, cursor);
        status = pg_exchange(s, "read");
        if (status == CHAT_OK)
            status = pg_add_walked(s, call, &view, cursor, batch);
        if (status != CHAT_NONE || !query->every || cursor->due > 0)
            return status;
        cursor->due = 1; /* all that are ready were seen */
        cursor->id = INT64_MIN;
        status = CHAT_OK;
    }
    return status;
}
