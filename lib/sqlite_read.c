/* sqlite_read.c - the contents of messages. */

#include "sqlite_read.h"

#include <string.h>

#include "bell.h"
#include "digest.h"

static enum chat_status failed(struct sqlite_store *s)
{
    return db_failed(s, sqlite3_extended_errcode(s->db), "read");
}

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
    bool whole = sqlite3_column_type(statement, 7) == SQLITE_BLOB;
    m->time = sqlite3_column_int64(statement, 1);
    m->user = text_column(statement, 2);
    m->host = text_column(statement, 3);
    m->attempts = sqlite3_column_int64(statement, 4);
    m->key = text_column(statement, 5);
    m->body = sqlite3_column_blob(statement, 7);
    m->length = (size_t)sqlite3_column_bytes(statement, 7);
    if (m->body == NULL && sqlite3_errcode(s->db) == SQLITE_NOMEM)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    if (whole && m->user != NULL && m->host != NULL &&
        sqlite3_column_int64(statement, 6) == message_digest(m))
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
        m.due = sqlite3_column_int64(statement, 8);
        m.expires = sqlite3_column_int64(statement, 9);
        m.place = sqlite3_column_int64(statement, 10);
    }
    batch->room = sqlite3_column_int64(statement, 0);
    if (!batch_add(batch, &m))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return CHAT_OK;
}

/* Read the message ID into BATCH. CHAT_NONE: it has gone meanwhile. */
static enum chat_status read_message(struct sqlite_store *s, int64_t id, const struct room *room,
                                     const char *name, bool every, struct chat_batch *batch)
{
    sqlite3_stmt *statement = db_statement(s, every ? SQL_GET_ANY_MESSAGE : SQL_GET_MESSAGE);
    if (statement == NULL)
        return failed(s);
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, room->number);
    int rc = db_step(s, statement);
    enum chat_status status = rc == SQLITE_ROW    ? add_row(s, statement, id, name, every, batch)
                              : rc == SQLITE_DONE ? CHAT_NONE
                                                  : db_failed(s, rc, "read");
    sqlite3_reset(statement);
    return status;
}

bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query)
{
    return batch->count >= query->max_messages || batch->bytes >= query->max_bytes;
}

enum chat_status read_run(struct sqlite_store *s, struct range run, bool claimed,
                          const struct room *room, const char *name, const struct chat_query *query,
                          struct chat_batch *batch, size_t *seen)
{
    bool many = run.last > run.first; /* then read them all in one transaction */
    enum chat_status status = many ? db_run(s, SQL_BEGIN_READ) : CHAT_OK;
    int64_t id = run.first;
    for (; status == CHAT_OK && id <= run.last && !batch_is_full(batch, query); id++) {
        status = read_message(s, id, room, name, query->every, batch);
        if (status == CHAT_NONE) {
            if (claimed)
                unlock_claim(s->lock, (struct range){ id, id });
            status = CHAT_OK;
        } else if (status != CHAT_OK)
            break;
    }
    if (many)
        db_end(s, SQL_COMMIT);
    if (claimed && id <= run.last) {
        unlock_claim(s->lock, (struct range){ id, run.last });
        bell_ring(&s->place, BELL_CAME, name); /* somebody may have found them claimed */
    }
    *seen = (size_t)(id - run.first);
    return status;
}
