/* room.c - the row of a room; messages whose time has come, or is over.
 *
 * No process runs at the moment when a message is due, so each session that looks at a room
 * makes its due messages ready. */

#include "room.h"

#include <stdio.h>
#include <string.h>

#include "query.h"

enum { PORTION = 1024 }; /* messages in one transaction; also in sql/postgres/time.sql */

size_t pg_room_call_look(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, name);
    return pg_call(s, PG_LOOK_ROOM, &values);
}

void pg_room_read_look(const struct pg_store *s, size_t call, struct pg_room *room)
{
    const PGresult *row = pg_result(s, call);
    *room = (struct pg_room){ .number = 0, .may_delete = true };
    if (pg_rows(s, call) == 0)
        return;
    room->number = pg_get_number(row, 0, 0);
    snprintf(room->name, sizeof room->name, "%s", pg_get_text(row, 0, 1));
    room->returned = pg_get_number(row, 0, 2);
    room->first = pg_get_number(row, 0, 3);
    room->due = pg_get_number(row, 0, 4) != 0;
    room->expired = pg_get_number(row, 0, 5) != 0;
    room->may_delete = pg_get_number(row, 0, 6) != 0;
    room->open = pg_get_number(row, 0, 7) != 0;
}

enum chat_status pg_room_look(struct pg_store *s, const char *name, struct pg_room *room)
{
    size_t call = pg_room_call_look(s, name);
    enum chat_status status = pg_exchange(s, "read");
    if (status == CHAT_OK)
        pg_room_read_look(s, call, room);
    return status;
}

static enum chat_status promote(struct pg_store *s, int64_t room)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, room);
    enum chat_status status = CHAT_OK;
    int64_t count = PORTION;
    while (status == CHAT_OK && count == PORTION) {
        pg_call(s, PG_ENTER_READY, &values); /* first, so that no place is drawn before */
        size_t call = pg_call(s, PG_SET_READY, &values);
        status = pg_exchange(s, "write");
        count = status == CHAT_OK ? pg_get_number(pg_result(s, call), 0, 0) : 0;
    }
    return status;
}

enum chat_status pg_room_promote(struct pg_store *s, int64_t room)
{
    enum chat_status status = promote(s, room);
    return status == CHAT_PERMISSION || status == CHAT_BUSY ? CHAT_OK : status;
}

enum chat_status pg_room_sweep(struct pg_store *s, int64_t room)
{
    struct pg_values values = { .count = 0 }, settling = { .count = 0 };
    pg_number(&settling, room);
    pg_number(&values, room);
    pg_number(&values, PORTION);
    enum chat_status status = CHAT_OK;
    bool some = true;
    while (status == CHAT_OK && some) {
        pg_call(s, PG_ENTER_SETTLING, &settling);
        size_t call = pg_call(s, PG_SWEEP, &values);
        status = pg_exchange(s, "write");
        some = status == CHAT_OK && pg_affected(s, call) > 0;
    }
    return status;
}

/* The bits are mixed, because the ids of a room may all be even. */
bool pg_room_is_sampled(int64_t id, int64_t every)
{
    return (int64_t)(((uint64_t)id * 0x9e3779b97f4a7c15) >> 40) % every == 0;
}

void pg_room_tidy(struct pg_store *s, int64_t room)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, room);
    pg_do(s, PG_FOLD, &values,
          "write"); /* not with the other one, which holds its locks until the commit */
    if (s->conn != NULL)
        pg_do(s, PG_FORGET, &values, "write");
}

const char *pg_room_name(const struct pg_store *s, const char *name)
{
    return name != NULL ? name : s->default_room;
}

void pg_room_call_settling(struct pg_store *s, int64_t room)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, room);
    pg_call(s, PG_ENTER_SETTLING, &values);
}

void pg_room_call_sweep(struct pg_store *s, const struct chat_batch *batch, int64_t room)
{
    enum { EVERY = 16, MOST = 32 };
    struct pg_values values = { .count = 0 };
    if (!pg_room_is_sampled(batch->messages[0]->id, EVERY))
        return;
    pg_number(&values, room);
    pg_number(&values, MOST);
    pg_call(s, PG_SWEEP, &values);
}
