/* dead.c - the names of dead-letter rooms. */

#include "dead.h"

#include <stdio.h>
#include <string.h>

bool dead_room(const char *room, char name[CHAT_NAME_MAX + 1])
{
    bool fits = snprintf(name, CHAT_NAME_MAX + 1, "%s%s", room, DEAD_SUFFIX) <= CHAT_NAME_MAX;
    char *slash = strchr(name, '/');
    if (slash != NULL)
        *slash = '.';
    return fits;
}

bool dead_room_of(const char *name, char room[CHAT_NAME_MAX + 1])
{
    size_t length = strlen(name), end = strlen(DEAD_SUFFIX);
    if (length <= end || strcmp(name + length - end, DEAD_SUFFIX) != 0)
        return false;
    snprintf(room, CHAT_NAME_MAX + 1, "%.*s", (int)(length - end), name);
    return true;
}
