/* room.c - the row of a room, and its counters; and the row of the whole spool. */

#include "room.h"

#include <stdio.h>
#include <string.h>

#include "database.h"
#include "rooms.h"

/* The columns of SQL_GET_ROOM. */
enum { NUMBER, RETURNED, NEXT_DUE, NEXT_EXPIRY, DEPTH, NEXT_ID, MAX_LENGTH, DEFAULT_ROOM, SOURCE };

/* Find the row NAME. The caller resets the statement. */
static int find_row(struct sqlite_store *s, const char *name, sqlite3_stmt **statement)
{
    *statement = db_statement(s, SQL_GET_ROOM);
    sqlite3_bind_text(*statement, 1, name, -1, SQLITE_STATIC);
    return db_step(s, *statement);
}

/* --- the spool ------------------------------------------------------------- */

bool room_settings_valid(const struct sqlite_store *s)
{
    return s->max_length >= 1 && s->max_length <= CHAT_LENGTH_MAX &&
           chat_room_valid(s->default_room);
}

enum chat_status room_read_spool(struct sqlite_store *s)
{
    sqlite3_stmt *statement;
    int rc = find_row(s, "", &statement);
    if (rc == SQLITE_ROW && sqlite3_column_int64(statement, NUMBER) != 0)
        rc = SQLITE_DONE;
    if (rc == SQLITE_ROW) {
        s->next_id = sqlite3_column_int64(statement, NEXT_ID);
        s->max_length = sqlite3_column_int64(statement, MAX_LENGTH);
        db_copy_name(s->default_room, sqlite3_column_text(statement, DEFAULT_ROOM));
        if (s->default_room[0] == '\0')
            strcpy(s->default_room, CHAT_ROOM_DEFAULT);
    }
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_failed(s, rc, "read");
    if (rc == SQLITE_DONE || s->next_id < 1 || !room_settings_valid(s))
        return db_failed(s, SQLITE_CORRUPT, "read");
    return CHAT_OK;
}

enum chat_status room_ids_used_up(const struct sqlite_store *s)
{
    return error_set(s->base.error, CHAT_DATA, "spool '%s' has used up its ids", s->location.path);
}

enum chat_status room_set_next_id(struct sqlite_store *s)
{
    if (s->next_id > ID_MAX + 1)
        return room_ids_used_up(s);
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_ROOM);
    room_bind_count(statement, 0, 0, 0);
    sqlite3_bind_int64(statement, 4, s->next_id);
    return db_finish(s, statement);
}

/* --- a room ---------------------------------------------------------------- */

static enum chat_status get_row(struct sqlite_store *s, const char *name, struct room *room)
{
    sqlite3_stmt *statement;
    int rc = find_row(s, name, &statement);
    if (rc == SQLITE_ROW) {
        room->number = sqlite3_column_int64(statement, NUMBER);
        room->returned = sqlite3_column_int64(statement, RETURNED);
        room->next_due = sqlite3_column_int64(statement, NEXT_DUE);
        room->next_expiry = sqlite3_column_int64(statement, NEXT_EXPIRY);
        room->depth = sqlite3_column_int64(statement, DEPTH);
        room->source = sqlite3_column_int64(statement, SOURCE);
        strcpy(room->name, name); /* spool.c has checked its length */
    }
    return db_found(s, statement, rc);
}

enum chat_status room_get(struct sqlite_store *s, const char *name, struct room *room)
{
    enum chat_status status = name != NULL ? CHAT_OK : room_read_spool(s);
    return status == CHAT_OK ? get_row(s, name != NULL ? name : s->default_room, room) : status;
}

enum chat_status room_find_message(struct sqlite_store *s, int64_t id, int64_t *position)
{
    sqlite3_stmt *statement = db_statement(s, SQL_FIND_ID);
    sqlite3_bind_int64(statement, 1, id);
    int rc = id > ID_MAX ? SQLITE_DONE : db_step(s, statement);
    *position = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

enum chat_status room_of(struct sqlite_store *s, int64_t position, struct room *room)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_ROOM_OF);
    sqlite3_bind_int64(statement, 1, position);
    *room = (struct room){ .number = 0 };
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        room->number = sqlite3_column_int64(statement, 0);
        db_copy_name(room->name, sqlite3_column_text(statement, 1));
    }
    return db_found(s, statement, rc);
}

enum chat_status room_new_number(struct sqlite_store *s, int64_t *number)
{
    int rc = db_get_number(s, SQL_GET_LAST_ROOM, number);
    if (rc == SQLITE_OK && *number < ROOM_MAX) {
        ++*number;
        return CHAT_OK;
    }
    sqlite3_stmt *statement = rc == SQLITE_OK ? db_statement(s, SQL_GET_FREE_ROOM) : NULL;
    sqlite3_bind_int64(statement, 1, ROOM_MAX);
    rc = rc == SQLITE_OK ? db_step(s, statement) : rc;
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (rc == SQLITE_DONE)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' cannot have more than %lld rooms: use 'chat-spool compact'",
                         s->location.path, (long long)ROOM_MAX);
    return rc == SQLITE_ROW ? CHAT_OK : db_failed(s, rc, "read");
}

enum chat_status room_of_reader(struct sqlite_store *s, const char *reader, struct room *room)
{
    char name[CHAT_NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(reader, "/"), reader);
    enum chat_status status = room_get(s, name, room);
    if (status == CHAT_NONE || (status == CHAT_OK && !room_is_open(room)))
        return rooms_not_open(s->base.error, name);
    return status;
}

enum chat_status room_reader_missing(struct sqlite_store *s, const char *name)
{
    struct room room;
    enum chat_status status = room_of_reader(s, name, &room);
    if (status != CHAT_OK)
        return status;
    return rooms_no_reader(s->base.error, name);
}

enum chat_status room_find(struct sqlite_store *s, const char *name, struct room *room)
{
    int64_t number;
    enum chat_status status = room_get(s, name, room);
    if (status != CHAT_NONE)
        return status;
    if (strchr(name, '/') != NULL) /* only a receiver creates a reader */
        return room_reader_missing(s, name);
    status = room_new_number(s, &number);
    if (status != CHAT_OK)
        return status;
    *room = (struct room){ .number = number };
    strcpy(room->name, name); /* spool.c has checked its length */
    sqlite3_stmt *statement = db_statement(s, SQL_ADD_ROOM);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    return db_finish(s, statement);
}

void room_bind_count(sqlite3_stmt *statement, int64_t number, int64_t depth, int64_t bytes)
{
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, depth);
    sqlite3_bind_int64(statement, 3, bytes);
    sqlite3_bind_null(statement, 4); /* a room has no next id */
}

enum chat_status room_count(struct sqlite_store *s, int64_t number, int64_t depth, int64_t bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_ROOM);
    room_bind_count(statement, number, depth, bytes);
    return db_finish(s, statement);
}

enum chat_status room_count_times(struct sqlite_store *s, int64_t number, int64_t due,
                                  int64_t expires)
{
    if (due == 0 && expires == 0)
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_TIMES);
    sqlite3_bind_int64(statement, 1, number);
    db_bind_number(statement, 2, due, due > 0);
    db_bind_number(statement, 3, expires, expires > 0);
    return db_finish(s, statement);
}

enum chat_status room_returned(struct sqlite_store *s, int64_t number)
{
    return db_run_for(s, SQL_SET_RETURNED, number);
}
