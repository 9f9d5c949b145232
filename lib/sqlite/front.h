/* front.h - free places before the first message of a room. */

#ifndef SQLITE_FRONT_H
#define SQLITE_FRONT_H

#include "internal.h"

/* Within a transaction: find COUNT places in a row before those of the messages in ROOM; *PLACE
 * becomes the first. If there are too few, all messages of the room that no receiver has claimed
 * get other places, in their order. */
enum chat_status front_find(struct sqlite_store *s, int64_t room, int64_t count, int64_t *place);

#endif
