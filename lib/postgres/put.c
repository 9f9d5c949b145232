/* put.c - what a transaction that sends puts into the database. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* --- many ------------------------------------------------------------------ */

/* The columns of add_messages (sql/postgres/send.sql) behind the room. */
enum {
    C_ID,
    C_PLACE,
    C_DUE,
    C_EXPIRES,
    C_SENT,
    C_USER,
    C_HOST,
    C_ATTEMPTS,
    C_KEY,
    C_DIGEST,
    C_FAILED,
    C_FAILURE,
    C_BODY,
    COLUMNS
};

static void columns_start(struct pg_array columns[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        pg_array_start(&columns[i], i == C_USER || i == C_HOST || i == C_KEY ? PG_TEXT
                                    : i == C_BODY                            ? PG_BYTEA
                                                                             : PG_INT8);
}

static void columns_add(struct pg_array columns[COLUMNS], const struct chat_message *m)
{
    pg_array_number(&columns[C_ID], m->id);
    pg_array_number(&columns[C_PLACE], m->place);
    pg_array_time(&columns[C_DUE], m->due);
    pg_array_time(&columns[C_EXPIRES], m->expires);
    pg_array_time(&columns[C_SENT], m->time);
    pg_array_text(&columns[C_USER], m->user);
    pg_array_text(&columns[C_HOST], m->host);
    pg_array_number(&columns[C_ATTEMPTS], m->attempts);
    pg_array_text(&columns[C_KEY], m->key);
    pg_array_number(&columns[C_DIGEST], pg_digest(m));
    pg_array_time(&columns[C_FAILED], m->failed);
    pg_array_failure(&columns[C_FAILURE], m);
    pg_array_bytes(&columns[C_BODY], m->length > 0 ? m->body : "", m->length);
}

/* Add the calls that put them into ROOM. False: no memory. */
static bool columns_call(struct pg_store *s, struct pg_array columns[COLUMNS], const char *room,
                         int64_t bytes)
{
    struct pg_values values = { .count = 0 };
    bool failed = false;
    pg_string(&values, room);
    for (int i = 0; i < COLUMNS; i++) {
        pg_add_array(&values, &columns[i]);
        failed = failed || columns[i].failed;
    }
    pg_number(&values, bytes);
    if (!failed)
        pg_call(s, PG_ADD_MESSAGES, &values);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_free(&columns[i]);
    return !failed;
}

void pg_call_begin(struct pg_store *s)
{
    struct pg_values token = { .count = 0 };
    if (s->open)
        return;
    s->open = true;
    pg_bytes(&token, s->token, TOKEN);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_ADD_TOKEN, &token);
}

/* From here to our commit no other session sends to any room, or draws an id. */
void pg_call_enter_spool(struct pg_store *s)
{
    if (!s->whole)
        pg_call(s, PG_ENTER_SPOOL, NULL);
    s->whole = true;
}

static bool has_entered(const struct pg_store *s, uint64_t hash)
{
    for (size_t i = 0; i < s->entered_count; i++)
        if (s->entered[i] == hash)
            return true;
    return false;
}

/* Add to the exchange that ROOM is made if there is none; a reader has to exist (CHAT_NOUSER). */
static void call_need_room(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    char source[CHAT_NAME_MAX + 1];
    if (strchr(room, '/') != NULL)
        pg_string(&values, pg_source_name(room, source));
    pg_string(&values, room);
    pg_call(s, values.count > 1 ? PG_FIND_READER : PG_ADD_ROOM, &values);
}

void pg_call_enter_room(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    call_need_room(s, room);
    pg_call(s, PG_ENTER_ROOM, &values);
}

/* From here to our commit no other session sends to ROOM. The server has space for some thousand
 * locks, so a transaction with many rooms takes the write lock of the spool instead. */
static void call_enter(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    uint64_t hash = (uint64_t)pg_hash(room);
    if (!s->whole && has_entered(s, hash))
        return;
    pg_string(&values, room);
    if (s->entered_count == ROOMS)
        pg_call_enter_spool(s);
    call_need_room(s, room);
    if (s->whole)
        return;
    s->entered[s->entered_count++] = hash;
    pg_call(s, PG_ENTER_ROOM, &values);
}

void pg_call_ring_room(struct pg_store *s, const char *room, int64_t count)
{
    char channel[32];
    struct pg_values values = { .count = 0 };
    pg_channel(LOCK_CAME, room, channel);
    pg_string(&values, channel);
    pg_number(&values,
              s->whole ? 0 : pg_lock_of(LOCK_CAME, room)); /* many rooms: no lock for each */
    pg_string(&values, room);
    pg_number(&values, count);
    pg_call(s, PG_RING_ROOM, &values);
}

/* Messages come to a position before others. */
static void call_return(struct pg_store *s, const char *room, int64_t first)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    pg_number(&values, first);
    pg_call(s, PG_RETURN_TO_ROOM, &values);
}

