/* opened.h - writing an open room with its readers. */

#ifndef OPENED_H
#define OPENED_H

#include "spool.h"

/* Where to write. */
struct opened {
    void *context;
    void (*put_room)(void *context, const struct chat_room *room);
    void (*put_message)(void *context, const struct chat_message *message);
    /* NAME (ROOM/NAME) has read the messages of the room that were put, up to the position of
     * READER. */
    void (*put_reader)(void *context, const char *name, const struct chat_reader *reader);
};

/* Write ROOM of SPOOL, then its messages, with each reader after the last message that it has read,
 * and at the end the readers' own messages. Returns whether a message was damaged. */
bool opened_write(chat_spool *spool, const struct chat_room *room, const struct opened *to);

/* Return the room NAME among COUNT rooms, or NULL. */
const struct chat_room *opened_find(const struct chat_room *rooms, size_t count, const char *name);

#endif
