/* claim.c - claim messages, and release or keep the claims. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "connect.h"
#include "failed.h"
#include "locks.h"
#include "name.h"
#include "operations.h"
#include "quarantine.h"
#include "query.h"
#include "read.h"
#include "reader.h"
#include "room.h"
#include "rooms.h"

/* Return whether this session has claimed the message: the server would grant the lock again. */
static bool is_ours(const struct pg_store *s, int64_t id)
{
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (b->messages[i]->id == id)
                return true;
    for (size_t i = 0; i < s->kept_count; i++)
        if (s->kept[i] == id)
            return true;
    return false;
}

/* --- a room ---------------------------------------------------------------- */

/* The calls of an exchange that locks messages. */
struct locking {
    bool reads; /* it also reads them: see pg_read_ready */
    size_t lock, snapshot;
};

/* Return the statement that locks messages for QUERY. */
static enum pg choose(const struct chat_query *query)
{
    return query->before > 0 ? PG_LOCK_OLDER : query->every ? PG_LOCK_READY : PG_CLAIM_READY;
}

/* Look at the room and lock available messages, after making due messages ready. The results of the
 * calls in LOCKING, if it reads, are those of the last exchange. */
static enum chat_status lock_room(struct pg_store *s, const struct chat_query *query,
                                  const char *name, struct pg_room *room, struct pg_locked *locked,
                                  struct locking *locking)
{
    bool promoted = query->until > 0 || query->every;
    const enum pg sql = choose(query);
    locking->reads = sql == PG_CLAIM_READY;
    for (;;) {
        pg_bells_call_leave(s);
        pg_locks_call_unlock_done(s);
        size_t look = pg_room_call_look(s, name);
        locking->lock = pg_locks_call(s, sql, query, name);
        locking->snapshot = locking->reads ? pg_call(s, PG_GET_SNAPSHOT, NULL) : 0;
        enum chat_status status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return status;
        pg_room_read_look(s, look, room);
        pg_locks_read(s, locking->lock, locked);
        if (!room->may_delete) {
            pg_locks_call_unlock(s, 0, locked->id, locked->count);
            return pg_locks_refuse(s);
        }
        if (room->open && !query->every)
            return rooms_need_reader(s->base.error, room->name);
        if (!room->due || promoted)
            break;
        pg_locks_call_unlock(s, 0, locked->id, locked->count);
        status = pg_room_promote(s, room->number);
        promoted = true;
        if (status != CHAT_OK)
            return status;
    }
    if (!query->every || locked->count > 0 || room->number == 0 || query->before > 0)
        return CHAT_OK;
    return pg_locks_take(s, PG_LOCK_BEHIND, query, name, locked);
}

/* Read the messages that were locked. */
static enum chat_status read_locked(struct pg_store *s, const struct chat_query *query,
                                    const struct pg_room *room, const struct locking *locking,
                                    struct pg_locked *locked, struct chat_batch *batch)
{
    const struct pg_view view = { .room = room->name, .every = query->every };
    if (locking->reads)
        return pg_read_ready(s, locking->lock, locking->snapshot, room->number, &view, locked,
                             batch);
    pg_locks_keep_fitting(s, 0, room->name, query, locked);
    return pg_read_claimed(s, room->number, &view, locked->id, locked->count, batch);
}

/* Claim the oldest messages of a room. */
static enum chat_status claim_room(struct pg_store *s, const struct chat_query *query,
                                   const char *name, struct chat_batch *batch)
{
    struct pg_room room = { .number = 0 };
    struct pg_locked locked = { .count = 0 };
    struct locking locking;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && batch->count == 0) { /* all of them may have gone since then */
        status = lock_room(s, query, name, &room, &locked, &locking);
        if (status != CHAT_OK)
            return status;
        if (locked.count == 0)
            return CHAT_NONE;
        status = read_locked(s, query, &room, &locking, &locked, batch);
    }
    batch->room = room.number;
    batch->returned = room.returned;
    batch->first = room.first;
    return status;
}

/* --- one ------------------------------------------------------------------- */

static enum chat_status claim_one(struct pg_store *s, const struct chat_query *query,
                                  struct chat_batch *batch)
{
    struct pg_values values = { .count = 0 };
    struct pg_room room = { .number = 0 };
    bool ours = is_ours(s, query->id);
    pg_locks_call_unlock_done(s);
    pg_number(&values, query->id);
    size_t call = pg_call(s, PG_LOCK_ONE, &values);
    if (ours)
        pg_locks_call_unlock(s, 0, &query->id, 1);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK)
        return status;
    const PGresult *row = pg_result(s, call);
    if (pg_rows(s, call) == 0)
        return CHAT_NONE;
    if (ours || pg_get_number(row, 0, 2) == 0)
        return error_set(s->base.error, CHAT_BUSY, "message %lld is claimed", (long long)query->id);
    room.number = pg_get_number(row, 0, 0);
    strncpy(room.name, pg_get_text(row, 0, 1), sizeof room.name - 1);
    batch->room = room.number;
    const struct pg_view view = { .room = room.name, .every = query->every };
    status = pg_read_claimed(s, room.number, &view, &query->id, 1, batch);
    return status == CHAT_OK && batch->count == 0 ? CHAT_NONE : status;
}

/* --- all of it ------------------------------------------------------------- */

