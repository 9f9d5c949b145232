/* dead.h - the names of dead-letter rooms. The default is ROOM.dead for a room and ROOM.NAME.dead
 * for the reader ROOM/NAME; --dead overrides it. */

#ifndef DEAD_H
#define DEAD_H

#include <stdbool.h>

#include "chatspool.h"

#define DEAD_SUFFIX ".dead"

/* Store the name of the dead-letter room of ROOM, which may be a reader. Returns false, with the
 * name cut, if the name is too long for a room. */
bool dead_room(const char *room, char name[CHAT_NAME_MAX + 1]);

/* Store the name of the room whose default dead-letter room is NAME. Returns false if NAME does not
 * look like a dead-letter room. */
bool dead_room_of(const char *name, char room[CHAT_NAME_MAX + 1]);

#endif
