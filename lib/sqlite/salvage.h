/* salvage.h - rebuild a spool from the pages of a broken one. */

#ifndef SQLITE_SALVAGE_H
#define SQLITE_SALVAGE_H

#include "internal.h"

/* If the next id of the spool is lost, ids may have been given and received that are nowhere in the
 * file: so new ids begin this far behind those that are there. */
enum { LOST_IDS = 1 << 30 };

/* Rebuild the spool from everything that can be read in the pages of its file, and replace its
 * contents, in one transaction, within the write lock. *COUNT becomes the number of messages.
 * *SKIPPED_TO becomes the next id if the one of the spool was lost, else 0. */
enum chat_status salvage(struct sqlite_store *s, int64_t *count, int64_t *skipped_to);

/* Extend a file that has lost its end to the length that its header says: without it, the file
 * cannot even be opened. The spool is not connected. Returns false if the file has this length, or
 * cannot get it. */
bool salvage_extend(struct sqlite_store *s);

#endif
