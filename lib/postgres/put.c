/* put.c - the calls of a transaction that sends. */

#include "put.h"

#include <assert.h>
#include <string.h>

#include "bells.h"
#include "name.h"
#include "query.h"
#include "read.h"

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
    C_COUNT
};
static_assert((int)C_COUNT == PG_PUT_COLUMNS, "all columns of add_messages");

void pg_put_columns_start(struct pg_array columns[PG_PUT_COLUMNS])
{
    for (int i = 0; i < PG_PUT_COLUMNS; i++)
        pg_array_start(&columns[i], i == C_USER || i == C_HOST || i == C_KEY ? PG_TEXT
                                    : i == C_BODY                            ? PG_BYTEA
                                                                             : PG_INT8);
}

void pg_put_columns_add(struct pg_array columns[PG_PUT_COLUMNS], const struct chat_message *m)
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
    pg_array_number(&columns[C_DIGEST], pg_read_digest(m));
    pg_array_time(&columns[C_FAILED], m->failed);
    pg_array_failure(&columns[C_FAILURE], m);
    pg_array_bytes(&columns[C_BODY], m->length > 0 ? m->body : "", m->length);
}

bool pg_put_columns_call(struct pg_store *s, struct pg_array columns[PG_PUT_COLUMNS],
                         const char *room, int64_t bytes)
{
    struct pg_values values = { .count = 0 };
    bool failed = false;
    pg_string(&values, room);
    for (int i = 0; i < PG_PUT_COLUMNS; i++) {
        pg_add_array(&values, &columns[i]);
        failed = failed || columns[i].failed;
    }
    pg_number(&values, bytes);
    if (!failed)
        pg_call(s, PG_ADD_MESSAGES, &values);
    for (int i = 0; i < PG_PUT_COLUMNS; i++)
        pg_array_free(&columns[i]);
    return !failed;
}

void pg_put_call_begin(struct pg_store *s)
{
    struct pg_values token = { .count = 0 };
    if (s->put.begun)
        return;
    s->put.begun = true;
    pg_bytes(&token, s->put.token, TOKEN);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_ADD_TOKEN, &token);
}

void pg_put_call_enter_spool(struct pg_store *s)
{
    if (!s->put.whole)
        pg_call(s, PG_ENTER_SPOOL, NULL);
    s->put.whole = true;
}

static bool has_entered(const struct pg_store *s, uint64_t hash)
{
    for (size_t i = 0; i < s->put.entered_count; i++)
        if (s->put.entered[i] == hash)
            return true;
    return false;
}

/* Add a call that creates ROOM if it does not exist. A reader has to exist (CHAT_NOUSER). */
static void call_need_room(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    char source[CHAT_NAME_MAX + 1];
    if (strchr(room, '/') != NULL)
        pg_string(&values, pg_name_source(room, source));
    pg_string(&values, room);
    pg_call(s, values.count > 1 ? PG_FIND_READER : PG_ADD_ROOM, &values);
}

void pg_put_call_enter_room(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    call_need_room(s, room);
    pg_call(s, PG_ENTER_ROOM, &values);
}

int64_t pg_put_room_number(const struct pg_store *s, const char *room)
{
    return s->fresh && !s->put.whole && pg_name_hash(room) == s->room_hash ? s->room_number : 0;
}

static void call_enter_number(struct pg_store *s)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, s->room_number);
    pg_call(s, PG_ENTER_NUMBER, &values);
}

void pg_put_call_count(struct pg_store *s, int64_t room, int64_t count, int64_t bytes)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, room);
    pg_number(&values, count);
    pg_number(&values, bytes);
    pg_call(s, PG_COUNT_ADDED, &values);
}

void pg_put_call_enter(struct pg_store *s, const char *room)
{
    struct pg_values values = { .count = 0 };
    uint64_t hash = (uint64_t)pg_name_hash(room);
    if (!s->put.whole && has_entered(s, hash))
        return;
    pg_string(&values, room);
    if (s->put.entered_count == ROOMS)
        pg_put_call_enter_spool(s);
    if (pg_put_room_number(s, room) > 0) {
        call_enter_number(s);
        s->put.entered[s->put.entered_count++] = hash;
        return;
    }
    call_need_room(s, room);
    if (s->put.whole)
        return;
    s->put.entered[s->put.entered_count++] = hash;
    pg_call(s, PG_ENTER_ROOM, &values);
}

void pg_put_call_ring(struct pg_store *s, const char *room, int64_t count)
{
    char channel[32];
    struct pg_values values = { .count = 0 };
    pg_bells_channel(LOCK_CAME, room, channel);
    pg_string(&values, channel);
    /* A transaction with many rooms has no lock for each. */
    pg_number(&values, s->put.whole ? 0 : pg_bells_lock(LOCK_CAME, room));
    pg_string(&values, room);
    pg_number(&values, count);
    pg_call(s, PG_RING_ROOM, &values);
}

void pg_put_call_return(struct pg_store *s, const char *room, int64_t first)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    pg_number(&values, first);
    pg_call(s, PG_RETURN_TO_ROOM, &values);
}

void pg_put_call_last_id(struct pg_store *s, int64_t last)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, last);
    pg_call(s, PG_SET_LAST_ID, &values);
}
