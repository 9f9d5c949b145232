/* settle.c - delete, hold back or move claimed messages. */

#include <string.h>

#include "internal.h"

#include "bells.h"
#include "database.h"
#include "digest.h"
#include "front.h"
#include "group_commit.h"
#include "message.h"
#include "operations.h"
#include "os/bell.h"
#include "os/clock.h"
#include "read.h"
#include "reader.h"
#include "room.h"
#include "sweep.h"
#include "transaction.h"

/* --- deleted --------------------------------------------------------------- */

/* Return how many messages of BATCH, from FROM to before TO, have consecutive positions. */
static size_t run_length(const struct chat_batch *batch, size_t from, size_t to)
{
    size_t n = 1;
    while (from + n < to && batch->positions[from + n] == batch->positions[from] + (int64_t)n)
        n++;
    return n;
}

/* Delete the messages at these positions; this process has claimed all of them. */
static enum chat_status delete_run(struct sqlite_store *s, int64_t first, int64_t last)
{
    if (first == last)
        return message_delete(s, first);
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, last);
    return db_finish(s, statement);
}

static enum chat_status is_found(struct sqlite_store *s, int64_t first, int64_t last, bool *found)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_POSITIONS);
    sqlite3_bind_int64(statement, 1, first - 1);
    sqlite3_bind_int64(statement, 2, last);
    int rc = db_step(s, statement);
    *found = rc == SQLITE_ROW;
    sqlite3_reset(statement);
    return *found || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* Delete the messages at these positions, and add the number of deleted rows to *DELETED. Check
 * that they cannot be found any more. If one page replaces another, SQLite deletes one row and
 * finds another like it; if a row has lost its position, SQLite may delete that one instead. The
 * message would be delivered again. */
static enum chat_status delete_until_gone(struct sqlite_store *s, int64_t first, int64_t last,
                                          size_t *deleted)
{
    enum chat_status status = CHAT_OK;
    for (bool found = true; found && status == CHAT_OK;) {
        status = delete_run(s, first, last);
        const int count = sqlite3_changes(s->db);
        *deleted += (size_t)count;
        if (status == CHAT_OK)
            status = is_found(s, first, last, &found);
        if (status == CHAT_OK && found && count == 0)
            status = db_failed(s, SQLITE_CORRUPT, "write");
    }
    return status;
}

/* Return whether POSITION is that of a message from FROM to before TO. If two batches were joined,
 * they may not be in order. */
static bool holds_position(const struct chat_batch *batch, size_t from, size_t to, int64_t position)
{
    for (size_t i = from; i < to; i++)
        if (batch->positions[i] == position)
            return true;
    return false;
}

/* Fewer messages were deleted than there are in BATCH from FROM to before TO. If none of them can
 * be found any more, another program has deleted some, of unknown lengths: then recount the room.
 * Otherwise a row has lost its position, and the spool is damaged. A seek may miss such a row, so
 * look at all rows: a later receiver would get it again. */
static enum chat_status recount(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                                size_t to)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_POSITIONS);
    sqlite3_bind_int64(statement, 1, 0);
    sqlite3_bind_int64(statement, 2, position_of(batch->room, ID_MAX));
    bool found = false;
    int rc;
    while (!found && (rc = db_step(s, statement)) == SQLITE_ROW)
        found = holds_position(batch, from, to, sqlite3_column_int64(statement, 0));
    sqlite3_reset(statement);
    if (found || rc != SQLITE_DONE)
        return db_failed(s, found ? SQLITE_CORRUPT : rc, "read");
    return db_run(s, SQL_RECOUNT);
}

/* Delete the messages of BATCH from FROM to before TO. *COPIES becomes true if some existed twice,
 * instead of others that are lost; the room still counts those. */
