/* lines.c - insert messages of a stream together.
 *
 * To insert one message, SQLite binds 15 parameters, opens three cursors and looks for the
 * position. Here many messages that differ in little are gathered, and one statement inserts all of
 * them. */

#include "lines.h"

#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "digest.h"
#include "message.h"

enum {
    ROWS = 64,         /* the number of rows in SQL_ADD_LINES and SQL_APPEND_LINES */
    BYTES = 64 * 1024, /* space for their bodies */
    LONG = 4096        /* longer messages are inserted at once: to copy them would cost more */
};

struct lines {
    char user[CHAT_NAME_MAX + 1], host[CHAT_NAME_MAX + 1]; /* of all messages */
    int64_t id;                                            /* of the first message */
    size_t count, used;
    struct line {
        int64_t time, checksum;
        const char *body; /* in BYTES */
        size_t length;
    } rows[ROWS];
    char bytes[BYTES];
};

static bool is_plain(const struct sqlite_store *s, const struct chat_message *m)
{
    return !s->put.ids_wanted && m->due == 0 && m->expires == 0 && m->attempts == 0 &&
           m->key == NULL && m->length <= LONG;
}

/* Return whether the message belongs to those that are gathered: it has the next id, and their
 * sender and host. */
static bool fits(const struct lines *l, const struct chat_message *m)
{
    return l->count > 0 && m->id == l->id + (int64_t)l->count && m->length <= BYTES - l->used &&
           strcmp(m->user, l->user) == 0 && strcmp(m->host, l->host) == 0;
}

static void begin(struct lines *l, const struct chat_message *m)
{
    l->id = m->id;
    strcpy(l->user, m->user); /* spool.c has checked their lengths */
    strcpy(l->host, m->host);
}

static void append(struct lines *l, const struct chat_message *m)
{
    char *body = l->bytes + l->used;
    if (m->length > 0)
        memcpy(body, m->body, m->length);
    l->used += m->length;
    l->rows[l->count++] = (struct line){ m->time, digest_message(m), body, m->length };
}

static enum chat_status insert_each(struct sqlite_store *s, const struct lines *l)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < l->count && status == CHAT_OK; i++) {
        const struct line *row = &l->rows[i];
        const int64_t id = l->id + (int64_t)i;
        const struct chat_message m = {
            .id = id,
            .place = id,
            .user = l->user,
            .host = l->host,
            .time = row->time,
            .body = row->body,
            .length = row->length,
        };
        status = message_insert(s, &m, row->checksum);
    }
    return status;
}

static enum chat_status insert_together(struct sqlite_store *s, const struct lines *l)
{
    const int64_t first = position_of(s->put.tally.number, l->id);
    const bool last = db_number(s, SQL_GET_LAST_POSITION) == first - 1;
    sqlite3_stmt *statement = db_statement(s, last ? SQL_APPEND_LINES : SQL_ADD_LINES);
    int parameter = 1;
    if (!last)
        sqlite3_bind_int64(statement, parameter++, first);
    sqlite3_bind_text(statement, parameter++, l->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, parameter++, l->host, -1, SQLITE_STATIC);
    for (int i = 0; i < ROWS; i++) {
        const struct line *row = &l->rows[i];
        sqlite3_bind_int64(statement, parameter++, row->time);
        sqlite3_bind_int64(statement, parameter++, row->checksum);
        sqlite3_bind_blob64(statement, parameter++, row->body, row->length, SQLITE_STATIC);
    }
    enum chat_status status = db_finish(s, statement);
    if (status == CHAT_OK && sqlite3_last_insert_rowid(s->db) != first + ROWS - 1)
        return db_failed(s, SQLITE_CORRUPT, "write"); /* there was a message at a later position */
    return status;
}

enum chat_status lines_insert(struct sqlite_store *s)
{
    const struct lines *l = s->put.lines;
    if (l == NULL || l->count == 0)
        return CHAT_OK;
    enum chat_status status = l->count == ROWS ? insert_together(s, l) : insert_each(s, l);
    lines_forget(s);
    if (status != CHAT_OK) /* some messages have an id, and are not inserted */
        db_rollback(s);
    return status;
}

enum chat_status lines_add(struct sqlite_store *s, const struct chat_message *m)
{
    const bool taken = s->put.bytes > 0 && is_plain(s, m); /* the first message is often the last */
    if (taken && s->put.lines == NULL && (s->put.lines = calloc(1, sizeof *s->put.lines)) == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    enum chat_status status = taken && fits(s->put.lines, m) ? CHAT_OK : lines_insert(s);
    if (status != CHAT_OK)
        return status;
    if (!taken)
        return message_insert(s, m, digest_message(m));
    if (s->put.lines->count == 0)
        begin(s->put.lines, m);
    append(s->put.lines, m);
    return s->put.lines->count == ROWS ? lines_insert(s) : CHAT_OK;
}

void lines_forget(struct sqlite_store *s)
{
    if (s->put.lines != NULL)
        s->put.lines->count = s->put.lines->used = 0;
}
