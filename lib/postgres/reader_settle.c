/* reader_settle.c - acknowledge, fail and move messages that a reader has claimed. */

#include "internal.h"

#include <stdlib.h>

#include "bells.h"
#include "failed.h"
#include "locks.h"
#include "name.h"
#include "put.h"
#include "query.h"
#include "reader.h"
#include "room.h"

/* Add a call that moves the reader past the first COUNT messages of BATCH. If they are DONE, it has
 * finished them; otherwise it gets copies. */
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

/* Return whether one of the first COUNT messages of BATCH triggers a trim of the room. */
static bool has_sampled(const struct chat_batch *batch, size_t count)
{
    enum { PART = 64, TIMED = 16 };
    const int64_t every = batch->returned < 0 ? TIMED : batch->returned / PART + 1;
    for (size_t i = 0; i < count; i++)
        if (pg_room_is_sampled(batch->messages[i]->id, every))
            return true;
    return false;
}

enum chat_status pg_reader_settle(struct pg_store *s, struct chat_batch *batch, size_t count)
{
    char room[CHAT_NAME_MAX + 1];
    struct pg_values values = { .count = 0 };
    pg_locks_call_unlock_done(s);
    pg_room_call_settling(s, batch->source);
    call_pass(s, batch, count, true);
    if (has_sampled(batch, count)) {
        pg_number(&values, batch->source);
        pg_number(&values, (int64_t)count);
        pg_call(s, PG_TRIM, &values);
    }
    pg_room_call_sweep(s, batch, batch->source);
    pg_bells_call_ring_gone(s, pg_name_source(batch->messages[0]->room, room), batch->source);
    return pg_exchange(s, "write");
}

/* --- fail and move --------------------------------------------------------- */

/* Begin a transaction in which each message of BATCH has a row of its own in the reader's room.
 * ROWS becomes their ids; 0: the message is gone. TO is the room to which they will be moved, or
 * NULL. */
static enum chat_status take_rows(struct pg_store *s, const struct chat_batch *batch,
                                  const char *to, int64_t *rows)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_locks_call_unlock_done(s);
    pg_call(s, PG_BEGIN, NULL);
    if (to != NULL)
        pg_put_call_enter_room(s, to); /* before other locks, as all sessions do */
    pg_room_call_settling(s, batch->source);
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

/* Call CHANGE for the rows: during the call the messages have the ids of the rows. */
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

enum chat_status pg_reader_change(struct pg_store *s, struct chat_batch *batch, const char *to,
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
