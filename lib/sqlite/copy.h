/* copy.h - copies of a database, and a file that replaces a spool. */

#ifndef SQLITE_COPY_H
#define SQLITE_COPY_H

#include "internal.h"

/* Copy all of one database over another, in one transaction. Returns SQLite's result code. */
int copy_pages(sqlite3 *to, sqlite3 *from, chat_progress *progress, void *context);

/* Copy the spool as it is at this moment: other processes can write to it at the same time, and
 * their changes are not copied. Returns SQLite's result code. */
int copy_snapshot(struct sqlite_store *s, sqlite3 *to, chat_progress *progress, void *context);

/* Report that S could not be copied to the file of TO that ends in SUFFIX, because of SQLite's
 * result code RC or, with SQLITE_OK, because of errno. */
enum chat_status copy_failed(struct sqlite_store *s, int rc, const struct location *to,
                             const char *suffix);

/* Sync the file that ends in SUFFIX, and replace the spool TO by it; remove the WAL and the index
 * of the former file. Returns 0, or -1 with errno. */
int copy_put_in_place(struct location *to, const char *suffix);

/* Check that OTHER is neither the spool itself nor one of the files beside it that belong to it. */
enum chat_status copy_check_other(struct sqlite_store *s, const struct location *other,
                                  const char *doing);

#endif
