/* read.h - the contents of messages, and how they get into a batch. */

#ifndef POSTGRES_READ_H
#define POSTGRES_READ_H

#include "internal.h"
#include "locks.h"

/* The columns of get_messages and of the walks (sql/postgres/receive.sql). */
enum {
    ID,
    SENT,
    SENDER,
    HOST,
    ATTEMPTS,
    KEY,
    CHECKSUM,
    BODY,
    PLACE,
    DUE,
    EXPIRES,
    FAILED,
    FAILURE,
    CLAIMED,
    ROOM,
    ROW
};

/* Fill in MESSAGE, whose room is set, from a row. CHAT_DAMAGED: the message has changed since it
 * was sent. */
enum chat_status pg_read_row(struct pg_store *s, const PGresult *result, int row, bool every,
                             struct chat_message *message);

/* The columns of claim_ready behind those of get_messages. */
enum { WRITER = CLAIMED, FIRST_SNAPSHOT };

/* Where messages are read: in the room ROOM, or for the reader READER ("tea/bob"), whose statements
 * also have the columns ROOM and ROW. */
struct pg_view {
    const char *room, *reader;
    bool every; /* with their places and times */
};

/* Read the messages with these ids, which are claimed, into BATCH; NUMBER is that of their room or
 * reader. Releases the claims on those that BATCH does not get. */
enum chat_status pg_read_claimed(struct pg_store *s, int64_t number, const struct pg_view *view,
                                 const int64_t *ids, size_t count, struct chat_batch *batch);

/* Read into BATCH the messages LOCKED, which PG_CLAIM_READY has locked and read, in the call CALL;
 * SNAPSHOT is the call of PG_GET_SNAPSHOT behind it. If one of them may have changed before it was
 * locked, all are read again, from the room with the number NUMBER. Releases the claims on those
 * that BATCH does not get. */
enum chat_status pg_read_ready(struct pg_store *s, size_t call, size_t snapshot, int64_t number,
                               const struct pg_view *view, struct pg_locked *locked,
                               struct chat_batch *batch);

/* Add the rows of a walk to BATCH, and move CURSOR behind them. A damaged message is skipped, and
 * reported as soon as the batch is empty. CHAT_NONE: no rows. */
enum chat_status pg_read_walked(struct pg_store *s, size_t call, const struct pg_view *view,
                                struct chat_cursor *cursor, struct chat_batch *batch);

/* Return the checksum of a message. It does not cover the id and the time, which the server sets.
 */
int64_t pg_read_digest(const struct chat_message *message);

#endif
