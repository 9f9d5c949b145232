/* locks.h - lock messages, and unlock them. */

#ifndef POSTGRES_LOCKS_H
#define POSTGRES_LOCKS_H

#include "internal.h"
#include "query.h"

/* The messages that a statement has locked, in their order. For a reader there may be CLAIMS of its
 * own and CLAIMS of its source. */
enum { LOCKED = 2 * CLAIMS };
struct pg_locked {
    int64_t id[LOCKED], length[LOCKED];
    size_t count;
};

/* Add a call that locks available messages of the room or reader NAME by SQL; read them after the
 * exchange. (PG_CLAIM_READY has other columns: see pg_read_ready.) */
size_t pg_locks_call(struct pg_store *s, enum pg sql, const struct chat_query *query,
                     const char *name);
void pg_locks_read(const struct pg_store *s, size_t call, struct pg_locked *locked);

/* Do all of this at once. */
enum chat_status pg_locks_take(struct pg_store *s, enum pg sql, const struct chat_query *query,
                               const char *name, struct pg_locked *locked);

/* Make the exchange, in which locks are released, and fail: a role that may not delete messages
 * gets an error before a message is delivered. */
enum chat_status pg_locks_refuse(struct pg_store *s);

/* Keep the first COUNT messages in LOCKED. Add calls that release the others, which were claimed as
 * READER (0: from a room), and wake the receivers of NAME, which may have found them claimed. */
void pg_locks_keep(struct pg_store *s, int64_t reader, const char *name, size_t count,
                   struct pg_locked *locked);

/* Likewise, keep the messages that a batch may hold. */
void pg_locks_keep_fitting(struct pg_store *s, int64_t reader, const char *name,
                           const struct chat_query *query, struct pg_locked *locked);

/* Store the ids of messages that this session has claimed in an array that the caller frees: all of
 * them, or if READER is not NULL those that it has claimed as that reader. */
void pg_locks_own(const struct pg_store *s, const char *reader, struct pg_array *array);

/* Add a call that releases the claims of READER on these messages, at most LOCKED; with 0, the
 * claims of a receiver from a room. */
void pg_locks_call_unlock(struct pg_store *s, int64_t reader, const int64_t *ids, size_t count);

/* Likewise for claims of readers, by pg_name_claim_key; and for claims on messages that are done.
 */
void pg_locks_call_unlock_keys(struct pg_store *s, const int64_t *keys, size_t count);
void pg_locks_call_unlock_done(struct pg_store *s);

/* Append ID to *IDS, which has *COUNT of them. Returns false if there is no memory. */
bool pg_locks_remember(int64_t **ids, size_t *count, int64_t id);

#endif
