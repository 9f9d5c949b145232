/* put_now.c - put one message at once, on terms that ask for an answer. */

#include "internal.h"

#include "failed.h"
#include "locks.h"
#include "put.h"
#include "query.h"
#include "room.h"
#include "rooms.h"

bool pg_wants_answer(const struct pg_terms *terms)
{
    return terms->id_wanted || terms->terms.once || terms->terms.replace || terms->terms.max > 0;
}

/* Read how many messages the room holds; for an open room, how many its slowest reader has not
 * read. */
static enum chat_status read_depth(struct pg_store *s, const char *room, int64_t *depth,
                                   int64_t *number, bool *open)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    pg_number(&values, INT64_MAX);
    size_t call = pg_call(s, PG_GET_DEPTH, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status == CHAT_OK) {
        *depth = pg_get_number(pg_result(s, call), 0, 0);
        *number = pg_get_number(pg_result(s, call), 0, 1);
        *open = pg_get_number(pg_result(s, call), 0, 2) != 0;
    }
    return status;
}

/* Let the slowest readers of the open room lose their oldest message. */
static enum chat_status drop_unseen(struct pg_store *s, int64_t number)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, number);
    return pg_do(s, PG_DROP_UNSEEN, &values, "write");
}

/* Drop the oldest message of the room that no receiver has claimed. With WHOLE, never one that this
 * transaction has put. CHAT_NONE: no such message. */
static enum chat_status drop_oldest(struct pg_store *s, const char *room, int64_t number,
                                    bool whole)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_locks_own(s, NULL, &ids);
    pg_string(&values, room);
    pg_add_array(&values, &ids);
    pg_number(&values, whole);
    size_t call = pg_call(s, PG_LOCK_OLDEST, &values);
    pg_array_free(&ids);
    enum chat_status status = pg_exchange(s, "write");
    if (status != CHAT_OK || pg_rows(s, call) == 0)
        return status == CHAT_OK ? CHAT_NONE : status;
    int64_t id = pg_get_number(pg_result(s, call), 0, 0);
    values = (struct pg_values){ .count = 0 };
    pg_array_start(&ids, PG_INT8);
    pg_array_number(&ids, id);
    pg_add_array(&values, &ids);
    pg_number(&values, number);
    pg_call(s, PG_SETTLE, &values); /* unless its receiver has just moved it */
    pg_array_free(&ids);
    return pg_exchange(s, "write");
}

/* Delete the messages with M's key in its room that no receiver has claimed. *COUNT becomes how
 * many. */
static enum chat_status replace(struct pg_store *s, const struct chat_message *m, int64_t *count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_locks_own(s, NULL, &ids);
    pg_string(&values, m->room);
    pg_string(&values, m->key);
    pg_add_array(&values, &ids);
    size_t call = pg_call(s, PG_LOCK_KEY, &values);
    pg_array_free(&ids);
    enum chat_status status = pg_exchange(s, "write");
    *count = status == CHAT_OK ? pg_rows(s, call) : 0;
    if (*count == 0)
        return status;
    values = (struct pg_values){ .count = 0 };
    pg_array_start(&ids, PG_INT8);
    for (int i = 0; i < *count; i++)
        pg_array_number(&ids, pg_get_number(pg_result(s, call), i, 0));
    pg_add_array(&values, &ids);
    pg_number(&values, pg_get_number(pg_result(s, call), 0, 1));
    pg_call(s, PG_SETTLE, &values);
    pg_array_free(&ids);
    return pg_exchange(s, "write");
}

/* Make sure that the room has fewer than TERMS->max messages. No other session enters it. */
static enum chat_status make_space(struct pg_store *s, const char *room,
                                   const struct chat_terms *terms)
{
    int64_t depth = 0, number = 0;
    bool open = false;
    enum chat_status status = read_depth(s, room, &depth, &number, &open);
    if (status != CHAT_OK || depth < terms->max)
        return status;
    status = pg_room_sweep(s, number);
    if (status == CHAT_OK)
        status = read_depth(s, room, &depth, &number, &open);
    const int64_t held = depth;
    while (status == CHAT_OK && depth >= terms->max) {
        status = !terms->drop ? CHAT_NONE
                 : open       ? drop_unseen(s, number)
                              : drop_oldest(s, room, number, terms->whole);
        if (status == CHAT_OK)
            status = read_depth(s, room, &depth, &number, &open);
    }
    return status == CHAT_NONE ? rooms_full(s->base.error, room, held, open) : status;
}

/* Look for a message with M's key, after entering the room. CHAT_NONE: no such message. */
static enum chat_status find_key(struct pg_store *s, const struct chat_message *m, int64_t *id)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, m->room);
    pg_string(&values, m->key);
    size_t call = pg_call(s, PG_GET_KEY, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK)
        return status;
    if (pg_rows(s, call) == 0)
        return CHAT_NONE;
    *id = pg_get_number(pg_result(s, call), 0, 0);
    return CHAT_OK;
}

/* Draw an id. */
static enum chat_status next_id(struct pg_store *s, int64_t *id)
{
    size_t call = pg_call(s, PG_NEXT_ID, NULL);
    enum chat_status status = pg_exchange(s, "write");
    if (status == CHAT_OK)
        *id = pg_get_number(pg_result(s, call), 0, 0);
    return status;
}

/* Give M an id and a place. A message that is put again keeps the id that the caller knows. */
static enum chat_status give_id(struct pg_store *s, struct chat_message *m, bool id_wanted)
{
    int64_t number = 0;
    if (m->id > 0 && m->place > 0)
        return CHAT_OK; /* the message is restored */
    enum chat_status status = id_wanted || m->id > 0 ? next_id(s, &number) : CHAT_OK;
    if (m->id == 0)
        m->id = number;
    if (m->due == 0)
        m->place = number;
    return status;
}

enum chat_status pg_put_now(struct pg_store *s, struct chat_message *m,
                            const struct chat_terms *terms, bool id_wanted, int64_t *id)
{
    struct chat_message put = *m;
    bool given = m->id > 0;
    int64_t replaced = 0;
    pg_put_call_begin(s);
    if (given)
        pg_put_call_enter_spool(s);
    pg_put_call_enter(s, m->room);
    enum chat_status status = CHAT_NONE;
    if (terms->once)
        status = find_key(s, m, id);
    if (status != CHAT_NONE)
        return status == CHAT_OK && terms->fresh ? CHAT_NONE : status;
    status = terms->replace ? replace(s, m, &replaced) : CHAT_OK;
    if (status == CHAT_OK && terms->max > 0 && replaced == 0)
        status = make_space(s, m->room, terms);
    if (status == CHAT_OK)
        status = give_id(s, &put, id_wanted);
    if (status != CHAT_OK)
        return status;
    const struct chat_message *one = &put;
    struct pg_array columns[PG_PUT_COLUMNS];
    pg_put_columns_start(columns);
    pg_put_columns_add(columns, one);
    if (!pg_put_columns_call(s, columns, m->room, (int64_t)m->length))
        return pg_no_memory(s);
    if (given)
        pg_put_call_last_id(s, put.id > put.place ? put.id : put.place);
    if (given && put.place > 0)
        pg_put_call_return(s, m->room, put.place);
    pg_put_call_ring(s, m->room, 1);
    status = pg_exchange(s, "write");
    if (status == CHAT_OK && id_wanted)
        *id = m->id = put.id; /* also for the log */
    return status;
}
