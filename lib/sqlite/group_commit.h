/* group_commit.h - commits whose syncs overlap. */

#ifndef SQLITE_GROUP_COMMIT_H
#define SQLITE_GROUP_COMMIT_H

#include "internal.h"

/* End a transaction that has come to STATUS: with group_commit() if it is CHAT_OK, else roll back.
 * Returns STATUS, or the status of the commit. If it has no memory to roll back, it closes the
 * database and returns CHAT_SYSTEM. */
enum chat_status group_commit_end(struct sqlite_store *s, enum chat_status status);

/* Commit a transaction, and release the write lock before the sync. NEW are the ids of new
 * messages, or an empty range. */
enum chat_status group_commit(struct sqlite_store *s, struct range new);

/* Sync the message ID and those before it, of all senders. */
enum chat_status group_commit_sync(struct sqlite_store *s, int64_t id);

#endif
