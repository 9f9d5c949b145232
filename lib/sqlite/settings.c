/* settings.c - what holds for a whole spool. */

#include "settings.h"

#include <string.h>

#include "connect.h"
#include "operations.h"
#include "room.h"

enum chat_status sqlite_settings(struct store *store, struct chat_settings *settings)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *settings = (struct chat_settings){
        .max_length = CHAT_LENGTH_DEFAULT,
        .room = CHAT_ROOM_DEFAULT,
        .next_id = 1,
    };
    enum chat_status status = connect_spool(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    if (status == CHAT_OK)
        status = room_read_spool(s);
    if (status != CHAT_OK)
        return status;
    settings->max_length = s->max_length;
    settings->next_id = s->next_id;
    strcpy(settings->room, s->default_room);
    return CHAT_OK;
}

const char *settings_room_name(struct sqlite_store *s, const char *name)
{
    if (name != NULL)
        return name;
    bool known = connect_spool(s) == CHAT_OK && room_read_spool(s) == CHAT_OK;
    return known ? s->default_room : CHAT_ROOM_DEFAULT;
}
