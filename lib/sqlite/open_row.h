/* open_row.h - the rows of open rooms and of readers, and copies of messages for readers.
 *
 * A reader is a row of the table of rooms that reads another room, its source. It has seen the
 * source up to a place. It has finished no message behind that place. A message before that place
 * is finished, or has a copy in the reader's own range, at the same place. A claim of a reader
 * locks the byte of the position that the copy has, or would have: so the claims of one reader do
 * not concern another, and a claim stays valid when the message is copied. */

#ifndef SQLITE_OPEN_ROW_H
#define SQLITE_OPEN_ROW_H

#include "internal.h"

/* The row of an open room, or of a reader. */
struct open_row {
    int64_t number, source;
    int64_t seen, missed, slowest;
    int64_t keep, most;
    int64_t depth, next_due, next_expiry;
    char name[CHAT_NAME_MAX + 1];
};

/* Read the row of the room NUMBER. CHAT_NONE: no such room. A plain room has the source 0. */
enum chat_status open_row_get(struct sqlite_store *s, int64_t number, struct open_row *row);

/* Read the row of the open room NAME, or of the open room that the reader NAME (ROOM/NAME) reads.
 * CHAT_NOUSER: it is not open. */
enum chat_status open_row_find(struct sqlite_store *s, const char *name, struct open_row *row);

/* Store in *PLACE the place of the message ID in the open room. CHAT_NONE: the room does not keep
 * it. */
enum chat_status open_row_find_message(struct sqlite_store *s, const struct open_row *open,
                                       int64_t id, int64_t *place);

/* Within a transaction: copy the messages of READER's source at the reader's positions RUN; with
 * EXPIRED, expired messages too. */
enum chat_status open_row_copy(struct sqlite_store *s, const struct open_row *reader,
                               struct range run, bool expired);

/* Set how far an open room, or a reader, has come. LAST is the time when the reader finished a
 * message, or 0: it has not finished one. */
enum chat_status open_row_set_seen(struct sqlite_store *s, int64_t number, int64_t seen,
                                   int64_t slowest);
enum chat_status open_row_set_reader(struct sqlite_store *s, int64_t number, int64_t seen,
                                     int64_t missed, int64_t last);

#endif
