/* read.h - the contents of messages. */

#ifndef SQLITE_READ_H
#define SQLITE_READ_H

#include "internal.h"
#include "os/lock.h"
#include "room.h"

/* Fill in MESSAGE, whose room is set, from the row that STATEMENT is at, all but its place, its
 * times and how it failed. In the range of a reader its room becomes the one that it was sent to,
 * a text that is good until the next call. CHAT_DAMAGED: it is not what it was when it was sent. */
enum chat_status read_message(struct sqlite_store *s, sqlite3_stmt *statement,
                              struct chat_message *message);

/* Those of the message at POSITION. CHAT_NONE: it is gone. */
enum chat_status read_times(struct sqlite_store *s, int64_t position, struct chat_message *message);

/* The id of the message that STATEMENT is at, and the number of its room; 0: it is in none. */
int64_t read_id(sqlite3_stmt *statement);
int64_t read_room(sqlite3_stmt *statement);

/* Read the messages at the positions of RUN, which are of ROOM, until the limits are reached;
 * but not those that have expired at the time NOW (0: those too). OFFSET is added to a position
 * for that of the row: a reader's message may be in its source, and is not read if the reader is
 * past it by now. Messages that are not in BATCH then are not claimed either, if they were
 * (CLAIMED). *SEEN becomes how many positions were passed. */
enum chat_status read_run(struct sqlite_store *s, struct range run, int64_t offset, bool claimed,
                          const struct room *room, int64_t now, const struct chat_query *query,
                          struct chat_batch *batch, int64_t *seen);

#endif
