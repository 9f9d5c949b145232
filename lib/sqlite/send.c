/* send.c - put messages into a spool file. */

#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "claim_lock.h"
#include "connect.h"
#include "database.h"
#include "group_commit.h"
#include "ids.h"
#include "lines.h"
#include "message.h"
#include "operations.h"
#include "os/bell.h"
#include "os/clock.h"
#include "room.h"
#include "rooms.h"
#include "scan.h"
#include "sweep.h"
#include "transaction.h"
#include "trim.h"
#include "vfs.h"

enum { LARGE = 64 * 1024 }; /* the reserve has space for a transaction of less than this */

enum chat_status sqlite_begin(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_and_begin(s);
    if (status != CHAT_OK)
        return status;
    status = room_read_spool(s);
    if (status != CHAT_OK)
        transaction_rollback(s);
    s->put.tally = (struct tally){ .depth = 0 };
    s->put.bytes = 0;
    s->put.first_id = s->next_id;
    s->put.ids_wanted = false;
    lines_forget(s);
    return status;
}

/* Update the counters of the room of the tally. */
static enum chat_status count_tally(struct sqlite_store *s)
{
    struct tally *t = &s->put.tally;
    enum chat_status status = CHAT_OK;
    if (t->depth != 0 || t->bytes != 0)
        status = room_count(s, t->number, t->depth, t->bytes);
    if (status == CHAT_OK)
        status = room_count_times(s, t->number, t->due, t->expires);
    return status;
}

/* Finish the tally: the transaction puts no more messages into its room. */
static enum chat_status leave_room(struct sqlite_store *s)
{
    enum chat_status status = count_tally(s);
    return status == CHAT_OK && s->put.tally.open ? trim_sent(s, &s->put.tally) : status;
}

/* Begin a tally of the room NAME, unless it is the current one. */
static enum chat_status enter_room(struct sqlite_store *s, const char *name)
{
    struct room room;
    if (strcmp(s->put.tally.name, name) == 0)
        return CHAT_OK;
    enum chat_status status = lines_insert(s);
    if (status == CHAT_OK)
        status = leave_room(s);
    s->put.tally = (struct tally){ .depth = 0 };
    if (status == CHAT_OK)
        status = room_find(s, name, &room);
    if (status != CHAT_OK)
        return status;
    status = bells_add(s, BELL_CAME, name);
    if (status != CHAT_OK)
        return status;
    strcpy(s->put.tally.name, name); /* spool.c has checked its length */
    s->put.tally.number = room.number;
    s->put.tally.held = room.depth;
    s->put.tally.open = room_is_open(&room);
    s->put.tally.reader = room_is_reader(&room);
    return CHAT_OK;
}

/* --- terms ----------------------------------------------------------------- */

/* Find the message with KEY in the tally's room. CHAT_NONE: no such message, or an expired one. */
static enum chat_status find_key(struct sqlite_store *s, const char *key, int64_t *id)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_KEY);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    sqlite3_bind_int64(statement, 1, s->put.tally.number);
    sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
    int64_t now = clock_now();
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW) {
        *id = sqlite3_column_int64(statement, 0);
        int64_t expires = sqlite3_column_int64(statement, 1);
        if (expires == 0 || expires > now)
            break;
    }
    return db_found(s, statement, rc);
}

/* Delete a message of the tally's room, which this transaction has claimed. */
static enum chat_status drop(struct sqlite_store *s, int64_t position, int64_t length)
{
    enum chat_status status = length >= PAGE / 4 ? message_delete_without_zeros(s) : CHAT_OK;
    s->put.tally.depth--;
    s->put.tally.bytes -= length;
    return status == CHAT_OK ? message_delete(s, position) : status;
}

/* Delete the messages with KEY at the positions behind AFTER, up to LAST, that no receiver has
 * claimed. Adds their number to *COUNT. */
static enum chat_status replace_from(struct sqlite_store *s, const char *key, int64_t after,
                                     int64_t last, int64_t *count)
{
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK) {
        sqlite3_stmt *statement = db_statement(s, SQL_FIND_KEY);
        sqlite3_bind_int64(statement, 1, s->put.tally.number);
        sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, after);
        sqlite3_bind_int64(statement, 4, last);
        sqlite3_bind_int64(statement, 5, clock_now());
        int rc = db_step(s, statement);
        after = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        const int64_t length = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
        status = db_found(s, statement, rc);
        if (status != CHAT_OK)
            break;
        status = claim_lock_take(s, after);
        if (status == CHAT_OK) {
            ++*count;
            status = drop(s, after, length);
        } else if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* Delete the messages with KEY in the tally's room, including those that wait for their time,
 * except those that a receiver has claimed. *COUNT becomes their number. */
static enum chat_status replace(struct sqlite_store *s, const char *key, int64_t *count)
{
    const int64_t room = s->put.tally.number;
    enum chat_status status = replace_from(s, key, 0, ID_MAX, count);
    if (status == CHAT_OK)
        status = replace_from(s, key, position_of(room, 0), position_of(room, ID_MAX), count);
    if (status == CHAT_OK && *count > 0)
        status = bells_add(s, BELL_GONE, s->put.tally.name);
    return status;
}

