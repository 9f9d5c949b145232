/* due.h - make messages ready whose time has come. */

#ifndef SQLITE_DUE_H
#define SQLITE_DUE_H

#include "internal.h"
#include "room.h"

/* Return whether messages of ROOM that were delayed or held back are due now. */
bool due_any(const struct room *room);

/* Move all messages of ROOM that are due to their places in the room. */
enum chat_status due_promote(struct sqlite_store *s, const struct room *room);

#endif