static void call_last_id(struct pg_store *s, int64_t last)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, last);
    pg_call(s, PG_SET_LAST_ID, &values);
}

/* Whether these messages of the log are new ones that differ in their bodies alone. */
static bool are_alike(const struct pg_log *log, const size_t *group, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (log->puts[group[i]].kind != log->puts[group[0]].kind || log->puts[group[i]].id > 0)
            return false;
    return pg_log_get(log, group[0]).failed == 0;
}

/* Add the call that puts them into ROOM. */
static enum chat_status put_alike(struct pg_store *s, const char *room, const size_t *group,
                                  size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array digests, bodies;
    const struct chat_message like = pg_log_get(&s->log, group[0]);
    int64_t bytes = 0;
    pg_array_start(&digests, PG_INT8);
    pg_array_start(&bodies, PG_BYTEA);
    for (size_t i = 0; i < count; i++) {
        const struct chat_message m = pg_log_get(&s->log, group[i]);
        pg_array_number(&digests, pg_digest(&m));
        pg_array_bytes(&bodies, m.length > 0 ? m.body : "", m.length);
        bytes += (int64_t)m.length;
    }
    pg_string(&values, room);
    pg_time(&values, like.due);
    pg_time(&values, like.expires);
    pg_time(&values, like.time);
    pg_string(&values, like.user);
    pg_string(&values, like.host);
    pg_number(&values, like.attempts);
    pg_string(&values, like.key);
    pg_add_array(&values, &digests);
    pg_add_array(&values, &bodies);
    pg_number(&values, bytes);
    bool failed = digests.failed || bodies.failed;
    call_enter(s, room);
    if (!failed)
        pg_call(s, PG_ADD_ALIKE, &values);
    pg_array_free(&digests);
    pg_array_free(&bodies);
    pg_call_ring_room(s, room, (int64_t)count);
    return failed ? pg_no_memory(s) : CHAT_OK;
}

/* Put COUNT messages of the log that are all for the same room. */
static enum chat_status put_group(struct pg_store *s, const size_t *group, size_t count)
{
    const char *room = pg_log_room(&s->log, group[0]);
    struct pg_array columns[COLUMNS];
    int64_t bytes = 0, last = 0, first = INT64_MAX;
    if (are_alike(&s->log, group, count)) {
        enum chat_status status = put_alike(s, room, group, count);
        return status == CHAT_OK && s->call_count > CALLS / 2 ? pg_exchange(s, "write") : status;
    }
    columns_start(columns);
    for (size_t i = 0; i < count; i++) {
        const struct chat_message m = pg_log_get(&s->log, group[i]);
        columns_add(columns, &m);
        bytes += (int64_t)m.length;
        if (m.id > last)
            last = m.id;
        if (m.place > last)
            last = m.place;
        if (m.place > 0 && m.place < first)
            first = m.place;
    }
    if (last > 0)
        pg_call_enter_spool(s);
    call_enter(s, room);
    if (!columns_call(s, columns, room, bytes))
        return pg_no_memory(s);
    if (last > 0)
        call_last_id(s, last);
    if (first < INT64_MAX)
        call_return(s, room, first);
    pg_call_ring_room(s, room, (int64_t)count);
    return s->call_count > CALLS / 2 ? pg_exchange(s, "write") : CHAT_OK;
}

/* By their rooms, and each room in the order in which they were put. Two who enter many rooms do it
 * in the same order, and never wait for each other. */
