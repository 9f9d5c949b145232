/* message.h - write and delete the row of a message. */

#ifndef SQLITE_MESSAGE_H
#define SQLITE_MESSAGE_H

#include "internal.h"

/* Bind a message of the room NUMBER to the parameters of SQL_ADD_MESSAGE; or only the part of it
 * that may change, to those of SQL_SET_POSITION. A message that waits for its time gets the
 * position WAITS_AT. */
void message_bind_state(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                        int64_t waits_at, int64_t checksum);
void message_bind(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                  int64_t waits_at, int64_t checksum);

/* Insert a message into the room of the tally, at its position. */
enum chat_status message_insert(struct sqlite_store *s, const struct chat_message *message,
                                int64_t checksum);

/* Delete the row at POSITION. The caller corrects the counters of its room. */
enum chat_status message_delete(struct sqlite_store *s, int64_t position);

/* Do not overwrite the pages of the large messages that are deleted from now on. */
enum chat_status message_delete_without_zeros(struct sqlite_store *s);

#endif
