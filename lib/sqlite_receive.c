/* sqlite_receive.c - taking messages out of a spool file, and looking at them. */

#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "digest.h"
#include "sqlite_scan.h"

static enum chat_status failed(struct sqlite_store *s)
{
    return db_failed(s, sqlite3_extended_errcode(s->db), "read");
}

/* --- their contents -------------------------------------------------------- */

static enum chat_status damaged(struct sqlite_store *s, int64_t id, const char *room)
{
    return error_set(s->base.error, CHAT_DATA, "message %lld in room '%s' of spool '%s' is damaged",
                     (long long)id, room, s->place.path);
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

/* Copy the row that STATEMENT is at to BATCH, if it is what it was when it was sent. */
static enum chat_status add_row(struct sqlite_store *s, sqlite3_stmt *statement, int64_t id,
                                const char *room, struct chat_batch *batch)
{
    struct chat_message m = {
        .id = id,
        .room = room, /* that it is the one it was sent to, the checksum tells */
        .time = sqlite3_column_int64(statement, 1),
        .user = text_column(statement, 2),
        .host = text_column(statement, 3),
        .attempts = sqlite3_column_int64(statement, 4),
        .key = text_column(statement, 5),
    };
    bool whole = sqlite3_column_type(statement, 7) == SQLITE_BLOB;
    m.body = sqlite3_column_blob(statement, 7);
    m.length = (size_t)sqlite3_column_bytes(statement, 7);
    if (m.body == NULL && sqlite3_errcode(s->db) == SQLITE_NOMEM)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    if (!whole || m.user == NULL || m.host == NULL ||
        sqlite3_column_int64(statement, 6) != message_digest(&m))
        return damaged(s, id, room);
    batch->room = sqlite3_column_int64(statement, 0);
    if (!batch_add(batch, &m))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return CHAT_OK;
}

/* Read the message ID into BATCH. CHAT_NONE: it has gone meanwhile. */
static enum chat_status read_message(struct sqlite_store *s, int64_t id, const struct room *room,
                                     const char *name, struct chat_batch *batch)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_MESSAGE);
    if (statement == NULL)
        return failed(s);
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, room->number);
    int rc = db_step(s, statement);
    enum chat_status status = rc == SQLITE_ROW    ? add_row(s, statement, id, name, batch)
                              : rc == SQLITE_DONE ? CHAT_NONE
                                                  : db_failed(s, rc, "read");
    sqlite3_reset(statement);
    return status;
}

static bool is_full(const struct chat_batch *batch, const struct chat_query *query)
{
    return batch->count >= query->max_messages || batch->bytes >= query->max_bytes;
}

/* Read the messages of RUN, as many as fit. Whatever is not in BATCH then is not claimed
 * either, if they were (CLAIMED). *SEEN becomes how many were read or are gone. */
