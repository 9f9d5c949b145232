/* bells.h - wake the processes that wait for the rooms that a transaction has changed. */

#ifndef SQLITE_BELLS_H
#define SQLITE_BELLS_H

#include "internal.h"

/* Within a transaction: ring the bell of ROOM after the commit. */
enum chat_status bells_add(struct sqlite_store *s, const char *bell, const char *room);

/* Likewise both bells of ROOM: for receivers, and for senders that wait for space. */
enum chat_status bells_add_both(struct sqlite_store *s, const char *room);

/* Likewise all bells. */
void bells_add_all(struct sqlite_store *s);

/* Open the FIFOs, just before the commit. */
void bells_hold(struct sqlite_store *s);

/* Ring the bells, after the commit and its sync. */
void bells_ring(struct sqlite_store *s);

/* Ring no bell: the transaction was rolled back. */
void bells_forget(struct sqlite_store *s);

#endif
