/* sqlite_settle.c - what becomes of claimed messages: they are deleted, held back or moved. */

#include "store_sqlite.h"

#include "bell.h"
#include "digest.h"

/* --- deleted --------------------------------------------------------------- */

/* How many messages of BATCH, from FROM to before TO, have consecutive ids. */
static size_t run_length(const struct chat_batch *batch, size_t from, size_t to)
{
    size_t n = 1;
    while (from + n < to && batch->messages[from + n]->id == batch->messages[from]->id + (int64_t)n)
        n++;
    return n;
}

static enum chat_status delete_range(struct sqlite_store *s, int64_t first, int64_t last)
{
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_MESSAGES);
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, last);
    return db_finish(s, statement);
}

/* The same of messages of the room NUMBER whose places are their ids. Where there are fewer, either
 * somebody has deleted some by hand, or the order is damaged, and would show them again. */
static enum chat_status delete_placed(struct sqlite_store *s, int64_t number, int64_t first,
                                      int64_t last)
{
    sqlite3_stmt *statement = db_statement(s, SQL_DELETE_PLACED);
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, last);
    sqlite3_bind_int64(statement, 3, number);
    enum chat_status status = db_finish(s, statement);
    bool all = sqlite3_changes(s->db) == last - first + 1;
    return status != CHAT_OK || all ? status : delete_range(s, first, last);
}

/* Delete the messages of BATCH with ids from FIRST to LAST; all of them are ours. */
static enum chat_status delete_run(struct sqlite_store *s, const struct chat_batch *batch,
                                   int64_t first, int64_t last)
{
    if (first == last)
        return delete_message(s, first);
    return batch->apart ? delete_range(s, first, last) : delete_placed(s, batch->room, first, last);
}

static enum chat_status delete_messages(struct sqlite_store *s, const struct chat_batch *batch,
                                        size_t from, size_t to)
{
    size_t deleted = 0, run;
    int64_t bytes = 0;
    for (size_t i = from; i < to; i += run) {
        run = run_length(batch, i, to);
        enum chat_status status =
            delete_run(s, batch, batch->messages[i]->id, batch->messages[i + run - 1]->id);
        if (status != CHAT_OK)
            return status;
        deleted += (size_t)sqlite3_changes(s->db);
        for (size_t k = i; k < i + run; k++)
            bytes += (int64_t)batch->messages[k]->length;
    }
    if (deleted < to - from) /* somebody has deleted some by hand, whatever their lengths */
        return db_run(s, SQL_RECOUNT);
    return room_count(s, batch->room, -(int64_t)deleted, -bytes); /* all are from one room */
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

/* Delete expired messages that the look at the room has passed, so that no later look has to. */
static enum chat_status sweep_passed(struct sqlite_store *s, const struct chat_batch *batch)
{
    bool more;
    return batch->passed_expired ? sweep_expired(s, batch->room, &more) : CHAT_OK;
}

/* Give pages back to the file system, twice as many as BATCH freed: so a spool that was large
 * and is being emptied is small again when it is empty, and no receiver pays for it all. */
static enum chat_status shrink(struct sqlite_store *s, const struct chat_batch *batch)
{
    int64_t freed = (int64_t)((batch->bytes + batch->count * ROW) / PAGE);
    if (freed == 0 && !tidies_up(batch))
        return CHAT_OK;
    int64_t most = 2 * freed + SHRINK_PAGES;
    int64_t spare = db_number(s, SQL_GET_FREE_PAGES) - FREE_KEPT;
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
    if (status == CHAT_OK)
        status = bells_add(s, BELL_GONE, batch->messages[0]->room);
    if (status == CHAT_OK && !s->reserve_given)
        status = sweep_passed(s, batch);
    if (status == CHAT_OK && !s->reserve_given)
        status = shrink(s, batch);
    return turn_end(s, status);
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
    /* Where no message has pages of its own there is next to nothing to overwrite. */
    if (batch->bytes >= PAGE / 4)
        status = delete_without_zeros(s);
    if (status == CHAT_OK)
        status = settle(s, batch, 0, count);
    if (status == CHAT_IO)
        status = settle_on_full_disk(s, batch, count);
    return status;
}

/* --- held back, or moved --------------------------------------------------- */

static enum chat_status hold_message(struct sqlite_store *s, const struct chat_message *m,
                                     int64_t room, const struct chat_failure *failure)
{
    int64_t due = failure->hold > 0 ? store_now() + failure->hold : 0;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_FAILED);
    sqlite3_bind_int64(statement, 1, m->id);
    sqlite3_bind_int64(statement, 2, m->attempts + failure->counted);
    bind_time(statement, 3, due);
    enum chat_status status = db_finish(s, statement);
    return status == CHAT_OK && due > 0 ? room_count_due(s, room, due) : status;
}

