/* bells.h - wake sessions that wait for a room: channels, and locks that show that a session
 * waits. */

#ifndef POSTGRES_BELLS_H
#define POSTGRES_BELLS_H

#include "internal.h"

/* Return the lock of a bell of ROOM. An open room and its readers have the same bells. */
int64_t pg_bells_lock(enum pg_lock lock, const char *room);

/* Store the name of the channel of a bell. */
void pg_bells_channel(enum pg_lock lock, const char *room, char channel[32]);

/* Add a call that wakes up the receivers that wait for a message in ROOM or as one of its readers
 * (LOCK_CAME), or the senders that wait for space (LOCK_GONE), after the commit. */
void pg_bells_call_ring(struct pg_store *s, enum pg_lock lock, const char *room);

/* Likewise for senders, if the room with that number has a limit. */
void pg_bells_call_ring_gone(struct pg_store *s, const char *room, int64_t number);

/* Add calls that release our bells and end LISTEN. */
void pg_bells_call_leave(struct pg_store *s);

#endif
