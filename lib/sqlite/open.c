/* open.c - what an operator does with open rooms and their readers. */

#include "operations.h"

#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "message.h"
#include "open_row.h"
#include "os/bell.h"
#include "os/clock.h"
#include "os/lock.h"
#include "reader.h"
#include "room.h"
#include "transaction.h"
#include "trim.h"

/* Run a statement about the room NUMBER, whose first parameter that is. */
static enum chat_status run_for(struct sqlite_store *s, enum sql sql, int64_t number)
{
    sqlite3_stmt *statement = db_statement(s, sql);
    sqlite3_bind_int64(statement, 1, number);
    return db_finish(s, statement);
}

/* Wake all processes that wait on the room: receivers, and senders that wait for space. */
static enum chat_status ring_both(struct sqlite_store *s, const char *room)
{
    enum chat_status status = bells_add(s, BELL_CAME, room);
    return status == CHAT_OK ? bells_add(s, BELL_GONE, room) : status;
}

/* --- open ------------------------------------------------------------------ */

static enum chat_status set_open(struct sqlite_store *s, int64_t number,
                                 const struct chat_bounds *bounds)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_OPEN);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, bounds->keep_time > 0 ? -bounds->keep_time : bounds->keep);
    sqlite3_bind_int64(statement, 3, bounds->most_time > 0 ? -bounds->most_time : bounds->most);
    return db_finish(s, statement);
}

enum chat_status sqlite_open_room(struct store *store, const char *name,
                                  const struct chat_bounds *bounds)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct room room;
    enum chat_status status = connect_and_begin(s);
    if (status != CHAT_OK)
        return status;
    status = room_find(s, name, &room);
    if (status == CHAT_OK && room.source == 0)
        status = run_for(s, SQL_SET_ALL_NEW, room.number);
    if (status == CHAT_OK)
        status = set_open(s, room.number, bounds);
    if (status == CHAT_OK)
        status = trim(s, room.number, room.depth);
    if (status == CHAT_OK)
        status = ring_both(s, name);
    return group_commit_end(s, status);
}

/* --- forget ---------------------------------------------------------------- */

/* Delete the rows of a reader, and what is in its range. */
static enum chat_status end_reader(struct sqlite_store *s, int64_t number)
{
    enum chat_status status = message_delete_without_zeros(s);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, position_of(number, 0));
    sqlite3_bind_int64(statement, 2, position_of(number, ID_MAX));
    status = db_finish(s, statement);
    if (status == CHAT_OK)
        status = run_for(s, SQL_DELETE_WAITING, number);
    if (status == CHAT_OK)
        status = run_for(s, SQL_END_READER, number);
    return status == CHAT_OK ? run_for(s, SQL_DELETE_READER, number) : status;
}

static enum chat_status forget_reader(struct sqlite_store *s, const char *name)
{
    struct open_row open;
    struct room room;
    enum chat_status status = open_row_find(s, name, &open);
    if (status == CHAT_OK)
        status = room_get(s, name, &room);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? room_reader_missing(s, name) : status;
    status = end_reader(s, room.number);
    return status == CHAT_OK ? trim(s, open.number, open.depth) : status;
}

/* The next reader of an open room; CHAT_NONE: it has no more. */
static enum chat_status any_reader(struct sqlite_store *s, const char *name, int64_t *number)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_READERS);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = db_step(s, statement);
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

static enum chat_status make_plain(struct sqlite_store *s, const char *name)
{
    struct open_row open;
    int64_t number;
    enum chat_status status = open_row_find(s, name, &open);
    while (status == CHAT_OK && (status = any_reader(s, name, &number)) == CHAT_OK)
        status = end_reader(s, number);
    return status == CHAT_NONE ? run_for(s, SQL_SET_PLAIN, open.number) : status;
}

enum chat_status sqlite_forget(struct store *store, const char *name)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = strchr(name, '/') != NULL ? forget_reader(s, name) : make_plain(s, name);
    if (status == CHAT_OK)
        status = ring_both(s, name);
    return group_commit_end(s, status);
}

/* --- seek ------------------------------------------------------------------ */

/* The position before the message that STATEMENT, which must be bound, finds; OTHERWISE, if it
 * finds no message. */
static enum chat_status place_before(struct sqlite_store *s, sqlite3_stmt *statement,
                                     int64_t otherwise, int64_t *place)
{
    int rc = db_step(s, statement);
    *place = rc == SQLITE_ROW ? position_place(sqlite3_column_int64(statement, 0)) - 1 : otherwise;
    enum chat_status status = db_found(s, statement, rc);
    return status == CHAT_NONE ? CHAT_OK : status;
}

static enum chat_status find_time(struct sqlite_store *s, int64_t room, int64_t time,
                                  int64_t otherwise, int64_t *place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_FIND_TIME);
    sqlite3_bind_int64(statement, 1, position_of(room, 0));
    sqlite3_bind_int64(statement, 2, position_of(room, ID_MAX));
    sqlite3_bind_int64(statement, 3, time);
    return place_before(s, statement, otherwise, place);
}

/* The place of the message ID of an open room. CHAT_NONE: the room does not keep it. */
static enum chat_status find_place(struct sqlite_store *s, const struct open_row *open, int64_t id,
                                   int64_t *place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_FIND_IN_ROOM);
    sqlite3_bind_int64(statement, 1, open->number);
    sqlite3_bind_int64(statement, 2, id);
    int rc = id > ID_MAX ? SQLITE_DONE : db_step(s, statement);
    *place = rc == SQLITE_ROW ? position_place(sqlite3_column_int64(statement, 0)) : 0;
    enum chat_status status = db_found(s, statement, rc);
    if (status != CHAT_NONE)
        return status;
    return error_set(s->base.error, CHAT_NONE, "room '%s' does not keep message %lld", open->name,
                     (long long)id);
}

