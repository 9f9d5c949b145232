/* sqlite_scan.c - which messages of a room a receiver may have. */

#include "sqlite_scan.h"

#include <errno.h>
#include <stdlib.h>

/* The statement that lists what follows, with its parameters. */
static sqlite3_stmt *list(const struct scan *scan)
{
    sqlite3_stmt *statement =
        db_statement(scan->store, scan->behind ? SQL_LIST_NOT_DUE : SQL_LIST_ORDER);
    sqlite3_bind_int64(statement, 1, scan->room.number);
    sqlite3_bind_int64(statement, 2, scan->after);
    if (scan->behind) {
        sqlite3_bind_int64(statement, 3, scan->until);
        sqlite3_bind_int64(statement, 4, scan->after_id);
    }
    return statement;
}

/* Whether the message that was read last stands before the one before it, or is the same: then a
 * page of the index is damaged, and to go on might show a message twice. */
static bool goes_back(const struct scan *scan)
{
    size_t last = scan->count - 1;
    int64_t before = last > 0 ? scan->order[last - 1] : scan->after;
    return scan->order[last] < before || (last > 0 && scan->id[last] == scan->id[last - 1]);
}

/* Whether the message that STATEMENT is at stands in the order, but has expired. */
static bool has_expired(const struct scan *scan, sqlite3_stmt *statement)
{
    enum { EXPIRES = 2 };
    return !scan->behind && sqlite3_column_type(statement, EXPIRES) != SQLITE_NULL &&
           sqlite3_column_int64(statement, EXPIRES) <= scan->now;
}

/* Step to the next message that is to be seen, whose place (or time) becomes *ORDER. */
static int scan_row(struct scan *scan, sqlite3_stmt *statement, int64_t *order)
{
    int rc;
    while ((rc = db_step(scan->store, statement)) == SQLITE_ROW) {
        *order = sqlite3_column_int64(statement, 1);
        if (!scan->behind && *order > scan->until)
            return SQLITE_DONE;
        if (!has_expired(scan, statement))
            break;
        scan->passed_expired = true;
    }
    return rc;
}

