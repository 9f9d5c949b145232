/* scratch.h - a database that is being written, without a spool's locks and syncs. */

#ifndef SQLITE_SCRATCH_H
#define SQLITE_SCRATCH_H

#include "internal.h"

/* Create a database beside a spool; its name is that of the spool and SUFFIX. It is not synced.
 * Returns SQLite's result code. The caller closes *DB, also after a failure. */
int scratch_open(struct location *location, const char *suffix, sqlite3 **db);

#endif