/* Drop the oldest message of the tally's room that no receiver has claimed. With WHOLE, never one
 * that this transaction has put. CHAT_NONE: no such message. */
static enum chat_status drop_oldest(struct sqlite_store *s, bool whole)
{
    /* Messages of this transaction have positions from its first id on. */
    const struct chat_query query = { .max_messages = 1, .until = whole ? s->put.first_id - 1 : 0 };
    if (whole && s->put.first_id == 1)
        return CHAT_NONE;
    struct scan scan;
    struct range oldest;
    bool passed;
    enum chat_status status = claim_lock_be_present(s);
    if (status == CHAT_OK)
        status = scan_open(&scan, s, &query, s->put.tally.name, NULL);
    if (status == CHAT_OK) /* no receiver may begin with it: it is deleted by our commit */
        status = scan_next(&scan, 1, SCAN_TAKE, &oldest, &passed);
    if (status == CHAT_OK)
        status = claim_lock_add(s, oldest);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_LENGTH);
    sqlite3_bind_int64(statement, 1, oldest.first);
    int rc = db_step(s, statement);
    const int64_t length = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? drop(s, oldest.first, length) : db_failed(s, rc, "read");
}

/* Let the slowest readers lose their oldest message; the room itself may keep it. */
static enum chat_status drop_from_readers(struct sqlite_store *s)
{
    enum chat_status status = trim_drop_unseen(s, s->put.tally.number);
    if (status == CHAT_OK)
        s->put.tally.held--;
    return status;
}

/* Delete expired messages of the room, and count its messages again. */
static enum chat_status sweep(struct sqlite_store *s)
{
    struct room room = { .number = 0 };
    enum chat_status status = count_tally(s);
    s->put.tally.depth = s->put.tally.bytes = s->put.tally.due = s->put.tally.expires = 0;
    if (status == CHAT_OK)
        status = room_get(s, s->put.tally.name, &room);
    if (status == CHAT_OK && room.next_expiry > 0 && room.next_expiry <= clock_now()) {
        status = sweep_all(s, room.number);
        if (status == CHAT_OK)
            status = room_get(s, s->put.tally.name, &room);
    }
    if (status == CHAT_OK)
        s->put.tally.held = room.depth;
    return status == CHAT_OK && s->put.tally.open
               ? trim_count_unseen(s, s->put.tally.number, INT64_MAX, &s->put.tally.held)
               : status;
}

/* Make sure that the tally's room has fewer than TERMS->max messages. */
static enum chat_status make_space(struct sqlite_store *s, const struct chat_terms *terms)
{
    if (s->put.tally.held + s->put.tally.depth < terms->max)
        return CHAT_OK;
    enum chat_status status = sweep(s);
    const int64_t held = s->put.tally.held;
    while (status == CHAT_OK && s->put.tally.held + s->put.tally.depth >= terms->max)
        status = !terms->drop        ? CHAT_NONE
                 : s->put.tally.open ? drop_from_readers(s)
                                     : drop_oldest(s, terms->whole);
    return status == CHAT_NONE
               ? rooms_full(s->base.error, s->put.tally.name, held, s->put.tally.open)
               : status;
}

/* --- put ------------------------------------------------------------------- */

/* Check that no message has the id that a message brings. */
static enum chat_status check_id(struct sqlite_store *s, int64_t id)
{
    bool used = false;
    enum chat_status status = ids_has(s, id, &used);
    if (status != CHAT_OK)
        return status;
    if (used)
        return error_set(s->base.error, CHAT_DATA, "message %lld already exists", (long long)id);
    return ids_add(s, id);
}

static void tally_message(struct sqlite_store *s, const struct chat_message *m)
{
    s->put.tally.came++;
    s->put.tally.depth++;
    s->put.tally.bytes += (int64_t)m->length;
    if (m->due > 0 && (s->put.tally.due == 0 || m->due < s->put.tally.due))
        s->put.tally.due = m->due;
    if (m->expires > 0 && (s->put.tally.expires == 0 || m->expires < s->put.tally.expires))
        s->put.tally.expires = m->expires;
    s->put.bytes += (int64_t)m->length + ROW;
}

/* Give a message its id and its place; for a new message they are the same number. */
static enum chat_status give_id(struct sqlite_store *s, struct chat_message *m,
                                const struct chat_terms *terms)
{
    if (!terms->restore)
        m->attempts = m->failed = 0;
    if (terms->restore && m->id > 0) {
        s->put.ids_wanted = true;
        return s->put.tally.reader ? CHAT_OK : check_id(s, m->id); /* copies have the same id */
    }
    m->id = s->next_id;
    m->place = m->due > 0 ? 0 : m->id;
    return CHAT_OK;
}

/* Note that a message was restored to a place before existing messages. */
static enum chat_status return_tally(struct sqlite_store *s)
{
    s->put.tally.returned = true;
    return room_returned(s, s->put.tally.number);
}

/* Return the room that a message is put into: a copy of a message of ROOM is restored to its
 * reader. */
