/* trim.c - delete messages from an open room: those that all of its readers are past, except the
 * last messages, which it keeps; and those beyond its maximum, read or not.
 *
 * No process administers a room, so the senders and readers of the room do this. To know that all
 * readers are past a message would require a look at each of them, and there may be ten thousand.
 * So the row of the room has a place that all readers are past, and names one reader that was not
 * past a later place at the last look. As long as that reader has not moved on, the others need no
 * look. */

#include "trim.h"

#include <stdlib.h>
#include <string.h>

#include "claim_lock.h"
#include "database.h"
#include "message.h"
#include "open_row.h"
#include "os/clock.h"
#include "os/lock.h"
#include "room.h"

/* A room that keeps many messages is trimmed when it has some more than it should keep, and after
 * that a room that may hold many has some fewer: so most senders delete nothing, and compare only
 * these numbers. */
enum { KEEP_SLACK = 64, MOST_SLACK = 1024 };

static int64_t slack_of(int64_t keep)
{
    return keep > 0 ? keep / KEEP_SLACK : 0;
}

/* The oldest messages of a room. */
struct oldest {
    int64_t count, bytes;
    int64_t last; /* the place of the last one */
};

/* Which of the oldest messages: at most COUNT, up to the place LAST, sent before the time
 * BEFORE. */
struct limit {
    int64_t count, last, before;
};

static enum chat_status list_oldest(struct sqlite_store *s, int64_t room, struct limit limit,
                                    struct oldest *found)
{
    enum { POSITION, LENGTH, SENT };
    *found = (struct oldest){ .count = 0 };
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_OLDEST);
    sqlite3_bind_int64(statement, 1, position_of(room, 0));
    sqlite3_bind_int64(statement, 2, position_of(room, limit.last));
    int rc = SQLITE_DONE;
    while (found->count < limit.count && (rc = db_step(s, statement)) == SQLITE_ROW &&
           sqlite3_column_int64(statement, SENT) < limit.before) {
        found->count++;
        found->bytes += sqlite3_column_int64(statement, LENGTH);
        found->last = position_place(sqlite3_column_int64(statement, POSITION));
    }
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

static enum chat_status delete_oldest(struct sqlite_store *s, int64_t room,
                                      const struct oldest *oldest)
{
    if (oldest->count == 0)
        return CHAT_OK;
    enum chat_status status = oldest->bytes >= PAGE / 4 ? message_delete_without_zeros(s) : CHAT_OK;
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, position_of(room, 0));
    sqlite3_bind_int64(statement, 2, position_of(room, oldest->last));
    status = db_finish(s, statement);
    return status == CHAT_OK ? room_count(s, room, -oldest->count, -oldest->bytes) : status;
}

/* Count the messages of the room that have a place. */
static enum chat_status count_placed(struct sqlite_store *s, const struct open_row *open,
                                     int64_t *count)
{
    *count = open->depth;
    if (open->next_due == 0)
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_WAITING);
    sqlite3_bind_int64(statement, 1, open->number);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW)
        *count -= sqlite3_column_int64(statement, 0);
    return db_found(s, statement, rc);
}

/* --- the slowest reader ---------------------------------------------------- */

/* Find the reader that has seen least. CHAT_NONE: the room has no reader. */
static enum chat_status find_slowest(struct sqlite_store *s, const char *name, int64_t *number,
                                     int64_t *seen)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_SLOWEST);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW) {
        *number = sqlite3_column_int64(statement, 0);
        *seen = sqlite3_column_int64(statement, 1);
    }
    return db_found(s, statement, rc);
}