static enum chat_status read_run(struct sqlite_store *s, struct range run, bool claimed,
                                 const struct room *room, const char *name,
                                 const struct chat_query *query, struct chat_batch *batch,
                                 size_t *seen)
{
    bool many = run.last > run.first; /* then read them all in one transaction */
    enum chat_status status = many ? db_run(s, SQL_BEGIN_READ) : CHAT_OK;
    int64_t id = run.first;
    for (; status == CHAT_OK && id <= run.last && !is_full(batch, query); id++) {
        status = read_message(s, id, room, name, batch);
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

/* --- claim, walk ----------------------------------------------------------- */

/* Look at the order of a room, after what is due was made ready. What becomes ready now is placed
 * behind the mark of a query that has one. */
static enum chat_status open_ready(struct sqlite_store *s, struct scan *scan,
                                   const struct chat_query *query, const char *name, int64_t after)
{
    enum chat_status status = scan_open(scan, s, query, name, after);
    if (status != CHAT_OK || query->until > 0 || !is_due(&scan->room))
        return status;
    status = promote_due(s, &scan->room);
    if (status == CHAT_OK)
        return scan_open(scan, s, query, name, after);
    return scan->count > 0 ? CHAT_OK : status; /* what is ready can be had all the same */
}

/* Messages were in the order of a room, but not there. Have others received them meanwhile, or is
 * there an entry for a message that there is none of? CHAT_NONE: the former. */
static enum chat_status check_order(struct sqlite_store *s, const struct chat_query *query,
                                    const char *name)
{
    struct scan scan;
    enum chat_status status = db_run(s, SQL_BEGIN_READ); /* both reads see the same */
    if (status == CHAT_OK)
        status = scan_open(&scan, s, query, name, 0);
    for (size_t i = 0; status == CHAT_OK && i < scan.count; i++) {
        sqlite3_stmt *statement = db_statement(s, SQL_GET_LENGTH);
        sqlite3_bind_int64(statement, 1, scan.id[i]);
        int rc = db_step(s, statement);
        sqlite3_reset(statement);
        if (rc != SQLITE_ROW)
            status = db_failed(s, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read");
    }
    db_end(s, SQL_COMMIT);
    return status == CHAT_OK ? CHAT_NONE : status;
}

/* Add the oldest messages of a room to BATCH, and claim them before they are read: what is
 * read after the lock was granted cannot be somebody else's. */
static enum chat_status claim_room(struct sqlite_store *s, const struct chat_query *query,
                                   const char *name, struct chat_batch *batch)
{
    struct scan scan;
    bool passed, gone = false;
    enum chat_status status = open_ready(s, &scan, query, name, 0);
    while (status == CHAT_OK && !is_full(batch, query)) {
        struct range run;
        size_t seen;
        status = scan_next(&scan, query->max_messages - batch->count, true, &run, &passed);
        if (status != CHAT_OK)
            break;
        status = read_run(s, run, true, &scan.room, name, query, batch, &seen);
        gone = gone || seen > 0;
        if (seen > 0)
            scan_step(&scan, seen);
    }
    if (batch->count == 0)
        return status == CHAT_NONE && gone ? check_order(s, query, name) : status;
    batch->first = scan.head;
    batch->returned = scan.room.returned;
    return CHAT_OK; /* should there be an error behind these, it comes again at the next claim */
}

static enum chat_status be_present(struct sqlite_store *s)
{
    int errnum = s->present ? 0 : lock_presence(s->lock);
    s->present = errnum == 0;
    return errnum == 0 ? CHAT_OK : store_cannot_lock(s, errnum);
}

enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = be_present(s);
    if (status != CHAT_OK)
        return status;
    status = CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++)
        status = claim_room(s, query, query->rooms[i], batch);
    if (status == CHAT_OK) {
        batch->next = s->claimed;
        s->claimed = batch;
    }
    return status;
}

/* Add the messages of a room from *PLACE on. */
static enum chat_status walk_room(struct sqlite_store *s, const struct chat_query *query,
                                  const char *name, int64_t *place, struct chat_batch *batch)
{
    struct scan scan;
    bool passed;
    enum chat_status status = open_ready(s, &scan, query, name, *place);
    while (status == CHAT_OK && !is_full(batch, query)) {
        struct range run;
        size_t seen = 0;
        status = scan_next(&scan, query->max_messages - batch->count, false, &run, &passed);
        if (status == CHAT_OK)
            status = read_run(s, run, false, &scan.room, name, query, batch, &seen);
        if (seen > 0)
            scan_step(&scan, seen);
        *place = scan.after;
    }
    return batch->count > 0 ? CHAT_OK : status;
}

enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status;
    status = CHAT_NONE;
    while (status == CHAT_NONE && cursor->room < query->room_count) {
        status = walk_room(s, query, query->rooms[cursor->room], &cursor->place, batch);
        if (status == CHAT_NONE)
            *cursor = (struct chat_cursor){ .room = cursor->room + 1 };
    }
    return status;
}

enum chat_status sqlite_mark(struct store *store, const struct chat_query *query, int64_t *mark)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *mark = 0;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++) {
        struct room room;
        status = room_get(s, query->rooms[i], &room);
        if (status == CHAT_OK && is_due(&room))
            status = promote_due(s, &room);
        if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    if (status == CHAT_OK)
        status = spool_read(s);
    if (status == CHAT_OK)
        *mark = s->next_id - 1;
    return status;
}

/* --- settle, fail, release ------------------------------------------------------- */

/* What BATCH's look at the room has shown is told with its counters. */
static enum chat_status count_gone(struct sqlite_store *s, const struct chat_batch *batch,
                                   int64_t depth, int64_t bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_GONE);
    sqlite3_bind_int64(statement, 1, batch->room); /* all of a batch is from one room */
    sqlite3_bind_int64(statement, 2, depth);
    sqlite3_bind_int64(statement, 3, bytes);
    sqlite3_bind_int64(statement, 4, batch->returned);
    sqlite3_bind_int64(statement, 5, batch->first);
    return db_finish(s, statement);
}

