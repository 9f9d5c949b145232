/* sweep.c - delete messages that have expired.
 *
 * No process runs at that moment, so processes that come across expired messages do this. */

#include "sweep.h"

#include <stdlib.h>

#include "claim_lock.h"
#include "database.h"
#include "group_commit.h"
#include "message.h"
#include "open_row.h"
#include "os/clock.h"
#include "room.h"
#include "transaction.h"
#include "worked.h"

enum {
    PORTION = 1024,                 /* messages in one transaction */
    SWEPT_BYTES = 16 * 1024 * 1024, /* likewise: SQLite reads all pages that it deletes */
};

struct sweep sweep_room(int64_t room)
{
    return (struct sweep){ .room = room,
                           .from = position_of(room, 0),
                           .to = position_of(room, ID_MAX),
                           .waiting = true,
                           .more = true };
}

struct expired {
    int64_t position, length;
};

/* List the messages that have expired at the time NOW and are not among WORKED, at most PORTION of
 * them, and claim them. */
static enum chat_status list_expired(struct sqlite_store *s, struct sweep *sweep, int64_t now,
                                     const struct worked *worked, struct expired *list,
                                     size_t *count, int64_t *bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_EXPIRED);
    sqlite3_bind_int64(statement, 1, sweep->from);
    sqlite3_bind_int64(statement, 2, sweep->to);
    db_bind_number(statement, 3, sweep->room, sweep->waiting);
    sqlite3_bind_int64(statement, 4, now);
    enum chat_status status = CHAT_OK;
    int rc = SQLITE_DONE;
    while (status == CHAT_OK && *count < PORTION && *bytes < SWEPT_BYTES &&
           (rc = db_step(s, statement)) == SQLITE_ROW) {
        int64_t position = sqlite3_column_int64(statement, 0);
        list[*count] = (struct expired){ position, sqlite3_column_int64(statement, 1) };
        if (position_room(position) > 0) /* messages that wait are listed behind the others */
            sweep->from = position + 1;
        status = worked_has(worked, position) ? CHAT_NONE : claim_lock_take(s, position);
        if (status == CHAT_OK)
            *bytes += list[(*count)++].length;
        if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    sqlite3_reset(statement);
    sweep->more = rc == SQLITE_ROW;
    if (status == CHAT_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = db_failed(s, rc, "read");
    return status;
}

/* Delete the COUNT messages of LIST, which have BYTES bytes. */
static enum chat_status delete_expired(struct sqlite_store *s, int64_t room,
                                       const struct expired *list, size_t count, int64_t bytes)
{
    enum chat_status status = bytes >= PAGE / 4 ? message_delete_without_zeros(s) : CHAT_OK;
    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = message_delete(s, list[i].position);
    return status == CHAT_OK && count > 0 ? room_count(s, room, -(int64_t)count, -bytes) : status;
}

/* In an open room, delete messages this many milliseconds after they have expired: a reader that is
 * about to claim a message may have looked at the clock a moment ago. */
enum { GRACE = 1000 };

enum chat_status sweep_some(struct sqlite_store *s, struct sweep *sweep)
{
    struct open_row room;
    struct worked worked = { .runs = NULL };
    struct expired *list = malloc(PORTION * sizeof *list);
    if (list == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    size_t count = 0;
    int64_t bytes = 0, now = clock_now();
    enum chat_status status = open_row_get(s, sweep->room, &room);
    if (status == CHAT_OK && room.source == room.number) {
        now -= GRACE;
        status = worked_list(s, room.number, &worked);
    }
    if (status == CHAT_OK)
        status = list_expired(s, sweep, now, &worked, list, &count, &bytes);
    if (status == CHAT_OK)
        status = delete_expired(s, sweep->room, list, count, bytes);
    free(worked.runs);
    free(list);
    return status;
}

/* Set the time of the next sweep, after the whole room was swept. If an expired message is claimed,
 * look again after a second: its receiver may release it. */
static enum chat_status set_next_expiry(struct sqlite_store *s, int64_t room)
{
    enum { AGAIN = 1000 };
    const int64_t now = clock_now();
    sqlite3_stmt *statement = db_statement(s, SQL_SET_NEXT_EXPIRY);
    sqlite3_bind_int64(statement, 1, room);
    sqlite3_bind_int64(statement, 2, now);
    sqlite3_bind_int64(statement, 3, now + AGAIN);
    return db_finish(s, statement);
}

enum chat_status sweep_all(struct sqlite_store *s, int64_t room)
{
    struct sweep sweep = sweep_room(room);
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && sweep.more)
        status = sweep_some(s, &sweep);
    return status == CHAT_OK ? set_next_expiry(s, room) : status;
}

static enum chat_status sweep_portion(struct sqlite_store *s, struct sweep *sweep)
{
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = sweep_some(s, sweep);
    if (status == CHAT_OK && !sweep->more)
        status = set_next_expiry(s, sweep->room);
    return group_commit_end(s, status);
}

enum chat_status sweep_while_idle(struct sqlite_store *s, const struct room *room)
{
    struct sweep sweep = sweep_room(room->number);
    if (room->next_expiry == 0 || room->next_expiry > clock_now())
        return CHAT_OK;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && sweep.more)
        status = sweep_portion(s, &sweep);
    return status;
}
