/* sqlite_receive.c - taking messages out of a spool file, looking at them, waiting for them. */

#include "store_sqlite.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bell.h"
#include "digest.h"
#include "lock.h"

static enum chat_status failed(struct sqlite_store *s)
{
    return db_failed(s, sqlite3_extended_errcode(s->db), "read");
}

/* Connect, if need be with the blocks of the reserve: the -shm file wants some. */
static enum chat_status connect_on_full_disk(struct sqlite_store *s)
{
    enum chat_status status = store_connect(s);
    if (status == CHAT_IO && s->lock >= 0) {
        reserve_give(s);
        s->reserve_given = true;
        status = store_connect(s);
    }
    return status;
}

static enum chat_status cannot_claim(struct sqlite_store *s, int errnum)
{
    return error_system(s->base.error, errnum, CHAT_SYSTEM, "cannot lock spool '%s'",
                        s->place.path);
}

/* --- which messages -------------------------------------------------------- */

/* So many ids are read at a time, after the first look. */
enum { CHUNK = 256 };

/* A look along the order of a room, from its index alone. No transaction stays open
 * between two chunks: a receiver that is stopped must not hold up the checkpoint. */
struct scan {
    struct sqlite_store *store;
    const char *room;
    int64_t after, until; /* the places still to be seen */
    size_t want;          /* how many to read at once */
    size_t at, count;     /* in the chunk */
    int64_t id[CHUNK], place[CHUNK];
};

static void scan_start(struct scan *scan, struct sqlite_store *s, const struct chat_query *query,
                       const char *room, int64_t after)
{
    scan->store = s;
    scan->room = room;
    scan->after = after;
    scan->until = query->until > 0 ? query->until : INT64_MAX;
    scan->want = query->max_messages < CHUNK ? query->max_messages : CHUNK;
    scan->at = scan->count = 0;
}

/* Read the next chunk. CHAT_NONE at the end of the room. */
static enum chat_status scan_read(struct scan *scan)
{
    struct sqlite_store *s = scan->store;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_ORDER);
    if (statement == NULL)
        return failed(s);
    sqlite3_bind_text(statement, 1, scan->room, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, scan->after);
    sqlite3_bind_int64(statement, 3, scan->until);
    int rc = SQLITE_DONE;
    scan->at = scan->count = 0;
    while (scan->count < scan->want && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        scan->id[scan->count] = sqlite3_column_int64(statement, 0);
        scan->place[scan->count++] = sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    scan->want = CHUNK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_failed(s, rc, "read");
    return scan->count > 0 ? CHAT_OK : CHAT_NONE;
}

/* Step over N messages. */
static void scan_step(struct scan *scan, size_t n)
{
    scan->at += n;
    scan->after = scan->place[scan->at - 1];
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
    if (scan->at == scan->count && scan->id[scan->at - 1] == scan->after)
        scan->after = taken.last;
}

/* How many of the next messages, at most MAX, have consecutive ids. */
static size_t scan_run(const struct scan *scan, size_t max)
{
    size_t n = 1;
    while (n < max && scan->at + n < scan->count &&
           scan->id[scan->at + n] == scan->id[scan->at] + (int64_t)n)
        n++;
    return n;
}

/* Whether this handle has a claim on the message: the kernel would grant it again. */
static bool ours(const struct sqlite_store *s, int64_t id)
{
    for (const struct chat_batch *b = s->claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (b->messages[i]->id == id)
                return true;
    return false;
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

/* Find the next messages that nobody has claimed, at most MAX with consecutive ids, and TAKE them.
 * They are not stepped over. *PASSED becomes true where claimed ones were passed. */
static enum chat_status next_free(struct scan *scan, size_t max, bool take, struct range *free,
                                  bool *passed)
{
    struct sqlite_store *s = scan->store;
    for (;;) {
        if (scan->at == scan->count) {
            enum chat_status status = scan_read(scan);
            if (status != CHAT_OK)
                return status;
        }
        int64_t first = scan->id[scan->at];
        if (first < 1 || first > ID_MAX)
            return db_failed(s, SQLITE_CORRUPT, "read");
        struct range run = { first, first + (int64_t)scan_run(scan, max) - 1 }, taken;
        if (ours(s, first)) {
            scan_step(scan, 1);
            continue;
        }
        int errnum = try_run(s, &run, take, &taken);
        if (errnum == 0) {
            *free = run;
            return CHAT_OK;
        }
        if (errnum != EAGAIN)
            return cannot_claim(s, errnum);
        *passed = true;
        scan_pass(scan, taken);
    }
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
    if (!batch_add(batch, &m, sqlite3_column_int64(statement, 0)))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return CHAT_OK;
}

/* Read the message ID into BATCH. CHAT_NONE: it has gone meanwhile. */
static enum chat_status read_message(struct sqlite_store *s, int64_t id, const char *room,
                                     struct chat_batch *batch)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_MESSAGE);
    if (statement == NULL)
        return failed(s);
    sqlite3_bind_int64(statement, 1, id);
    int rc = sqlite3_step(statement);
    enum chat_status status = rc == SQLITE_ROW    ? add_row(s, statement, id, room, batch)
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
                                 const char *room, const struct chat_query *query,
                                 struct chat_batch *batch, size_t *seen)
{
    bool many = run.last > run.first; /* then read them all in one transaction */
    enum chat_status status = many ? db_run(s, SQL_BEGIN_READ) : CHAT_OK;
    int64_t id = run.first;
    for (; status == CHAT_OK && id <= run.last && !is_full(batch, query); id++) {
        status = read_message(s, id, room, batch);
        if (status == CHAT_NONE) {
            if (claimed)
                unlock_claim(s->lock, (struct range){ id, id });
            status = CHAT_OK;
        } else if (status != CHAT_OK)
            break;
    }
    if (many && sqlite3_get_autocommit(s->db) == 0) {
        sqlite3_step(db_statement(s, SQL_COMMIT));
        sqlite3_reset(s->statements[SQL_COMMIT]);
    }
    if (claimed && id <= run.last)
        unlock_claim(s->lock, (struct range){ id, run.last });
    *seen = (size_t)(id - run.first);
    return status;
}

