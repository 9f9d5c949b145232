/* sqlite_time.c - messages whose time has come, or is over.
 *
 * No process is there to do this when it is time, so whoever passes by does. */

#include <stdlib.h>
#include <time.h>

#include "bell.h"
#include "store_sqlite.h"

int64_t store_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* --- due ------------------------------------------------------------------- */

enum { PORTION = 1024 }; /* messages in one transaction */

struct due {
    int64_t id, place;
};

/* Read the messages of the room that are due. */
static enum chat_status list_due(struct sqlite_store *s, int64_t room, int64_t now,
                                 struct due due[PORTION], size_t *count)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_DUE);
    sqlite3_bind_int64(statement, 1, room);
    sqlite3_bind_int64(statement, 2, now);
    int rc = SQLITE_DONE;
    *count = 0;
    while (*count < PORTION && (rc = db_step(s, statement)) == SQLITE_ROW)
        due[(*count)++] = (struct due){ .id = sqlite3_column_int64(statement, 0),
                                        .place = sqlite3_column_int64(statement, 1) };
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* Make the messages ready: one that was held back in its old place, one that was delayed at
 * the end of the room. */
static enum chat_status set_ready(struct sqlite_store *s, int64_t room, const struct due *due,
                                  size_t count)
{
    int64_t first = INT64_MAX;
    enum chat_status status = spool_read(s);
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        int64_t place = due[i].place > 0 ? due[i].place : s->next_id++;
        if (place < first)
            first = place;
        sqlite3_stmt *statement = db_statement(s, SQL_SET_READY);
        sqlite3_bind_int64(statement, 1, due[i].id);
        sqlite3_bind_int64(statement, 2, place);
        status = db_finish(s, statement);
    }
    if (status == CHAT_OK)
        status = spool_set_next_id(s);
    return status == CHAT_OK ? room_returned(s, room, first) : status;
}

static enum chat_status promote_portion(struct sqlite_store *s, int64_t room, int64_t now,
                                        struct due *due, size_t *count)
{
    enum chat_status status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    status = list_due(s, room, now, due, count);
    if (status == CHAT_OK)
        status = set_ready(s, room, due, *count);
    return turn_end(s, status);
}

bool is_due(const struct room *room)
{
    return room->next_due > 0 && room->next_due <= store_now();
}

enum chat_status promote_due(struct sqlite_store *s, const struct room *room)
{
    if (s->read_only) /* they stay where they are, and are not seen by who peeks */
        return CHAT_OK;
    struct due *due = calloc(PORTION, sizeof *due);
    if (due == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    int64_t now = store_now();
    size_t count = PORTION;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && count == PORTION)
        status = promote_portion(s, room->number, now, due, &count);
    free(due);
    return status;
}

/* --- expired --------------------------------------------------------------- */

enum chat_status delete_message(struct sqlite_store *s, int64_t id)
{
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGE);
    sqlite3_bind_int64(statement, 1, id);
    return db_finish(s, statement);
}

enum chat_status delete_without_zeros(struct sqlite_store *s)
{
    return s->statements[SQL_SET_SECURE_DELETE] == NULL ? db_run(s, SQL_SET_SECURE_DELETE)
                                                        : CHAT_OK;
}

struct expired {
    int64_t id, length;
};

enum { SWEPT_BYTES = 16 * 1024 * 1024 }; /* in one transaction; SQLite steps along their pages */

/* List expired messages of the room, at most PORTION of them, and claim them. */
static enum chat_status list_expired(struct sqlite_store *s, int64_t room, struct expired *list,
                                     size_t *count, int64_t *bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_EXPIRED);
    sqlite3_bind_int64(statement, 1, room);
    sqlite3_bind_int64(statement, 2, store_now());
    enum chat_status status = CHAT_OK;
    int rc = SQLITE_DONE;
    while (status == CHAT_OK && *count < PORTION && *bytes < SWEPT_BYTES &&
           (rc = db_step(s, statement)) == SQLITE_ROW) {
        list[*count] = (struct expired){ .id = sqlite3_column_int64(statement, 0),
                                         .length = sqlite3_column_int64(statement, 1) };
        status = claim_for_turn(s, list[*count].id);
        if (status == CHAT_OK)
            *bytes += list[(*count)++].length;
        if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    sqlite3_reset(statement);
    if (status == CHAT_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = db_failed(s, rc, "read");
    return status;
}

/* Delete the COUNT messages of LIST, which have so many BYTES. */
static enum chat_status delete_expired(struct sqlite_store *s, int64_t room,
                                       const struct expired *list, size_t count, int64_t bytes)
{
    enum chat_status status = bytes >= PAGE / 4 ? delete_without_zeros(s) : CHAT_OK;
    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = delete_message(s, list[i].id);
    return status == CHAT_OK && count > 0 ? room_count(s, room, -(int64_t)count, -bytes) : status;
}

enum chat_status sweep_expired(struct sqlite_store *s, int64_t room, bool *more)
{
    struct expired *list = malloc(PORTION * sizeof *list);
    if (list == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    size_t count = 0;
    int64_t bytes = 0;
    enum chat_status status = list_expired(s, room, list, &count, &bytes);
    if (status == CHAT_OK)
        status = delete_expired(s, room, list, count, bytes);
    *more = count == PORTION || bytes >= SWEPT_BYTES;
    free(list);
    return status;
}

enum chat_status sweep_portion(struct sqlite_store *s, int64_t room, bool *more)
{
    enum chat_status status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    status = sweep_expired(s, room, more);
    return turn_end(s, status);
}

int64_t next_expiry(struct sqlite_store *s, int64_t room)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_NEXT_EXPIRY);
    sqlite3_bind_int64(statement, 1, room);
    int64_t expires = db_step(s, statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return expires;
}

enum chat_status sweep_while_idle(struct sqlite_store *s, int64_t room)
{
    int64_t expires = next_expiry(s, room);
    if (expires == 0 || expires > store_now())
        return CHAT_OK;
    bool more = true;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && more)
        status = sweep_portion(s, room, &more);
    return status;
}
