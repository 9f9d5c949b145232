/* rooms.h - what both stores share about rooms: errors with the same texts, and numbers of open
 * rooms. */

#ifndef ROOMS_H
#define ROOMS_H

#include "store.h"

/* Set the text and return CHAT_NOUSER: the room of NAME, which may be a reader's, is not open. */
enum chat_status rooms_not_open(struct error *error, const char *name);

/* Set the text and return CHAT_NOUSER: the open room has no reader of the name NAME (ROOM/NAME). */
enum chat_status rooms_no_reader(struct error *error, const char *name);

/* Set the text and return CHAT_NONE: the open room of NAME does not keep the message ID. */
enum chat_status rooms_no_message(struct error *error, const char *name, int64_t id);

/* Set the text and return CHAT_USAGE: ROOM is open, and receivers have to name a reader. */
enum chat_status rooms_need_reader(struct error *error, const char *room);

/* Set the text and return CHAT_BUSY: ROOM holds DEPTH messages; if it is OPEN, its slowest reader
 * has not read DEPTH messages. */
enum chat_status rooms_full(struct error *error, const char *room, int64_t depth, bool open);

/* Return the bounds of an open room by its columns, which hold one number for each pair. */
struct chat_bounds rooms_bounds(int64_t keep, int64_t most);

/* Return how many of the MISSED messages of the reader with this number no batch of this handle has
 * reported yet. */
int64_t rooms_missed(const struct store *store, int64_t reader, int64_t missed);

#endif