/* --- claim, walk ----------------------------------------------------------- */

/* Add the oldest messages of ROOM to BATCH, and claim them before they are read: what is
 * read after the lock was granted cannot be somebody else's. */
static enum chat_status claim_room(struct sqlite_store *s, const struct chat_query *query,
                                   const char *room, struct chat_batch *batch)
{
    struct scan scan;
    scan_start(&scan, s, query, room, 0);
    enum chat_status status = CHAT_OK;
    bool passed;
    while (status == CHAT_OK && !is_full(batch, query)) {
        struct range run;
        size_t seen;
        status = next_free(&scan, query->max_messages - batch->count, true, &run, &passed);
        if (status != CHAT_OK)
            break;
        status = read_run(s, run, true, room, query, batch, &seen);
        if (seen > 0)
            scan_step(&scan, seen);
    }
    /* What was found before an error is good; the error comes again at the next claim. */
    return batch->count > 0 ? CHAT_OK : status;
}

static enum chat_status be_present(struct sqlite_store *s)
{
    int errnum = s->present ? 0 : lock_presence(s->lock);
    s->present = errnum == 0;
    return errnum == 0 ? CHAT_OK : cannot_claim(s, errnum);
}

enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
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

enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status;
    for (; cursor->room < query->room_count; cursor->room++, cursor->place = 0) {
        struct scan scan;
        const char *room = query->rooms[cursor->room];
        scan_start(&scan, s, query, room, cursor->place);
        bool passed;
        while (status == CHAT_OK && !is_full(batch, query)) {
            struct range run;
            size_t seen = 0;
            status = next_free(&scan, query->max_messages - batch->count, false, &run, &passed);
            if (status == CHAT_OK)
                status = read_run(s, run, false, room, query, batch, &seen);
            if (seen > 0)
                scan_step(&scan, seen);
            cursor->place = scan.after;
        }
        if (batch->count > 0)
            return CHAT_OK;
        if (status != CHAT_NONE)
            return status;
        status = CHAT_OK;
    }
    return CHAT_NONE;
}

/* --- settle, release ------------------------------------------------------- */

static enum chat_status count_gone(struct sqlite_store *s, int64_t room, int64_t depth,
                                   int64_t bytes)
{
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_ROOM);
    sqlite3_bind_int64(statement, 1, room);
    sqlite3_bind_int64(statement, 2, -depth);
    sqlite3_bind_int64(statement, 3, -bytes);
    return db_run(s, SQL_COUNT_ROOM);
}

static enum chat_status delete_messages(struct sqlite_store *s, const struct chat_batch *batch,
                                        size_t from, size_t to)
{
    /* All of a batch is from one room. */
    int64_t depth = 0, bytes = 0;
    for (size_t i = from; i < to; i++) {
        const struct chat_message *m = batch->messages[i];
        sqlite3_bind_int64(db_statement(s, SQL_DELETE_MESSAGE), 1, m->id);
        enum chat_status status = db_run(s, SQL_DELETE_MESSAGE);
        if (status != CHAT_OK)
            return status;
        if (sqlite3_changes(s->db) > 0) { /* else somebody deleted it by hand */
            depth++;
            bytes += (int64_t)m->length;
        }
    }
    return depth > 0 ? count_gone(s, batch->rooms[0], depth, bytes) : CHAT_OK;
}

enum {
    PAGE = 4096,
    ROW = 64,          /* what a message takes besides its body, about */
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
    int64_t pages = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return pages;
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
        rc = sqlite3_step(statement);
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
        status = shrink(s, batch);
    if (status == CHAT_OK)
        return turn_commit(s);
    turn_rollback(s);
    return status;
}

