/* claim_lock.h - the claims of this process on messages. */

#ifndef SQLITE_CLAIM_LOCK_H
#define SQLITE_CLAIM_LOCK_H

#include "internal.h"

/* Claim the message at POSITION until the end of the transaction, committed or not: no receiver may
 * begin to process a message that the transaction deletes or moves. CHAT_NONE: a receiver has
 * claimed it. */
enum chat_status claim_lock_take(struct sqlite_store *s, int64_t position);

/* Keep claims that were just taken until the end of the transaction; release them if there is no
 * memory. */
enum chat_status claim_lock_add(struct sqlite_store *s, struct range claimed);

/* Release the claims of the transaction, which has ended. */
void claim_lock_end(struct sqlite_store *s);

/* Return whether this handle has a claim on the message at POSITION: the kernel would grant it
 * again. */
bool claim_lock_has(const struct sqlite_store *s, int64_t position);

/* Return the first position in RANGE that this handle has a claim on, or the one behind its end. */
int64_t claim_lock_first(const struct sqlite_store *s, struct range range);

/* Claim all positions: new claims are refused from now on, and this call waits until receivers have
 * released theirs. CHAT_BUSY, with a text that ends with OTHERWISE, if that takes too long. The
 * caller does not hold the write lock, which a receiver needs before it can finish. */
enum chat_status claim_lock_take_all(struct sqlite_store *s, const char *otherwise);
void claim_lock_release_all(struct sqlite_store *s);

/* Register this process as one that has claims. */
enum chat_status claim_lock_be_present(struct sqlite_store *s);

#endif
