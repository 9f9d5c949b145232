/* sqlite_settings.c - what holds for a whole spool, and making one on purpose. */

#include "store_sqlite.h"

#include <stdio.h>
#include <string.h>

#include "bell.h"

enum chat_status sqlite_settings(struct store *store, struct chat_settings *settings)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *settings = (struct chat_settings){
        .max_length = CHAT_LENGTH_DEFAULT,
        .room = CHAT_ROOM_DEFAULT,
        .next_id = 1,
    };
    enum chat_status status = store_connect(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    if (status == CHAT_OK)
        status = spool_read(s);
    if (status != CHAT_OK)
        return status;
    settings->max_length = s->max_length;
    settings->next_id = s->next_id;
    strcpy(settings->room, s->default_room);
    return CHAT_OK;
}

const char *room_name(struct sqlite_store *s, const char *name)
{
    if (name != NULL)
        return name;
    bool known = store_connect(s) == CHAT_OK && spool_read(s) == CHAT_OK;
    return known ? s->default_room : CHAT_ROOM_DEFAULT;
}

enum chat_status sqlite_set(struct store *store, const struct chat_settings *settings)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = store_connect_or_create(s);
    if (status == CHAT_OK)
        status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    char before[CHAT_NAME_MAX + 1];
    strcpy(before, room_name(s, NULL));
    sqlite3_stmt *statement = db_statement(s, SQL_SET_SETTINGS);
    sqlite3_bind_int64(statement, 1, settings->max_length);
    if (strcmp(settings->room, CHAT_ROOM_DEFAULT) == 0)
        sqlite3_bind_null(statement, 2);
    else
        sqlite3_bind_text(statement, 2, settings->room, -1, SQLITE_STATIC);
    status = db_finish(s, statement);
    if (status == CHAT_OK)
        status = turn_commit(s);
    else
        turn_rollback(s);
    if (status == CHAT_OK) /* who waits there for the default room is to look where that is now */
        bell_ring(&s->place, BELL_CAME, before);
    return status;
}

enum chat_status sqlite_create(struct store *store, const char *group)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = group != NULL ? place_share(&s->place, group) : CHAT_OK;
    return status == CHAT_OK ? store_connect_or_create(s) : status;
}

const char *sqlite_engine(void)
{
    static char engine[32];
    snprintf(engine, sizeof engine, "SQLite %s", sqlite3_libversion());
    return engine;
}