/* On a full disk the log can grow by the reserve only: little by little, and it is emptied
 * after each part. What the parts free is room for the next messages. */
static enum chat_status settle_on_full_disk(struct sqlite_store *s, const struct chat_batch *batch)
{
    enum { PART = 32 };
    enum chat_status status = turn_make_room(s);
    for (size_t from = 0; from < batch->count && status == CHAT_OK; from += PART) {
        s->reserve_given = true;
        status = settle(s, batch, from, from + PART < batch->count ? from + PART : batch->count);
    }
    return status;
}

enum chat_status sqlite_settle(struct store *store, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = CHAT_OK;
    if (s->statements[SQL_SET_SECURE_DELETE] == NULL)
        status = db_run(s, SQL_SET_SECURE_DELETE);
    if (status == CHAT_OK)
        status = settle(s, batch, 0, batch->count);
    return status == CHAT_IO ? settle_on_full_disk(s, batch) : status;
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
    struct chat_batch **link = &s->claimed;
    while (*link != NULL && *link != batch)
        link = &(*link)->next;
    if (*link != NULL)
        *link = batch->next;
}

/* --- wait ------------------------------------------------------------------ */

enum {
    WATCHED = 4096,  /* so many holders of claims are watched */
    UNWATCHED = 1000 /* where one can't be: look again after so many milliseconds */
};

/* What a waiting receiver sleeps on: bells, and the processes that have claims. */
struct vigil {
    struct pollfd *fds;
    size_t count;
    bool all_watched;
};

/* Whether a message can be claimed now. PASSED: some are claimed. */
static enum chat_status look(struct sqlite_store *s, const struct chat_query *query, bool *passed)
{
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status;
    status = CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++) {
        struct scan scan;
        struct range run;
        scan_start(&scan, s, query, query->rooms[i], 0);
        status = next_free(&scan, 1, false, &run, passed);
    }
    return status;
}

static enum chat_status listen_all(struct sqlite_store *s, const struct chat_query *query,
                                   struct vigil *vigil)
{
    enum chat_status status = place_enter(&s->place, true);
    if (status == CHAT_OK)
        status = store_open_lock(s);
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++) {
        int fd;
        status = bell_listen(&s->place, query->rooms[i], &fd);
        if (status == CHAT_OK)
            vigil->fds[vigil->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
    }
    return status;
}

/* Messages are there, but claimed: their holders may die, and ring no bell then. */
static void watch_holders(struct sqlite_store *s, struct vigil *vigil)
{
    int *pidfds = calloc(WATCHED, sizeof *pidfds);
    vigil->all_watched = pidfds != NULL;
    if (pidfds == NULL)
        return;
    int n = watch_present(s->lock, pidfds, WATCHED, &vigil->all_watched);
    for (int i = 0; i < n; i++)
        vigil->fds[vigil->count++] = (struct pollfd){ .fd = pidfds[i], .events = POLLIN };
    free(pidfds);
}

static enum chat_status sleep_on(struct sqlite_store *s, struct vigil *vigil, int64_t timeout,
                                 const sigset_t *unblocked)
{
    bool limited = !vigil->all_watched && (timeout < 0 || timeout > UNWATCHED);
    if (limited)
        timeout = UNWATCHED;
    const struct timespec limit = { timeout / 1000, timeout % 1000 * 1000000 };
    int n = ppoll(vigil->fds, vigil->count, timeout < 0 ? NULL : &limit, unblocked);
    if (n > 0 || (n == 0 && limited))
        return CHAT_OK;
    if (n == 0)
        return CHAT_NONE;
    if (errno == EINTR)
        return CHAT_INTERRUPTED;
    return error_system(s->base.error, errno, CHAT_SYSTEM, "cannot wait on spool '%s'",
                        s->place.path);
}

enum chat_status sqlite_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct vigil vigil = { .all_watched = true };
    vigil.fds = calloc(query->room_count + WATCHED, sizeof *vigil.fds);
    if (vigil.fds == NULL)
        return error_set(store->error, CHAT_SYSTEM, "out of memory");
    /* Listen first, then look, then sleep: what comes in between rings. */
    bool passed = false;
    enum chat_status status = listen_all(s, query, &vigil);
    if (status == CHAT_OK)
        status = look(s, query, &passed);
    if (status == CHAT_NONE && passed) {
        watch_holders(s, &vigil);
        status = look(s, query, &passed); /* a holder may have died before it was watched */
    }
    if (status == CHAT_NONE)
        status = sleep_on(s, &vigil, timeout, unblocked);
    for (size_t i = 0; i < vigil.count; i++)
        close(vigil.fds[i].fd);
    free(vigil.fds);
    return status;
}
