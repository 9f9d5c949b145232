/* settle.c - delete, hold back or move claimed messages. */

#include "settle.h"

#include <stdlib.h>

#include "bells.h"
#include "clock.h"
#include "connect.h"
#include "failed.h"
#include "locks.h"
#include "name.h"
#include "operations.h"
#include "put.h"
#include "query.h"
#include "read.h"
#include "reader.h"
#include "room.h"

/* Check that the connection still exists with which the messages were claimed: it is the claim. */
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

/* After a call that returned STATUS: return whether other sessions or an operator have hindered it,
 * so that it should be tried once more. */
static bool was_hindered(const struct pg_store *s, enum chat_status status)
{
    return status == CHAT_BUSY && s->conn != NULL;
}

/* Return whether to try again, after a pause. Delivered messages must be deleted, and no other
 * receiver gets them as long as the session lives: so there is time. */
static bool try_again(const struct pg_store *s, enum chat_status status)
{
    struct pg_timeout timeout = { .until = -1, .pause = 50 };
    return was_hindered(s, status) && pg_pause(&timeout);
}

/* Explain that it is unknown whether the messages of BATCH were deleted or moved: the connection
 * was lost during the commit. */
static enum chat_status explain_doubt(struct pg_store *s, enum chat_status status,
                                      const struct chat_batch *batch)
{
    if (status != CHAT_UNREACHABLE)
        return status;
    return error_set(s->base.error, status,
                     "the connection to spool '%s' is lost: message %lld may be received again",
                     s->url, (long long)batch->messages[0]->id);
}

static void add_ids(struct pg_array *ids, const struct chat_message *const *messages, size_t count)
{
    pg_array_start(ids, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(ids, messages[i]->id);
}

/* --- deleted --------------------------------------------------------------- */

static void call_settle(struct pg_store *s, enum pg sql, const struct chat_batch *batch,
                        size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    add_ids(&ids, (const struct chat_message *const *)batch->messages, count);
    pg_add_array(&values, &ids);
    pg_number(&values, batch->room);
    pg_call(s, sql, &values);
    pg_array_free(&ids);
}

/* Return whether one of the first COUNT messages of BATCH triggers work that is done once in EVERY
 * messages. */
static bool has_sampled(const struct chat_batch *batch, size_t count, int64_t every)
{
    for (size_t i = 0; i < count; i++)
        if (pg_room_is_sampled(batch->messages[i]->id, every))
            return true;
    return false;
}

/* Once in a number of messages, record where the live messages begin. Until then each receiver
 * passes the deleted ones, as long as an old snapshot keeps them. */
static void call_front(struct pg_store *s, const struct chat_batch *batch, size_t count)
{
    enum { EVERY = 32 };
    struct pg_values values = { .count = 0 };
    if (batch->first == 0 || !has_sampled(batch, count, EVERY))
        return;
    pg_number(&values, batch->room);
    pg_number(&values, batch->returned);
    pg_number(&values, batch->first);
    pg_call(s, PG_ADD_FRONT, &values);
}

/* Delete messages on a full disk: it may have no space for another row, but it has space for
 * another version of a row. */
static enum chat_status settle_full(struct pg_store *s, const struct chat_batch *batch,
                                    size_t count)
{
    pg_room_call_settling(s, batch->room);
    call_settle(s, PG_SETTLE_FULL, batch, count);
    pg_bells_call_ring_gone(s, batch->messages[0]->room, batch->room);
    return pg_exchange(s, "write");
}

static enum chat_status settle(struct pg_store *s, const struct chat_batch *batch, size_t count)
{
    pg_locks_call_unlock_done(s);
    pg_room_call_settling(s, batch->room);
    call_settle(s, PG_SETTLE, batch, count);
    call_front(s, batch, count);
    pg_room_call_sweep(s, batch, batch->room);
    pg_bells_call_ring_gone(s, batch->messages[0]->room, batch->room);
    enum chat_status status = pg_exchange(s, "write");
    return status == CHAT_IO ? settle_full(s, batch, count) : status;
}

enum chat_status pg_settle(struct store *store, struct chat_batch *batch, size_t count)
{
    enum { EVERY = 256 };
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = check_claim(s, batch);
    if (status != CHAT_OK)
        return status;
    do
        status = batch->source != 0 ? pg_reader_settle(s, batch, count) : settle(s, batch, count);
    while (try_again(s, status));
    if (status == CHAT_OK) /* the lost messages were reported */
        batch->missed = 0;
    if (status == CHAT_OK && has_sampled(batch, 1, EVERY))
        pg_room_tidy(s, batch->room);
    return explain_doubt(s, status, batch);
}

/* --- held back, or moved --------------------------------------------------- */

static enum chat_status hold(struct pg_store *s, const struct chat_batch *batch, const void *how)
{
    const struct chat_failure *failure = how;
    struct pg_values values = { .count = 0 };
    struct pg_array ids, attempts;
    add_ids(&ids, (const struct chat_message *const *)batch->messages, batch->count);
    pg_array_start(&attempts, PG_INT8);
    for (size_t i = 0; i < batch->count; i++)
        pg_array_number(&attempts, batch->messages[i]->attempts + failure->counted);
    pg_add_array(&values, &ids);
    pg_add_array(&values, &attempts);
    pg_number(&values, failure->hold);
    pg_number(&values, batch->room);
    pg_number(&values, failure->counted);
    pg_number(&values, failure->status);
    pg_call(s, PG_SET_FAILED, &values);
    pg_array_free(&ids);
    pg_array_free(&attempts);
    return pg_exchange(s, "write");
}

static void call_move(struct pg_store *s, enum pg sql, const struct chat_message *const *moved,
                      size_t count, int64_t from, const char *room)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids, attempts, dues, expires, digests, failed, failures;
    add_ids(&ids, moved, count);
    pg_array_start(&attempts, PG_INT8);
    pg_array_start(&dues, PG_INT8);
    pg_array_start(&expires, PG_INT8);
    pg_array_start(&digests, PG_INT8);
    pg_array_start(&failed, PG_INT8);
    pg_array_start(&failures, PG_INT8);
    for (size_t i = 0; i < count; i++) {
        pg_array_number(&attempts, moved[i]->attempts);
        pg_array_time(&dues, moved[i]->due);
        pg_array_time(&expires, moved[i]->expires);
        pg_array_number(&digests, pg_read_digest(moved[i]));
        pg_array_time(&failed, moved[i]->failed);
        pg_array_failure(&failures, moved[i]);
    }
    pg_add_array(&values, &ids);
    pg_number(&values, from);
    pg_string(&values, room);
    pg_add_array(&values, &attempts);
    pg_add_array(&values, &dues);
    pg_add_array(&values, &expires);
    pg_add_array(&values, &digests);
    pg_add_array(&values, &failed);
    pg_add_array(&values, &failures);
    pg_call(s, sql, &values);
    pg_array_free(&ids);
    pg_array_free(&attempts);
    pg_array_free(&dues);
    pg_array_free(&expires);
    pg_array_free(&digests);
    pg_array_free(&failed);
    pg_array_free(&failures);
}

