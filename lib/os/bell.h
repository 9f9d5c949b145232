/* bell.h - how a sender wakes the receivers that wait on a room.
 *
 * A room that a receiver waits on has a FIFO, named as the room, in the spool's bell directory.
 * A receiver opens it to read and sleeps in poll(); a sender opens it to write, writes a byte
 * and closes it, which costs one failing open() if no receiver waits.
 *
 * The closing wakes every process that had the FIFO open before, each by its own descriptor
 * (POLLHUP, fifo(7)): no receiver can take the wake-up from another, so one that is killed right
 * after its wake-up strands nothing. The byte is for a sender that is stopped before it can
 * close. qmail's lock/trigger is the model. */

#ifndef BELL_H
#define BELL_H

#include "location.h"

/* The purpose of a bell; the directories of the two end in these. */
#define BELL_CAME "-bell" /* a message came to the room, or is to be looked at again */
#define BELL_GONE "-gone" /* one has gone: a sender may wait for that */

/* The bell of all rooms, to which every receiver listens, too; it cannot be the name of a room. */
#define BELL_ALL ".all"

/* Open the bell of ROOM to wait for it, and make it if need be; a ring from now on makes
 * *DESCRIPTOR ready for poll(), until it is closed. */
enum chat_status bell_listen(struct location *location, const char *bell, const char *room,
                             int *descriptor);

/* Open the bell of ROOM to ring it: returns a descriptor, or -1 if no process listens. If this
 * process dies with it, all current listeners are woken: so a sender holds it before its message
 * can be seen. */
int bell_hold(const struct location *location, const char *bell, const char *room);

/* Ring the bell of ROOM, HELD or not (-1), if a process listens. */
void bell_ring_held(const struct location *location, const char *bell, const char *room, int held);
void bell_ring(const struct location *location, const char *bell, const char *room);

/* Ring the bells of all rooms that have listeners. */
void bell_ring_all(const struct location *location, const char *bell);

/* Remove FIFOs that no process has open, at most MOST; returns how many. The caller holds the
 * write lock: a sender opens a FIFO before its commit, and must find there the processes that
 * listen after it. */
size_t bell_remove_idle(const struct location *location, const char *bell, size_t most);

#endif
