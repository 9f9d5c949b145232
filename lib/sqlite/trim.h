/* trim.h - what leaves an open room. */

#ifndef SQLITE_TRIM_H
#define SQLITE_TRIM_H

#include "internal.h"

/* Within a transaction: CAME messages came to the open room NUMBER, or were read by a reader.
 * Delete what all readers are past and what is not to be kept, some at a time; and what the room
 * may not hold. */
enum chat_status trim(struct sqlite_store *s, int64_t number, int64_t came);

/* The same for a sender whose messages in the open room are those of TALLY, when it is due: the
 * room holds more than it may, or has got past the next point where a look at it is worth while. */
enum chat_status trim_sent(struct sqlite_store *s, const struct tally *tally);

/* How many messages, up to MOST, the slowest reader of the open room has not seen. */
enum chat_status trim_count_unseen(struct sqlite_store *s, int64_t number, int64_t most,
                                   int64_t *count);

/* Within a transaction: the slowest readers lose their oldest message. CHAT_NONE: they have no
 * message. */
enum chat_status trim_drop_unseen(struct sqlite_store *s, int64_t number);

#endif