static enum chat_status delete_messages(struct sqlite_store *s, const struct chat_batch *batch,
                                        size_t from, size_t to, bool *copies)
{
    size_t deleted = 0, run;
    int64_t bytes = 0;
    for (size_t i = from; i < to; i += run) {
        run = run_length(batch, i, to);
        int64_t first = batch->positions[i], last = batch->positions[i + run - 1];
        enum chat_status status = delete_until_gone(s, first, last, &deleted);
        if (status != CHAT_OK)
            return status;
        for (size_t k = i; k < i + run; k++)
            bytes += (int64_t)batch->messages[k]->length;
    }
    if (deleted < to - from)
        return recount(s, batch, from, to);
    *copies = deleted > to - from;
    /* All messages are from one room. */
    return room_count(s, batch->room, -(int64_t)(to - from), -bytes);
}

enum {
    FREE_KEPT = 256,   /* pages that are kept for the next messages: 1 MiB */
    SHRINK_EVERY = 16, /* ids: a receiver that deletes one of these also returns pages of others, */
    SHRINK_PAGES = 32  /* this number more than is needed to keep up */
};

static bool tidies_up(const struct chat_batch *batch)
{
    int64_t first = batch->messages[0]->id, last = batch->messages[batch->count - 1]->id;
    return first % SHRINK_EVERY == 0 || first / SHRINK_EVERY != last / SHRINK_EVERY;
}

/* Delete expired messages that the scan of the room has passed, so that no later scan has to pass
 * them. */
static enum chat_status sweep_passed(struct sqlite_store *s, const struct chat_batch *batch)
{
    struct sweep sweep = sweep_room(batch->source != 0 ? batch->source : batch->room);
    sweep.to = position_of(sweep.room, position_place(batch->positions[batch->count - 1]));
    sweep.waiting = false;
    return batch->passed_expired ? sweep_some(s, &sweep) : CHAT_OK;
}

/* Return how many free pages to keep after BATCH, which has freed FREED. SQLite moves the last
 * pages of the file to the pages that have been free for longest. After many messages no page is
 * kept: then these are the pages that this transaction has changed and would write anyway.
 * (Measured: chat-recv -a of 100,000 messages wrote 39 MB to WAL and spool with kept pages, and 16
 * without.) */
static int64_t kept_pages(const struct chat_batch *batch, int64_t freed)
{
    return freed >= FREE_KEPT / 2 && (int64_t)batch->count > freed ? 0 : FREE_KEPT;
}

/* Let the commit empty the WAL if the file is much larger than the spool needs: only that makes the
 * file itself smaller. */
static void return_pages(struct sqlite_store *s)
{
    sqlite3_int64 size = 0;
    const int64_t pages = db_number(s, SQL_GET_PAGES);
    if (db_file(s, &size) != NULL)
        s->shrunk = size / PAGE >= pages + pages / 8 + FREE_KEPT / 2;
}

/* Return pages to the file system, twice the number that BATCH freed: so a spool that was large is
 * small again when it is empty, and no single receiver pays for all of it. */
static enum chat_status shrink(struct sqlite_store *s, const struct chat_batch *batch)
{
    int64_t freed = (int64_t)((batch->bytes + batch->count * ROW) / PAGE);
    if (freed == 0 && !tidies_up(batch))
        return CHAT_OK;
    int64_t most = 2 * freed + SHRINK_PAGES;
    int64_t spare = db_number(s, SQL_GET_FREE_PAGES) - kept_pages(batch, freed);
    int rc = SQLITE_ROW;
    if (spare <= 0)
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_SHRINK);
    for (int64_t n = spare < most ? spare : most; n > 0 && rc == SQLITE_ROW; n--)
        rc = db_step(s, statement);
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_failed(s, rc, "write");
    return_pages(s);
    return CHAT_OK;
}

/* Delete the messages of BATCH from FROM to before TO, in a transaction. */
static enum chat_status settle(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                               size_t to)
{
    bool copies = false;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = batch->source != 0 ? reader_settle(s, batch, from, to)
                                : delete_messages(s, batch, from, to, &copies);
    if (status == CHAT_OK)
        status = bells_add(s, BELL_GONE, batch->messages[0]->room);
    if (status == CHAT_OK && !s->reserve_given)
        status = sweep_passed(s, batch);
    if (status == CHAT_OK && !s->reserve_given)
        status = shrink(s, batch);
    status = group_commit_end(s, status);
    return status == CHAT_OK && copies ? db_failed(s, SQLITE_CORRUPT, "read") : status;
}