/* Move a message to the end of another room, as MOVED says: its room, attempts and times. */
static enum chat_status move_message(struct sqlite_store *s, int64_t from,
                                     const struct chat_message *moved)
{
    struct room to;
    enum chat_status status = room_find(s, moved->room, &to);
    if (status == CHAT_OK)
        status = spool_read(s);
    if (status != CHAT_OK)
        return status;
    int64_t place = moved->due > 0 ? 0 : s->next_id++;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_ROOM);
    sqlite3_bind_int64(statement, 1, moved->id);
    sqlite3_bind_int64(statement, 2, to.number);
    sqlite3_bind_int64(statement, 3, place);
    sqlite3_bind_int64(statement, 4, moved->attempts);
    sqlite3_bind_int64(statement, 5, message_digest(moved));
    bind_time(statement, 6, moved->due);
    bind_time(statement, 7, moved->expires);
    status = db_finish(s, statement);
    if (status == CHAT_OK && sqlite3_changes(s->db) == 0)
        return CHAT_OK; /* somebody deleted it by hand */
    if (status == CHAT_OK)
        status = spool_set_next_id(s);
    if (status == CHAT_OK && moved->due > 0)
        status = room_count_due(s, to.number, moved->due);
    if (status == CHAT_OK)
        status = room_count(s, from, -1, -(int64_t)moved->length);
    return status == CHAT_OK ? room_count(s, to.number, 1, (int64_t)moved->length) : status;
}

/* To the dead room, where nothing expires. */
static enum chat_status bury_message(struct sqlite_store *s, const struct chat_message *m,
                                     int64_t room, const struct chat_failure *failure)
{
    struct chat_message dead = *m;
    dead.room = failure->dead;
    dead.attempts += failure->counted;
    dead.due = dead.expires = 0;
    return move_message(s, room, &dead);
}

/* Messages go from the room of BATCH to another. */
static enum chat_status ring_moved(struct sqlite_store *s, const struct chat_batch *batch,
                                   const char *to)
{
    enum chat_status status = bells_add(s, BELL_CAME, to);
    return status == CHAT_OK ? bells_add(s, BELL_GONE, batch->messages[0]->room) : status;
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
    if (status == CHAT_OK && failure->dead != NULL)
        status = ring_moved(s, batch, failure->dead);
    if (status == CHAT_OK && !s->reserve_given)
        status = sweep_passed(s, batch);
    return turn_end(s, status);
}

/* The disk is full: once more with the blocks of the reserve. */
static enum chat_status fail_on_full_disk(struct sqlite_store *s, const struct chat_batch *batch,
                                          const struct chat_failure *failure)
{
    enum chat_status status = turn_make_room(s);
    return status == CHAT_OK ? fail(s, batch, failure) : status;
}

enum chat_status sqlite_fail(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = fail(s, batch, failure);
    if (status == CHAT_IO)
        status = fail_on_full_disk(s, batch, failure);
    return status;
}

enum chat_status sqlite_move(struct store *store, struct chat_batch *batch, const char *room)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    for (size_t i = 0; i < batch->count && status == CHAT_OK; i++) {
        struct chat_message moved = *batch->messages[i];
        moved.room = room;
        moved.attempts = 0;
        if (moved.place > 0) /* it was held back after a failure */
            moved.due = 0;
        status = move_message(s, batch->room, &moved);
    }
    if (status == CHAT_OK)
        status = ring_moved(s, batch, room);
    return turn_end(s, status);
}
