/* sqlite_read.h - the contents of messages. */

#ifndef SQLITE_READ_H
#define SQLITE_READ_H

#include "lock.h"
#include "store_sqlite.h"

/* Fill in MESSAGE, whose id and room are set, from the row that STATEMENT is at, all of
 * it. CHAT_DAMAGED: it is not what it was when it was
 * sent. */
enum chat_status message_row(struct sqlite_store *s, sqlite3_stmt *statement,
                             struct chat_message *message);

/* Whether BATCH holds as much as QUERY allows. */
bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query);

/* Read the messages of RUN, as many as fit. Whatever is not in BATCH then is not claimed
 * either, if they were (CLAIMED). PLACES (or NULL) has what the order says of each: the row must
 * say the same. *SEEN becomes how many were read or are gone. */
enum chat_status read_run(struct sqlite_store *s, struct range run, bool claimed,
                          const struct room *room, const char *name, const int64_t *places,
                          const struct chat_query *query, struct chat_batch *batch, size_t *seen);

#endif