/* Store in *WAITED whether the reader that was the slowest is still not past PLACE. */
static enum chat_status is_waited_for(struct sqlite_store *s, const struct open_row *open,
                                      int64_t place, bool *waited)
{
    struct open_row reader;
    *waited = false;
    if (open->slowest == 0)
        return CHAT_OK;
    enum chat_status status = open_row_get(s, open->slowest, &reader);
    if (status == CHAT_OK)
        *waited = reader.source == open->number && reader.seen < place;
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* Find out how far all readers are, if they may be past PLACE. */
static enum chat_status look_at_readers(struct sqlite_store *s, struct open_row *open,
                                        int64_t place)
{
    bool waited;
    int64_t slowest = 0, seen = ID_MAX;
    if (place <= open->seen)
        return CHAT_OK;
    enum chat_status status = is_waited_for(s, open, place, &waited);
    if (status != CHAT_OK || waited)
        return status;
    status = find_slowest(s, open->name, &slowest, &seen);
    if (status == CHAT_NONE)
        status = CHAT_OK;
    if (status != CHAT_OK || (seen == open->seen && slowest == open->slowest))
        return status;
    open->seen = seen;
    open->slowest = slowest;
    return open_row_set_seen(s, open->number, seen, slowest);
}

/* --- what all are past ----------------------------------------------------- */

/* Return the limit of the oldest messages that the room does not keep. */
static struct limit not_kept(const struct open_row *open, int64_t placed, int64_t came)
{
    const int64_t slack = slack_of(open->keep);
    struct limit limit = { .count = 2 * came + slack, .last = ID_MAX, .before = INT64_MAX };
    if (open->keep < 0)
        limit.before = clock_now() + open->keep;
    else if (placed - open->keep <= slack)
        limit.count = 0;
    else if (placed - open->keep < limit.count)
        limit.count = placed - open->keep;
    return limit;
}

static enum chat_status trim_read(struct sqlite_store *s, struct open_row *open, int64_t placed,
                                  int64_t came)
{
    struct limit limit = not_kept(open, placed, came), first = limit;
    struct oldest oldest;
    if (limit.count == 0)
        return CHAT_OK;
    first.count = 1;
    enum chat_status status = list_oldest(s, open->number, first, &oldest);
    if (status != CHAT_OK || oldest.count == 0)
        return status;
    status = look_at_readers(s, open, oldest.last);
    if (status != CHAT_OK || oldest.last > open->seen)
        return status;
    limit.last = open->seen;
    status = list_oldest(s, open->number, limit, &oldest);
    return status == CHAT_OK ? delete_oldest(s, open->number, &oldest) : status;
}

/* --- what it may not hold -------------------------------------------------- */

struct lagging {
    int64_t *numbers;
    size_t count;
};

/* List the readers that have not seen everything up to PLACE. */
static enum chat_status list_lagging(struct sqlite_store *s, const struct open_row *open,
                                     int64_t place, struct lagging *lagging)
{
    enum { NUMBER, SEEN = 3 };
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_READERS);
    sqlite3_bind_text(statement, 1, open->name, -1, SQLITE_STATIC);
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW) {
        if (sqlite3_column_int64(statement, SEEN) >= place)
            continue;
        int64_t *numbers = realloc(lagging->numbers, (lagging->count + 1) * sizeof *numbers);
        if (numbers == NULL) {
            sqlite3_reset(statement);
            return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
        }
        lagging->numbers = numbers;
        numbers[lagging->count++] = sqlite3_column_int64(statement, NUMBER);
    }
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* A reader whose claimed messages are copied. */
struct saving {
    struct sqlite_store *store;
    const struct open_row *reader;
    enum chat_status status;
};

static void save_run(void *context, struct range run)
{
    struct saving *saving = context;
    if (saving->status == CHAT_OK)
        saving->status = open_row_copy(saving->store, saving->reader, run, true);
}

/* Copy the messages at the reader's positions RUN that receivers process, here or in other
 * processes. */
static enum chat_status save_claimed(struct sqlite_store *s, const struct open_row *reader,
                                     struct range run)
{
    struct saving saving = { .store = s, .reader = reader, .status = CHAT_OK };
    lock_each_taken(s->lock, run, save_run, &saving);
    for (struct range own = run; own.first <= run.last; own.first++) {
        own.first = claim_lock_first(s, own);
        if (own.first <= run.last)
            save_run(&saving, (struct range){ own.first, own.first });
    }
    return saving.status;
}

static enum chat_status count_all(struct sqlite_store *s, int64_t first, int64_t last, int64_t most,
                                  int64_t *count)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_SOME);
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, last);
    sqlite3_bind_int64(statement, 3, most);
    int rc = db_step(s, statement);
    *count = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return db_found(s, statement, rc);
}

/* Let the reader lose what it has not seen up to PLACE, except the messages that are being
 * processed. */
static enum chat_status move_up(struct sqlite_store *s, int64_t number, int64_t place)
{
    struct open_row reader, after = { .depth = 0 };
    int64_t count = 0;
    enum chat_status status = open_row_get(s, number, &reader);
    if (status != CHAT_OK)
        return status;
    status = count_all(s, position_of(reader.source, reader.seen),
                       position_of(reader.source, place), INT64_MAX, &count);
    if (status == CHAT_OK)
        status = save_claimed(
            s, &reader,
            (struct range){ position_of(number, reader.seen + 1), position_of(number, place) });
    if (status == CHAT_OK)
        status = open_row_get(s, number, &after);
    count -= after.depth - reader.depth;
    return status == CHAT_OK ? open_row_set_reader(s, number, place, reader.missed + count, 0)
                             : status;
}

