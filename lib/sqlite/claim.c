/* claim.c - claim messages, and release or keep the claims. */

#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "claim_lock.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "lock_file.h"
#include "open_row.h"
#include "operations.h"
#include "os/bell.h"
#include "os/lock.h"
#include "quarantine.h"
#include "read.h"
#include "reader.h"
#include "room.h"
#include "rooms.h"
#include "scan.h"
#include "sweep.h"
#include "write_lock.h"

/* Delete expired messages that a scan has passed, so that later scans need not pass them. If that
 * fails, another receiver will do it. */
static void sweep_passed(struct sqlite_store *s, const struct scan *scan,
                         const struct chat_batch *batch)
{
    struct room room = scan->room;
    struct open_row source;
    if (!scan->passed_expired && !batch->passed_expired)
        return;
    if (room_is_reader(&room))
        sweep_while_idle(s, &room); /* delete expired copies */
    if (room_is_reader(&room) && open_row_get(s, room.source, &source) == CHAT_OK)
        room = (struct room){ .number = source.number, .next_expiry = source.next_expiry };
    sweep_while_idle(s, &room);
}

/* Messages were listed, but could not be read. Either other receivers got them in the meantime, or
 * the rows of a page are not in order. In the second case report damage: otherwise later messages
 * would overtake them. */
static enum chat_status check_order(struct sqlite_store *s, const struct chat_query *query,
                                    const char *name)
{
    struct scan scan;
    enum chat_status status = db_run(s, SQL_BEGIN_READ); /* both statements see the same state */
    if (status == CHAT_OK)
        status = scan_open(&scan, s, query, name, NULL);
    if (status == CHAT_OK && scan.next > 0) {
        sqlite3_stmt *statement = db_statement(s, SQL_GET_LENGTH);
        sqlite3_bind_int64(statement, 1, scan.next + scan.offset);
        int rc = db_step(s, statement);
        sqlite3_reset(statement);
        if (rc != SQLITE_ROW)
            status = db_failed(s, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read");
    }
    status = db_end_read(s, status);
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* Begin a scan of the room, or as the reader, NAME. Creates the reader. */
static enum chat_status begin(struct scan *scan, struct sqlite_store *s,
                              const struct chat_query *query, const char *name)
{
    enum chat_status status = scan_open_ready(scan, s, query, name, NULL);
    if (status == CHAT_NONE && name != NULL && strchr(name, '/') != NULL &&
        scan->room.number == 0) {
        status = reader_need(s, name);
        if (status == CHAT_OK)
            status = scan_open_ready(scan, s, query, name, NULL);
    }
    if (status == CHAT_OK && room_is_open(&scan->room) && !query->every)
        return rooms_need_reader(s->base.error, scan->room.name);
    return status == CHAT_OK && room_is_reader(&scan->room) ? reader_be_here(s, scan->room.number)
                                                            : status;
}

/* Claim the oldest messages of a room, and add them to BATCH. They are claimed before they are
 * read: data that is read after the lock was granted cannot belong to another receiver. */
static enum chat_status claim_room(struct sqlite_store *s, const struct chat_query *query,
                                   const char *name, struct chat_batch *batch)
{
    struct scan scan;
    bool passed, gone = false;
    enum chat_status status = begin(&scan, s, query, name);
    while (status == CHAT_OK && !batch_is_full(batch, query)) {
        struct range run;
        int64_t seen;
        const size_t before = batch->count;
        status = scan_next(&scan, (int64_t)(query->max_messages - batch->count), SCAN_TAKE, &run,
                           &passed);
        if (status != CHAT_OK)
            break;
        status = read_run(s, run, scan.offset, true, &scan.room, scan.now, query, batch, &seen);
        if (seen > 0)
            scan_step(&scan, seen);
        gone = gone || (seen > 0 && batch->count == before); /* or it has just expired */
    }
    if (gone && (status == CHAT_OK || status == CHAT_NONE)) {
        enum chat_status checked = check_order(s, query, name);
        if (checked != CHAT_OK && batch->count > 0)
            sqlite_release(&s->base, batch);
        if (checked != CHAT_OK)
            return checked;
    }
    if (batch->count == 0) {
        if (status == CHAT_NONE)
            sweep_passed(s, &scan, batch);
        return status;
    }
    batch->passed_expired = batch->passed_expired || scan.passed_expired;
    batch->seen = scan.seen;
    batch->missed = rooms_missed(&s->base, scan.room.number, scan.missed);
    return CHAT_OK; /* an error behind these messages comes again at the next claim */
}

/* Claim the message at POSITION, which has the id in QUERY. CHAT_NONE: it is not there any more. */
static enum chat_status claim_at(struct sqlite_store *s, const struct chat_query *query,
                                 int64_t position, struct chat_batch *batch)
{
    struct room room;
    struct range taken, one = { position, position };
    int64_t seen;
    enum chat_status status = room_of(s, position, &room);
    if (status != CHAT_OK)
        return status;
    int errnum = claim_lock_has(s, position) ? EAGAIN : lock_claim(s->lock, one, &taken);
    if (errnum == EAGAIN)
        return error_set(s->base.error, CHAT_BUSY, "message %lld is claimed", (long long)query->id);
    if (errnum != 0)
        return lock_file_failed(s, errnum);
    status = read_run(s, one, 0, true, &room, 0, query, batch, &seen);
    if (status != CHAT_OK)
        unlock_claim(s->lock, one);
    return status == CHAT_OK && batch->count == 0 ? CHAT_NONE : status;
}

/* Claim the message with the id in QUERY. It may move during the search. */
static enum chat_status claim_one(struct sqlite_store *s, const struct chat_query *query,
                                  struct chat_batch *batch)
{
    int64_t position, before = 0;
    enum chat_status status = room_find_message(s, query->id, &position);
    while (status == CHAT_OK && position != before) {
        status = claim_at(s, query, position, batch);
        if (status != CHAT_NONE)
            return status;
        before = position;
        status = room_find_message(s, query->id, &position);
    }
    return status == CHAT_OK ? CHAT_NONE : status;
}

static enum chat_status claim_any(struct sqlite_store *s, const struct chat_query *query,
                                  struct chat_batch *batch)
{
    enum chat_status status = query->id > 0 ? claim_one(s, query, batch) : CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++)
        status = claim_room(s, query, query->rooms[i], batch);
    return status;
}

static int64_t highest_id(const struct chat_batch *batch)
{
    int64_t highest = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->messages[i]->id > highest)
            highest = batch->messages[i]->id;
    return highest;
}

