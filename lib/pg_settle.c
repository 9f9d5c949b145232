/* pg_settle.c - what becomes of claimed messages: they are deleted, held back or moved. */

#include "store_pg.h"

#include <stdlib.h>

/* The connection is the claim. */
static enum chat_status check_claim(const struct pg_store *s, const struct chat_batch *batch)
{
    if (s->conn != NULL && batch->session == s->session)
        return CHAT_OK;
    return error_set(
        s->base.error, CHAT_UNREACHABLE,
        "the connection to spool '%s' was lost, and the claim with it: message %lld may "
        "be received again",
        s->url, (long long)batch->messages[0]->id);
}

/* Whether a commit went through that broke is not to be known, and need not be. */
static enum chat_status told(struct pg_store *s, enum chat_status status,
                             const struct chat_batch *batch)
{
    if (status != CHAT_UNREACHABLE)
        return status;
    return error_set(s->base.error, status,
                     "the connection to spool '%s' is lost: message %lld may be received again",
                     s->url, (long long)batch->messages[0]->id);
}

/* From here on somebody who comes to wait for room waits for us first. */
static void call_enter(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, pg_lock_of(LOCK_SETTLING, room));
    pg_call(s, PG_ENTER_SETTLING, &values);
}

/* Ring for who waits for room. */
static void call_ring_gone(struct pg_store *s, const char *room, int64_t number)
{
    char channel[32];
    struct pg_values values = { .count = 0 };
    pg_channel(LOCK_GONE, room, channel);
    pg_string(&values, channel);
    pg_number(&values, pg_lock_of(LOCK_GONE, room));
    pg_number(&values, number);
    pg_call(s, PG_RING_GONE, &values);
}

static void add_ids(struct pg_array *ids, const struct chat_message *const *messages, size_t count)
{
    pg_array_start(ids, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(ids, messages[i]->id);
}

/* --- deleted --------------------------------------------------------------- */

static void call_settle(struct pg_store *s, const struct chat_batch *batch, size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    add_ids(&ids, (const struct chat_message *const *)batch->messages, count);
    pg_add_array(&values, &ids);
    pg_number(&values, batch->room);
    pg_number(&values, pg_slot(s));
    pg_number(&values, batch->returned);
    pg_number(&values, batch->first);
    pg_call(s, PG_SETTLE, &values);
    pg_array_free(&ids);
}

/* Who deletes one of these looks after what others left: messages that have expired. */
static void call_sweep(struct pg_store *s, const struct chat_batch *batch)
{
    enum { EVERY = 16, MOST = 32 };
    struct pg_values values = { .count = 0 };
    if (batch->messages[0]->id % EVERY != 0)
        return;
    pg_number(&values, batch->room);
    pg_number(&values, pg_slot(s));
    pg_number(&values, MOST);
    pg_call(s, PG_SWEEP, &values);
}

/* On a full disk no row of chat.gone may find a place; the row of the room has one, though whoever
 * sends waits for it. */
static void call_settle_full(struct pg_store *s, const struct chat_batch *batch, size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    add_ids(&ids, (const struct chat_message *const *)batch->messages, count);
    pg_add_array(&values, &ids);
    pg_number(&values, batch->room);
    pg_call(s, PG_SETTLE_FULL, &values);
    pg_array_free(&ids);
}

enum chat_status pg_settle(struct store *store, struct chat_batch *batch, size_t count)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = check_claim(s, batch);
    if (status != CHAT_OK)
        return status;
    const char *room = batch->messages[0]->room;
    pg_call_unlock_done(s);
    call_enter(s, room);
    call_settle(s, batch, count);
    call_sweep(s, batch);
    call_ring_gone(s, room, batch->room);
    status = pg_exchange(s, "write");
    if (status == CHAT_IO) {
        call_enter(s, room);
        call_settle_full(s, batch, count);
        call_ring_gone(s, room, batch->room);
        status = pg_exchange(s, "write");
    }
    return told(s, status, batch);
}

/* --- held back, or moved --------------------------------------------------- */

