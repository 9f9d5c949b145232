/* due.c - make messages ready whose time has come.
 *
 * No process runs at that moment, so each process that looks at the room does this. */

#include "due.h"

#include <stdlib.h>

#include "database.h"
#include "group_commit.h"
#include "os/clock.h"
#include "room.h"
#include "transaction.h"

enum { PORTION = 1024 }; /* messages in one transaction */

struct due {
    int64_t position, place, id;
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
        due[(*count)++] = (struct due){ .position = sqlite3_column_int64(statement, 0),
                                        .place = sqlite3_column_int64(statement, 1),
                                        .id = sqlite3_column_int64(statement, 2) };
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

static enum chat_status move_to(struct sqlite_store *s, int64_t room, const struct due *due,
                                int64_t place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_READY);
    sqlite3_bind_int64(statement, 1, due->position);
    sqlite3_bind_int64(statement, 2, position_of(room, place));
    db_bind_number(statement, 3, due->id, due->id != place);
    return db_finish(s, statement);
}

/* Make a message ready. A message that was held back gets its old place; one that was delayed, or
 * whose place a restored message has taken, gets a place at the end of the room. */
static enum chat_status set_ready(struct sqlite_store *s, int64_t room, const struct due *due)
{
    enum chat_status status = CHAT_NONE;
    if (due->place > 0)
        status = move_to(s, room, due, due->place);
    if (status == CHAT_NONE ||
        (status == CHAT_DATA && s->failed_with == SQLITE_CONSTRAINT_PRIMARYKEY))
        status = move_to(s, room, due, s->next_id++);
    return status;
}

static enum chat_status set_all_ready(struct sqlite_store *s, int64_t room, const struct due *due,
                                      size_t count)
{
    enum chat_status status = room_read_spool(s);
    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = set_ready(s, room, &due[i]);
    if (status == CHAT_OK)
        status = room_set_next_id(s);
    return status == CHAT_OK ? room_returned(s, room) : status;
}

static enum chat_status promote_portion(struct sqlite_store *s, int64_t room, int64_t now,
                                        struct due *due, size_t *count)
{
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = list_due(s, room, now, due, count);
    if (status == CHAT_OK)
        status = set_all_ready(s, room, due, *count);
    return group_commit_end(s, status);
}

bool due_any(const struct room *room)
{
    return room->next_due > 0 && room->next_due <= clock_now();
}

enum chat_status due_promote(struct sqlite_store *s, const struct room *room)
{
    if (s->read_only) /* they stay where they are, and a peek does not show them */
        return CHAT_OK;
    struct due *due = calloc(PORTION, sizeof *due);
    if (due == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    int64_t now = clock_now();
    size_t count = PORTION;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && count == PORTION)
        status = promote_portion(s, room->number, now, due, &count);
    free(due);
    return status;
}
