/* flush.c - put many messages of a transaction into the database together. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "failed.h"
#include "log.h"
#include "put.h"
#include "query.h"
#include "read.h"

/* Return whether these messages of the log are new ones that differ in their bodies alone. */
static bool are_alike(const struct pg_log *log, const size_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (log->puts[list[i]].kind != log->puts[list[0]].kind || log->puts[list[i]].id > 0)
            return false;
    return pg_log_get(log, list[0]).failed == 0;
}

/* Add what M has in common with messages that are like it. */
static void add_common(struct pg_values *values, const struct chat_message *m)
{
    pg_time(values, m->due);
    pg_time(values, m->expires);
    pg_time(values, m->time);
    pg_string(values, m->user);
    pg_string(values, m->host);
    pg_number(values, m->attempts);
    pg_string(values, m->key);
}

/* Add the calls that put one new message into the plain room ROOM, whose number is known: they have
 * as few parts as possible, because a new session looks up each in the catalog. If the room was
 * opened since it was looked up, the next message trims it. */
static void put_one(struct pg_store *s, const char *room, int64_t number, size_t i)
{
    struct pg_values values = { .count = 0 };
    const struct chat_message m = pg_log_get(&s->put.log, i);
    pg_number(&values, number);
    add_common(&values, &m);
    pg_number(&values, pg_read_digest(&m));
    pg_bytes(&values, m.length > 0 ? m.body : "", m.length);
    pg_put_call_enter(s, room);
    pg_put_call_count(s, number, 1, (int64_t)m.length);
    pg_call(s, PG_ADD_ONE, &values);
    pg_bells_call_ring(s, LOCK_CAME, room);
}

/* Add the call that puts messages which are alike into ROOM. */
static enum chat_status put_alike(struct pg_store *s, const char *room, const size_t *list,
                                  size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array digests, bodies;
    const struct chat_message like = pg_log_get(&s->put.log, list[0]);
    int64_t bytes = 0;
    pg_array_start(&digests, PG_INT8);
    pg_array_start(&bodies, PG_BYTEA);
    for (size_t i = 0; i < count; i++) {
        const struct chat_message m = pg_log_get(&s->put.log, list[i]);
        pg_array_number(&digests, pg_read_digest(&m));
        pg_array_bytes(&bodies, m.length > 0 ? m.body : "", m.length);
        bytes += (int64_t)m.length;
    }
    pg_string(&values, room);
    add_common(&values, &like);
    pg_add_array(&values, &digests);
    pg_add_array(&values, &bodies);
    pg_number(&values, bytes);
    bool failed = digests.failed || bodies.failed;
    pg_put_call_enter(s, room);
    if (!failed)
        pg_call(s, PG_ADD_ALIKE, &values);
    pg_array_free(&digests);
    pg_array_free(&bodies);
    pg_put_call_ring(s, room, (int64_t)count);
    return failed ? pg_no_memory(s) : CHAT_OK;
}

/* Add the calls that put messages of any kind into ROOM, with their ids and places. */
static enum chat_status put_each(struct pg_store *s, const char *room, const size_t *list,
                                 size_t count)
{
    struct pg_array columns[PG_PUT_COLUMNS];
    int64_t bytes = 0, last = 0, first = INT64_MAX;
    pg_put_columns_start(columns);
    for (size_t i = 0; i < count; i++) {
        const struct chat_message m = pg_log_get(&s->put.log, list[i]);
        pg_put_columns_add(columns, &m);
        bytes += (int64_t)m.length;
        if (m.id > last)
            last = m.id;
        if (m.place > last)
            last = m.place;
        if (m.place > 0 && m.place < first)
            first = m.place;
    }
    if (last > 0)
        pg_put_call_enter_spool(s);
    pg_put_call_enter(s, room);
    if (!pg_put_columns_call(s, columns, room, bytes))
        return pg_no_memory(s);
    if (last > 0)
        pg_put_call_last_id(s, last);
    if (first < INT64_MAX)
        pg_put_call_return(s, room, first);
    pg_put_call_ring(s, room, (int64_t)count);
    return CHAT_OK;
}

/* Put COUNT messages of the log, all for the same room. */
static enum chat_status put_for_room(struct pg_store *s, const size_t *list, size_t count)
{
    const char *room = pg_log_room(&s->put.log, list[0]);
    enum chat_status status = CHAT_OK;
    if (pg_may_copy(s, list, count)) {
        status = pg_copy(s, list, count);
        if (status != CHAT_NONE)
            return status;
    }
    const bool alike = are_alike(&s->put.log, list, count);
    const int64_t number = pg_put_room_number(s, room);
    if (alike && number > 0 && count == 1) {
        put_one(s, room, number, list[0]);
        status = CHAT_OK;
    } else if (alike && strchr(room, '/') == NULL)
        status = put_alike(s, room, list, count);
    else /* a message that is restored to a reader has a place, but no id */
        status = put_each(s, room, list, count);
    return status == CHAT_OK && s->call_count > CALLS / 2 ? pg_exchange(s, "write") : status;
}

/* Compare messages by their rooms, and then in the order in which they were put. Two transactions
 * that enter many rooms enter them in the same order, and so never wait for each other. */
static int compare(const void *a, const void *b, void *log)
{
    const size_t *x = a, *y = b;
    int order = strcmp(pg_log_room(log, *x), pg_log_room(log, *y));
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* Put the messages of the log from FROM to before TO. None of them wants an answer. */
static enum chat_status put_run(struct pg_store *s, size_t from, size_t to)
{
    size_t count = to - from, n;
    size_t *order = calloc(count, sizeof *order);
    enum chat_status status = CHAT_OK;
    if (order == NULL)
        return pg_no_memory(s);
    for (size_t i = 0; i < count; i++)
        order[i] = from + i;
    qsort_r(order, count, sizeof *order, compare, &s->put.log);
    for (size_t i = 0; i < count && status == CHAT_OK; i += n) {
        const char *room = pg_log_room(&s->put.log, order[i]);
        n = 1;
        while (i + n < count && strcmp(room, pg_log_room(&s->put.log, order[i + n])) == 0)
            n++;
        status = put_for_room(s, order + i, n);
    }
    free(order);
    return status;
}

/* Return where the run of messages ends that are put together with message FROM: before a message
 * that wants an answer, and before they would need too much memory while they are sent. */
static size_t end_of_run(const struct pg_store *s, size_t from)
{
    size_t to = from, bytes = 0;
    while (to < s->put.log.count && !pg_wants_answer(pg_log_terms(&s->put.log, to)) &&
           bytes <= PG_FLUSH)
        bytes += pg_log_get(&s->put.log, to++).length + sizeof(struct chat_message);
    return to;
}

static enum chat_status put_again(struct pg_store *s, size_t i)
{
    struct chat_message m = pg_log_get(&s->put.log, i);
    const struct pg_terms *terms = pg_log_terms(&s->put.log, i);
    int64_t id = m.id;
    enum chat_status status = pg_put_now(s, &m, &terms->terms, terms->id_wanted, &id);
    s->put.log.puts[i].id = m.id;
    return status;
}

enum chat_status pg_flush(struct pg_store *s)
{
    enum chat_status status = CHAT_OK;
    while (s->put.flushed < s->put.log.count && status == CHAT_OK) {
        size_t from = s->put.flushed, to = end_of_run(s, from);
        pg_put_call_begin(s);
        status = to > from ? put_run(s, from, to) : put_again(s, to++);
        s->put.flushed = to;
    }
    s->put.pending = 0;
    return status;
}
