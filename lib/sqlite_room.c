/* sqlite_room.c - the row of a room, and its counters. */

#include "store_sqlite.h"

#include <stdio.h>
#include <string.h>

void copy_name(char name[CHAT_NAME_MAX + 1], const unsigned char *text)
{
    snprintf(name, CHAT_NAME_MAX + 1, "%s", text != NULL ? (const char *)text : "");
}

enum chat_status room_get(struct sqlite_store *s, const char *name, struct room *room)
{
    sqlite3_stmt *statement = db_statement(s, name != NULL ? SQL_GET_ROOM : SQL_GET_DEFAULT_ROOM);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    if (name != NULL)
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        room->number = sqlite3_column_int64(statement, 0);
        room->first = sqlite3_column_int64(statement, 1);
        room->returned = sqlite3_column_int64(statement, 2);
        room->next_due = sqlite3_column_int64(statement, 3);
        room->depth = sqlite3_column_int64(statement, 4);
        copy_name(room->name, sqlite3_column_text(statement, 5));
    }
    sqlite3_reset(statement);
    if (rc == SQLITE_DONE && name == NULL) { /* no message was sent to it, or it can't be one */
        enum chat_status status = spool_read(s);
        return status == CHAT_OK ? CHAT_NONE : status;
    }
    return rc == SQLITE_ROW ? CHAT_OK : rc == SQLITE_DONE ? CHAT_NONE : db_failed(s, rc, "read");
}

enum chat_status room_of(struct sqlite_store *s, int64_t id, struct room *room)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_ROOM_OF);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    sqlite3_bind_int64(statement, 1, id);
    *room = (struct room){ .first = 0 };
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        room->number = sqlite3_column_int64(statement, 0);
        copy_name(room->name, sqlite3_column_text(statement, 1));
    }
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? CHAT_OK : rc == SQLITE_DONE ? CHAT_NONE : db_failed(s, rc, "read");
}

enum chat_status room_find(struct sqlite_store *s, const char *name, struct room *room)
{
    enum chat_status status = room_get(s, name, room);
    if (status != CHAT_NONE)
        return status;
    *room = (struct room){ .first = 0 };
    strcpy(room->name, name); /* spool.c has checked its length */
    sqlite3_stmt *statement = db_statement(s, SQL_ADD_ROOM);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    status = db_finish(s, statement);
    room->number = sqlite3_last_insert_rowid(s->db);
    return status;
}

enum chat_status room_count(struct sqlite_store *s, int64_t number, int64_t depth, int64_t bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_ROOM);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, depth);
    sqlite3_bind_int64(statement, 3, bytes);
    return db_finish(s, statement);
}

enum chat_status room_count_due(struct sqlite_store *s, int64_t number, int64_t due)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_DUE);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, due);
    return db_finish(s, statement);
}

enum chat_status room_returned(struct sqlite_store *s, int64_t number, int64_t first)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_RETURNED);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, first);
    return db_finish(s, statement);
}

void bind_time(sqlite3_stmt *statement, int parameter, int64_t time)
{
    if (time > 0)
        sqlite3_bind_int64(statement, parameter, time);
    else
        sqlite3_bind_null(statement, parameter);
}
