/* create.h - a new spool, and the reserve beside it. */

#ifndef SQLITE_CREATE_H
#define SQLITE_CREATE_H

#include "internal.h"

/* Make the spool file, complete, in one step. Others may do so at the same time. */
enum chat_status create_spool(struct sqlite_store *s);

/* Keep some blocks of the disk for a day when it is full, and give them up on that day.
 * Both do nothing where it is done already; they can fail without harm. */
void reserve_make(struct sqlite_store *s);
void reserve_give(struct sqlite_store *s);

#endif
