/* sqlite_read.c - the contents of messages. */

#include "sqlite_read.h"

#include <string.h>

#include "bell.h"
#include "digest.h"

/* A column as a text that ends with NUL and has none inside, or NULL. */
static const char *text_column(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) != SQLITE_TEXT)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    return text != NULL && strlen(text) == length ? text : NULL;
}

enum chat_status message_row(struct sqlite_store *s, sqlite3_stmt *statement,
                             struct chat_message *m)
{
    bool whole = sqlite3_column_type(statement, COLUMN_BODY) == SQLITE_BLOB;
    m->time = sqlite3_column_int64(statement, COLUMN_SENT);
    m->user = text_column(statement, COLUMN_SENDER);
    m->host = text_column(statement, COLUMN_HOST);
    m->attempts = sqlite3_column_int64(statement, COLUMN_ATTEMPTS);
    m->key = text_column(statement, COLUMN_KEY);
    m->body = sqlite3_column_blob(statement, COLUMN_BODY);
    m->length = (size_t)sqlite3_column_bytes(statement, COLUMN_BODY);
    if (m->body == NULL && sqlite3_errcode(s->db) == SQLITE_NOMEM)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    if (whole && m->user != NULL && m->host != NULL &&
        sqlite3_column_int64(statement, COLUMN_CHECKSUM) == message_digest(m))
        return CHAT_OK;
    s->damaged = m->id;
    return error_set(s->base.error, CHAT_DAMAGED,
                     "message %lld in room '%s' of spool '%s' is damaged", (long long)m->id,
                     m->room, s->place.path);
}

/* Copy the row that STATEMENT is at to BATCH, if it is what it was when it was sent. EVERY message
 * has its times. */
static enum chat_status add_row(struct sqlite_store *s, sqlite3_stmt *statement, int64_t id,
                                const char *room, bool every, struct chat_batch *batch)
{
    /* That it is the room it was sent to, the checksum tells. */
    struct chat_message m = { .id = id, .room = room };
    enum chat_status status = message_row(s, statement, &m);
    if (status != CHAT_OK)
        return status;
    if (every) {
        m.due = sqlite3_column_int64(statement, COLUMN_DUE);
        m.expires = sqlite3_column_int64(statement, COLUMN_EXPIRES);
        m.place = sqlite3_column_int64(statement, COLUMN_PLACE);
    }
    batch->room = sqlite3_column_int64(statement, COLUMN_ROOM);
    batch->apart = batch->apart || sqlite3_column_int64(statement, COLUMN_PLACE) != id ||
                   sqlite3_column_type(statement, COLUMN_DUE) != SQLITE_NULL;
    if (!batch_add(batch, &m))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return CHAT_OK;
}

/* The order has said PLACE of the message ID, and its row says another: was it moved meanwhile, or
 * is one of them damaged? CHAT_OK: the former. */
static enum chat_status check_place(struct sqlite_store *s, const struct room *room, int64_t id,
                                    int64_t place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_MISPLACED);
    sqlite3_bind_int64(statement, 1, room->number);
    sqlite3_bind_int64(statement, 2, place);
    sqlite3_bind_int64(statement, 3, id);
    int rc = db_step(s, statement);
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? CHAT_OK
                             : db_failed(s, rc == SQLITE_ROW ? SQLITE_CORRUPT : rc, "read");
}

bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query)
{
    return batch->count >= query->max_messages || batch->bytes >= query->max_bytes;
}

/* The statement that lists the messages of RUN, with its parameters. */
static sqlite3_stmt *list_run(struct sqlite_store *s, struct range run)
{
    bool one = run.first == run.last;
    sqlite3_stmt *statement = db_statement(s, one ? SQL_GET_MESSAGE : SQL_GET_MESSAGES);
    sqlite3_bind_int64(statement, 1, run.first);
    if (!one)
        sqlite3_bind_int64(statement, 2, run.last);
    return statement;
}

/* Whether the message that STATEMENT is at is in ROOM, and ready (or it is wanted anyway: EVERY).
 */
static bool is_wanted(sqlite3_stmt *statement, const struct room *room, bool every)
{
    return sqlite3_column_int64(statement, COLUMN_ROOM) == room->number &&
           (every || sqlite3_column_type(statement, COLUMN_DUE) == SQLITE_NULL);
}

/* Step to the next message of RUN that is wanted, FROM that id on: *ID becomes its id, or the one
 * behind the last. Where a page lies in another's place the ids go back. */
static enum chat_status step(struct sqlite_store *s, sqlite3_stmt *statement, struct range run,
                             const struct room *room, bool every, int64_t from, int64_t *id)
{
    int rc;
    do {
        rc = db_step(s, statement);
        *id = rc == SQLITE_ROW ? sqlite3_column_int64(statement, COLUMN_ID) : run.last + 1;
        if (*id < from)
            rc = SQLITE_CORRUPT;
    } while (rc == SQLITE_ROW && !is_wanted(statement, room, every));
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

enum chat_status read_run(struct sqlite_store *s, struct range run, bool claimed,
                          const struct room *room, const char *name, const int64_t *places,
                          const struct chat_query *query, struct chat_batch *batch, size_t *seen)
{
    sqlite3_stmt *statement = list_run(s, run);
    int64_t id = run.first, found; /* what comes next, and what is there */
    enum chat_status status = CHAT_OK;
    while (id <= run.last && !batch_is_full(batch, query)) {
        status = step(s, statement, run, room, query->every, id, &found);
        if (status != CHAT_OK)
            break;
        if (claimed && found > id) /* these have gone meanwhile */
            unlock_claim(s->lock, (struct range){ id, found - 1 });
        id = found;
        if (id > run.last)
            break;
        const int64_t *place = places != NULL ? &places[id - run.first] : NULL;
        if (place != NULL && sqlite3_column_int64(statement, COLUMN_PLACE) != *place)
            status = check_place(s, room, id, *place);
        if (status == CHAT_OK)
            status = add_row(s, statement, id, name, query->every, batch);
        if (status != CHAT_OK)
            break;
        id++;
    }
    sqlite3_reset(statement);
    if (claimed && id <= run.last) {
        unlock_claim(s->lock, (struct range){ id, run.last });
        bell_ring(&s->place, BELL_CAME, name); /* somebody may have found them claimed */
    }
    *seen = (size_t)(id - run.first);
    return status;
}
