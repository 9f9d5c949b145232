/* admin.c - the operations for operators; settings. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "connect.h"
#include "failed.h"
#include "operations.h"
#include "query.h"
#include "room.h"

enum chat_status pg_settings(struct store *store, struct chat_settings *settings)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = pg_know_spool(s);
    if (status != CHAT_OK)
        return status;
    *settings = (struct chat_settings){ .max_length = s->max_length, .next_id = s->next_id };
    strcpy(settings->room, s->default_room);
    return CHAT_OK;
}

/* Change the settings. A receiver that waits in the old default room must look up which room it is
 * now. */
static enum chat_status set(struct store *store, const struct chat_settings *settings)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_values values = { .count = 0 };
    enum chat_status status = pg_know_spool(s);
    if (status != CHAT_OK)
        return status;
    if (settings->max_length > PG_LENGTH_MAX)
        return error_set(
            store->error, CHAT_DATA,
            "a message in PostgreSQL has at most %d bytes, because pg_dump cannot read "
            "longer ones",
            PG_LENGTH_MAX);
    pg_number(&values, settings->max_length);
    pg_string(&values, settings->room);
    pg_call(s, PG_SET_SETTINGS, &values);
    pg_bells_call_ring(s, LOCK_CAME, s->default_room);
    s->fresh = false;
    return pg_exchange(s, "write");
}

/* Skip ids within the write lock of the spool, so that no other session draws an id. */
static enum chat_status skip(struct pg_store *s, int64_t next_id, int64_t *before)
{
    struct pg_values last = { .count = 0 };
    pg_number(&last, next_id - 1);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_ENTER_SPOOL, NULL);
    size_t spool = pg_call(s, PG_GET_SPOOL, NULL);
    pg_call(s, PG_SET_LAST_ID, &last);
    pg_call(s, PG_COMMIT, NULL);
    enum chat_status status = pg_exchange(s, "write");
    if (status == CHAT_OK)
        *before = pg_get_number(pg_result(s, spool), 0, 3);
    else if (s->conn != NULL)
        pg_do(s, PG_ROLLBACK, NULL, "write");
    s->fresh = false;
    return status;
}

static enum chat_status skip_ids(struct store *store, int64_t next_id, int64_t *before)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    if (next_id > PG_ID_MAX)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' cannot have the id %lld", s->url,
                         (long long)next_id);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK)
            status = skip(s, next_id, before);
    } while (pg_again(s, status, &timeout));
    return status;
}

static const char *version(struct store *store)
{
    static char version[96];
    struct pg_store *s = (struct pg_store *)store;
    int libpq = PQlibVersion();
    const char *server = NULL;
    if (pg_know_spool(s) == CHAT_OK)
        server = PQparameterStatus(s->conn, "server_version");
    snprintf(version, sizeof version, "PostgreSQL %s, libpq %d.%d",
             server != NULL ? server : "(not reached)", libpq / 10000, libpq % 10000);
    pg_clean(version);
    return version;
}

static enum chat_status backup(struct store *store, const char *file, chat_progress *progress,
                               void *context)
{
    const struct pg_store *s = (struct pg_store *)store;
    (void)file, (void)progress, (void)context;
    return error_set(store->error, CHAT_USAGE,
                     "spool '%s' is in a database: back it up with pg_dump or pg_basebackup, or "
                     "to a file with 'chat-spool copy'",
                     s->url);
}

static enum chat_status restore(struct store *store, const char *file, chat_progress *progress,
                                void *context)
{
    const struct pg_store *s = (struct pg_store *)store;
    (void)progress, (void)context;
    return error_set(store->error, CHAT_USAGE,
                     "spool '%s' is in a database: restore it with the server's tools, or add "
                     "the messages of '%s' with 'chat-spool copy'",
                     s->url, file);
}

static enum chat_status read_size(struct pg_store *s, int64_t *size)
{
    size_t call = pg_call(s, PG_GET_SIZE, NULL);
    enum chat_status status = pg_exchange(s, "read");
    if (status == CHAT_OK)
        *size = pg_get_number(pg_result(s, call), 0, 0);
    return status;
}

static enum chat_status sweep_rooms(struct pg_store *s)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    enum chat_status status = pg_list(&s->base, &rooms, &count);
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        struct pg_room room;
        status = rooms[i].expired > 0 ? pg_room_look(s, rooms[i].name, &room) : CHAT_OK;
        if (status == CHAT_OK && rooms[i].expired > 0)
            status = pg_room_sweep(s, room.number);
    }
    free(rooms);
    return status;
}

/* Return free space at the end of the tables to the disk; free space within them is for later
 * messages. Only the owner of the tables may vacuum them; the server warns other roles. */
static enum chat_status compact(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed)
{
    struct pg_store *s = (struct pg_store *)store;
    int64_t before = 0, after = 0;
    (void)progress, (void)context;
    enum chat_status status = sweep_rooms(s);
    if (status == CHAT_OK)
        status = read_size(s, &before);
    if (status == CHAT_OK)
        status = pg_script(s, "VACUUM chat.message, chat.room, chat.tally, chat.front, chat.sent",
                           "compact");
    if (status == CHAT_OK)
        status = read_size(s, &after);
    *freed = before > after ? before - after : 0;
    return status;
}

const struct admin_ops admin_pg = {
    .set = set,
    .skip_ids = skip_ids,
    .create = pg_create,
    .version = version,
    .watch = pg_watch,
    .list = pg_list,
    .holders = pg_holders,
    .open_room = pg_open_room,
    .forget = pg_forget,
    .seek = pg_seek,
    .readers = pg_readers,
    .check = pg_check,
    .backup = backup,
    .restore = restore,
    .compact = compact,
};
