/* open_row.c - the rows of open rooms and of readers, and copies of messages for readers. */

#include "open_row.h"

#include "database.h"
#include "os/clock.h"
#include "room.h"
#include "rooms.h"

/* --- rows ------------------------------------------------------------------ */

enum chat_status open_row_get(struct sqlite_store *s, int64_t number, struct open_row *row)
{
    enum { SOURCE, SEEN, MISSED, SLOWEST, KEEP, MOST, DEPTH, NEXT_DUE, NEXT_EXPIRY, NAME };
    sqlite3_stmt *statement = db_statement(s, SQL_GET_OPEN);
    sqlite3_bind_int64(statement, 1, number);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        row->number = number;
        row->source = sqlite3_column_int64(statement, SOURCE);
        row->seen = sqlite3_column_int64(statement, SEEN);
        row->missed = sqlite3_column_int64(statement, MISSED);
        row->slowest = sqlite3_column_int64(statement, SLOWEST);
        row->keep = sqlite3_column_int64(statement, KEEP);
        row->most = sqlite3_column_int64(statement, MOST);
        row->depth = sqlite3_column_int64(statement, DEPTH);
        row->next_due = sqlite3_column_int64(statement, NEXT_DUE);
        row->next_expiry = sqlite3_column_int64(statement, NEXT_EXPIRY);
        db_copy_name(row->name, sqlite3_column_text(statement, NAME));
    }
    return db_found(s, statement, rc);
}

enum chat_status open_row_find(struct sqlite_store *s, const char *name, struct open_row *row)
{
    struct room room;
    enum chat_status status = room_of_reader(s, name, &room);
    return status == CHAT_OK ? open_row_get(s, room.number, row) : status;
}

enum chat_status open_row_find_message(struct sqlite_store *s, const struct open_row *open,
                                       int64_t id, int64_t *place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_FIND_IN_ROOM);
    sqlite3_bind_int64(statement, 1, open->number);
    sqlite3_bind_int64(statement, 2, id);
    int rc = id > ID_MAX ? SQLITE_DONE : db_step(s, statement);
    *place = rc == SQLITE_ROW ? position_place(sqlite3_column_int64(statement, 0)) : 0;
    enum chat_status status = db_found(s, statement, rc);
    if (status != CHAT_NONE)
        return status;
    return rooms_no_message(s->base.error, open->name, id);
}

enum chat_status open_row_set_seen(struct sqlite_store *s, int64_t number, int64_t seen,
                                   int64_t slowest)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_SEEN);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, seen);
    db_bind_number(statement, 3, slowest, slowest > 0);
    return db_finish(s, statement);
}

enum chat_status open_row_set_reader(struct sqlite_store *s, int64_t number, int64_t seen,
                                     int64_t missed, int64_t last)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_READER);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, seen);
    sqlite3_bind_int64(statement, 3, missed);
    db_bind_number(statement, 4, last, last > 0);
    return db_finish(s, statement);
}

/* --- copies ---------------------------------------------------------------- */

struct totals {
    int64_t count, bytes, expires;
};

static enum chat_status get_totals(struct sqlite_store *s, struct range run, struct totals *totals)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_TOTALS);
    sqlite3_bind_int64(statement, 1, run.first);
    sqlite3_bind_int64(statement, 2, run.last);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW)
        *totals =
            (struct totals){ sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                             sqlite3_column_int64(statement, 2) };
    return db_found(s, statement, rc);
}

enum chat_status open_row_copy(struct sqlite_store *s, const struct open_row *reader,
                               struct range run, bool expired)
{
    const int64_t offset = (reader->source - reader->number) << PLACE_BITS;
    struct totals before, after;
    enum chat_status status = get_totals(s, run, &before);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_COPY_MESSAGES);
    sqlite3_bind_int64(statement, 1, run.first + offset);
    sqlite3_bind_int64(statement, 2, run.last + offset);
    sqlite3_bind_int64(statement, 3, offset);
    sqlite3_bind_int64(statement, 4, expired ? 0 : clock_now());
    status = db_finish(s, statement);
    if (status == CHAT_OK)
        status = get_totals(s, run, &after);
    if (status == CHAT_OK && after.count > before.count)
        status =
            room_count(s, reader->number, after.count - before.count, after.bytes - before.bytes);
    return status == CHAT_OK ? room_count_times(s, reader->number, 0, after.expires) : status;
}
