/* admin.c - the operations for operators: change the settings, create a spool on purpose, skip
 * ids. */

#include "internal.h"

#include <stdio.h>
#include <string.h>

#include "bells.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "operations.h"
#include "os/bell.h"
#include "room.h"

/* Store in BEFORE the default room. If the settings are damaged, go on: they are about to be set.
 */
static enum chat_status get_room(struct sqlite_store *s, char before[CHAT_NAME_MAX + 1])
{
    enum chat_status status = room_read_spool(s);
    strcpy(before, status == CHAT_OK ? s->default_room : CHAT_ROOM_DEFAULT);
    return status == CHAT_DATA ? CHAT_OK : status;
}

static enum chat_status set_row(struct sqlite_store *s, const struct chat_settings *settings)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_SETTINGS);
    sqlite3_bind_int64(statement, 1, settings->max_length);
    if (strcmp(settings->room, CHAT_ROOM_DEFAULT) == 0)
        sqlite3_bind_null(statement, 2);
    else
        sqlite3_bind_text(statement, 2, settings->room, -1, SQLITE_STATIC);
    return db_finish(s, statement);
}

static enum chat_status set(struct store *store, const struct chat_settings *settings)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    char before[CHAT_NAME_MAX + 1];
    enum chat_status status = connect_and_begin(s);
    if (status != CHAT_OK)
        return status;
    status = get_room(s, before);
    if (status == CHAT_OK)
        status = set_row(s, settings);
    /* A receiver that waits for the default room must look up which room it is now. */
    if (status == CHAT_OK)
        status = bells_add(s, BELL_CAME, before);
    if (status == CHAT_OK)
        status = bells_add(s, BELL_GONE, before);
    return group_commit_end(s, status);
}

static enum chat_status skip_ids(struct store *store, int64_t next_id, int64_t *before)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (next_id > ID_MAX)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' cannot have the id %lld",
                         s->location.path, (long long)next_id);
    enum chat_status status = connect_and_begin(s);
    if (status != CHAT_OK)
        return status;
    status = room_read_spool(s);
    *before = s->next_id;
    if (status == CHAT_OK && next_id > s->next_id) {
        s->next_id = next_id;
        status = room_set_next_id(s);
    }
    return group_commit_end(s, status);
}

static enum chat_status create(struct store *store, const char *group)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = group != NULL ? location_share(&s->location, group) : CHAT_OK;
    return status == CHAT_OK ? connect_or_create(s) : status;
}

static const char *version(struct store *store)
{
    (void)store;
    static char version[32];
    snprintf(version, sizeof version, "SQLite %s", sqlite3_libversion());
    return version;
}

const struct admin_ops admin_sqlite = {
    .set = set,
    .skip_ids = skip_ids,
    .create = create,
    .version = version,
    .watch = sqlite_watch,
    .list = sqlite_list,
    .holders = sqlite_holders,
    .open_room = sqlite_open_room,
    .forget = sqlite_forget,
    .seek = sqlite_seek,
    .readers = sqlite_readers,
    .check = sqlite_check,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
    .compact = sqlite_compact,
};
