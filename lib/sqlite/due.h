/* due.h - messages that are due, or have expired. */

#ifndef SQLITE_DUE_H
#define SQLITE_DUE_H

#include "internal.h"
#include "room.h"

/* Whether messages of ROOM that were delayed or held back are due; and make them ready. */
bool is_due(const struct room *room);
enum chat_status promote_due(struct sqlite_store *s, const struct room *room);

/* A look for expired messages of a room, or of a part of it. */
struct sweep {
    int64_t room;
    int64_t from, to; /* at these positions */
    bool waiting;     /* and those that wait, too */
    bool more;        /* some may be left, at FROM or behind it */
};

/* Of all of ROOM. */
struct sweep sweep_room(int64_t room);

/* Delete expired messages, within a transaction, but at most a number that keeps the transaction
 * short. Claimed messages are left to their receiver: it may still move them to the dead-letter
 * room. sweep_all: all of those of a room, within a transaction. */
enum chat_status sweep_some(struct sqlite_store *s, struct sweep *sweep);
enum chat_status sweep_all(struct sqlite_store *s, int64_t room);

/* All of them, in transactions of their own, if some may have expired. */
enum chat_status sweep_while_idle(struct sqlite_store *s, const struct room *room);

/* Delete the row at POSITION; the counters of its room are the caller's. */
enum chat_status delete_message(struct sqlite_store *s, int64_t position);

/* Do not overwrite the pages of the large messages that are deleted from now on. */
enum chat_status delete_without_zeros(struct sqlite_store *s);

#endif