static enum chat_status find_point(struct sqlite_store *s, const struct open_row *open,
                                   const struct chat_point *point, int64_t *place)
{
    enum chat_status status = room_read_spool(s);
    const int64_t end = s->next_id - 1;
    if (status != CHAT_OK)
        return status;
    switch (point->kind) {
    case CHAT_POINT_START:
        return find_time(s, open->number, INT64_MIN, end, place);
    case CHAT_POINT_TIME:
        return find_time(s, open->number, point->value, end, place);
    case CHAT_POINT_ID:
        return find_place(s, open, point->value, place);
    case CHAT_POINT_PLACE:
        *place = point->value < 0 ? 0 : point->value < end ? point->value : end;
        return CHAT_OK;
    case CHAT_POINT_END:
        break;
    }
    *place = end;
    return CHAT_OK;
}

/* The reader is done with all that it has up to PLACE. */
static enum chat_status drop_passed(struct sqlite_store *s, int64_t number, int64_t place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, position_of(number, 0));
    sqlite3_bind_int64(statement, 2, position_of(number, place));
    enum chat_status status = db_finish(s, statement);
    if (status != CHAT_OK)
        return status;
    statement = db_statement(s, SQL_DELETE_PASSED);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, place);
    return db_finish(s, statement);
}

/* The reader must not have twice a message that it gets from the room again. */
static enum chat_status drop_copies(struct sqlite_store *s, const struct open_row *reader,
                                    int64_t place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_COPIES);
    sqlite3_bind_int64(statement, 1, position_of(reader->number, place + 1));
    sqlite3_bind_int64(statement, 2, position_of(reader->number, ID_MAX));
    sqlite3_bind_int64(statement, 3, (reader->source - reader->number) << PLACE_BITS);
    enum chat_status status = db_finish(s, statement);
    if (status != CHAT_OK)
        return status;
    statement = db_statement(s, SQL_DELETE_HELD_COPIES);
    sqlite3_bind_int64(statement, 1, reader->number);
    sqlite3_bind_int64(statement, 2, reader->source);
    return db_finish(s, statement);
}

/* Set the reader to PLACE. */
static enum chat_status set_place(struct sqlite_store *s, const struct open_row *reader,
                                  const struct open_row *open, int64_t place, bool forward)
{
    enum chat_status status = CHAT_OK;
    if (reader->depth > 0) {
        status = drop_passed(s, reader->number, place);
        if (status == CHAT_OK && !forward)
            status = drop_copies(s, reader, place);
        if (status == CHAT_OK)
            status = run_for(s, SQL_RECOUNT_ROOM, reader->number);
    }
    if (forward && place < reader->seen)
        place = reader->seen;
    if (status == CHAT_OK)
        status = open_row_set_reader(s, reader->number, place, forward ? reader->missed : 0,
                                     clock_now());
    if (status == CHAT_OK && place < open->seen)
        status = open_row_set_seen(s, open->number, place, reader->number);
    return status == CHAT_OK ? trim(s, open->number, open->depth) : status;
}

static enum chat_status seek(struct sqlite_store *s, const char *name,
                             const struct chat_point *point)
{
    struct open_row open, reader;
    struct room room;
    int64_t place;
    enum chat_status status = open_row_find(s, name, &open);
    if (status == CHAT_OK)
        status = find_point(s, &open, point, &place);
    if (status != CHAT_OK)
        return status;
    status = room_get(s, name, &room);
    if (status == CHAT_NONE && (status = reader_add(s, name, &open)) == CHAT_OK)
        status = room_get(s, name, &room);
    if (status == CHAT_OK)
        status = open_row_get(s, open.number, &open); /* the new one may be the slowest */
    if (status == CHAT_OK)
        status = open_row_get(s, room.number, &reader);
    return status == CHAT_OK ? set_place(s, &reader, &open, place, point->forward) : status;
}

enum chat_status sqlite_seek(struct store *store, const char *name, const struct chat_point *point)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? room_not_open(s, name) : status;
    status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = seek(s, name, point);
    if (status == CHAT_OK) /* who goes forward has nothing new to receive */
        status = point->forward ? bells_add(s, BELL_GONE, name) : ring_both(s, name);
    return group_commit_end(s, status);
}

/* --- readers --------------------------------------------------------------- */

struct listing {
    struct sqlite_store *store;
    struct open_row open;
    int64_t place; /* of the message that readers are to be past; 0: none */
    struct chat_reader *readers;
    size_t count, capacity;
    struct open_row row; /* of the reader that is being added, */
    int64_t claimed;     /* and how many of its messages are claimed */
    enum chat_status status;
};

/* How many messages there are at positions from FIRST to LAST. */
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

/* How many messages a reader has at its positions RUN: copies, and what it has not seen. */
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

/* How many messages the reader holds back; whether one of those returns to PLACE. */
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

/* Fill in READER from the row in the listing. PAST: it is done with the message. */
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
        status = find_place(s, &l.open, id, &l.place);
    if (status == CHAT_OK)
        status = list_all(&l);
    db_end(s, SQL_COMMIT);
    if (status != CHAT_OK) {
        free(l.readers);
        return status;
    }
    *readers = l.readers;
    *number = l.count;
    return CHAT_OK;
}
