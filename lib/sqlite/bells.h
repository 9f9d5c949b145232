/* bells.h - wake the sleepers of the rooms that a transaction has changed. */

#ifndef SQLITE_BELLS_H
#define SQLITE_BELLS_H

#include "internal.h"

/* Within a transaction: have the bell of ROOM, or all bells, rung when it is committed. */
enum chat_status bells_add(struct sqlite_store *s, const char *bell, const char *room);
void bells_add_all(struct sqlite_store *s);

/* Just before the commit; after it, and its sync; or where it is rolled back. */
void bells_hold(struct sqlite_store *s);
void bells_ring(struct sqlite_store *s);
void bells_forget(struct sqlite_store *s);

#endif
