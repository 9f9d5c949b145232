/* scan.c - find the messages of a room that a receiver may have. */

#include "scan.h"

#include "open_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "claim_lock.h"
#include "database.h"
#include "due.h"
#include "lock_file.h"
#include "os/clock.h"
#include "os/lock.h"
#include "room.h"

/* This number of positions is examined, and claimed, at a time. */
enum { RUN = 256 };

/* Return the statement that lists messages that wait for their time, with its parameters bound. */
static sqlite3_stmt *list_waiting(const struct scan *scan)
{
    sqlite3_stmt *statement =
        db_statement(scan->store, scan->before > 0 ? SQL_LIST_WAITING_OLDER : SQL_LIST_WAITING);
    sqlite3_bind_int64(statement, 1, scan->room.number);
    sqlite3_bind_int64(statement, 2, scan->after_due);
    sqlite3_bind_int64(statement, 3, scan->after);
    sqlite3_bind_int64(statement, 4, scan->until);
    if (scan->before > 0)
        sqlite3_bind_int64(statement, 5, scan->before);
    return statement;
}

/* Return the statement that lists ready messages, in the room itself or where a reader's messages
 * are. */
static sqlite3_stmt *list_ready(const struct scan *scan)
{
    sqlite3_stmt *statement =
        db_statement(scan->store, scan->before > 0 ? SQL_LIST_OLDER : SQL_LIST_POSITIONS);
    int64_t after = scan->after + scan->offset;
    if (scan->offset != 0 && position_place(after) < scan->seen)
        after = position_of(scan->room.source, scan->seen);
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int64(statement, 2, position_of(scan->room.number, scan->until) + scan->offset);
    if (scan->before > 0)
        sqlite3_bind_int64(statement, 3, scan->before);
    return statement;
}

/* Return whether the message in the current row of STATEMENT has expired. */
static bool has_expired(const struct scan *scan, sqlite3_stmt *statement)
{
    enum { EXPIRES = 1 };
    return sqlite3_column_type(statement, EXPIRES) != SQLITE_NULL &&
           sqlite3_column_int64(statement, EXPIRES) <= scan->now;
}

/* Step to the next message that is to be seen. In a damaged page positions can go back: to continue
 * might show a message twice. */
static int step(struct scan *scan, sqlite3_stmt *statement)
{
    int64_t before = scan->after;
    int rc;
    while ((rc = db_step(scan->store, statement)) == SQLITE_ROW) {
        scan->next = sqlite3_column_int64(statement, 0) - scan->offset;
        if (scan->next < 1 || scan->next > POSITION_MAX)
            return SQLITE_CORRUPT;
        if (scan->waiting) {
            scan->next_due = sqlite3_column_int64(statement, 1);
            break;
        }
        if (scan->next <= before)
            return SQLITE_CORRUPT;
        if (!has_expired(scan, statement))
            break;
        before = scan->next;
        scan->passed_expired = true;
    }
    return rc;
}

/* Find the next message in the range with this OFFSET; 0: no message. */
static int find_ready(struct scan *scan, int64_t offset)
{
    scan->offset = offset;
    sqlite3_stmt *statement = list_ready(scan);
    int rc = step(scan, statement);
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW)
        scan->next = 0;
    return rc;
}

/* Find the next message of a reader, in its own range or in its source. */
static int find_unread(struct scan *scan)
{
    int64_t own = 0;
    if (scan->room.depth > 0) {
        int rc = find_ready(scan, 0);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return rc;
        own = scan->next;
    }
    int rc = find_ready(scan, room_source_offset(&scan->room));
    if ((rc != SQLITE_ROW && rc != SQLITE_DONE) || own == 0) {
        scan->bound = 0;
        return rc;
    }
    if (rc == SQLITE_ROW && scan->next < own) {
        scan->bound = own;
        return rc;
    }
    scan->bound = scan->next;
    scan->next = own;
    scan->offset = 0;
    return SQLITE_ROW;
}

/* Find the message behind those that were seen, unless it is known. */
static enum chat_status find_next(struct scan *scan)
{
    int rc;
    if (scan->next > 0 || scan->ended)
        return CHAT_OK;
    if (scan->waiting) {
        scan->offset = 0;
        sqlite3_stmt *statement = list_waiting(scan);
        rc = step(scan, statement);
        sqlite3_reset(statement);
        if (rc != SQLITE_ROW)
            scan->next = 0;
    } else
        rc = room_is_reader(&scan->room) ? find_unread(scan) : find_ready(scan, 0);
    scan->ended = rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(scan->store, rc, "read");
}

