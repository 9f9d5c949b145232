/* connect.h - a handle is connected to its spool. */

#ifndef SQLITE_CONNECT_H
#define SQLITE_CONNECT_H

#include "internal.h"

/* Be connected. CHAT_NONE: there is no spool file. */
enum chat_status connect_spool(struct sqlite_store *s);

/* As connect_spool, if need be with the blocks of the reserve. */
enum chat_status connect_on_full_disk(struct sqlite_store *s);

/* Likewise, and create the spool if it does not exist. */
enum chat_status connect_or_create(struct sqlite_store *s);

/* transaction_begin, connected; creates the spool if it does not exist. */
enum chat_status connect_and_begin(struct sqlite_store *s);

/* Close all files but the lock file. */
void connect_close(struct sqlite_store *s);

#endif
