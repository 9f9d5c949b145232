/* message.h - the row of a message, written. */

#ifndef SQLITE_MESSAGE_H
#define SQLITE_MESSAGE_H

#include "internal.h"

/* Bind a message of the room NUMBER to the parameters of SQL_ADD_MESSAGE; or the part of it that
 * may change, to those of SQL_SET_POSITION. While it waits for its time its position is WAITS_AT.
 */
void bind_state(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                int64_t waits_at, int64_t checksum);
void bind_message(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                  int64_t waits_at, int64_t checksum);

/* Insert a message into the tally's room, at its position. */
enum chat_status insert_message(struct sqlite_store *s, const struct chat_message *message,
                                int64_t checksum);

#endif
