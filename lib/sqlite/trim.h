/* trim.h - delete messages from an open room. */

#ifndef SQLITE_TRIM_H
#define SQLITE_TRIM_H

#include "internal.h"

/* Within a transaction: after CAME messages came to the open room NUMBER, or were read by a reader.
 * Delete messages that all readers are past and that the room does not keep, some at a time; and
 * messages beyond its maximum. */
enum chat_status trim(struct sqlite_store *s, int64_t number, int64_t came);

/* Likewise for a sender, which has put the messages of TALLY into the open room; but only if the
 * room holds more than its maximum, or the messages have brought it past the next point where a
 * look is worth while. */
enum chat_status trim_sent(struct sqlite_store *s, const struct tally *tally);

/* Count the messages, up to MOST, that the slowest reader of the open room has not seen. */
enum chat_status trim_count_unseen(struct sqlite_store *s, int64_t number, int64_t most,
                                   int64_t *count);

/* Within a transaction: let the slowest readers lose their oldest message. CHAT_NONE: they have no
 * message. */
enum chat_status trim_drop_unseen(struct sqlite_store *s, int64_t number);

#endif
