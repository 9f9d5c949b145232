/* sqlite_claim.c - claiming messages, and giving them up. */

#include <errno.h>
#include <stdlib.h>

#include "bell.h"
#include "sqlite_read.h"
#include "sqlite_scan.h"

/* Messages were in the order of a room, but not there. Have others received them meanwhile, or is
 * there an entry for a message that there is none of? Then later ones must not pass it: a page may
 * be damaged, and it may be found again. CHAT_NONE: the former. */
static enum chat_status check_order(struct sqlite_store *s, const struct chat_query *query,
                                    const char *name)
{
    struct scan scan;
    enum chat_status status = db_run(s, SQL_BEGIN_READ); /* both reads see the same */
    if (status == CHAT_OK)
        status = scan_open(&scan, s, query, name, NULL);
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
    bool passed, gone = false, more;
    enum chat_status status = scan_open_ready(&scan, s, query, name, NULL);
    name = scan.room.name;
    while (status == CHAT_OK && !batch_is_full(batch, query)) {
        struct range run;
        size_t seen, before = batch->count;
        status = scan_next(&scan, query->max_messages - batch->count, SCAN_TAKE, &run, &passed);
        if (status != CHAT_OK)
            break;
        status = read_run(s, run, true, &scan.room, name, scan_places(&scan), query, batch, &seen);
        gone = gone || seen > batch->count - before;
        if (seen > 0)
            scan_step(&scan, seen);
    }
    if (gone && !query->every && (status == CHAT_OK || status == CHAT_NONE)) {
        enum chat_status checked = check_order(s, query, name);
        if (checked != CHAT_NONE && batch->count > 0)
            sqlite_release(&s->base, batch);
        if (checked != CHAT_NONE)
            return checked;
    }
    if (batch->count == 0) {
        if (status == CHAT_NONE && scan.passed_expired)
            sweep_portion(s, scan.room.number, &more); /* if it fails, another receiver will */
        return status;
    }
    batch->passed_expired = scan.passed_expired;
    return CHAT_OK; /* should there be an error behind these, it comes again at the next claim */
}

/* Claim the one message that QUERY is about. */
static enum chat_status claim_one(struct sqlite_store *s, const struct chat_query *query,
                                  struct chat_batch *batch)
{
    struct room room;
    struct range taken, one = { query->id, query->id };
    size_t seen;
    enum chat_status status = room_of(s, query->id, &room);
    if (status != CHAT_OK)
        return status;
    int errnum = holds_claim(s, query->id) ? EAGAIN : lock_claim(s->lock, one, &taken);
    if (errnum == EAGAIN)
        return error_set(s->base.error, CHAT_BUSY, "message %lld is claimed", (long long)query->id);
    if (errnum != 0)
        return store_cannot_lock(s, errnum);
    status = read_run(s, one, true, &room, room.name, NULL, query, batch, &seen);
    if (status != CHAT_OK)
        unlock_claim(s->lock, one);
    return status == CHAT_OK && batch->count == 0 ? CHAT_NONE : status;
}

enum chat_status be_present(struct sqlite_store *s)
{
    int errnum = s->present ? 0 : lock_presence(s->lock);
    s->present = errnum == 0;
    return errnum == 0 ? CHAT_OK : store_cannot_lock(s, errnum);
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

/* A damaged message that is none when it is looked at again was set aside by others. So many in a
 * row are two looks that find two rows. */
enum { TRIES = 64 };

enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = store_can_write(s);
    if (status == CHAT_OK)
        status = be_present(s);
    if (status != CHAT_OK)
        return status;
    int tries = 0;
    while ((status = claim_any(s, query, batch)) == CHAT_DAMAGED) {
        if ((status = set_aside(s, s->damaged)) != CHAT_OK)
            return status;
        if (++tries == TRIES)
            return db_failed(s, SQLITE_CORRUPT, "read");
    }
    if (status != CHAT_OK)
        return status;
    status = group_sync_message(s, highest_id(batch));
    if (status != CHAT_OK)
        sqlite_release(store, batch);
    return status;
}

/* --- until the end of a transaction ---------------------------------------- */

enum chat_status claim_hold(struct sqlite_store *s, struct range claimed)
{
    struct range *held = realloc(s->held, (s->held_count + 1) * sizeof *held);
    if (held == NULL) {
        unlock_claim(s->lock, claimed);
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    }
    s->held = held;
    held[s->held_count++] = claimed;
    return CHAT_OK;
}

enum chat_status claim_for_turn(struct sqlite_store *s, int64_t id)
{
    struct range taken, one = { id, id };
    if (holds_claim(s, id))
        return CHAT_NONE;
    enum chat_status status = be_present(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_claim(s->lock, one, &taken);
    if (errnum == EAGAIN)
        return CHAT_NONE;
    return errnum == 0 ? claim_hold(s, one) : store_cannot_lock(s, errnum);
}

void claim_end_turn(struct sqlite_store *s)
{
    for (size_t i = 0; i < s->held_count; i++)
        unlock_claim(s->lock, s->held[i]);
    s->held_count = 0;
}

/* --- given up, or kept ----------------------------------------------------- */

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
    if (!batch->settled) /* they can be had again, or are held back: a time to wake up for */
        bell_ring(&s->place, BELL_CAME, batch->messages[0]->room);
}
