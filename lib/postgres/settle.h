/* settle.h - move claimed messages. */

#ifndef POSTGRES_SETTLE_H
#define POSTGRES_SETTLE_H

#include "internal.h"

/* Move messages from the room with the number FROM to the room that they have in MOVED: to its end,
 * or with FIRST before its first message. */
enum chat_status pg_move_messages(struct pg_store *s, const struct chat_message *const *moved,
                                  size_t count, int64_t from, const char *from_name, bool first);

#endif
