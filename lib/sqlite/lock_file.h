/* lock_file.h - open the lock file of a spool, and check that it is still the one that other
 * processes lock. */

#ifndef SQLITE_LOCK_FILE_H
#define SQLITE_LOCK_FILE_H

#include "internal.h"

/* Open the lock file, unless it is open. */
enum chat_status lock_file_open(struct sqlite_store *s);

/* Translate the ERRNUM of a failed lock to a status, and set the text. */
enum chat_status lock_file_failed(struct sqlite_store *s, int errnum);

/* Check that the lock file and the spool that are open still have their names: a commit to a file
 * without a name is lost, and a lock on such a file excludes no other process. CHAT_IO: one of them
 * was removed or replaced. The first function looks at the lock file at most once per second. */
enum chat_status lock_file_check_names(struct sqlite_store *s);
enum chat_status lock_file_check_names_now(struct sqlite_store *s);

#endif