/* If a damaged message is gone when it is to be quarantined, another process has quarantined it. If
 * that happens this many times in a row, two statements find two different rows. */
enum { TRIES = 64 };

enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_NONE)
        status = reader_check_names(s, query);
    if (status == CHAT_OK)
        status = write_lock_check_writable(s);
    if (status == CHAT_OK)
        status = claim_lock_be_present(s);
    if (status != CHAT_OK)
        return status;
    int tries = 0;
    while ((status = claim_any(s, query, batch)) == CHAT_DAMAGED) {
        if ((status = quarantine(s, s->damaged)) != CHAT_OK)
            return status;
        if (++tries == TRIES)
            return db_failed(s, SQLITE_CORRUPT, "read");
    }
    if (status != CHAT_OK)
        return status;
    status = group_commit_sync(s, highest_id(batch));
    if (status != CHAT_OK)
        sqlite_release(store, batch);
    return status;
}

/* --- given up, or kept ----------------------------------------------------- */

enum chat_status sqlite_keep(struct store *store, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int64_t *kept = realloc(s->kept, (s->kept_count + batch->count) * sizeof *kept);
    if (kept == NULL)
        return error_set(store->error, CHAT_SYSTEM, "out of memory");
    s->kept = kept;
    for (size_t i = 0; i < batch->count;
         i++) { /* in ascending order: most of them belong at the end */
        size_t at = s->kept_count++;
        for (; at > 0 && kept[at - 1] > batch->positions[i]; at--)
            kept[at] = kept[at - 1];
        kept[at] = batch->positions[i];
    }
    return CHAT_OK;
}

void sqlite_release(struct store *store, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    for (size_t i = 0, n; i < batch->count; i += n) {
        int64_t first = batch->positions[i];
        for (n = 1; i + n < batch->count && batch->positions[i + n] == first + (int64_t)n;)
            n++;
        unlock_claim(s->lock, (struct range){ first, first + (int64_t)n - 1 });
    }
    if (!batch->settled) /* they are available again, or held back: wake receivers */
        bell_ring(&s->location, BELL_CAME, batch->messages[0]->room);
}