/* Set the position where the scan begins. */
static void start_at(struct scan *scan, const struct chat_cursor *from)
{
    const struct sqlite_store *s = scan->store;
    scan->waiting = from != NULL && from->due > 0;
    scan->after_due = scan->waiting ? from->due : 0;
    scan->after =
        scan->waiting ? from->id : position_of(scan->room.number, from != NULL ? from->place : 0);
    scan->only_kept = from == NULL && !scan->every;
    if (scan->only_kept && position_room(s->kept_all.position) == scan->room.number &&
        s->kept_all.returned == scan->room.returned)
        scan->after = s->kept_all.position;
}

/* Return whether the room counts messages that no receiver sees: none is ready, none waits for its
 * time, and none has expired. */
static bool hides_messages(const struct scan *scan)
{
    return scan->ended && scan->room.depth > 0 && scan->room.next_due == 0 && !scan->every &&
           !scan->passed_expired && scan->until == ID_MAX && !room_is_reader(&scan->room) &&
           scan->after == position_of(scan->room.number, 0);
}

/* Read the rows of a reader and of its source. */
static enum chat_status open_reader(struct scan *scan)
{
    struct open_row reader, source = { .next_due = 0 };
    enum chat_status status = open_row_get(scan->store, scan->room.number, &reader);
    if (status == CHAT_OK)
        status = open_row_get(scan->store, scan->room.source, &source);
    scan->seen = reader.seen;
    scan->missed = reader.missed;
    scan->source_due = source.next_due;
    return status == CHAT_NONE ? db_failed(scan->store, SQLITE_CORRUPT, "read") : status;
}

/* Begin a scan as a reader that does not exist yet: it would get everything that its room keeps. */
static enum chat_status open_new_reader(struct scan *scan, const char *name)
{
    struct open_row source;
    enum chat_status status = open_row_find(scan->store, name, &source);
    scan->room = (struct room){ .number = ROOM_MAX, .source = source.number };
    strcpy(scan->room.name, name); /* spool.c has checked its length */
    scan->source_due = source.next_due;
    return status;
}

enum chat_status scan_open(struct scan *scan, struct sqlite_store *s,
                           const struct chat_query *query, const char *name,
                           const struct chat_cursor *from)
{
    bool within = sqlite3_get_autocommit(s->db) == 0; /* a transaction of the caller */
    enum chat_status status = within ? CHAT_OK : db_run(s, SQL_BEGIN_READ);
    *scan = (struct scan){ .store = s,
                           .every = query->every,
                           .before = query->before,
                           .until = query->until > 0 ? query->until : ID_MAX,
                           .now = query->every ? 0 : clock_now() };
    if (status == CHAT_OK)
        status = room_get(s, name, &scan->room);
    if (status == CHAT_OK && room_is_reader(&scan->room))
        status = open_reader(scan);
    else if (status == CHAT_NONE && name != NULL && from != NULL && strchr(name, '/') != NULL)
        status = open_new_reader(scan, name);
    if (status == CHAT_OK) {
        start_at(scan, from);
        status = find_next(scan);
    }
    if (status == CHAT_OK && hides_messages(scan))
        status = db_failed(s, SQLITE_CORRUPT, "read");
    if (!within)
        status = db_end_read(s, status);
    return status;
}

enum chat_status scan_open_ready(struct scan *scan, struct sqlite_store *s,
                                 const struct chat_query *query, const char *name,
                                 const struct chat_cursor *from)
{
    enum chat_status status = scan_open(scan, s, query, name, from);
    const struct room source = { .number = scan->room.source, .next_due = scan->source_due };
    if (status != CHAT_OK || query->until > 0 || query->every ||
        (!due_any(&scan->room) && !due_any(&source)))
        return status;
    if (due_any(&scan->room))
        status = due_promote(s, &scan->room);
    if (status == CHAT_OK && due_any(&source))
        status = due_promote(s, &source);
    if (status == CHAT_OK)
        return scan_open(scan, s, query, name, from);
    return scan->next > 0 ? CHAT_OK : status; /* ready messages are still available */
}

