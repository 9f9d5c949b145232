/* front.h - find free places before the first message of a room. */

#ifndef SQLITE_FRONT_H
#define SQLITE_FRONT_H

#include "internal.h"

/* Within a transaction: find COUNT consecutive free places before the first message of ROOM, and
 * store the first of them in *PLACE. If there are too few, give all messages of the room that no
 * receiver has claimed new places, in their order. */
enum chat_status front_find(struct sqlite_store *s, int64_t room, int64_t count, int64_t *place);

#endif
