/* locks.h - the write lock and the claims, on the lock file of a spool. */

#ifndef SQLITE_LOCKS_H
#define SQLITE_LOCKS_H

#include "internal.h"

/* Open the lock file. */
enum chat_status store_open_lock(struct sqlite_store *s);

enum chat_status store_cannot_lock(struct sqlite_store *s, int errnum);

/* Whether the spool can be changed: CHAT_IO where it is on a read-only file system. */
enum chat_status store_can_write(struct sqlite_store *s);

/* CHAT_IO: the spool or its lock file was removed or replaced since it was opened. */
enum chat_status store_in_place(struct sqlite_store *s);

/* Wait for the write lock of the spool. If a sync has failed before, in any process, it is
 * repaired, or the lock is not taken. */
enum chat_status turn_take(struct sqlite_store *s);
void turn_leave(struct sqlite_store *s);

/* Claim that message until the end of the transaction, committed or not: no receiver may begin
 * to work on a message that the transaction deletes or moves. CHAT_NONE: a receiver has claimed
 * it. claim_hold does the same with a claim that was just taken. */
enum chat_status claim_for_turn(struct sqlite_store *s, int64_t position);
enum chat_status claim_hold(struct sqlite_store *s, struct range claimed);

/* Give up the claims of the transaction; the transaction has ended. */
void claim_end_turn(struct sqlite_store *s);

/* Whether this handle has a claim on the message: the kernel would grant it again. And the first
 * position in RANGE that it has a claim on, or the one behind its end. */
bool holds_claim(const struct sqlite_store *s, int64_t position);
int64_t claim_first_held(const struct sqlite_store *s, struct range range);

/* Claim all positions: new claims are refused from now on, and those that receivers have are waited
 * for. CHAT_BUSY, with a text that ends with OTHERWISE, where one of them works for too long. The
 * caller does not hold the write lock, which a receiver needs to end. */
enum chat_status claim_all(struct sqlite_store *s, const char *otherwise);
void unclaim_all(struct sqlite_store *s);

/* Make this process known as one that has claims. */
enum chat_status be_present(struct sqlite_store *s);

#endif
