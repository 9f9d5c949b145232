/* walk.c - look at messages without claiming them. */

#include "internal.h"

#include <stdio.h>

#include "connect.h"
#include "name.h"
#include "operations.h"
#include "query.h"
#include "read.h"
#include "reader.h"
#include "room.h"

/* The most that one exchange returns. */
enum { MESSAGES = 1024, BYTES = 1 << 30 };

static int64_t at_most(size_t wanted, size_t most)
{
    return (int64_t)(wanted < most ? wanted : most);
}

static size_t call_walk(struct pg_store *s, const struct chat_query *query, const char *name,
                        const struct chat_cursor *cursor)
{
    struct pg_values values = { .count = 0 };
    bool behind = cursor->due > 0;
    pg_string(&values, name);
    pg_number(&values, behind ? cursor->due : cursor->place);
    pg_number(&values, query->until > 0 ? query->until : INT64_MAX);
    pg_number(&values, at_most(query->max_messages, MESSAGES));
    pg_number(&values, at_most(query->max_bytes, BYTES));
    pg_number(&values, behind ? cursor->id : query->every);
    return pg_call(s, behind ? PG_WALK_BEHIND : PG_WALK_READY, &values);
}

static size_t call_walk_reader(struct pg_store *s, const struct chat_query *query, const char *name,
                               const struct chat_cursor *cursor)
{
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    const bool behind = cursor->due > 0;
    pg_string(&values, name);
    pg_number(&values, behind ? cursor->due : cursor->place);
    pg_number(&values, query->until > 0 ? query->until : INT64_MAX);
    pg_number(&values, at_most(query->max_messages, MESSAGES));
    pg_number(&values, at_most(query->max_bytes, BYTES));
    if (behind)
        pg_number(&values, cursor->id);
    pg_string(&values, pg_name_source(name, room));
    if (!behind)
        pg_number(&values, query->every);
    return pg_call(s, behind ? PG_WALK_READER_BEHIND : PG_WALK_READER, &values);
}

/* Add the messages behind CURSOR: those that are ready, and then, for every message, the others. */
static enum chat_status walk_from(struct pg_store *s, const struct chat_query *query,
                                  const struct pg_view *view, struct chat_cursor *cursor,
                                  struct chat_batch *batch)
{
    for (;;) {
        size_t call = view->reader != NULL ? call_walk_reader(s, query, view->reader, cursor)
                                           : call_walk(s, query, view->room, cursor);
        enum chat_status status = pg_exchange(s, "read");
        if (status == CHAT_OK)
            status = pg_read_walked(s, call, view, cursor, batch);
        if (status != CHAT_NONE || !query->every || cursor->due > 0)
            return status;
        cursor->due = 1; /* all that are ready were seen */
        cursor->id = INT64_MIN;
    }
}

static enum chat_status walk_reader(struct pg_store *s, const struct chat_query *query,
                                    const char *name, struct chat_cursor *cursor,
                                    struct chat_batch *batch)
{
    const struct pg_view view = { .reader = name, .every = query->every };
    struct pg_reader reader;
    enum chat_status status = pg_reader_look(s, name, &reader);
    if (status == CHAT_OK && query->until == 0 && !query->every)
        status = pg_reader_promote(s, &reader);
    return status == CHAT_OK ? walk_from(s, query, &view, cursor, batch) : status;
}

static enum chat_status walk_room(struct pg_store *s, const struct chat_query *query,
                                  const char *name, struct chat_cursor *cursor,
                                  struct chat_batch *batch)
{
    struct pg_room room;
    enum chat_status status = pg_room_look(s, name, &room);
    if (status == CHAT_OK && room.due && query->until == 0 && !query->every)
        status = pg_room_promote(s, room.number);
    if (status != CHAT_OK || room.number == 0)
        return status == CHAT_OK ? CHAT_NONE : status;
    const struct pg_view view = { .room = room.name, .every = query->every };
    return walk_from(s, query, &view, cursor, batch);
}

static enum chat_status walk_one(struct pg_store *s, const struct chat_query *query,
                                 struct chat_batch *batch)
{
    struct pg_values values = { .count = 0 };
    struct chat_cursor ignored = { .room = 0 };
    char room[CHAT_NAME_MAX + 1];
    pg_number(&values, query->id);
    size_t call = pg_call(s, PG_WALK_ONE, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK || pg_rows(s, call) == 0)
        return status == CHAT_OK ? CHAT_NONE : status;
    snprintf(room, sizeof room, "%s", pg_get_text(pg_result(s, call), 0, ROOM));
    const struct pg_view view = { .room = room, .every = true };
    return pg_read_walked(s, call, &view, &ignored, batch);
}

static enum chat_status walk(struct pg_store *s, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch)
{
    enum chat_status status = CHAT_NONE;
    if (query->id > 0 && cursor->id == 0) {
        status = walk_one(s, query, batch);
        if (status != CHAT_UNREACHABLE)
            cursor->id = query->id;
        return status;
    }
    while (status == CHAT_NONE && cursor->room < query->room_count) {
        const char *name = query->rooms[cursor->room];
        status = pg_name_is_reader(name) ? walk_reader(s, query, name, cursor, batch)
                                         : walk_room(s, query, name, cursor, batch);
        if (status == CHAT_NONE)
            *cursor = (struct chat_cursor){ .room = cursor->room + 1 };
    }
    return status;
}

enum chat_status pg_walk(struct store *store, const struct chat_query *query,
                         struct chat_cursor *cursor, struct chat_batch *batch)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK)
            status = walk(s, query, cursor, batch);
    } while (pg_again(s, status, &timeout));
    return status;
}

/* Make due messages ready in the rooms of QUERY, as far as this role may do so. */
static enum chat_status promote_rooms(struct pg_store *s, const struct chat_query *query)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++) {
        const char *name = query->rooms[i];
        struct pg_room room;
        if (pg_name_is_reader(name)) {
            struct pg_reader reader;
            status = pg_reader_look(s, name, &reader);
            if (status == CHAT_OK)
                status = pg_reader_promote(s, &reader);
            if (status == CHAT_NOUSER)
                status = CHAT_OK;
            continue;
        }
        status = pg_room_look(s, name, &room);
        if (status == CHAT_OK && room.due)
            status = pg_room_promote(s, room.number);
    }
    return status;
}

enum chat_status pg_mark(struct store *store, const struct chat_query *query, int64_t *mark)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK && !query->every)
            status = promote_rooms(s, query);
        if (status == CHAT_OK)
            status = pg_read_spool(s);
    } while (pg_again(s, status, &timeout));
    *mark = s->next_id - 1;
    return status;
}
