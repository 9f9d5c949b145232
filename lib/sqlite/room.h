/* room.h - the row of a room, and its counters; and the row of the whole spool. */

#ifndef SQLITE_ROOM_H
#define SQLITE_ROOM_H

#include "internal.h"

struct room {
    int64_t number;
    int64_t returned;
    int64_t next_due;    /* 0: nothing waits for its time */
    int64_t next_expiry; /* before this nothing need be swept; 0: nothing expires */
    int64_t depth;
    int64_t source; /* 0: it is plain; its own number: it is open; else it reads that open room */
    char name[CHAT_NAME_MAX + 1];
};

static inline bool room_is_open(const struct room *room)
{
    return room->source != 0 && room->source == room->number;
}

static inline bool room_is_reader(const struct room *room)
{
    return room->source != 0 && room->source != room->number;
}

/* The offset from a position in the range of the reader to that of the message in its source. */
static inline int64_t room_source_offset(const struct room *room)
{
    return (room->source - room->number) << PLACE_BITS;
}

/* Read what holds for the whole spool, and write its next id. CHAT_DATA: that is damaged, and where
 * the settings are not valid, it is they. */
enum chat_status room_read_spool(struct sqlite_store *s);
bool room_settings_valid(const struct sqlite_store *s);
enum chat_status room_set_next_id(struct sqlite_store *s);

/* Read the row of the room NAME; NULL is the default room. CHAT_NONE: no such room; room_find
 * creates it (NAME is not NULL there). */
enum chat_status room_get(struct sqlite_store *s, const char *name, struct room *room);
enum chat_status room_find(struct sqlite_store *s, const char *name, struct room *room);

/* The room of READER (ROOM/NAME). CHAT_NOUSER: it is not open, as the text says. */
enum chat_status room_of_reader(struct sqlite_store *s, const char *reader, struct room *room);

/* Return CHAT_NOUSER, and set the text: the reader NAME does not exist, or its room is not open. */
enum chat_status room_reader_missing(struct sqlite_store *s, const char *name);

/* A number for a new room. CHAT_DATA: none is left. */
enum chat_status room_new_number(struct sqlite_store *s, int64_t *number);

/* The position of the message ID, wherever it is, and the number and the name of the room that the
 * message at POSITION is in. CHAT_NONE: there is no such message. */
enum chat_status room_find_message(struct sqlite_store *s, int64_t id, int64_t *position);
enum chat_status room_of(struct sqlite_store *s, int64_t position, struct room *room);

/* Messages came (back) to places before others; none of them is due any more. */
enum chat_status room_returned(struct sqlite_store *s, int64_t number);

/* So many messages and bytes came to it (below zero: went); and the parameters of SQL_COUNT_ROOM
 * that say so. */
enum chat_status room_count(struct sqlite_store *s, int64_t number, int64_t depth, int64_t bytes);
void room_bind_count(sqlite3_stmt *statement, int64_t number, int64_t depth, int64_t bytes);

/* A message of it is due, and expires, at these times; 0: is not, does not. */
enum chat_status room_count_times(struct sqlite_store *s, int64_t number, int64_t due,
                                  int64_t expires);

#endif