static enum chat_status move_all_up(struct sqlite_store *s, struct open_row *open, int64_t place)
{
    struct lagging lagging = { .numbers = NULL };
    if (place <= open->seen)
        return CHAT_OK;
    enum chat_status status = list_lagging(s, open, place, &lagging);
    for (size_t i = 0; i < lagging.count && status == CHAT_OK; i++)
        status = move_up(s, lagging.numbers[i], place);
    if (lagging.count > 0)
        open->slowest = lagging.numbers[0];
    free(lagging.numbers);
    open->seen = place; /* or they are further */
    return status == CHAT_OK ? open_row_set_seen(s, open->number, place, open->slowest) : status;
}

static struct limit too_many(const struct open_row *open, int64_t placed)
{
    struct limit limit = { .count = INT64_MAX, .last = ID_MAX, .before = INT64_MAX };
    if (open->most < 0)
        limit.before = clock_now() + open->most;
    else
        limit.count = placed > open->most ? placed - open->most + open->most / MOST_SLACK : 0;
    return limit;
}

static enum chat_status trim_most(struct sqlite_store *s, struct open_row *open, int64_t *placed)
{
    struct oldest oldest;
    const struct limit limit = too_many(open, *placed);
    if (limit.count == 0)
        return CHAT_OK;
    enum chat_status status = list_oldest(s, open->number, limit, &oldest);
    if (status == CHAT_OK && oldest.count > 0)
        status = move_all_up(s, open, oldest.last);
    if (status == CHAT_OK)
        status = delete_oldest(s, open->number, &oldest);
    *placed -= oldest.count;
    return status;
}

enum chat_status trim(struct sqlite_store *s, int64_t number, int64_t came)
{
    struct open_row open;
    int64_t placed = 0;
    enum chat_status status = open_row_get(s, number, &open);
    if (status == CHAT_NONE || (status == CHAT_OK && open.source != number))
        return CHAT_OK;
    if (status == CHAT_OK)
        status = count_placed(s, &open, &placed);
    if (status == CHAT_OK)
        status = trim_most(s, &open, &placed);
    return status == CHAT_OK ? trim_read(s, &open, placed, came) : status;
}

/* Return whether the room holds more than it may, or the messages of the tally have brought it past
 * a multiple of the slack beyond what it keeps. */
static bool is_past_slack(const struct tally *t, int64_t keep, int64_t most)
{
    const int64_t held = t->held + t->came, step = slack_of(keep) + 1;
    if (keep < 0 || most < 0 || held > most)
        return true;
    return (held - keep) / step > (t->held - keep) / step;
}

enum chat_status trim_sent(struct sqlite_store *s, const struct tally *t)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_BOUNDS);
    sqlite3_bind_int64(statement, 1, t->number);
    int rc = db_step(s, statement);
    bool due = rc == SQLITE_ROW && is_past_slack(t, sqlite3_column_int64(statement, 0),
                                                 sqlite3_column_int64(statement, 1));
    enum chat_status status = db_found(s, statement, rc);
    return status == CHAT_OK && due ? trim(s, t->number, t->came) : status;
}

/* --- for a sender that sets a limit ---------------------------------------- */

/* Store the open room, and the last place that its slowest reader has seen. CHAT_NONE: no
 * reader. */
static enum chat_status slowest_of(struct sqlite_store *s, int64_t number, struct open_row *open,
                                   int64_t *seen)
{
    int64_t slowest;
    enum chat_status status = open_row_get(s, number, open);
    return status == CHAT_OK ? find_slowest(s, open->name, &slowest, seen) : status;
}

enum chat_status trim_count_unseen(struct sqlite_store *s, int64_t number, int64_t most,
                                   int64_t *count)
{
    struct open_row open;
    int64_t seen;
    *count = 0;
    enum chat_status status = slowest_of(s, number, &open, &seen);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    return count_all(s, position_of(number, seen), position_of(number, ID_MAX), most, count);
}

enum chat_status trim_drop_unseen(struct sqlite_store *s, int64_t number)
{
    struct open_row open;
    int64_t seen;
    enum chat_status status = slowest_of(s, number, &open, &seen);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_POSITIONS);
    sqlite3_bind_int64(statement, 1, position_of(number, seen));
    sqlite3_bind_int64(statement, 2, position_of(number, ID_MAX));
    int rc = db_step(s, statement);
    const int64_t place = rc == SQLITE_ROW ? position_place(sqlite3_column_int64(statement, 0)) : 0;
    status = db_found(s, statement, rc);
    return status == CHAT_OK ? move_all_up(s, &open, place) : status;
}
