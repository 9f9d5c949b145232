/* open.c - open a room, and forget readers. */

#include "operations.h"

#include <string.h>

#include "bells.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "message.h"
#include "open_row.h"
#include "room.h"
#include "transaction.h"
#include "trim.h"

/* --- open ------------------------------------------------------------------ */

static enum chat_status set_open(struct sqlite_store *s, int64_t number,
                                 const struct chat_bounds *bounds)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_OPEN);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, bounds->keep_time > 0 ? -bounds->keep_time : bounds->keep);
    sqlite3_bind_int64(statement, 3, bounds->most_time > 0 ? -bounds->most_time : bounds->most);
    return db_finish(s, statement);
}

enum chat_status sqlite_open_room(struct store *store, const char *name,
                                  const struct chat_bounds *bounds)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct room room;
    enum chat_status status = connect_and_begin(s);
    if (status != CHAT_OK)
        return status;
    status = room_find(s, name, &room);
    if (status == CHAT_OK && room.source == 0)
        status = db_run_for(s, SQL_SET_ALL_NEW, room.number);
    if (status == CHAT_OK)
        status = set_open(s, room.number, bounds);
    if (status == CHAT_OK)
        status = trim(s, room.number, room.depth);
    if (status == CHAT_OK)
        status = bells_add_both(s, name);
    return group_commit_end(s, status);
}

/* --- forget ---------------------------------------------------------------- */

/* Delete the rows of a reader, and all messages in its range. */
static enum chat_status end_reader(struct sqlite_store *s, int64_t number)
{
    enum chat_status status = message_delete_without_zeros(s);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, position_of(number, 0));
    sqlite3_bind_int64(statement, 2, position_of(number, ID_MAX));
    status = db_finish(s, statement);
    if (status == CHAT_OK)
        status = db_run_for(s, SQL_DELETE_WAITING, number);
    if (status == CHAT_OK)
        status = db_run_for(s, SQL_END_READER, number);
    return status == CHAT_OK ? db_run_for(s, SQL_DELETE_READER, number) : status;
}

static enum chat_status forget_reader(struct sqlite_store *s, const char *name)
{
    struct open_row open;
    struct room room;
    enum chat_status status = open_row_find(s, name, &open);
    if (status == CHAT_OK)
        status = room_get(s, name, &room);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? room_reader_missing(s, name) : status;
    status = end_reader(s, room.number);
    return status == CHAT_OK ? trim(s, open.number, open.depth) : status;
}

/* Find a reader of an open room. CHAT_NONE: the room has no more readers. */
static enum chat_status any_reader(struct sqlite_store *s, const char *name, int64_t *number)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_READERS);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = db_step(s, statement);
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

static enum chat_status make_plain(struct sqlite_store *s, const char *name)
{
    struct open_row open;
    int64_t number;
    enum chat_status status = open_row_find(s, name, &open);
    while (status == CHAT_OK && (status = any_reader(s, name, &number)) == CHAT_OK)
        status = end_reader(s, number);
    return status == CHAT_NONE ? db_run_for(s, SQL_SET_PLAIN, open.number) : status;
}

enum chat_status sqlite_forget(struct store *store, const char *name)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = strchr(name, '/') != NULL ? forget_reader(s, name) : make_plain(s, name);
    if (status == CHAT_OK)
        status = bells_add_both(s, name);
    return group_commit_end(s, status);
}
