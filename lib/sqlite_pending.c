/* sqlite_pending.c - messages that were put, and are inserted together.
 *
 * To insert one by one, SQLite binds 12 parameters, opens five cursors, looks for the place in two
 * trees and closes all again: 14 thousand instructions. So what a transaction puts after its first
 * message is gathered here, and SQLite reads it as a table that has no file (sqlite.org/vtab.html,
 * "Eponymous-only virtual tables"): one statement for hundreds, whose cursors stay where they are,
 * at the end. */

#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"

enum {
    ROWS = 256,        /* so many at most */
    BYTES = 64 * 1024, /* with so much text and body */
    LONG = 4096,       /* what has more bytes is inserted at once: to copy it would cost more */
    FEW = 16           /* to prepare the statement takes as much as to insert so many */
};

struct pending {
    struct pending_row {
        struct chat_message message; /* what it points to lies in BYTES */
        int64_t room, checksum;
    } rows[ROWS];
    size_t count;
    bool alike; /* for SQL_ADD_ALIKE */
    size_t used;
    char bytes[BYTES];
};

/* --- the table ------------------------------------------------------------- */

struct table {
    sqlite3_vtab base;
    const struct pending *pending;
};

struct cursor {
    sqlite3_vtab_cursor base;
    size_t at;
};

static const struct pending *pending_of(sqlite3_vtab_cursor *cursor)
{
    return ((struct table *)cursor->pVtab)->pending;
}

static int table_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
                         sqlite3_vtab **out, char **error)
{
    (void)argc, (void)argv, (void)error;
    struct table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL)
        return SQLITE_NOMEM;
    *table = (struct table){ .pending = context };
    *out = &table->base;
    return sqlite3_declare_vtab(db, "CREATE TABLE x (id, room, place, due, expires, sent, sender, "
                                    "host, attempts, key, checksum, body)");
}

static int table_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = ROWS;
    return SQLITE_OK;
}

static int table_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (cursor == NULL)
        return SQLITE_NOMEM;
    *cursor = (struct cursor){ .at = 0 };
    *out = &cursor->base;
    return SQLITE_OK;
}

static int table_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *cursor, int number, const char *name, int argc,
                        sqlite3_value **argv)
{
    (void)number, (void)name, (void)argc, (void)argv;
    ((struct cursor *)cursor)->at = 0;
    return SQLITE_OK;
}

static int table_next(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)cursor)->at++;
    return SQLITE_OK;
}

static int table_eof(sqlite3_vtab_cursor *cursor)
{
    return ((struct cursor *)cursor)->at >= pending_of(cursor)->count;
}

static int table_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
    *id = (sqlite3_int64)((struct cursor *)cursor)->at;
    return SQLITE_OK;
}

static void result_time(sqlite3_context *result, int64_t time)
{
    if (time > 0)
        sqlite3_result_int64(result, time);
}

static int table_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
    const struct pending_row *row = &pending_of(cursor)->rows[((struct cursor *)cursor)->at];
    const struct chat_message *m = &row->message;
    switch (column) {
    case COLUMN_ID:
        sqlite3_result_int64(result, m->id);
        break;
    case COLUMN_ROOM:
        sqlite3_result_int64(result, row->room);
        break;
    case COLUMN_PLACE:
        sqlite3_result_int64(result, m->place);
        break;
    case COLUMN_DUE:
        result_time(result, m->due);
        break;
    case COLUMN_EXPIRES:
        result_time(result, m->expires);
        break;
    case COLUMN_SENT:
        sqlite3_result_int64(result, m->time);
        break;
    case COLUMN_SENDER:
        sqlite3_result_text(result, m->user, -1, SQLITE_STATIC);
        break;
    case COLUMN_HOST:
        sqlite3_result_text(result, m->host, -1, SQLITE_STATIC);
        break;
    case COLUMN_ATTEMPTS:
        sqlite3_result_int64(result, m->attempts);
        break;
    case COLUMN_KEY:
        sqlite3_result_text(result, m->key, -1, SQLITE_STATIC); /* NULL stays that */
        break;
    case COLUMN_CHECKSUM:
        sqlite3_result_int64(result, row->checksum);
        break;
    case COLUMN_BODY:
        sqlite3_result_blob64(result, m->body, m->length, SQLITE_STATIC);
        break;
    }
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = table_connect,
    .xDisconnect = table_disconnect,
    .xDestroy = table_disconnect,
    .xBestIndex = table_best_index,
    .xOpen = table_open,
    .xClose = table_close,
    .xFilter = table_filter,
    .xNext = table_next,
    .xEof = table_eof,
    .xRowid = table_rowid,
    .xColumn = table_column,
};

/* --- messages -------------------------------------------------------------- */