static const char *target(const char *room, const char *reader, const struct chat_terms *terms,
                          char name[CHAT_NAME_MAX + 1])
{
    if (!terms->restore || reader == NULL || strchr(room, '/') != NULL)
        return room;
    snprintf(name, CHAT_NAME_MAX + 1, "%s/%s", room, reader);
    return name;
}

static enum chat_status put(struct sqlite_store *s, const struct chat_message *message,
                            const struct chat_terms *terms, int64_t *id)
{
    struct chat_message m = *message;
    char name[CHAT_NAME_MAX + 1];
    int64_t ignored, replaced = 0;
    if (id == NULL)
        id = &ignored;
    if (m.room == NULL)
        m.room = s->default_room;
    if ((int64_t)m.length > s->max_length)
        return error_set(s->base.error, CHAT_DATA, "the message is longer than %lld bytes",
                         (long long)s->max_length);
    if (s->next_id > ID_MAX || m.id > ID_MAX || m.place > ID_MAX)
        return room_ids_used_up(s);
    enum chat_status status = enter_room(s, target(m.room, m.reader, terms, name));
    if (status == CHAT_OK && (terms->once || terms->replace || terms->max > 0))
        status = lines_insert(s); /* find_key() and drop() must find these messages */
    if (status == CHAT_OK && terms->once && m.key != NULL) {
        status = find_key(s, m.key, id);
        if (status == CHAT_OK) /* its sender may have died before the sync */
            vfs_need_sync(s->db);
        if (status != CHAT_NONE)
            return status == CHAT_OK && terms->fresh ? CHAT_NONE : status;
        status = CHAT_OK;
    }
    if (status == CHAT_OK && terms->replace && m.key != NULL)
        status = replace(s, m.key, &replaced);
    if (status == CHAT_OK && terms->max > 0 && replaced == 0)
        status = make_space(s, terms);
    if (status == CHAT_OK)
        status = give_id(s, &m, terms);
    if (m.time == 0)
        m.time = clock_now();
    if (status == CHAT_OK)
        status = lines_add(s, &m);
    if (status != CHAT_OK)
        return status;
    *id = m.id;
    if (m.due == 0 && m.place < s->next_id && !s->put.tally.returned)
        status = return_tally(s);
    if (s->next_id <= m.id || s->next_id <= m.place)
        s->next_id = (m.id > m.place ? m.id : m.place) + 1;
    tally_message(s, &m);
    return status;
}

enum chat_status sqlite_put(struct store *store, const struct chat_message *message,
                            const struct chat_terms *terms, int64_t *id)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = put(s, message, terms, id);
    if (status == CHAT_IO) /* only a rollback is possible, and on a full disk it should not wait */
        transaction_undo(s);
    return status;
}

/* Reserve space in the file system for a large transaction in the database, too: it is in the WAL
 * first, and a WAL that cannot be emptied would leave no space to delete anything. */
static enum chat_status promise_space(struct sqlite_store *s)
{
    if (s->put.bytes < LARGE)
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_PAGES);
    if (statement == NULL || db_step(s, statement) != SQLITE_ROW)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    sqlite3_int64 size = sqlite3_column_int64(statement, 0) * PAGE;
    sqlite3_reset(statement);
    sqlite3_int64 before = 0;
    sqlite3_file *file = db_file(s, &before);
    if (file == NULL)
        return db_failed(s, SQLITE_IOERR_FSTAT, "write");
    s->promised_from = before;
    errno = 0;
    int rc = vfs_extend(file, before, size);
    return rc == SQLITE_OK ? CHAT_OK : db_failed(s, rc, "write");
}

/* Return whether a commit that failed with RC has certainly stored nothing: the frame that contains
 * the commit is written last. A failed sync leaves a whole transaction in the WAL, and a process
 * that recovers the WAL may find it. */
static bool surely_not_stored(int rc)
{
    return (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_BUSY || rc == SQLITE_IOERR_WRITE;
}

/* Commit. Requested ids are not a range of new ones. */
static enum chat_status commit(struct sqlite_store *s)
{
    const struct range new = { s->put.first_id, s->next_id - 1 }, none = { 1, 0 };
    return group_commit(s, s->put.ids_wanted ? none : new);
}

enum chat_status sqlite_commit(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    /* The transaction was rolled back when a put failed. */
    if (s->db == NULL || sqlite3_get_autocommit(s->db) != 0) {
        transaction_rollback(s);
        return error_set(s->base.error, CHAT_IO, "cannot write spool '%s'", s->location.path);
    }
    enum chat_status status = lines_insert(s);
    if (status == CHAT_OK)
        status = room_set_next_id(s);
    if (status == CHAT_OK)
        status = leave_room(s);
    if (status == CHAT_OK)
        status = promise_space(s);
    if (status != CHAT_OK) {
        transaction_rollback(s);
        return status;
    }
    status = commit(s);
    if (status != CHAT_OK && !surely_not_stored(s->failed_with))
        error_add(s->base.error, "; the message may be stored");
    return status;
}

void sqlite_rollback(struct store *store)
{
    transaction_rollback((struct sqlite_store *)store);
}
