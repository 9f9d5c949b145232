/* bell.h - how a sender wakes the receivers that wait for a room.
 *
 * A room that a receiver waits for has a FIFO, which has the name of the room, in the spool's bell
 * directory. A receiver opens it for reading and sleeps in poll(). A sender opens it for writing,
 * writes a byte and closes it; if no receiver waits, this costs one failing open().
 *
 * Closing the FIFO wakes every process that had it open before, each by its own descriptor
 * (POLLHUP, fifo(7)). So no receiver can take the wake-up from another, and a receiver that is
 * killed right after its wake-up strands no message. The byte is for a sender that is stopped
 * before it can close. qmail's lock/trigger is the model. */

#ifndef BELL_H
#define BELL_H

#include "location.h"

/* The two kinds of bells: their directories end in these. */
#define BELL_CAME "-bell" /* a message came to the room, or should be looked at again */
#define BELL_GONE "-gone" /* a message left the room: a sender may wait for that */

/* The bell of all rooms: every receiver listens to it, too. It cannot be the name of a room. */
#define BELL_ALL ".all"

/* Open the bell of ROOM to wait for it; create it if it is missing. From now on, until it is
 * closed, a ring makes *DESCRIPTOR ready for poll(). */
enum chat_status bell_listen(struct location *location, const char *bell, const char *room,
                             int *descriptor);

/* Open the bell of ROOM to ring it. Returns a descriptor, or -1 if no process listens. If this
 * process dies while it holds the descriptor, all current listeners are woken: so a sender opens it
 * before its message can be seen. */
int bell_hold(const struct location *location, const char *bell, const char *room);

/* Ring the bell of ROOM, HELD or not (-1), if a process listens. */
void bell_ring_held(const struct location *location, const char *bell, const char *room, int held);
void bell_ring(const struct location *location, const char *bell, const char *room);

/* Ring the bells of all rooms that have listeners. */
void bell_ring_all(const struct location *location, const char *bell);

/* Remove FIFOs that no process has open, at most MOST. Returns how many. The caller holds the write
 * lock: a sender opens a FIFO before its commit, and must meet in it the processes that listen
 * after it. */
size_t bell_remove_idle(const struct location *location, const char *bell, size_t most);

#endif
