/* read.h - read the contents of messages. */

#ifndef SQLITE_READ_H
#define SQLITE_READ_H

#include "internal.h"
#include "os/lock.h"
#include "room.h"

/* Fill in MESSAGE, whose room is set, from the current row of STATEMENT, except its place, its
 * times and how it failed. In the range of a reader its room becomes the room that it was sent to,
 * a text that is valid until the next call. CHAT_DAMAGED: the message has changed since it was
 * sent. */
enum chat_status read_message(struct sqlite_store *s, sqlite3_stmt *statement,
                              struct chat_message *message);

/* Fill in the place, the times and the failure of the message at POSITION. CHAT_NONE: it is
 * gone. */
enum chat_status read_times(struct sqlite_store *s, int64_t position, struct chat_message *message);

/* Return the number of the room of the message in the current row of STATEMENT, or 0: no room. */
int64_t read_room(sqlite3_stmt *statement);

/* Read the messages at the positions RUN, which belong to ROOM, until the limits are reached,
 * except those that have expired at the time NOW (0: those too). To get the position of the row,
 * add OFFSET to a position: a reader's message may be in its source; it is not read if the reader
 * is past it by now. If the positions were claimed (CLAIMED), release the claims on messages that
 * do not come to BATCH. *SEEN becomes the number of positions that were passed. */
enum chat_status read_run(struct sqlite_store *s, struct range run, int64_t offset, bool claimed,
                          const struct room *room, int64_t now, const struct chat_query *query,
                          struct chat_batch *batch, int64_t *seen);

#endif
