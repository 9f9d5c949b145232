/* front.c - find free places before the first message of a room. */

#include "front.h"

#include <stdlib.h>

#include "claim_lock.h"
#include "database.h"
#include "room.h"

struct placed {
    int64_t position, id;
};

/* List the messages of the room that have a place, in order. The caller frees *LIST. */
static enum chat_status list_places(struct sqlite_store *s, int64_t room, struct placed **list,
                                    size_t *count)
{
    size_t size = 0;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_PLACES);
    sqlite3_bind_int64(statement, 1, room);
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW) {
        if (*count == size) {
            size = 2 * size + 64;
            struct placed *more = realloc(*list, size * sizeof *more);
            if (more == NULL) {
                sqlite3_reset(statement);
                return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
            }
            *list = more;
        }
        (*list)[(*count)++] = (struct placed){ sqlite3_column_int64(statement, 0),
                                               sqlite3_column_int64(statement, 1) };
    }
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* Give a message another place. A ready message that a receiver has claimed keeps its place,
 * because the claim locks this place. */
static enum chat_status set_place(struct sqlite_store *s, int64_t room, struct placed message,
                                  int64_t place)
{
    if (position_room(message.position) == 0) {
        sqlite3_stmt *statement = db_statement(s, SQL_SET_PLACE);
        sqlite3_bind_int64(statement, 1, message.position);
        sqlite3_bind_int64(statement, 2, place);
        return db_finish(s, statement);
    }
    enum chat_status status = claim_lock_take(s, message.position);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_READY);
    sqlite3_bind_int64(statement, 1, message.position);
    sqlite3_bind_int64(statement, 2, position_of(room, place));
    db_bind_number(statement, 3, message.id, message.id != place);
    return db_finish(s, statement);
}

/* Give all messages of the room new places from the next id on, in their order. */
static enum chat_status renumber(struct sqlite_store *s, int64_t room)
{
    struct placed *list = NULL;
    size_t count = 0;
    enum chat_status status = list_places(s, room, &list, &count);
    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = set_place(s, room, list[i], s->next_id++);
    free(list);
    return status;
}

static enum chat_status get_first(struct sqlite_store *s, int64_t room, int64_t *place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_FIRST_PLACE);
    sqlite3_bind_int64(statement, 1, room);
    int rc = db_step(s, statement);
    *place = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

enum chat_status front_find(struct sqlite_store *s, int64_t room, int64_t count, int64_t *place)
{
    int64_t first = 0;
    enum chat_status status = room_read_spool(s);
    if (status == CHAT_OK)
        status = get_first(s, room, &first);
    if (status != CHAT_OK)
        return status;
    *place = first - count;
    if (*place > 0)
        return room_returned(s, room);
    *place = s->next_id;
    s->next_id += count;
    status = first > 0 ? renumber(s, room) : CHAT_OK;
    if (status == CHAT_OK)
        status = room_set_next_id(s);
    return status == CHAT_OK ? room_returned(s, room) : status;
}
