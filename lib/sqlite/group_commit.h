/* group_commit.h - commits whose syncs overlap. */

#ifndef SQLITE_GROUP_COMMIT_H
#define SQLITE_GROUP_COMMIT_H

#include "internal.h"

/* Commit with group_commit, or roll back, as STATUS says how the transaction went: returns it, or
 * how the commit went. */
enum chat_status group_commit_end(struct sqlite_store *s, enum chat_status status);

/* transaction_commit, which lets others in before the sync. NEW are the ids of the messages that
 * come with it, if any do. */
enum chat_status group_commit(struct sqlite_store *s, struct range new);

/* Sync the message ID and those before it, of all senders. */
enum chat_status group_commit_sync(struct sqlite_store *s, int64_t id);

#endif
