/* sweep.h - delete messages that have expired.
 *
 * Claimed messages are left to their receiver, which may still move them to the dead-letter room.
 */

#ifndef SQLITE_SWEEP_H
#define SQLITE_SWEEP_H

#include "internal.h"
#include "room.h"

/* A search for expired messages in a room, or in a part of it. */
struct sweep {
    int64_t room;
    int64_t from, to; /* at these positions */
    bool waiting;     /* and also among the messages that are delayed or held back */
    bool more;        /* some may be left, at FROM or behind it */
};

/* Return a sweep of all of ROOM. */
struct sweep sweep_room(int64_t room);

/* Within a transaction: delete expired messages, at most a number that keeps the transaction
 * short. */
enum chat_status sweep_some(struct sqlite_store *s, struct sweep *sweep);

/* Within a transaction: delete all expired messages of a room. */
enum chat_status sweep_all(struct sqlite_store *s, int64_t room);

/* Delete all expired messages of ROOM, in transactions of their own, if some may have expired. */
enum chat_status sweep_while_idle(struct sqlite_store *s, const struct room *room);

#endif