static enum chat_status delete_messages(struct sqlite_store *s, const struct chat_batch *batch,
                                        size_t from, size_t to)
{
    int64_t depth = 0, bytes = 0;
    for (size_t i = from; i < to; i++) {
        const struct chat_message *m = batch->messages[i];
        enum chat_status status = delete_message(s, m->id);
        if (status != CHAT_OK)
            return status;
        if (sqlite3_changes(s->db) > 0) { /* else somebody deleted it by hand */
            depth++;
            bytes += (int64_t)m->length;
        }
    }
    return depth > 0 ? count_gone(s, batch, depth, bytes) : CHAT_OK;
}

enum {
    FREE_KEPT = 256,   /* pages that wait for the next messages: 1 MiB */
    SHRINK_EVERY = 16, /* ids: who deletes one of these looks after the others' pages too */
    SHRINK_PAGES = 32  /* and gives back so many more than are needed to keep up */
};

static bool tidies_up(const struct chat_batch *batch)
{
    int64_t first = batch->messages[0]->id, last = batch->messages[batch->count - 1]->id;
    return first % SHRINK_EVERY == 0 || first / SHRINK_EVERY != last / SHRINK_EVERY;
}

static int64_t free_pages(struct sqlite_store *s)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_FREE_PAGES);
    int64_t pages = db_step(s, statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return pages;
}

/* Look after what others left: messages that have expired. */
static enum chat_status sweep(struct sqlite_store *s, const struct chat_batch *batch)
{
    size_t count;
    return tidies_up(batch) ? sweep_expired(s, batch->room, 2 * SHRINK_EVERY, &count) : CHAT_OK;
}

/* Give pages back to the file system, twice as many as BATCH freed: so a spool that was large
 * and is being emptied is small again when it is empty, and no receiver pays for it all. */
static enum chat_status shrink(struct sqlite_store *s, const struct chat_batch *batch)
{
    int64_t freed = (int64_t)((batch->bytes + batch->count * ROW) / PAGE);
    if (freed == 0 && !tidies_up(batch))
        return CHAT_OK;
    int64_t most = 2 * freed + SHRINK_PAGES;
    int64_t spare = free_pages(s) - FREE_KEPT;
    int rc = SQLITE_ROW;
    sqlite3_stmt *statement = spare > 0 ? db_statement(s, SQL_SHRINK) : NULL;
    for (int64_t n = spare < most ? spare : most; n > 0 && rc == SQLITE_ROW; n--)
        rc = db_step(s, statement);
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "write");
}

/* Delete the messages of BATCH from one to before another. */
static enum chat_status settle(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                               size_t to)
{
    enum chat_status status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    status = delete_messages(s, batch, from, to);
    if (status == CHAT_OK && !s->reserve_given)
        status = sweep(s, batch);
    if (status == CHAT_OK && !s->reserve_given)
        status = shrink(s, batch);
    if (status == CHAT_OK)
        return turn_commit(s);
    turn_rollback(s);
    return status;
}

/* On a full disk the log can grow by the reserve only: little by little, and it is emptied
 * after each part. What the parts free is room for the next messages. */
static enum chat_status settle_on_full_disk(struct sqlite_store *s, const struct chat_batch *batch,
                                            size_t count)
{
    enum { PART = 32 };
    enum chat_status status = turn_make_room(s);
    for (size_t from = 0; from < count && status == CHAT_OK; from += PART) {
        s->reserve_given = true;
        status = settle(s, batch, from, from + PART < count ? from + PART : count);
    }
    return status;
}

enum chat_status sqlite_settle(struct store *store, struct chat_batch *batch, size_t count)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = CHAT_OK;
    if (s->statements[SQL_SET_SECURE_DELETE] == NULL)
        status = db_run(s, SQL_SET_SECURE_DELETE);
    if (status == CHAT_OK)
        status = settle(s, batch, 0, count);
    if (status == CHAT_IO)
        status = settle_on_full_disk(s, batch, count);
    if (status == CHAT_OK)
        bell_ring(&s->place, BELL_GONE, batch->messages[0]->room);
    return status;
}

