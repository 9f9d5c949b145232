/* read.c - the contents of messages, and how they get into a batch. */

#include "read.h"

#include <string.h>

#include "batch.h"
#include "digest.h"
#include "failed.h"
#include "locks.h"
#include "query.h"

int64_t pg_read_digest(const struct chat_message *message)
{
    struct chat_message m = *message;
    m.id = m.time = 0;
    return digest_message(&m);
}

enum chat_status pg_read_row(struct pg_store *s, const PGresult *result, int row, bool every,
                             struct chat_message *m)
{
    m->id = pg_get_number(result, row, ID);
    m->time = pg_get_number(result, row, SENT);
    m->user = pg_get_text(result, row, SENDER);
    m->host = pg_get_text(result, row, HOST);
    m->attempts = pg_get_number(result, row, ATTEMPTS);
    m->key = pg_get_text(result, row, KEY);
    m->body = PQgetvalue(result, row, BODY);
    m->length = (size_t)PQgetlength(result, row, BODY);
    if (every) {
        m->place = pg_get_number(result, row, PLACE);
        m->due = pg_get_number(result, row, DUE);
        m->expires = pg_get_number(result, row, EXPIRES);
    }
    m->failed = pg_get_number(result, row, FAILED);
    m->failure = (int)pg_get_number(result, row, FAILURE);
    if (m->user != NULL && m->host != NULL &&
        pg_get_number(result, row, CHECKSUM) == pg_read_digest(m))
        return CHAT_OK;
    s->damaged = m->id;
    return error_set(s->base.error, CHAT_DAMAGED,
                     "message %lld in room '%s' of spool '%s' is damaged", (long long)m->id,
                     m->room, s->url);
}

static enum chat_status read_one(struct pg_store *s, const PGresult *result, int row,
                                 const struct pg_view *view, struct chat_message *m)
{
    *m = (struct chat_message){ .room = view->room };
    if (view->reader == NULL)
        return pg_read_row(s, result, row, view->every, m);
    m->room = pg_get_text(result, row, ROOM);
    m->reader = strchr(view->reader, '/') + 1;
    enum chat_status status = pg_read_row(s, result, row, view->every, m);
    if (status == CHAT_DAMAGED)
        s->damaged = pg_get_number(result, row, ROW);
    return status;
}

static enum chat_status add_message(struct pg_store *s, struct chat_batch *batch,
                                    const struct chat_message *m)
{
    return batch_add(batch, m, m->id) ? CHAT_OK : pg_no_memory(s);
}

/* --- claimed --------------------------------------------------------------- */

/* Release the claims on the messages with these ids that BATCH did not get: of a reader, or with 0
 * of a receiver from a room. */
static enum chat_status unlock_gone(struct pg_store *s, int64_t reader,
                                    const struct chat_batch *batch, const int64_t *ids,
                                    size_t count)
{
    int64_t gone[CLAIMS];
    size_t gone_count = 0, next = 0; /* both are in the same order, as a rule */
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < batch->count && batch->messages[(next + k) % batch->count]->id != ids[i])
            k++;
        if (k == batch->count)
            gone[gone_count++] = ids[i];
        else
            next += k + 1;
    }
    if (gone_count == 0)
        return CHAT_OK;
    pg_locks_call_unlock(s, reader, gone, gone_count);
    return pg_exchange(s, "read");
}