static enum chat_status claim_any(struct pg_store *s, const struct chat_query *query,
                                  struct chat_batch *batch)
{
    enum chat_status status = query->id > 0 ? claim_one(s, query, batch) : CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++)
        status = pg_name_is_reader(query->rooms[i])
                     ? pg_reader_claim(s, query, query->rooms[i], batch)
                     : claim_room(s, query, query->rooms[i], batch);
    return status;
}

/* Empty BATCH: the claims on its messages were lost. */
static void empty(struct chat_batch *batch)
{
    while (batch->count > 0)
        free(batch->messages[--batch->count]);
    batch->bytes = 0;
}

/* Claim messages. If another session is quarantining a damaged message, look for messages again,
 * but not forever. */
static enum chat_status claim(struct pg_store *s, const struct chat_query *query,
                              struct chat_batch *batch)
{
    enum { TRIES = 64 };
    enum chat_status status = CHAT_OK;
    for (int i = 0; i < TRIES && status == CHAT_OK && batch->count == 0; i++) {
        status = claim_any(s, query, batch);
        if (status == CHAT_DAMAGED)
            status = pg_quarantine(s, s->damaged);
    }
    return status == CHAT_OK && batch->count == 0 ? CHAT_NONE : status;
}

enum chat_status pg_claim(struct store *store, const struct chat_query *query,
                          struct chat_batch *batch)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        empty(batch);
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK)
            status = claim(s, query, batch);
    } while (pg_again(s, status, &timeout));
    if (status == CHAT_OK)
        batch->session = s->session;
    return status;
}

/* --- given up, or kept ----------------------------------------------------- */

static bool pass(struct pg_store *s, int64_t room, int64_t place)
{
    size_t i = 0;
    while (i < s->passed_count && s->passed[i].room != room)
        i++;
    if (i == s->passed_count) {
        struct pg_passed *more = realloc(s->passed, (i + 1) * sizeof *more);
        if (more == NULL)
            return false;
        s->passed = more;
        more[s->passed_count++] = (struct pg_passed){ .room = room };
    }
    if (place > s->passed[i].place)
        s->passed[i].place = place;
    return true;
}

/* Release the claims that are kept. From now on this handle receives only messages behind them. */
static enum chat_status pass_kept(struct pg_store *s)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    int64_t rooms[KEPT], keys[KEPT];
    size_t room_count = 0, key_count = 0;
    pg_array_start(&ids, PG_INT8);
    for (size_t i = 0; i < s->kept_count; i++)
        pg_array_number(&ids, s->kept[i]);
    pg_add_array(&values, &ids);
    size_t call = pg_call(s, PG_GET_PLACES, &values);
    pg_array_free(&ids);
    for (size_t i = 0; i < s->kept_count; i++)
        if (s->kept_key[i] == 0)
            rooms[room_count++] = s->kept[i];
        else
            keys[key_count++] = s->kept_key[i];
    pg_locks_call_unlock(s, 0, rooms, room_count);
    pg_locks_call_unlock_keys(s, keys, key_count);
    enum chat_status status = pg_exchange(s, "read");
    for (int i = 0; status == CHAT_OK && i < pg_rows(s, call); i++) {
        int64_t id = pg_get_number(pg_result(s, call), i, 0);
        int64_t place = pg_get_number(pg_result(s, call), i, 1);
        for (size_t k = 0; k < s->kept_count; k++)
            if (s->kept[k] == id && !pass(s, s->kept_room[k], place))
                status = pg_no_memory(s);
    }
    s->kept_count = 0;
    return status;
}

/* The server has space for some thousand locks. So a handle keeps some claims, so that it does not
 * receive these messages again. When there are too many, it releases all of them and remembers
 * their last place instead. */
enum chat_status pg_keep(struct store *store, struct chat_batch *batch)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < batch->count && status == CHAT_OK; i++) {
        if (s->kept_count == KEPT)
            status = pass_kept(s);
        const struct chat_message *m = batch->messages[i];
        s->kept[s->kept_count] = m->id;
        s->kept_key[s->kept_count] = batch->source != 0 ? pg_name_claim_key(batch->room, m->id) : 0;
        s->kept_room[s->kept_count++] = pg_name_hash_of(m);
    }
    return status;
}

void pg_release(struct store *store, struct chat_batch *batch)
{
    struct pg_store *s = (struct pg_store *)store;
    if (s->conn == NULL || batch->session != s->session)
        return; /* the claims were lost */
    bool remembered = true;
    for (size_t i = 0; i < batch->count && remembered; i++)
        remembered = batch->source != 0
                         ? pg_locks_remember(&s->done_keys, &s->done_key_count,
                                             pg_name_claim_key(batch->room, batch->messages[i]->id))
                         : pg_locks_remember(&s->done, &s->done_count, batch->messages[i]->id);
    if (!remembered)
        pg_disconnect(s);
    if (batch->settled && s->done_count + s->done_key_count <= s->claims)
        return;
    pg_locks_call_unlock_done(s);
    if (pg_exchange(s, "write") != CHAT_OK || batch->settled)
        return;
    /* The messages are available again, or held back: wake receivers. */
    pg_bells_call_ring(s, LOCK_CAME, batch->messages[0]->room);
    pg_exchange(s, "write");
}
