/* transaction.h - a transaction that writes, within the write lock. */

#ifndef SQLITE_TRANSACTION_H
#define SQLITE_TRANSACTION_H

#include "internal.h"

/* Wait for our turn and begin a transaction that writes; commit or roll it back, empty
 * the WAL if it has grown, and let the next one in. */
enum chat_status transaction_begin(struct sqlite_store *s);
enum chat_status transaction_commit(struct sqlite_store *s);
void transaction_rollback(struct sqlite_store *s);

/* Roll it back, and keep the write lock: the caller is in the middle of it. */
void transaction_undo(struct sqlite_store *s);

/* Empty the WAL, however short it is, and give its space back. */
enum chat_status transaction_empty_wal(struct sqlite_store *s);

/* The disk is full: give up the reserve, and empty the WAL with it. */
enum chat_status transaction_make_space(struct sqlite_store *s);

#endif
