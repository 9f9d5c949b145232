/* dead.h - the names of dead-letter rooms: that of ROOM is ROOM.dead, that of the reader ROOM/NAME
 * is ROOM.NAME.dead, unless --dead names another. */

#ifndef DEAD_H
#define DEAD_H

#include <stdbool.h>

#include "chatspool.h"

#define DEAD_SUFFIX ".dead"

/* Store the name of the dead-letter room of ROOM, or of a reader. False: a room cannot have a name
 * of that length; then it is cut. */
bool dead_room(const char *room, char name[CHAT_NAME_MAX + 1]);

/* Store the name of the room that NAME is the dead-letter room of. False: by its name NAME is not a
 * dead-letter room. */
bool dead_room_of(const char *name, char room[CHAT_NAME_MAX + 1]);

#endif
