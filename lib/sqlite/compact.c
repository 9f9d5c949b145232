/* compact.c - return free space to the disk. */

#include "internal.h"

#include <stdlib.h>

#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "operations.h"
#include "os/bell.h"
#include "room.h"
#include "sweep.h"
#include "transaction.h"
#include "trim.h"
#include "write_lock.h"

enum { PORTION = 1024 }; /* pages, rooms or FIFOs at a time */

/* Delete messages that all readers of an open room have finished and that the room does not
 * keep. */
static enum chat_status trim_room(struct sqlite_store *s, const struct room *room)
{
    enum chat_status status = transaction_begin(s);
    return status == CHAT_OK ? group_commit_end(s, trim(s, room->number, room->depth)) : status;
}

static enum chat_status sweep_rooms(struct sqlite_store *s)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    enum chat_status status = sqlite_list(&s->base, &rooms, &count);
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        struct room room;
        status = room_get(s, rooms[i].name, &room);
        if (status == CHAT_NONE) {
            status = CHAT_OK;
            continue;
        }
        if (status == CHAT_OK)
            status = sweep_while_idle(s, &room);
        if (status == CHAT_OK && room_is_open(&room))
            status = trim_room(s, &room);
    }
    free(rooms);
    return status;
}

/* Delete the rows of rooms that hold no message, some per transaction. */
static enum chat_status delete_rooms(struct sqlite_store *s)
{
    enum chat_status status = CHAT_OK;
    int64_t last = db_number(s, SQL_GET_LAST_ROOM);
    for (int64_t from = 0; from < last && status == CHAT_OK; from += PORTION) {
        status = transaction_begin(s);
        if (status != CHAT_OK)
            return status;
        sqlite3_stmt *statement = db_statement(s, SQL_DELETE_ROOMS);
        sqlite3_bind_int64(statement, 1, from);
        sqlite3_bind_int64(statement, 2, from + PORTION - 1);
        status = group_commit_end(s, db_finish(s, statement));
    }
    return status;
}

/* Remove the FIFOs that no process uses; the write lock is released after each portion. */
static enum chat_status remove_bells(struct sqlite_store *s, const char *bell)
{
    size_t count = PORTION;
    while (count == PORTION) {
        enum chat_status status = write_lock_take(s);
        if (status != CHAT_OK)
            return status;
        count = bell_remove_idle(&s->location, bell, PORTION);
        write_lock_release(s);
    }
    return CHAT_OK;
}

static enum chat_status remove_unused(struct sqlite_store *s)
{
    enum chat_status status = delete_rooms(s);
    if (status == CHAT_OK)
        status = remove_bells(s, BELL_CAME);
    return status == CHAT_OK ? remove_bells(s, BELL_GONE) : status;
}

/* Return some pages to the file system, in one transaction. */
static enum chat_status shrink(struct sqlite_store *s)
{
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    int rc = SQLITE_ROW;
    sqlite3_stmt *statement = db_statement(s, SQL_SHRINK);
    for (int n = 0; n < PORTION && rc == SQLITE_ROW; n++)
        rc = db_step(s, statement);
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = db_failed(s, rc, "write");
    return group_commit_end(s, status);
}

enum chat_status sqlite_compact(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = sweep_rooms(s);
    if (status == CHAT_OK)
        status = remove_unused(s);
    if (status != CHAT_OK)
        return status;
    int64_t before = db_number(s, SQL_GET_PAGES), spare = db_number(s, SQL_GET_FREE_PAGES), left;
    while (status == CHAT_OK && (left = db_number(s, SQL_GET_FREE_PAGES)) > 0) {
        status = shrink(s);
        if (progress != NULL && spare >= left)
            progress(context, spare - left, spare);
    }
    if (status != CHAT_OK)
        return status;
    *freed = (before - db_number(s, SQL_GET_PAGES)) * PAGE;
    return transaction_empty_wal(s);
}
