/* seek.c - set the point where a reader continues. */

#include "operations.h"

#include "bells.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "open_row.h"
#include "os/bell.h"
#include "os/clock.h"
#include "reader.h"
#include "room.h"
#include "rooms.h"
#include "transaction.h"
#include "trim.h"

/* Store in *PLACE the place before the message that STATEMENT finds; OTHERWISE, if it finds no
 * message. The parameters of STATEMENT are bound. */
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
        return open_row_find_message(s, open, point->value, place);
    case CHAT_POINT_PLACE:
        *place = point->value < 0 ? 0 : point->value < end ? point->value : end;
        return CHAT_OK;
    case CHAT_POINT_END:
        break;
    }
    *place = end;
    return CHAT_OK;
}

/* Delete the messages that the reader has up to PLACE: it has finished them. */
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

/* Delete copies of messages that the reader gets from the room again. */
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
                                  const struct open_row *open, int64_t place,
                                  const struct chat_point *point)
{
    enum chat_status status = CHAT_OK;
    if (reader->depth > 0) {
        status = drop_passed(s, reader->number, place);
        if (status == CHAT_OK && !point->forward)
            status = drop_copies(s, reader, place);
        if (status == CHAT_OK)
            status = db_run_for(s, SQL_RECOUNT_ROOM, reader->number);
    }
    if (point->forward && place < reader->seen)
        place = reader->seen;
    if (status == CHAT_OK)
        status = open_row_set_reader(s, reader->number, place,
                                     point->forward ? reader->missed : point->missed, clock_now());
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
        status = open_row_get(s, open.number, &open); /* the new reader may be the slowest */
    if (status == CHAT_OK)
        status = open_row_get(s, room.number, &reader);
    return status == CHAT_OK ? set_place(s, &reader, &open, place, point) : status;
}

enum chat_status sqlite_seek(struct store *store, const char *name, const struct chat_point *point)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? rooms_not_open(s->base.error, name) : status;
    status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = seek(s, name, point);
    if (status == CHAT_OK) /* a reader that moves forward has nothing new to receive */
        status = point->forward ? bells_add(s, BELL_GONE, name) : bells_add_both(s, name);
    return group_commit_end(s, status);
}