/* Read the next chunk. */
static enum chat_status scan_read(struct scan *scan)
{
    struct sqlite_store *s = scan->store;
    sqlite3_stmt *statement = list(scan);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    int rc = SQLITE_ROW;
    scan->at = scan->count = 0;
    int64_t order;
    while (scan->count < scan->want && (rc = scan_row(scan, statement, &order)) == SQLITE_ROW) {
        scan->id[scan->count] = sqlite3_column_int64(statement, 0);
        scan->order[scan->count++] = order;
        if (goes_back(scan)) {
            rc = SQLITE_CORRUPT;
            break;
        }
    }
    sqlite3_reset(statement);
    scan->want = CHUNK;
    scan->ended = rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* The room counts messages that nobody is shown: none is ready, none waits for its time, and none
 * has expired. */
static bool hides_messages(const struct scan *scan)
{
    return scan->count == 0 && scan->room.depth > 0 && scan->room.next_due == 0 && !scan->every &&
           scan->until == INT64_MAX && scan->from == 0 &&
           next_expiry(scan->store, scan->room.number) == 0;
}

/* Where to begin. */
static void scan_place(struct scan *scan, const struct chat_cursor *from)
{
    scan->behind = from != NULL && from->due > 0;
    scan->after = scan->behind ? from->due : from != NULL ? from->place : 0;
    scan->after_id = scan->behind ? from->id : 0;
    const struct sqlite_store *s = scan->store;
    scan->only_kept = from == NULL && !scan->every;
    if (scan->only_kept && s->kept_all.room == scan->room.number &&
        s->kept_all.returned == scan->room.returned)
        scan->after = s->kept_all.place;
    scan->from = scan->after;
}

enum chat_status scan_open(struct scan *scan, struct sqlite_store *s,
                           const struct chat_query *query, const char *name,
                           const struct chat_cursor *from)
{
    bool within = sqlite3_get_autocommit(s->db) == 0; /* a transaction, or one for both reads */
    enum chat_status status = within ? CHAT_OK : db_run(s, SQL_BEGIN_READ);
    if (status == CHAT_OK)
        status = room_get(s, name, &scan->room);
    if (status == CHAT_OK) {
        scan->store = s;
        scan->every = query->every;
        scan->until = query->until > 0 ? query->until : INT64_MAX;
        scan->now = query->every ? 0 : store_now();
        scan->passed_expired = false;
        /* The one that was kept last comes first. */
        const size_t kept = s->kept_count > 0;
        scan->want = query->max_messages < CHUNK - kept ? query->max_messages + kept : CHUNK;
        scan_place(scan, from);
        status = scan_read(scan);
        if (status == CHAT_OK && hides_messages(scan))
            status = db_failed(s, SQLITE_CORRUPT, "read");
    }
    if (!within)
        db_end(s, SQL_COMMIT);
    return status;
}

enum chat_status scan_open_ready(struct scan *scan, struct sqlite_store *s,
                                 const struct chat_query *query, const char *name,
                                 const struct chat_cursor *from)
{
    enum chat_status status = scan_open(scan, s, query, name, from);
    if (status != CHAT_OK || query->until > 0 || query->every || !is_due(&scan->room))
        return status;
    status = promote_due(s, &scan->room);
    if (status == CHAT_OK)
        return scan_open(scan, s, query, name, from);
    return scan->count > 0 ? CHAT_OK : status; /* what is ready can be had all the same */
}

void scan_tell(const struct scan *scan, struct chat_cursor *cursor)
{
    if (scan->behind) {
        cursor->due = scan->after;
        cursor->id = scan->after_id;
    } else
        cursor->place = scan->after;
}

const int64_t *scan_places(const struct scan *scan)
{
    return scan->every ? NULL : &scan->order[scan->at];
}

void scan_step(struct scan *scan, size_t n)
{
    scan->at += n;
    scan->after = scan->order[scan->at - 1];
    scan->after_id = scan->id[scan->at - 1];
}

/* Step over the messages whose ids are in TAKEN. Where ids and places go together, that is also
 * said of messages that are not read yet: a claim on thousands is passed at once. */
static void scan_pass(struct scan *scan, struct range taken)
{
    size_t n = 0;
    while (scan->at + n < scan->count && scan->id[scan->at + n] >= taken.first &&
           scan->id[scan->at + n] <= taken.last)
        n++;
    scan_step(scan, n);
    if (!scan->behind && scan->at == scan->count && scan->id[scan->at - 1] == scan->after)
        scan->after = taken.last;
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool is_kept(const struct sqlite_store *s, int64_t id)
{
    return s->kept_count > 0 && bsearch(&id, s->kept, s->kept_count, sizeof id, compare) != NULL;
}

bool holds_claim(const struct sqlite_store *s, int64_t id)
{
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (b->messages[i]->id == id)
                return true;
    return is_kept(s, id);
}

/* How many of the next messages, at most MAX, have consecutive ids and are not ours. */
static size_t scan_run(const struct scan *scan, size_t max, enum scan_mode mode)
{
    size_t n = 1;
    while (n < max && scan->at + n < scan->count &&
           scan->id[scan->at + n] == scan->id[scan->at] + (int64_t)n &&
           (mode == SCAN_ALL || !holds_claim(scan->store, scan->id[scan->at + n])))
        n++;
    return n;
}

/* Step over a message that is ours. A run that fails with each message of a room keeps them all,
 * and looks for the next one each time: it must not step over all of them again. */
static void scan_pass_ours(struct scan *scan, int64_t id)
{
    struct sqlite_store *s = scan->store;
    scan_step(scan, 1);
    scan->only_kept = scan->only_kept && is_kept(s, id);
    if (!scan->only_kept)
        return;
    s->kept_all.room = scan->room.number;
    s->kept_all.returned = scan->room.returned;
    s->kept_all.place = scan->after;
}

/* Whether nobody else has a claim on the first messages of RUN, which is cut to those; TAKE
 * claims them too. Else *TAKEN is a range that somebody has. Returns an errno, or 0. */
static int try_run(struct sqlite_store *s, struct range *run, bool take, struct range *taken)
{
    for (;;) {
        int errnum = take                                ? lock_claim(s->lock, *run, taken)
                     : claim_taken(s->lock, *run, taken) ? EAGAIN
                                                         : 0;
        if (errnum != EAGAIN || taken->first <= run->first)
            return errnum;
        run->last = taken->first - 1;
    }
}

/* Have a message in the chunk. CHAT_NONE: there are no more. */
static enum chat_status scan_fill(struct scan *scan)
{
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && scan->at == scan->count) {
        if (scan->ended && (!scan->every || scan->behind))
            return CHAT_NONE;
        if (scan->ended) {
            scan->behind = true;
            scan->after = scan->after_id = 0;
        }
        status = scan_read(scan);
    }
    return status;
}

enum chat_status scan_next(struct scan *scan, size_t max, enum scan_mode mode, struct range *found,
                           bool *passed)
{
    struct sqlite_store *s = scan->store;
    for (;;) {
        enum chat_status status = scan_fill(scan);
        if (status != CHAT_OK)
            return status;
        int64_t first = scan->id[scan->at];
        if (first < 1 || first > ID_MAX)
            return db_failed(s, SQLITE_CORRUPT, "read");
        struct range run = { first, first + (int64_t)scan_run(scan, max, mode) - 1 }, taken;
        if (mode != SCAN_ALL && holds_claim(s, first)) {
            scan_pass_ours(scan, first);
            continue;
        }
        int errnum = mode == SCAN_ALL ? 0 : try_run(s, &run, mode == SCAN_TAKE, &taken);
        scan->only_kept = false;
        if (errnum == 0) {
            *found = run;
            return CHAT_OK;
        }
        if (errnum != EAGAIN)
            return store_cannot_lock(s, errnum);
        *passed = true;
        scan_pass(scan, taken);
    }
}
