/* create.h - create a spool, and the reserve beside it. */

#ifndef SQLITE_CREATE_H
#define SQLITE_CREATE_H

#include "internal.h"

/* Create the spool file, complete, in one step. Other processes may do so at the same time. */
enum chat_status create_spool(struct sqlite_store *s);

/* Reserve some blocks of the disk for the day when it is full, and give them up on that day. Both
 * do nothing if that was done already; a failure does no harm. */
void reserve_make(struct sqlite_store *s);
void reserve_give(struct sqlite_store *s);

#endif