/* Delete the messages of BATCH on a full disk. The WAL can grow only by the reserve, so delete them
 * in small parts, and empty the WAL after each part. The parts free space for the next messages. */
static enum chat_status settle_on_full_disk(struct sqlite_store *s, const struct chat_batch *batch,
                                            size_t count)
{
    enum { PART = 32 };
    enum chat_status status = transaction_make_space(s);
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
    /* If no message has pages of its own, there is next to nothing to overwrite. */
    if (batch->bytes >= PAGE / 4)
        status = message_delete_without_zeros(s);
    if (status == CHAT_OK)
        status = settle(s, batch, 0, count);
    if (status == CHAT_IO)
        status = settle_on_full_disk(s, batch, count);
    if (status == CHAT_OK) /* the lost messages were reported */
        batch->missed = 0;
    return status;
}

/* --- held back, or moved --------------------------------------------------- */

/* Change the columns of a message, except its body, to those of NEW, with a position unless it
 * waits for its time. The caller updates the counters of another room. */
static enum chat_status put_at(struct sqlite_store *s, int64_t from, const struct chat_message *new,
                               int64_t room, int64_t waits_at)
{
    sqlite3_stmt *statement = db_statement(s, SQL_SET_POSITION);
    message_bind_state(statement, new, room, waits_at, digest_message(new));
    sqlite3_bind_int64(statement, COLUMNS + 1, from);
    enum chat_status status = db_finish(s, statement);
    return status == CHAT_OK ? room_count_times(s, room, new->due, new->expires) : status;
}

/* Store in *PLACE a place at the end of a room. */
static enum chat_status next_place(struct sqlite_store *s, int64_t *place)
{
    enum chat_status status = room_read_spool(s);
    *place = s->next_id++;
    return status == CHAT_OK ? room_set_next_id(s) : status;
}

static void note_failure(struct chat_message *m, const struct chat_failure *failure)
{
    m->attempts += failure->counted;
    if (failure->counted) {
        m->failed = clock_now();
        m->failure = failure->status;
    }
}

/* Hold a message back. A reader's copy waits at a position that no other reader's copy of the
 * message has. */
static enum chat_status hold_message(struct sqlite_store *s, const struct chat_batch *batch,
                                     int64_t position, struct chat_message *m, int64_t hold)
{
    enum chat_status status = CHAT_OK;
    int64_t waits_at = m->id;
    m->due = hold > 0 ? clock_now() + hold : 0;
    if (m->due == 0 && m->place == 0) /* a delayed message that was received by its id */
        status = next_place(s, &m->place);
    if (m->due > 0 && batch->source != 0)
        status = next_place(s, &waits_at);
    return status == CHAT_OK ? put_at(s, position, m, batch->room, waits_at) : status;
}

/* Return whether the message I of BATCH is a reader's copy; there may be other copies. */
static bool is_copy(const struct chat_batch *batch, size_t i)
{
    return batch->source != 0 && strchr(batch->messages[i]->room, '/') == NULL;
}

/* Move the message I of BATCH to the room of MOVED, with its attempts and times; to PLACE there, or
 * with 0 to the end. */
static enum chat_status move_message(struct sqlite_store *s, const struct chat_batch *batch,
                                     size_t i, struct chat_message *moved, int64_t place)
{
    const int64_t from = batch->room, position = batch->positions[i];
    struct room to;
    enum chat_status status = room_find(s, moved->room, &to);
    moved->place = moved->due == 0 ? place : 0;
    if (status == CHAT_OK && moved->due == 0 && place == 0)
        status = next_place(s, &moved->place);
    if (status == CHAT_OK && is_copy(batch, i)) /* other readers may move their copies */
        status = next_place(s, &moved->id);
    if (status == CHAT_OK)
        status = put_at(s, position, moved, to.number, moved->id);
    if (status == CHAT_OK)
        status = room_count(s, from, -1, -(int64_t)moved->length);
    return status == CHAT_OK ? room_count(s, to.number, 1, (int64_t)moved->length) : status;
}

