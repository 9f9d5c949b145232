/* list_readers.c - list the readers of an open room. */

#include "operations.h"

#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "database.h"
#include "open_row.h"
#include "os/lock.h"
#include "reader.h"

struct listing {
    struct sqlite_store *store;
    struct open_row open;
    int64_t place; /* only readers that have finished the message at this place; 0: all */
    struct chat_reader *readers;
    size_t count, capacity;
    struct open_row row; /* the reader that is being added, */
    int64_t claimed;     /* and the number of its claimed messages */
    enum chat_status status;
};

/* Count the messages at positions from FIRST to LAST. */
static enum chat_status count(struct sqlite_store *s, int64_t first, int64_t last, int64_t *number)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_SOME);
    sqlite3_bind_int64(statement, 1, first - 1);
    sqlite3_bind_int64(statement, 2, last);
    sqlite3_bind_int64(statement, 3, INT64_MAX);
    int rc = db_step(s, statement);
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

/* Count the unread messages of a reader at its positions RUN: copies, and messages of the room that
 * it has not seen. */
static enum chat_status count_unread(struct sqlite_store *s, const struct open_row *reader,
                                     struct range run, int64_t *number)
{
    const int64_t offset = (reader->source - reader->number) << PLACE_BITS;
    const int64_t seen = position_of(reader->source, reader->seen);
    const int64_t first = run.first + offset > seen ? run.first + offset : seen + 1;
    int64_t own = 0;
    enum chat_status status = reader->depth > 0 ? count(s, run.first, run.last, &own) : CHAT_OK;
    if (status == CHAT_OK)
        status = count(s, first, run.last + offset, number);
    *number += own;
    return status;
}

static void count_claims(void *context, struct range taken)
{
    struct listing *l = context;
    int64_t claimed = 0;
    if (l->status == CHAT_OK)
        l->status = count_unread(l->store, &l->row, taken, &claimed);
    l->claimed += claimed;
}

/* Count the messages that the reader holds back; *RETURNS becomes whether one of them returns to
 * PLACE. */
static enum chat_status count_held(struct sqlite_store *s, int64_t number, int64_t place,
                                   int64_t *held, bool *returns)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_HELD);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, place);
    int rc = db_step(s, statement);
    *held = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    *returns = rc == SQLITE_ROW && sqlite3_column_int64(statement, 1) > 0;
    return db_found(s, statement, rc);
}

/* Fill in READER from the row in the listing. *PAST becomes whether it has finished the message. */
static enum chat_status describe(struct listing *l, struct chat_reader *reader, bool *past)
{
    struct sqlite_store *s = l->store;
    const struct range all = { position_of(l->row.number, 1), position_of(l->row.number, ID_MAX) };
    const int64_t at = position_of(l->row.number, l->place);
    int64_t copies = 0;
    bool returns = false;
    enum chat_status status = count_unread(s, &l->row, all, &reader->unread);
    l->claimed = 0;
    if (status == CHAT_OK) {
        lock_each_taken(s->lock, all, count_claims, l);
        status = l->status;
    }
    if (status == CHAT_OK)
        status = count_held(s, l->row.number, l->place, &reader->held, &returns);
    if (status == CHAT_OK && l->place > 0)
        status = count(s, at, at, &copies);
    reader->unread += reader->held;
    reader->claimed = l->claimed;
    reader->here = reader_is_here(s, l->row.number) || lock_reader_taken(s->lock, l->row.number);
    *past = l->place == 0 || (l->row.seen >= l->place && copies == 0 && !returns);
    return status;
}

static bool grow(struct listing *l)
{
    size_t capacity = l->capacity > 0 ? 2 * l->capacity : 16;
    struct chat_reader *readers = realloc(l->readers, capacity * sizeof *readers);
    if (readers == NULL)
        return false;
    l->readers = readers;
    l->capacity = capacity;
    return true;
}

static enum chat_status add_reader(struct listing *l, sqlite3_stmt *statement)
{
    enum { NUMBER, NAME, DEPTH, SEEN, MISSED, LAST, SOURCE };
    bool past;
    if (l->count == l->capacity && !grow(l))
        return error_set(l->store->base.error, CHAT_SYSTEM, "out of memory");
    struct chat_reader *reader = &l->readers[l->count];
    l->row = (struct open_row){
        .number = sqlite3_column_int64(statement, NUMBER),
        .source = sqlite3_column_int64(statement, SOURCE),
        .seen = sqlite3_column_int64(statement, SEEN),
        .depth = sqlite3_column_int64(statement, DEPTH),
    };
    *reader = (struct chat_reader){
        .missed = sqlite3_column_int64(statement, MISSED),
        .last = sqlite3_column_int64(statement, LAST),
        .place = l->row.seen,
        .apart = l->row.depth,
    };
    const unsigned char *name = sqlite3_column_text(statement, NAME);
    if (name != NULL)
        db_copy_name(reader->name, name + strlen(l->open.name) + 1);
    enum chat_status status = describe(l, reader, &past);
    l->count += status == CHAT_OK && past;
    return status;
}

static enum chat_status list_all(struct listing *l)
{
    struct sqlite_store *s = l->store;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_READERS);
    sqlite3_bind_text(statement, 1, l->open.name, -1, SQLITE_STATIC);
    enum chat_status status = CHAT_OK;
    int rc = SQLITE_DONE;
    while (status == CHAT_OK && (rc = db_step(s, statement)) == SQLITE_ROW)
        status = add_reader(l, statement);
    sqlite3_reset(statement);
    return status == CHAT_OK && rc != SQLITE_DONE ? db_failed(s, rc, "read") : status;
}

enum chat_status sqlite_readers(struct store *store, const char *room, int64_t id,
                                struct chat_reader **readers, size_t *number)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct listing l = { .store = s };
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = db_run(s, SQL_BEGIN_READ);
    if (status != CHAT_OK)
        return status;
    status = open_row_find(s, room, &l.open);
    if (status == CHAT_OK && id > 0)
        status = open_row_find_message(s, &l.open, id, &l.place);
    if (status == CHAT_OK)
        status = list_all(&l);
    status = db_end_read(s, status);
    if (status != CHAT_OK) {
        free(l.readers);
        return status;
    }
    *readers = l.readers;
    *number = l.count;
    return CHAT_OK;
}