/* Add calls that make free places before the first message of ROOM, and let receivers look there
 * again. */
static void call_make_front(struct pg_store *s, const char *room, size_t count)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    pg_number(&values, (int64_t)count);
    pg_call(s, PG_MAKE_FRONT, &values);
    values.count = 0;
    pg_string(&values, room);
    pg_number(&values, 1);
    pg_call(s, PG_RETURN_TO_ROOM, &values);
}

enum chat_status pg_move_messages(struct pg_store *s, const struct chat_message *const *moved,
                                  size_t count, int64_t from, const char *from_name, bool first)
{
    const char *to = moved[0]->room;
    pg_put_call_enter_room(s, to); /* before the other lock, as all sessions do */
    pg_room_call_settling(s, from);
    if (first)
        call_make_front(s, to, count);
    call_move(s, first ? PG_MOVE_FIRST : PG_MOVE, moved, count, from, to);
    pg_put_call_ring(s, to, (int64_t)count);
    pg_bells_call_ring_gone(s, from_name, from);
    return pg_exchange(s, "write");
}

/* Move the messages of BATCH, after CHANGE has changed them. */
static enum chat_status move(struct pg_store *s, const struct chat_batch *batch,
                             void (*change)(struct chat_message *m, const void *how),
                             const void *how, bool first)
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
        status =
            pg_move_messages(s, list, batch->count, batch->room, batch->messages[0]->room, first);
    } else
        pg_no_memory(s);
    free(moved);
    free(list);
    return status;
}

struct burial {
    const struct chat_failure *failure;
    int64_t now;
};

/* Change a message for the dead-letter room, where no message expires. */
static void bury(struct chat_message *m, const void *how)
{
    const struct burial *burial = how;
    m->room = burial->failure->dead;
    m->attempts += burial->failure->counted;
    if (burial->failure->counted) {
        m->failed = burial->now;
        m->failure = burial->failure->status;
    }
    m->due = m->expires = 0;
}

static void carry(struct chat_message *m, const void *how)
{
    m->room = how;
    m->attempts = m->failed = 0;
    if (m->place > 0) /* the message was held back after a failure */
        m->due = 0;
}

static enum chat_status bury_all(struct pg_store *s, const struct chat_batch *batch,
                                 const void *how)
{
    return move(s, batch, bury, how, false);
}

static enum chat_status carry_all(struct pg_store *s, const struct chat_batch *batch,
                                  const void *how)
{
    return move(s, batch, carry, how, false);
}

static enum chat_status carry_first(struct pg_store *s, const struct chat_batch *batch,
                                    const void *how)
{
    return move(s, batch, carry, how, true);
}

/* Call ACTION for the messages of BATCH, which go to the room TO, or stay (NULL). */
static enum chat_status change(struct pg_store *s, struct chat_batch *batch, const char *to,
                               pg_change *action, const void *how)
{
    enum chat_status status = check_claim(s, batch);
    if (status != CHAT_OK)
        return status;
    do
        status = batch->source != 0 ? pg_reader_change(s, batch, to, action, how)
                                    : action(s, batch, how);
    while (try_again(s, status));
    if (status == CHAT_OK)
        batch->missed = 0;
    return explain_doubt(s, status, batch);
}

enum chat_status pg_fail(struct store *store, struct chat_batch *batch,
                         const struct chat_failure *failure)
{
    struct pg_store *s = (struct pg_store *)store;
    const struct burial burial = { failure, pg_now(store) };
    if (failure->dead != NULL)
        return change(s, batch, failure->dead, bury_all, &burial);
    return change(s, batch, NULL, hold, failure);
}

enum chat_status pg_move(struct store *store, struct chat_batch *batch, const char *room,
                         bool first)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_room to = { .open = false };
    enum chat_status status = first ? pg_room_look(s, room, &to) : CHAT_OK;
    if (status == CHAT_OK && (to.open || (first && pg_name_is_reader(room))))
        return error_set(store->error, CHAT_USAGE,
                         "room '%s' is open: messages move to its end only", room);
    return status == CHAT_OK ? change(s, batch, room, first ? carry_first : carry_all, room)
                             : status;
}