static int compare(const void *a, const void *b, void *log)
{
    const size_t *x = a, *y = b;
    int order = strcmp(pg_log_room(log, *x), pg_log_room(log, *y));
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* Put the messages of the log from FROM to before TO, none of which wants an answer. */
static enum chat_status put_run(struct pg_store *s, size_t from, size_t to)
{
    size_t count = to - from, n;
    size_t *order = calloc(count, sizeof *order);
    enum chat_status status = CHAT_OK;
    if (order == NULL)
        return pg_no_memory(s);
    for (size_t i = 0; i < count; i++)
        order[i] = from + i;
    qsort_r(order, count, sizeof *order, compare, &s->log);
    for (size_t i = 0; i < count && status == CHAT_OK; i += n) {
        const char *room = pg_log_room(&s->log, order[i]);
        n = 1;
        while (i + n < count && strcmp(room, pg_log_room(&s->log, order[i + n])) == 0)
            n++;
        status = put_group(s, order + i, n);
    }
    free(order);
    return status;
}

/* Where the messages end that are put together with message FROM: before one that wants an answer,
 * and before they are too many to be kept as they are sent, besides. */
static size_t end_of_run(const struct pg_store *s, size_t from)
{
    size_t to = from, bytes = 0;
    while (to < s->log.count && !pg_wants_answer(pg_log_terms(&s->log, to)) && bytes <= PG_FLUSH)
        bytes += pg_log_get(&s->log, to++).length + sizeof(struct chat_message);
    return to;
}

static enum chat_status put_again(struct pg_store *s, size_t i)
{
    struct chat_message m = pg_log_get(&s->log, i);
    const struct pg_terms *terms = pg_log_terms(&s->log, i);
    int64_t id = m.id;
    enum chat_status status = pg_put_now(s, &m, &terms->terms, terms->id_wanted, &id);
    s->log.puts[i].id = m.id;
    return status;
}

enum chat_status pg_flush(struct pg_store *s)
{
    enum chat_status status = CHAT_OK;
    while (s->flushed < s->log.count && status == CHAT_OK) {
        size_t from = s->flushed, to = end_of_run(s, from);
        pg_call_begin(s);
        status = to > from ? put_run(s, from, to) : put_again(s, to++);
        s->flushed = to;
    }
    s->pending = 0;
    return status;
}

/* --- one, with an answer --------------------------------------------------- */

static enum chat_status full(const struct pg_store *s, const char *room, int64_t depth, bool open)
{
    if (open)
        return error_set(s->base.error, CHAT_BUSY,
                         "room '%s' is full: its slowest reader has not read %lld message%s", room,
                         (long long)depth, depth == 1 ? "" : "s");
    return error_set(s->base.error, CHAT_BUSY, "room '%s' is full: it holds %lld message%s", room,
                     (long long)depth, depth == 1 ? "" : "s");
}

/* How many messages the room holds; an open one: how many its slowest reader has not read. */
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

/* The slowest readers of the open room lose their oldest message. */
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
    pg_own_ids(s, NULL, &ids);
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
    pg_call(s, PG_SETTLE, &values); /* unless its receiver has moved it just now */
    pg_array_free(&ids);
    return pg_exchange(s, "write");
}

/* Delete the messages with M's key in its room that no receiver has claimed. *COUNT becomes how
 * many. */
static enum chat_status replace(struct pg_store *s, const struct chat_message *m, int64_t *count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array ids;
    pg_own_ids(s, NULL, &ids);
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

/* Make sure that the room, which no other session enters, has fewer than TERMS->max messages. */
static enum chat_status make_place(struct pg_store *s, const char *room,
                                   const struct chat_terms *terms)
{
    int64_t depth = 0, number = 0;
    bool open = false;
    enum chat_status status = read_depth(s, room, &depth, &number, &open);
    if (status != CHAT_OK || depth < terms->max)
        return status;
    status = pg_sweep(s, number);
    if (status == CHAT_OK)
        status = read_depth(s, room, &depth, &number, &open);
    while (status == CHAT_OK && depth >= terms->max) {
        status = !terms->drop ? CHAT_NONE
                 : open       ? drop_unseen(s, number)
                              : drop_oldest(s, room, number, terms->whole);
        if (status == CHAT_OK)
            status = read_depth(s, room, &depth, &number, &open);
    }
    return status == CHAT_NONE ? full(s, room, depth, open) : status;
}

/* Enter the room, and look for a message with that key. CHAT_NONE: no such message. */
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

/* A message whose id was already returned, and which is put again, keeps its id. */
static enum chat_status give_id(struct pg_store *s, struct chat_message *m, bool id_wanted)
{
    int64_t number = 0;
    if (m->id > 0 && m->place > 0)
        return CHAT_OK; /* restored */
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
    pg_call_begin(s);
    if (given)
        pg_call_enter_spool(s);
    call_enter(s, m->room);
    enum chat_status status = CHAT_NONE;
    if (terms->once)
        status = find_key(s, m, id);
    if (status != CHAT_NONE)
        return status == CHAT_OK && terms->fresh ? CHAT_NONE : status;
    status = terms->replace ? replace(s, m, &replaced) : CHAT_OK;
    if (status == CHAT_OK && terms->max > 0 && replaced == 0)
        status = make_place(s, m->room, terms);
    if (status == CHAT_OK)
        status = give_id(s, &put, id_wanted);
    if (status != CHAT_OK)
        return status;
    const struct chat_message *one = &put;
    struct pg_array columns[COLUMNS];
    columns_start(columns);
    columns_add(columns, one);
    if (!columns_call(s, columns, m->room, (int64_t)m->length))
        return pg_no_memory(s);
    if (given)
        call_last_id(s, put.id > put.place ? put.id : put.place);
    if (given && put.place > 0)
        call_return(s, m->room, put.place);
    pg_call_ring_room(s, m->room, 1);
    status = pg_exchange(s, "write");
    if (status == CHAT_OK && id_wanted)
        *id = m->id = put.id; /* kept for the log */
    return status;
}

bool pg_wants_answer(const struct pg_terms *terms)
{
    return terms->id_wanted || terms->terms.once || terms->terms.replace || terms->terms.max > 0;
}
