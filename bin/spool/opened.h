/* opened.h - an open room with its readers, written as a whole. */

#ifndef OPENED_H
#define OPENED_H

#include "spool.h"

/* Where it is written to. */
struct opened {
    void *context;
    void (*put_room)(void *context, const struct chat_room *room);
    void (*put_message)(void *context, const struct chat_message *message);
    /* NAME (ROOM/NAME) has seen the messages of the room that were put, up to PLACE. */
    void (*put_reader)(void *context, const char *name, int64_t place);
};

/* Write ROOM of SPOOL, then its messages, with each reader behind the last one that it has seen,
 * and at the end what readers have for themselves. Returns whether a message was damaged. */
bool opened_write(chat_spool *spool, const struct chat_room *room, const struct opened *to);

/* The room NAME among COUNT rooms; NULL: it is not there. */
const struct chat_room *opened_find(const struct chat_room *rooms, size_t count, const char *name);

#endif
