/* room.h - the row of a room, and its counters; and the row of the whole spool. */

#ifndef SQLITE_ROOM_H
#define SQLITE_ROOM_H

#include "internal.h"

struct room {
    int64_t number;
    int64_t returned;
    int64_t next_due;    /* 0: no message waits for its time */
    int64_t next_expiry; /* no message expires before this time; 0: none expires */
    int64_t depth;
    int64_t source; /* 0: plain; its own number: open; else the open room that it reads */
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

/* Return the offset from a position in the range of the reader to that of the message in its
 * source. */
static inline int64_t room_source_offset(const struct room *room)
{
    return (room->source - room->number) << PLACE_BITS;
}

/* Read the row of the spool; return whether the settings that were read are valid; and write the
 * next id, after it was increased for each id and place that was used. CHAT_DATA: the row is
 * damaged, or the settings are invalid; or one was used that is beyond the highest. */
enum chat_status room_read_spool(struct sqlite_store *s);
bool room_settings_valid(const struct sqlite_store *s);
enum chat_status room_set_next_id(struct sqlite_store *s);

/* Return CHAT_DATA, and set the text: no id is left. */
enum chat_status room_ids_used_up(const struct sqlite_store *s);

/* Read the row of the room NAME (NULL: the default room). CHAT_NONE: no such room. room_find
 * creates the room; there NAME is not NULL. */
enum chat_status room_get(struct sqlite_store *s, const char *name, struct room *room);
enum chat_status room_find(struct sqlite_store *s, const char *name, struct room *room);

/* Read the row of the room of READER (ROOM/NAME). CHAT_NOUSER, and sets the text: the room is not
 * open. */
enum chat_status room_of_reader(struct sqlite_store *s, const char *reader, struct room *room);

/* Return CHAT_NOUSER, and set the text: the reader NAME does not exist, or its room is not open. */
enum chat_status room_reader_missing(struct sqlite_store *s, const char *name);

/* Find a number for a new room. CHAT_DATA: no number is left. */
enum chat_status room_new_number(struct sqlite_store *s, int64_t *number);

/* Find the position of the message ID in any room; and the number and the name of the room of the
 * message at POSITION. CHAT_NONE: no such message. */
enum chat_status room_find_message(struct sqlite_store *s, int64_t id, int64_t *position);
enum chat_status room_of(struct sqlite_store *s, int64_t position, struct room *room);

/* Note that messages came (back) to places before others, and that none of them is due any more. */
enum chat_status room_returned(struct sqlite_store *s, int64_t number);

/* Add DEPTH messages with BYTES bytes to the counters of the room (below zero: subtract them); and
 * bind the parameters of SQL_COUNT_ROOM that do so. */
enum chat_status room_count(struct sqlite_store *s, int64_t number, int64_t depth, int64_t bytes);
void room_bind_count(sqlite3_stmt *statement, int64_t number, int64_t depth, int64_t bytes);

/* Note that a message of the room is due, and expires, at these times; 0: it is not, it does
 * not. */
enum chat_status room_count_times(struct sqlite_store *s, int64_t number, int64_t due,
                                  int64_t expires);

#endif
