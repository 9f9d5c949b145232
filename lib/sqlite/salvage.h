/* salvage.h - a spool built from the pages of a broken one. */

#ifndef SQLITE_SALVAGE_H
#define SQLITE_SALVAGE_H

#include "internal.h"

/* Where the spool's next id is lost, ids may have been given and received that are nowhere in the
 * file: go on so far behind those that are there. */
enum { LOST_IDS = 1 << 30 };

/* Rebuild the spool from all that can be read in the pages of its file, and replace its
 * contents, in one transaction, under the write lock. *COUNT becomes the number of messages, and
 * *SKIPPED_TO the next id, if the one of the spool was lost; else 0. */
enum chat_status salvage(struct sqlite_store *s, int64_t *count, int64_t *skipped_to);

/* A file that has lost its end can't even be opened: give it the length that it says it has. The
 * spool is not connected. False: it has that, or it can't be had. */
bool salvage_extend(struct sqlite_store *s);

#endif
