/* connect.h - connect a handle to its spool. */

#ifndef SQLITE_CONNECT_H
#define SQLITE_CONNECT_H

#include "internal.h"

/* Connect, unless connected. CHAT_NONE: there is no spool file. */
enum chat_status connect_spool(struct sqlite_store *s);

/* Likewise; if the disk is full, use the blocks of the reserve. */
enum chat_status connect_on_full_disk(struct sqlite_store *s);

/* Likewise, and create the spool if it does not exist. */
enum chat_status connect_or_create(struct sqlite_store *s);

/* Connect as connect_or_create() does, and begin a transaction. */
enum chat_status connect_and_begin(struct sqlite_store *s);

/* Close all files except the lock file. */
void connect_close(struct sqlite_store *s);

#endif