static enum chat_status hold_message(struct sqlite_store *s, const struct chat_message *m,
                                     int64_t room, const struct chat_failure *failure)
{
    int64_t due = failure->hold > 0 ? store_now() + failure->hold : 0;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_FAILED);
    sqlite3_bind_int64(statement, 1, m->id);
    sqlite3_bind_int64(statement, 2, m->attempts + failure->counted);
    if (due > 0)
        sqlite3_bind_int64(statement, 3, due);
    else
        sqlite3_bind_null(statement, 3);
    enum chat_status status = db_finish(s, statement);
    return status == CHAT_OK && due > 0 ? room_count_due(s, room, due) : status;
}

static enum chat_status bury_message(struct sqlite_store *s, const struct chat_message *m,
                                     int64_t room, const struct chat_failure *failure)
{
    struct room dead;
    struct chat_message moved = *m;
    enum chat_status status = room_find(s, failure->dead, &dead);
    if (status == CHAT_OK)
        status = spool_read(s);
    if (status != CHAT_OK)
        return status;
    moved.room = failure->dead;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_ROOM);
    sqlite3_bind_int64(statement, 1, m->id);
    sqlite3_bind_int64(statement, 2, dead.number);
    sqlite3_bind_int64(statement, 3, s->next_id++);
    sqlite3_bind_int64(statement, 4, m->attempts + failure->counted);
    sqlite3_bind_int64(statement, 5, message_digest(&moved));
    status = db_finish(s, statement);
    if (status == CHAT_OK && sqlite3_changes(s->db) == 0)
        return CHAT_OK; /* somebody deleted it by hand */
    if (status == CHAT_OK)
        status = spool_set_next_id(s);
    if (status == CHAT_OK)
        status = room_count(s, room, -1, -(int64_t)m->length);
    return status == CHAT_OK ? room_count(s, dead.number, 1, (int64_t)m->length) : status;
}

static enum chat_status fail(struct sqlite_store *s, const struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    enum chat_status status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    for (size_t i = 0; i < batch->count && status == CHAT_OK; i++)
        status = failure->dead != NULL ? bury_message(s, batch->messages[i], batch->room, failure)
                                       : hold_message(s, batch->messages[i], batch->room, failure);
    if (status == CHAT_OK)
        return turn_commit(s);
    turn_rollback(s);
    return status;
}

enum chat_status sqlite_fail(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = fail(s, batch, failure);
    if (status == CHAT_IO) {
        status = turn_make_room(s);
        if (status == CHAT_OK)
            status = fail(s, batch, failure);
    }
    if (status == CHAT_OK && failure->dead != NULL) {
        bell_ring(&s->place, BELL_CAME, failure->dead);
        bell_ring(&s->place, BELL_GONE, batch->messages[0]->room);
    }
    return status;
}

/* BATCH is none of those that hold claims any more. */
static void forget_batch(struct sqlite_store *s, const struct chat_batch *batch)
{
    struct chat_batch **link = &s->claimed;
    while (*link != NULL && *link != batch)
        link = &(*link)->next;
    if (*link != NULL)
        *link = batch->next;
}

enum chat_status sqlite_keep(struct store *store, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int64_t *kept = realloc(s->kept, (s->kept_count + batch->count) * sizeof *kept);
    if (kept == NULL)
        return error_set(store->error, CHAT_SYSTEM, "out of memory");
    s->kept = kept;
    for (size_t i = 0; i < batch->count; i++) { /* in their order, mostly at the end */
        size_t at = s->kept_count++;
        for (; at > 0 && kept[at - 1] > batch->messages[i]->id; at--)
            kept[at] = kept[at - 1];
        kept[at] = batch->messages[i]->id;
    }
    forget_batch(s, batch);
    return CHAT_OK;
}

void sqlite_release(struct store *store, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    for (size_t i = 0, n; i < batch->count; i += n) {
        int64_t first = batch->messages[i]->id;
        for (n = 1; i + n < batch->count && batch->messages[i + n]->id == first + (int64_t)n;)
            n++;
        unlock_claim(s->lock, (struct range){ first, first + (int64_t)n - 1 });
    }
    forget_batch(s, batch);
    if (!batch->settled) /* they can be had again, or are held back: a time to wake up for */
        bell_ring(&s->place, BELL_CAME, batch->messages[0]->room);
}