static void add_ids(struct pg_values *values, struct pg_array *array, const int64_t *ids,
                    size_t count)
{
    pg_array_start(array, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(array, ids[i]);
    pg_add_array(values, array);
}

static size_t call_read(struct pg_store *s, int64_t number, const struct pg_view *view,
                        const int64_t *ids, size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array array;
    add_ids(&values, &array, ids, count);
    pg_number(&values, number);
    pg_number(&values, view->every);
    size_t call =
        pg_call(s, view->reader != NULL ? PG_GET_READER_MESSAGES : PG_GET_MESSAGES, &values);
    pg_array_free(&array);
    return call;
}

/* Add the messages in the first ROW_COUNT rows of ROWS to BATCH, and release the claims on those of
 * the messages IDS that do not get there. */
static enum chat_status add_rows(struct pg_store *s, const PGresult *rows, int row_count,
                                 int64_t number, const struct pg_view *view, const int64_t *ids,
                                 size_t count, struct chat_batch *batch)
{
    enum chat_status status = CHAT_OK;
    for (int i = 0; i < row_count && status == CHAT_OK; i++) {
        struct chat_message m;
        status = read_one(s, rows, i, view, &m);
        if (status == CHAT_OK)
            status = add_message(s, batch, &m);
    }
    enum chat_status unlocked =
        batch->count < count ? unlock_gone(s, view->reader != NULL ? number : 0, batch, ids, count)
                             : pg_exchange(s, "read");
    if (unlocked != CHAT_OK)
        return unlocked;
    return batch->count > 0 ? CHAT_OK : status; /* an error behind these comes again */
}

enum chat_status pg_read_claimed(struct pg_store *s, int64_t number, const struct pg_view *view,
                                 const int64_t *ids, size_t count, struct chat_batch *batch)
{
    size_t call = call_read(s, number, view, ids, count);
    enum chat_status status = pg_exchange(s, "read");
    return status == CHAT_OK
               ? add_rows(s, pg_result(s, call), pg_rows(s, call), number, view, ids, count, batch)
               : status;
}

/* --- claimed and read by one statement ------------------------------------- */

/* Return whether two values are the same. */
static bool is_same(const PGresult *a, int row, int column, const PGresult *b, int b_row,
                    int b_column)
{
    const int length = PQgetlength(a, row, column);
    return length == PQgetlength(b, b_row, b_column) &&
           memcmp(PQgetvalue(a, row, column), PQgetvalue(b, b_row, b_column), (size_t)length) == 0;
}

/* Return whether the message in ROW has the same writer in WRITERS. *NEXT is where to look first:
 * both are in the same order, as a rule. */
static bool is_unchanged(const PGresult *rows, int row, const PGresult *writers, int *next)
{
    const int count = PQntuples(writers);
    for (int i = 0; i < count; i++) {
        const int at = (*next + i) % count;
        if (!is_same(rows, row, ID, writers, at, 0))
            continue;
        *next = at + 1;
        return is_same(rows, row, WRITER, writers, at, 1);
    }
    return false;
}

/* Read the writers of the first COUNT messages in ROWS once more: now that they are locked, they do
 * not change. *UNCHANGED becomes whether all of them are the same. */
static enum chat_status compare_writers(struct pg_store *s, const PGresult *rows,
                                        const int64_t *ids, size_t count, bool *unchanged)
{
    struct pg_values values = { .count = 0 };
    struct pg_array array;
    add_ids(&values, &array, ids, count);
    size_t call = pg_call(s, PG_GET_WRITERS, &values);
    pg_array_free(&array);
    enum chat_status status = pg_exchange(s, "read");
    *unchanged = status == CHAT_OK;
    int next = 0;
    for (size_t i = 0; i < count && *unchanged; i++)
        *unchanged = is_unchanged(rows, (int)i, pg_result(s, call), &next);
    return status;
}

/* Return how many messages in ROWS have a body: with these the batch is full. */
static size_t count_bodies(const PGresult *rows)
{
    int count = 0;
    while (count < PQntuples(rows) && !PQgetisnull(rows, count, BODY))
        count++;
    return (size_t)count;
}

enum chat_status pg_read_ready(struct pg_store *s, size_t call, size_t snapshot, int64_t number,
                               const struct pg_view *view, struct pg_locked *locked,
                               struct chat_batch *batch)
{
    bool current = pg_rows(s, call) > 0 && pg_rows(s, snapshot) == 1 &&
                   is_same(pg_result(s, call), 0, FIRST_SNAPSHOT, pg_result(s, snapshot), 0, 0);
    PGresult *rows = pg_take_result(s, call);
    const size_t bodies = count_bodies(rows),
                 count = bodies < locked->count ? bodies : locked->count;
    enum chat_status status =
        current ? CHAT_OK : compare_writers(s, rows, locked->id, count, &current);
    if (status == CHAT_OK) {
        pg_locks_keep(s, 0, view->room, count, locked);
        status = current ? add_rows(s, rows, (int)count, number, view, locked->id, count, batch)
                         : pg_read_claimed(s, number, view, locked->id, count, batch);
    }
    PQclear(rows);
    return status;
}

/* --- walked ---------------------------------------------------------------- */

static void step(struct chat_cursor *cursor, const PGresult *result, int row,
                 const struct pg_view *view)
{
    if (cursor->due > 0) {
        cursor->due = pg_get_number(result, row, DUE);
        cursor->id = pg_get_number(result, row, view->reader != NULL ? ROW : ID);
    } else
        cursor->place = pg_get_number(result, row, PLACE);
}

enum chat_status pg_read_walked(struct pg_store *s, size_t call, const struct pg_view *view,
                                struct chat_cursor *cursor, struct chat_batch *batch)
{
    const PGresult *result = pg_result(s, call);
    for (int i = 0; i < pg_rows(s, call); i++) {
        struct chat_message m;
        enum chat_status status = read_one(s, result, i, view, &m);
        m.claimed = view->every && pg_get_number(result, i, CLAIMED) != 0;
        if (status == CHAT_DAMAGED && batch->count > 0)
            break;
        step(cursor, result, i, view);
        if (status == CHAT_OK)
            status = add_message(s, batch, &m);
        if (status != CHAT_OK)
            return status;
    }
    return batch->count > 0 ? CHAT_OK : CHAT_NONE;
}
