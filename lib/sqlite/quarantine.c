/* quarantine.c - move a message that has changed since it was sent to the room of damaged
 * messages. */

#include "quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "bells.h"
#include "claim_lock.h"
#include "database.h"
#include "digest.h"
#include "group_commit.h"
#include "os/bell.h"
#include "read.h"
#include "room.h"
#include "transaction.h"

/* Read the message at POSITION, whose room is set, and copy it to COPY if it is damaged. CHAT_OK:
 * it is not damaged, or is gone. */
static enum chat_status read_damaged(struct sqlite_store *s, int64_t position,
                                     struct chat_message *m, struct chat_batch *copy)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_MESSAGE);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    sqlite3_bind_int64(statement, 1, position);
    int rc = db_step(s, statement);
    enum chat_status status = rc == SQLITE_ROW    ? read_message(s, statement, m)
                              : rc == SQLITE_DONE ? CHAT_OK
                                                  : db_failed(s, rc, "read");
    if (status == CHAT_DAMAGED) {
        if (m->user == NULL || !chat_name_valid(m->user))
            m->user = "unknown";
        if (m->host == NULL || !chat_name_valid(m->host))
            m->host = "unknown";
        if (m->key != NULL && !chat_name_valid(m->key))
            m->key = NULL;
        if (m->attempts < 0)
            m->attempts = 0;
        if (m->id < 1 || m->id > ID_MAX)
            m->id = position_place(position);
        if (!batch_add(copy, m, position))
            status = error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    }
    sqlite3_reset(statement);
    return status;
}

/* Move the message at POSITION, as it is now, to the end of the room of damaged messages. */
static enum chat_status rewrite(struct sqlite_store *s, int64_t position,
                                const struct chat_message *m, const struct room *damaged)
{
    sqlite3_stmt *statement = db_statement(s, SQL_QUARANTINE);
    sqlite3_bind_int64(statement, 1, position);
    sqlite3_bind_int64(statement, 2, position_of(damaged->number, s->next_id++));
    sqlite3_bind_int64(statement, 3, m->id);
    sqlite3_bind_int64(statement, 4, m->time);
    sqlite3_bind_text(statement, 5, m->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 6, m->host, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 7, m->attempts);
    sqlite3_bind_text(statement, 8, m->key, -1, SQLITE_STATIC); /* or NULL */
    sqlite3_bind_int64(statement, 9, digest_message(m));
    sqlite3_bind_blob64(statement, 10, m->length > 0 ? m->body : "", m->length, SQLITE_STATIC);
    enum chat_status status = db_finish(s, statement);
    return status == CHAT_OK ? room_set_next_id(s) : status;
}

/* Check that the message was moved. In a page whose rows are not in order, SQLite may write a row
 * elsewhere than where it finds it. A process that believes that the message was moved would find
 * it there again, forever. */
static enum chat_status check_moved(struct sqlite_store *s, int64_t from, int64_t to,
                                    const struct chat_message *m)
{
    struct chat_message now = { .room = m->room };
    sqlite3_stmt *statement = db_statement(s, SQL_GET_MESSAGE);
    sqlite3_bind_int64(statement, 1, from);
    int rc = db_step(s, statement);
    if (rc == SQLITE_DONE) {
        statement = db_statement(s, SQL_GET_MESSAGE);
        sqlite3_bind_int64(statement, 1, to);
        rc = db_step(s, statement);
        if (rc == SQLITE_DONE ||
            (rc == SQLITE_ROW && read_message(s, statement, &now) == CHAT_DAMAGED))
            rc = SQLITE_CORRUPT;
    } else if (rc == SQLITE_ROW)
        rc = SQLITE_CORRUPT;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? CHAT_OK : db_failed(s, rc, "read");
}

static enum chat_status move_there(struct sqlite_store *s, int64_t position,
                                   const struct room *from, struct chat_message *m)
{
    struct room damaged;
    enum chat_status status = room_read_spool(s);
    if (status == CHAT_OK)
        status = room_find(s, CHAT_ROOM_DAMAGED, &damaged);
    if (status != CHAT_OK)
        return status;
    /* If the table of rooms is damaged, a new room can get the number of another one. */
    if (damaged.number == from->number && strcmp(from->name, CHAT_ROOM_DAMAGED) != 0)
        return db_failed(s, SQLITE_CORRUPT, "read");
    m->room = CHAT_ROOM_DAMAGED;
    int64_t to = position_of(damaged.number, s->next_id);
    status = rewrite(s, position, m, &damaged);
    if (status == CHAT_OK)
        status = check_moved(s, position, to, m);
    if (status == CHAT_OK && from->number > 0)
        status = room_count(s, from->number, -1, -(int64_t)m->length);
    return status == CHAT_OK ? room_count(s, damaged.number, 1, (int64_t)m->length) : status;
}

/* Move the damaged message at POSITION, within a transaction. No other process has a claim on
 * it. */
static enum chat_status move_damaged(struct sqlite_store *s, int64_t position, struct room *from,
                                     struct chat_batch *copy)
{
    enum chat_status status = room_of(s, position, from);
    if (status != CHAT_OK && status != CHAT_NONE)
        return status;
    struct chat_message m = { .room = from->name };
    status = read_damaged(s, position, &m, copy);
    if (status != CHAT_DAMAGED)
        return status;
    status = move_there(s, position, from, copy->messages[0]);
    return status == CHAT_OK ? CHAT_DAMAGED : status;
}

/* Wake the receivers of the room: one may have found the message claimed, and now sleep. */
static void ring_given_up(struct sqlite_store *s, const struct room *from)
{
    if (from->number > 0)
        bell_ring(&s->location, BELL_CAME, from->name);
}

/* End the transaction, which has come to STATUS, and set the text. */
static enum chat_status end(struct sqlite_store *s, const struct chat_batch *copy,
                            const struct room *from, enum chat_status status)
{
    if (status != CHAT_DAMAGED) {
        transaction_rollback(s);
        ring_given_up(s, from);
        return status;
    }
    status = bells_add(s, BELL_CAME, CHAT_ROOM_DAMAGED);
    if (status == CHAT_OK && from->number > 0)
        status = bells_add(s, BELL_GONE, from->name);
    status = group_commit_end(s, status);
    if (status != CHAT_OK) {
        ring_given_up(s, from);
        return status;
    }
    return error_set(s->base.error, CHAT_DAMAGED,
                     "message %lld in room '%s' was damaged, and is in room '%s' now",
                     (long long)copy->messages[0]->id, from->name, CHAT_ROOM_DAMAGED);
}

enum chat_status quarantine(struct sqlite_store *s, int64_t position)
{
    struct room from = { .number = 0 };
    struct chat_batch *copy = batch_new(&s->base);
    if (copy == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    enum chat_status status = transaction_begin(s);
    if (status == CHAT_OK) {
        status = claim_lock_take(s, position);
        if (status == CHAT_OK)
            status = move_damaged(s, position, &from, copy);
        else if (status == CHAT_NONE) /* another receiver is about to quarantine it */
            status = CHAT_OK;
        status = end(s, copy, &from, status);
    }
    batch_free(copy);
    return status;
}
