/* write_lock.h - the write lock of a spool. */

#ifndef SQLITE_WRITE_LOCK_H
#define SQLITE_WRITE_LOCK_H

#include "internal.h"

/* Check that the spool can be changed. CHAT_IO: it is on a read-only file system. */
enum chat_status write_lock_check_writable(struct sqlite_store *s);

/* Wait for the write lock of the spool. If a sync has failed before, in any process, repair the WAL
 * first; if that fails, do not take the lock. */
enum chat_status write_lock_take(struct sqlite_store *s);

/* Release the write lock, and the claims of the transaction. */
void write_lock_release(struct sqlite_store *s);

#endif