/* Copy SIZE bytes behind what is there. */
static const char *keep(struct pending *p, const void *bytes, size_t size)
{
    char *start = p->bytes + p->used;
    if (size > 0)
        memcpy(start, bytes, size);
    p->used += size;
    return start;
}

/* The same for a text, of which the message before it often has the like. */
static const char *keep_text(struct pending *p, const char *text, const char *before)
{
    return before != NULL && strcmp(before, text) == 0 ? before : keep(p, text, strlen(text) + 1);
}

/* Whether there is room for one more, with the longest texts. */
static bool fits(const struct pending *p, const struct chat_message *m)
{
    return p->count < ROWS && p->used + (size_t)3 * (CHAT_NAME_MAX + 1) + m->length <= BYTES;
}

static bool is_plain(const struct chat_message *m)
{
    return m->due == 0 && m->expires == 0 && m->attempts == 0 && m->key == NULL;
}

/* Whether it is of the same room, sender and host, and has the next id. */
static bool is_alike(const struct pending_row *row, const struct pending_row *before)
{
    return row->room == before->room && row->message.user == before->message.user &&
           row->message.host == before->message.host && row->message.id == before->message.id + 1;
}

static void add(struct pending *p, const struct chat_message *m, int64_t room)
{
    struct pending_row *row = &p->rows[p->count];
    const struct chat_message *before = p->count > 0 ? &p->rows[p->count - 1].message : NULL;
    row->message = *m;
    row->message.room = NULL;
    row->message.user = keep_text(p, m->user, before != NULL ? before->user : NULL);
    row->message.host = keep_text(p, m->host, before != NULL ? before->host : NULL);
    if (m->key != NULL)
        row->message.key = keep_text(p, m->key, NULL);
    row->message.body = keep(p, m->body, m->length);
    row->room = room;
    row->checksum = message_digest(m);
    p->alike = p->alike && is_plain(m) && (p->count == 0 || is_alike(row, row - 1));
    p->count++;
}

enum chat_status pending_add(struct sqlite_store *s, const struct chat_message *m, int64_t room)
{
    if (s->pending == NULL) {
        if ((s->pending = malloc(sizeof *s->pending)) == NULL)
            return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
        pending_forget(s);
    }
    enum chat_status status = fits(s->pending, m) ? CHAT_OK : pending_insert(s);
    if (status == CHAT_OK)
        add(s->pending, m, room);
    return status;
}

bool pending_takes(const struct chat_message *m)
{
    return m->length <= LONG;
}

/* --- inserted -------------------------------------------------------------- */

static enum chat_status insert_each(struct sqlite_store *s, const struct pending *p)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < p->count && status == CHAT_OK; i++)
        status = insert_message(s, &p->rows[i].message, p->rows[i].room, p->rows[i].checksum);
    return status;
}

/* The parameters of SQL_ADD_ALIKE. */
static void bind_alike(sqlite3_stmt *statement, const struct pending_row *row)
{
    sqlite3_bind_int64(statement, 1, row->room);
    sqlite3_bind_text(statement, 2, row->message.user, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, row->message.host, -1, SQLITE_STATIC);
}

static enum chat_status insert_all(struct sqlite_store *s, const struct pending *p, enum sql sql)
{
    bool first = s->statements[SQL_ADD_ALIKE] == NULL && s->statements[SQL_ADD_MESSAGES] == NULL;
    int rc = first ? sqlite3_create_module(s->db, "pending", &module, s->pending) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "write");
    sqlite3_stmt *statement = db_statement(s, sql);
    if (sql == SQL_ADD_ALIKE)
        bind_alike(statement, &p->rows[0]);
    enum chat_status status = db_finish(s, statement);
    s->last_id = p->rows[p->count - 1].message.id;
    if (status == CHAT_OK && sqlite3_last_insert_rowid(s->db) != s->last_id)
        return db_failed(s, SQLITE_CORRUPT, "write"); /* there was a higher id */
    return status;
}

enum chat_status pending_insert(struct sqlite_store *s)
{
    const struct pending *p = s->pending;
    if (p == NULL || p->count == 0)
        return CHAT_OK;
    bool alike = p->alike && p->rows[0].message.id == s->last_id + 1;
    const enum sql sql = alike ? SQL_ADD_ALIKE : SQL_ADD_MESSAGES;
    bool few = p->count < FEW && s->statements[sql] == NULL;
    enum chat_status status = few ? insert_each(s, p) : insert_all(s, p, sql);
    pending_forget(s);
    if (status != CHAT_OK) /* some have an id, and are not there */
        db_end(s, SQL_ROLLBACK);
    return status;
}

void pending_forget(struct sqlite_store *s)
{
    if (s->pending == NULL)
        return;
    s->pending->count = s->pending->used = 0;
    s->pending->alike = true;
}