void scan_get_cursor(const struct scan *scan, struct chat_cursor *cursor)
{
    if (scan->waiting) {
        cursor->due = scan->after_due;
        cursor->id = scan->after;
    } else
        cursor->place = position_place(scan->after);
}

void scan_step(struct scan *scan, int64_t n)
{
    scan->after = scan->next + n - 1;
    scan->after_due = scan->next_due;
    scan->next = scan->next_due = 0;
}

static bool is_kept(const struct sqlite_store *s, int64_t position)
{
    size_t last = s->kept_count;
    return last > 0 && bsearch(&position, s->kept, last, sizeof position, position_compare) != NULL;
}

/* Find the run of positions from the next message on, at most MAX, that ends with a message. */
static enum chat_status find_run(struct scan *scan, int64_t max, struct range *run)
{
    struct sqlite_store *s = scan->store;
    *run = (struct range){ scan->next, scan->next };
    if (max == 1 || scan->waiting || scan->before > 0)
        return CHAT_OK;
    int64_t last = scan->next + (max < RUN ? max : RUN) - 1;
    if (last > position_of(scan->room.number, scan->until))
        last = position_of(scan->room.number, scan->until);
    if (scan->bound > 0 && last >= scan->bound)
        last = scan->bound - 1;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_LAST_BEFORE);
    sqlite3_bind_int64(statement, 1, last + scan->offset);
    int rc = db_step(s, statement);
    if (rc == SQLITE_ROW && sqlite3_column_int64(statement, 0) - scan->offset > run->first)
        run->last = sqlite3_column_int64(statement, 0) - scan->offset;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? CHAT_OK : db_failed(s, rc, "read");
}

/* Step over a message that this handle has claimed. If COMMAND fails with each message of a room,
 * the handle keeps all of them, and looks for the next message each time: it must not step over all
 * of them again. */
static void pass_ours(struct scan *scan)
{
    struct sqlite_store *s = scan->store;
    scan_step(scan, 1);
    scan->only_kept = scan->only_kept && is_kept(s, scan->after);
    if (!scan->only_kept)
        return;
    s->kept_all.returned = scan->room.returned;
    s->kept_all.position = scan->after;
}

/* Step over the messages at the positions TAKEN: a claim on thousands is passed at once. */
static void pass_taken(struct scan *scan, struct range taken)
{
    scan_step(scan, 1);
    if (!scan->waiting && taken.last > scan->after)
        scan->after = taken.last;
}

/* Check that no other receiver has a claim on the first messages of RUN, and cut RUN to those; with
 * TAKE also claim them. Returns 0 or an errno: with EAGAIN, *TAKEN is a range that another receiver
 * has claimed. */
static int try_run(struct sqlite_store *s, struct range *run, bool take, struct range *taken)
{
    for (;;) {
        int errnum = take                               ? lock_claim(s->lock, *run, taken)
                     : lock_taken(s->lock, *run, taken) ? EAGAIN
                                                        : 0;
        if (errnum != EAGAIN || taken->first <= run->first)
            return errnum;
        run->last = taken->first - 1;
    }
}

/* Find the next message. CHAT_NONE: there are no more. */
static enum chat_status need_next(struct scan *scan)
{
    enum chat_status status = find_next(scan);
    if (status == CHAT_OK && scan->ended && scan->every && !scan->waiting) {
        scan->waiting = true;
        scan->ended = false;
        scan->after = scan->after_due = 0;
        status = find_next(scan);
    }
    return status == CHAT_OK && scan->ended ? CHAT_NONE : status;
}

enum chat_status scan_next(struct scan *scan, int64_t max, enum scan_mode mode, struct range *found,
                           bool *passed)
{
    struct sqlite_store *s = scan->store;
    enum chat_status status;
    while ((status = need_next(scan)) == CHAT_OK) {
        struct range taken;
        if (mode != SCAN_ALL && claim_lock_has(s, scan->next)) {
            pass_ours(scan);
            continue;
        }
        status = find_run(scan, max, found);
        if (status != CHAT_OK || mode == SCAN_ALL)
            return status;
        found->last = claim_lock_first(s, (struct range){ found->first + 1, found->last }) - 1;
        int errnum = try_run(s, found, mode == SCAN_TAKE, &taken);
        scan->only_kept = false;
        if (errnum != EAGAIN)
            return errnum == 0 ? CHAT_OK : lock_file_failed(s, errnum);
        *passed = true;
        pass_taken(scan, taken);
    }
    return status;
}
