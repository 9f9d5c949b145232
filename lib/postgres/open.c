/* open.c - the operations on open rooms and their readers. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "connect.h"
#include "failed.h"
#include "name.h"
#include "operations.h"
#include "put.h"
#include "query.h"
#include "room.h"
#include "rooms.h"

/* Add calls that wake all processes that wait for the room: receivers, and senders that wait for
 * space. */
static void call_ring_both(struct pg_store *s, const char *name)
{
    pg_bells_call_ring(s, LOCK_CAME, name);
    pg_bells_call_ring(s, LOCK_GONE, name);
}

/* An exchange that CALL fills; WHAT is its argument. */
struct errand {
    size_t (*call)(struct pg_store *s, const void *what);
    const void *what;
};

static enum chat_status run(struct pg_store *s, const struct errand *errand, bool *yes)
{
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK) {
            size_t call = errand->call(s, errand->what);
            status = pg_exchange(s, "write");
            if (status == CHAT_OK)
                *yes = pg_get_number(pg_result(s, call), 0, 0) != 0;
        }
    } while (pg_again(s, status, &timeout));
    return status;
}

/* --- open ------------------------------------------------------------------ */

struct opening {
    const char *room;
    const struct chat_bounds *bounds;
};

static size_t call_open(struct pg_store *s, const void *what)
{
    const struct opening *opening = what;
    const struct chat_bounds *b = opening->bounds;
    struct pg_values values = { .count = 0 };
    pg_put_call_enter_room(s, opening->room);
    pg_string(&values, opening->room);
    pg_number(&values, b->keep_time > 0 ? -b->keep_time : b->keep);
    pg_number(&values, b->most_time > 0 ? -b->most_time : b->most);
    size_t call = pg_call(s, PG_OPEN_ROOM, &values);
    call_ring_both(s, opening->room);
    return call;
}

enum chat_status pg_open_room(struct store *store, const char *room,
                              const struct chat_bounds *bounds)
{
    struct pg_store *s = (struct pg_store *)store;
    const struct opening opening = { .room = room, .bounds = bounds };
    bool opened = false;
    enum chat_status status =
        run(s, &(struct errand){ .call = call_open, .what = &opening }, &opened);
    if (status != CHAT_OK || opened)
        return status;
    return error_set(store->error, CHAT_BUSY, "a receiver has claimed messages of room '%s'", room);
}

/* --- forget ---------------------------------------------------------------- */

static size_t call_forget(struct pg_store *s, const void *what)
{
    const char *name = what;
    char room[CHAT_NAME_MAX + 1];
    struct pg_values values = { .count = 0 };
    pg_string(&values, pg_name_source(name, room));
    pg_string(&values, strchr(name, '/') != NULL ? name : NULL);
    size_t call = pg_call(s, PG_END_READER, &values);
    call_ring_both(s, name);
    return call;
}

enum chat_status pg_forget(struct store *store, const char *name)
{
    struct pg_store *s = (struct pg_store *)store;
    bool ended = false;
    enum chat_status status = run(s, &(struct errand){ .call = call_forget, .what = name }, &ended);
    if (status != CHAT_OK || ended)
        return status;
    return rooms_no_reader(store->error, name);
}

/* --- seek ------------------------------------------------------------------ */

struct seeking {
    const char *reader;
    const struct chat_point *point;
};

static size_t call_seek(struct pg_store *s, const void *what)
{
    const struct seeking *seeking = what;
    char room[CHAT_NAME_MAX + 1];
    struct pg_values values = { .count = 0 };
    pg_string(&values, pg_name_source(seeking->reader, room));
    pg_string(&values, seeking->reader);
    pg_number(&values, seeking->point->kind);
    pg_number(&values, seeking->point->value);
    pg_number(&values, seeking->point->forward);
    pg_number(&values, seeking->point->missed);
    size_t call = pg_call(s, PG_SEEK, &values);
    if (seeking->point->forward) /* a reader that moves forward has nothing new to receive */
        pg_bells_call_ring(s, LOCK_GONE, seeking->reader);
    else
        call_ring_both(s, seeking->reader);
    return call;
}

enum chat_status pg_seek(struct store *store, const char *reader, const struct chat_point *point)
{
    struct pg_store *s = (struct pg_store *)store;
    const struct seeking seeking = { .reader = reader, .point = point };
    bool found = false;
    enum chat_status status =
        run(s, &(struct errand){ .call = call_seek, .what = &seeking }, &found);
    if (status != CHAT_OK || found)
        return status;
    return rooms_no_message(store->error, reader, point->value);
}

/* --- readers --------------------------------------------------------------- */

static enum chat_status copy_readers(struct pg_store *s, size_t call, struct chat_reader **readers,
                                     size_t *count)
{
    const PGresult *result = pg_result(s, call);
    const size_t rows = (size_t)pg_rows(s, call);
    struct chat_reader *list = calloc(rows + 1, sizeof *list);
    if (list == NULL)
        return pg_no_memory(s);
    for (size_t i = 0; i < rows; i++) {
        const int row = (int)i;
        list[i] = (struct chat_reader){
            .unread = pg_get_number(result, row, 1),
            .claimed = pg_get_number(result, row, 2),
            .held = pg_get_number(result, row, 3),
            .missed = pg_get_number(result, row, 4),
            .here = pg_get_number(result, row, 5) != 0,
            .last = pg_get_number(result, row, 6),
            .place = pg_get_number(result, row, 7),
            .apart = pg_get_number(result, row, 8),
        };
        snprintf(list[i].name, sizeof list[i].name, "%s", pg_get_text(result, row, 0));
    }
    *readers = list;
    *count = rows;
    return CHAT_OK;
}

static enum chat_status list_readers(struct pg_store *s, const char *name, int64_t id,
                                     struct chat_reader **readers, size_t *count)
{
    struct pg_values values = { .count = 0 };
    struct pg_room room;
    pg_string(&values, name);
    pg_number(&values, id);
    size_t look = pg_room_call_look(s, name), find = pg_call(s, PG_FIND_IN_ROOM, &values);
    size_t list = pg_call(s, PG_LIST_READERS, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK)
        return status;
    pg_room_read_look(s, look, &room);
    if (!room.open)
        return rooms_not_open(s->base.error, name);
    if (id > 0 && pg_rows(s, find) == 0)
        return rooms_no_message(s->base.error, name, id);
    return copy_readers(s, list, readers, count);
}

enum chat_status pg_readers(struct store *store, const char *room, int64_t id,
                            struct chat_reader **readers, size_t *count)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK)
            status = list_readers(s, room, id, readers, count);
    } while (pg_again(s, status, &timeout));
    return status;
}
