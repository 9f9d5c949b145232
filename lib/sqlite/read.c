/* read.c - the contents of messages. */

#include "read.h"

#include <stdio.h>
#include <string.h>

#include "database.h"
#include "digest.h"
#include "os/bell.h"
#include "os/lock.h"
#include "room.h"

/* Return a column as a text that ends with NUL and contains no other NUL, or NULL. */
static const char *text_column(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    return text != NULL && strlen(text) == length ? text : NULL;
}

static int64_t read_id(sqlite3_stmt *statement)
{
    if (sqlite3_column_type(statement, READ_ID) == SQLITE_NULL)
        return position_place(sqlite3_column_int64(statement, READ_POSITION));
    return sqlite3_column_int64(statement, READ_ID);
}

int64_t read_room(sqlite3_stmt *statement)
{
    int64_t room = position_room(sqlite3_column_int64(statement, READ_POSITION));
    return room > 0 ? room : sqlite3_column_int64(statement, READ_ROOM);
}

enum chat_status read_times(struct sqlite_store *s, int64_t position, struct chat_message *m)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_TIMES);
    sqlite3_bind_int64(statement, 1, position);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        m->place = sqlite3_column_int64(statement, 0);
        m->due = sqlite3_column_int64(statement, 1);
        m->expires = sqlite3_column_int64(statement, 2);
        m->failed = sqlite3_column_int64(statement, 3);
        m->failure = sqlite3_column_int(statement, 4);
    }
    return db_found(s, statement, rc);
}

/* Return the room that the reader NAME (ROOM/NAME) reads: a text that is valid until the next
 * call. */
static const char *source_name(struct sqlite_store *s, const char *name)
{
    snprintf(s->copied_from, sizeof s->copied_from, "%.*s", (int)strcspn(name, "/"), name);
    return s->copied_from;
}

/* Return whether a message is as it was when it was sent to its room, or to the source of its
 * room. */
static bool is_whole(struct sqlite_store *s, struct chat_message *m, int64_t checksum)
{
    if (digest_message(m) == checksum)
        return true;
    const char *room = m->room;
    if (strchr(room, '/') == NULL)
        return false;
    m->room = source_name(s, room);
    if (digest_message(m) == checksum)
        return true;
    m->room = room;
    return false;
}

enum chat_status read_message(struct sqlite_store *s, sqlite3_stmt *statement,
                              struct chat_message *m)
{
    m->id = read_id(statement);
    m->time = sqlite3_column_int64(statement, READ_SENT);
    m->user = text_column(statement, READ_SENDER);
    m->host = text_column(statement, READ_HOST);
    m->attempts = sqlite3_column_int64(statement, READ_ATTEMPTS);
    m->key = text_column(statement, READ_KEY);
    m->body = sqlite3_column_blob(statement, READ_BODY);
    m->length = (size_t)sqlite3_column_bytes(statement, READ_BODY);
    if (m->body == NULL && sqlite3_errcode(s->db) == SQLITE_NOMEM)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    if (m->user != NULL && m->host != NULL &&
        is_whole(s, m, sqlite3_column_int64(statement, READ_CHECKSUM)))
        return CHAT_OK;
    s->damaged = sqlite3_column_int64(statement, READ_POSITION);
    return error_set(s->base.error, CHAT_DAMAGED,
                     "message %lld in room '%s' of spool '%s' is damaged", (long long)m->id,
                     m->room, s->location.path);
}

/* Copy the current row of STATEMENT to BATCH, if the message is as it was when it was sent. */
static enum chat_status add_row(struct sqlite_store *s, sqlite3_stmt *statement, int64_t position,
                                int64_t offset, const struct room *room, bool every,
                                struct chat_batch *batch)
{
    /* The checksum shows whether the message was sent to this room. */
    struct chat_message m = { .room = offset != 0 ? source_name(s, room->name) : room->name };
    enum chat_status status = read_message(s, statement, &m);
    if (status != CHAT_OK)
        return status;
    if (every || m.attempts > 0)
        status = read_times(s, position + offset, &m);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? db_failed(s, SQLITE_CORRUPT, "read") : status;
    batch->room = room->number;
    if (room_is_reader(room)) {
        batch->source = room->source;
        m.reader = strchr(room->name, '/') + 1;
    }
    if (!batch_add(batch, &m, position))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return CHAT_OK;
}

/* Return the statement that lists the messages of RUN, with its parameters bound. */
static sqlite3_stmt *list_run(struct sqlite_store *s, struct range run, int64_t offset,
                              const struct room *room)
{
    bool one = run.first == run.last && offset == 0;
    sqlite3_stmt *statement = db_statement(s, one           ? SQL_GET_MESSAGE
                                              : offset != 0 ? SQL_GET_SOURCE_MESSAGES
                                                            : SQL_GET_MESSAGES);
    sqlite3_bind_int64(statement, 1, run.first + offset);
    if (!one)
        sqlite3_bind_int64(statement, 2, run.last + offset);
    if (offset != 0)
        sqlite3_bind_int64(statement, 3, room->number);
    return statement;
}

/* Return whether the message in the current row of STATEMENT is to be read: a message that waits
 * for its time may belong to another room. */
static bool is_wanted(sqlite3_stmt *statement, int64_t position, const struct room *room,
                      int64_t now, struct chat_batch *batch)
{
    if (position_room(position) == 0 && read_room(statement) != room->number)
        return false;
    int64_t expires = sqlite3_column_int64(statement, READ_EXPIRES);
    bool over = expires != 0 && expires <= now;
    batch->passed_expired = batch->passed_expired || over;
    return !over;
}

/* Step to the next message of RUN that is to be read, from the position FROM on. *POSITION becomes
 * its position, or the one behind the end of RUN. CHAT_DATA: the positions do not ascend, as in a
 * file in which one page replaces another. */
static enum chat_status step(struct sqlite_store *s, sqlite3_stmt *statement, struct range run,
                             int64_t offset, const struct room *room, int64_t now, int64_t from,
                             struct chat_batch *batch, int64_t *position)
{
    int rc;
    do {
        rc = db_step(s, statement);
        *position = rc == SQLITE_ROW ? sqlite3_column_int64(statement, READ_POSITION) - offset
                                     : run.last + 1;
        if (*position < from)
            rc = SQLITE_CORRUPT;
    } while (rc == SQLITE_ROW && !is_wanted(statement, *position, room, now, batch));
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

enum chat_status read_run(struct sqlite_store *s, struct range run, int64_t offset, bool claimed,
                          const struct room *room, int64_t now, const struct chat_query *query,
                          struct chat_batch *batch, int64_t *seen)
{
    sqlite3_stmt *statement = list_run(s, run, offset, room);
    int64_t next = run.first, found; /* the next position, and the one that was found */
    enum chat_status status = CHAT_OK;
    while (next <= run.last && !batch_is_full(batch, query)) {
        status = step(s, statement, run, offset, room, now, next, batch, &found);
        if (status != CHAT_OK)
            break;
        if (claimed && found > next) /* these messages are gone, or not to be read */
            unlock_claim(s->lock, (struct range){ next, found - 1 });
        next = found;
        if (next > run.last)
            break;
        status = add_row(s, statement, next, offset, room, query->every, batch);
        if (status != CHAT_OK)
            break;
        next++;
    }
    sqlite3_reset(statement);
    if (claimed && next <= run.last) {
        unlock_claim(s->lock, (struct range){ next, run.last });
        /* Another receiver may have found these messages claimed. */
        bell_ring(&s->location, BELL_CAME, room->name);
    }
    *seen = next - run.first;
    return status;
}
