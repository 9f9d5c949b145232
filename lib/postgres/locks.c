/* locks.c - lock messages, and unlock them. */

#include "locks.h"

#include <stdlib.h>

#include "bells.h"
#include "name.h"
#include "query.h"
#include "room.h"

bool pg_locks_remember(int64_t **ids, size_t *count, int64_t id)
{
    int64_t *more = realloc(*ids, (*count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    *ids = more;
    more[(*count)++] = id;
    return true;
}

void pg_locks_own(const struct pg_store *s, const char *reader, struct pg_array *array)
{
    const int64_t hash = reader != NULL ? pg_name_hash(reader) : 0;
    pg_array_start(array, PG_INT8);
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (reader == NULL || pg_name_hash_of(b->messages[i]) == hash)
                pg_array_number(array, b->messages[i]->id);
    for (size_t i = 0; i < s->kept_count; i++)
        if (reader == NULL || s->kept_room[i] == hash)
            pg_array_number(array, s->kept[i]);
}

static void call_unlock(struct pg_store *s, enum pg sql, const int64_t *ids, size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array array;
    if (count == 0)
        return;
    pg_array_start(&array, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(&array, ids[i]);
    pg_add_array(&values, &array);
    pg_call(s, sql, &values);
    pg_array_free(&array);
}

void pg_locks_call_unlock(struct pg_store *s, int64_t reader, const int64_t *ids, size_t count)
{
    int64_t keys[LOCKED];
    for (size_t i = 0; i < count && reader != 0; i++)
        keys[i] = pg_name_claim_key(reader, ids[i]);
    call_unlock(s, reader != 0 ? PG_UNLOCK_READER : PG_UNLOCK, reader != 0 ? keys : ids, count);
}

void pg_locks_call_unlock_keys(struct pg_store *s, const int64_t *keys, size_t count)
{
    call_unlock(s, PG_UNLOCK_READER, keys, count);
}

/* The messages are deleted, so these locks could wait. */
void pg_locks_call_unlock_done(struct pg_store *s)
{
    call_unlock(s, PG_UNLOCK, s->done, s->done_count);
    call_unlock(s, PG_UNLOCK_READER, s->done_keys, s->done_key_count);
    s->done_count = s->done_key_count = 0;
}

/* Return the place in a room, or of a reader, that this handle has passed: 0, or see pg_keep. */
static int64_t passed_place(const struct pg_store *s, const char *room)
{
    for (size_t i = 0; i < s->passed_count; i++)
        if (s->passed[i].room == pg_name_hash(room))
            return s->passed[i].place;
    return 0;
}

size_t pg_locks_call(struct pg_store *s, enum pg sql, const struct chat_query *query,
                     const char *name)
{
    struct pg_values values = { .count = 0 };
    struct pg_array own;
    pg_locks_own(s, pg_name_is_reader(name) ? name : NULL, &own);
    pg_string(&values, name);
    pg_number(&values, query->until > 0 ? query->until : INT64_MAX);
    pg_add_array(&values, &own);
    pg_number(&values,
              (int64_t)(query->max_messages < s->claims ? query->max_messages : s->claims));
    if (sql == PG_LOCK_READER)
        pg_number(&values, query->every);
    if (sql == PG_LOCK_READER || sql == PG_LOCK_READY || sql == PG_CLAIM_READY)
        pg_number(&values, passed_place(s, pg_room_name(s, name)));
    if (sql == PG_CLAIM_READY)
        pg_number(&values, query->max_bytes < INT64_MAX ? (int64_t)query->max_bytes : INT64_MAX);
    if (sql == PG_LOCK_OLDER)
        pg_number(&values, query->before);
    size_t call = pg_call(s, sql, &values);
    pg_array_free(&own);
    return call;
}

void pg_locks_read(const struct pg_store *s, size_t call, struct pg_locked *locked)
{
    size_t count = (size_t)pg_rows(s, call);
    locked->count = count < LOCKED ? count : LOCKED; /* whatever a hostile server sends */
    for (size_t i = 0; i < locked->count; i++) {
        locked->id[i] = pg_get_number(pg_result(s, call), (int)i, 0);
        locked->length[i] = pg_get_number(pg_result(s, call), (int)i, 1);
    }
}

enum chat_status pg_locks_take(struct pg_store *s, enum pg sql, const struct chat_query *query,
                               const char *name, struct pg_locked *locked)
{
    size_t call = pg_locks_call(s, sql, query, name);
    enum chat_status status = pg_exchange(s, "read");
    if (status == CHAT_OK)
        pg_locks_read(s, call, locked);
    return status;
}

enum chat_status pg_locks_refuse(struct pg_store *s)
{
    enum chat_status status = pg_exchange(s, "read");
    return status != CHAT_OK
               ? status
               : error_set(s->base.error, CHAT_PERMISSION,
                           "cannot receive from spool '%s': permission denied", s->url);
}

/* Return how many of the locked messages a batch may hold. */
static size_t count_fitting(const struct pg_store *s, const struct pg_locked *locked,
                            const struct chat_query *query)
{
    const size_t most = query->max_messages < s->claims ? query->max_messages : s->claims;
    size_t n = 0, bytes = 0;
    while (n < locked->count && n < most && bytes < query->max_bytes)
        bytes += (size_t)locked->length[n++];
    return n;
}

void pg_locks_keep(struct pg_store *s, int64_t reader, const char *name, size_t count,
                   struct pg_locked *locked)
{
    if (count == locked->count)
        return;
    pg_locks_call_unlock(s, reader, locked->id + count, locked->count - count);
    pg_bells_call_ring(s, LOCK_CAME, name);
    locked->count = count;
}

void pg_locks_keep_fitting(struct pg_store *s, int64_t reader, const char *name,
                           const struct chat_query *query, struct pg_locked *locked)
{
    pg_locks_keep(s, reader, name, count_fitting(s, locked, query), locked);
}