static enum chat_status hold(struct pg_store *s, const struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids, attempts;
    add_ids(&ids, (const struct chat_message *const *)batch->messages, batch->count);
    pg_array_start(&attempts, PG_INT8);
    for (size_t i = 0; i < batch->count; i++)
        pg_array_number(&attempts, batch->messages[i]->attempts + failure->counted);
    pg_add_array(&values, &ids);
    pg_add_array(&values, &attempts);
    pg_number(&values, failure->hold);
    pg_call(s, PG_SET_FAILED, &values);
    pg_array_free(&ids);
    pg_array_free(&attempts);
    return pg_exchange(s, "write");
}

static void call_move(struct pg_store *s, const struct chat_message *const *moved, size_t count,
                      int64_t from, const char *room)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids, attempts, dues, expires, digests;
    add_ids(&ids, moved, count);
    pg_array_start(&attempts, PG_INT8);
    pg_array_start(&dues, PG_INT8);
    pg_array_start(&expires, PG_INT8);
    pg_array_start(&digests, PG_INT8);
    for (size_t i = 0; i < count; i++) {
        pg_array_number(&attempts, moved[i]->attempts);
        pg_array_time(&dues, moved[i]->due);
        pg_array_time(&expires, moved[i]->expires);
        pg_array_number(&digests, pg_digest(moved[i]));
    }
    pg_add_array(&values, &ids);
    pg_number(&values, from);
    pg_number(&values, pg_slot(s));
    pg_string(&values, room);
    pg_add_array(&values, &attempts);
    pg_add_array(&values, &dues);
    pg_add_array(&values, &expires);
    pg_add_array(&values, &digests);
    pg_call(s, PG_MOVE, &values);
    pg_array_free(&ids);
    pg_array_free(&attempts);
    pg_array_free(&dues);
    pg_array_free(&expires);
    pg_array_free(&digests);
}

enum chat_status pg_move_messages(struct pg_store *s, const struct chat_message *const *moved,
                                  size_t count, int64_t from, const char *from_name)
{
    struct pg_values values = { .count = 0 };
    const char *to = moved[0]->room;
    call_enter(s, from_name);
    pg_string(&values, to);
    pg_call(s, PG_ADD_ROOM, &values);
    pg_number(&values, 0);
    pg_number(&values, 0);
    pg_number(&values, 0);
    pg_call(s, PG_ENTER_ROOM, &values);
    call_move(s, moved, count, from, to);
    pg_call_ring(s, LOCK_CAME, to);
    call_ring_gone(s, from_name, from);
    return pg_exchange(s, "write");
}

/* Move the messages of BATCH as CHANGE makes them. */
static enum chat_status move(struct pg_store *s, const struct chat_batch *batch,
                             void (*change)(struct chat_message *m, const void *how),
                             const void *how)
{
    struct chat_message *moved = calloc(batch->count, sizeof *moved);
    const struct chat_message **list = calloc(batch->count, sizeof *list);
    enum chat_status status = CHAT_SYSTEM;
    if (moved != NULL && list != NULL) {
        for (size_t i = 0; i < batch->count; i++) {
            moved[i] = *batch->messages[i];
            change(&moved[i], how);
            list[i] = &moved[i];
        }
        status = pg_move_messages(s, list, batch->count, batch->room, batch->messages[0]->room);
    } else
        pg_no_memory(s);
    free(moved);
    free(list);
    return status;
}

/* To the dead room, where nothing expires. */
static void bury(struct chat_message *m, const void *how)
{
    const struct chat_failure *failure = how;
    m->room = failure->dead;
    m->attempts += failure->counted;
    m->due = m->expires = 0;
}

static void carry(struct chat_message *m, const void *how)
{
    m->room = how;
    m->attempts = 0;
    if (m->place > 0) /* it was held back after a failure */
        m->due = 0;
}

enum chat_status pg_fail(struct store *store, struct chat_batch *batch,
                         const struct chat_failure *failure)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = check_claim(s, batch);
    if (status != CHAT_OK)
        return status;
    status = failure->dead != NULL ? move(s, batch, bury, failure) : hold(s, batch, failure);
    return told(s, status, batch);
}

enum chat_status pg_move(struct store *store, struct chat_batch *batch, const char *room)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = check_claim(s, batch);
    return status == CHAT_OK ? told(s, move(s, batch, carry, room), batch) : status;
}