/* Move a message to the dead-letter room, where no message expires. */
static enum chat_status bury_message(struct sqlite_store *s, const struct chat_batch *batch,
                                     size_t i, struct chat_message *m, const char *dead)
{
    m->room = dead;
    m->due = m->expires = 0;
    return move_message(s, batch, i, m, 0);
}

/* Read the message I of BATCH as it is now in the spool, with its times and its place. CHAT_NONE:
 * another program has deleted it. */
static enum chat_status read_current(struct sqlite_store *s, const struct chat_batch *batch,
                                     size_t i, struct chat_message *m)
{
    *m = *batch->messages[i];
    return read_times(s, batch->positions[i], m);
}

static enum chat_status fail_message(struct sqlite_store *s, const struct chat_batch *batch,
                                     size_t i, const struct chat_failure *failure)
{
    struct chat_message m;
    enum chat_status status = read_current(s, batch, i, &m);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    note_failure(&m, failure);
    if (failure->dead != NULL)
        return bury_message(s, batch, i, &m, failure->dead);
    return hold_message(s, batch, batch->positions[i], &m, failure->hold);
}

/* Move the message I of BATCH to ROOM, where its attempts begin again. FIRST is the place for the
 * first message; 0: move it to the end. */
static enum chat_status move_one(struct sqlite_store *s, const struct chat_batch *batch, size_t i,
                                 const char *room, int64_t first)
{
    struct chat_message moved;
    enum chat_status status = read_current(s, batch, i, &moved);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    moved.room = room;
    moved.attempts = moved.failed = 0;
    if (moved.place > 0) /* the message was held back after a failure */
        moved.due = 0;
    return move_message(s, batch, i, &moved, first > 0 ? first + (int64_t)i : 0);
}

/* Ring the bells after messages have gone from the room of BATCH to another. */
static enum chat_status ring_moved(struct sqlite_store *s, const struct chat_batch *batch,
                                   const char *to)
{
    enum chat_status status = bells_add(s, BELL_CAME, to);
    return status == CHAT_OK ? bells_add(s, BELL_GONE, batch->messages[0]->room) : status;
}

static enum chat_status fail(struct sqlite_store *s, const struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    if (batch->source != 0)
        status = reader_copy(s, batch);
    for (size_t i = 0; i < batch->count && status == CHAT_OK; i++)
        status = fail_message(s, batch, i, failure);
    if (status == CHAT_OK && failure->dead != NULL)
        status = ring_moved(s, batch, failure->dead);
    if (status == CHAT_OK && !s->reserve_given)
        status = sweep_passed(s, batch);
    return group_commit_end(s, status);
}

/* Fail the messages again, with the blocks of the reserve, if the disk is full. */
static enum chat_status fail_on_full_disk(struct sqlite_store *s, const struct chat_batch *batch,
                                          const struct chat_failure *failure)
{
    enum chat_status status = transaction_make_space(s);
    return status == CHAT_OK ? fail(s, batch, failure) : status;
}

enum chat_status sqlite_fail(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = fail(s, batch, failure);
    if (status == CHAT_IO)
        status = fail_on_full_disk(s, batch, failure);
    if (status == CHAT_OK)
        batch->missed = 0;
    return status;
}

static enum chat_status find_front(struct sqlite_store *s, const char *name, size_t count,
                                   int64_t *place)
{
    struct room room;
    enum chat_status status = room_find(s, name, &room);
    if (status == CHAT_OK && room.source != 0) /* readers may be past the front */
        return error_set(s->base.error, CHAT_USAGE,
                         "room '%s' is open: messages move to its end only", name);
    return status == CHAT_OK ? front_find(s, room.number, (int64_t)count, place) : status;
}

enum chat_status sqlite_move(struct store *store, struct chat_batch *batch, const char *room,
                             bool first)
{
    int64_t place = 0;
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    if (batch->source != 0)
        status = reader_copy(s, batch);
    if (status == CHAT_OK && first)
        status = find_front(s, room, batch->count, &place);
    for (size_t i = 0; i < batch->count && status == CHAT_OK; i++)
        status = move_one(s, batch, i, room, place);
    if (status == CHAT_OK)
        status = ring_moved(s, batch, room);
    return group_commit_end(s, status);
}
