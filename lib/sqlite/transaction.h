/* transaction.h - a transaction that writes, within the write lock. */

#ifndef SQLITE_TRANSACTION_H
#define SQLITE_TRANSACTION_H

#include "internal.h"

/* Take the write lock and begin a transaction that writes; commit it or roll it back, empty the WAL
 * if it has grown, and release the write lock. */
enum chat_status transaction_begin(struct sqlite_store *s);
enum chat_status transaction_commit(struct sqlite_store *s);
void transaction_rollback(struct sqlite_store *s);

/* Roll the transaction back, but keep the write lock: the caller continues. */
void transaction_undo(struct sqlite_store *s);

/* Empty the WAL, however short it is, and return its space. */
enum chat_status transaction_empty_wal(struct sqlite_store *s);

/* On a full disk: give up the reserve, and empty the WAL with its blocks. */
enum chat_status transaction_make_space(struct sqlite_store *s);

#endif
