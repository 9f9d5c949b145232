/* lines.h - insert messages of a stream together. */

#ifndef SQLITE_LINES_H
#define SQLITE_LINES_H

#include "internal.h"

/* Insert a message, now or later together with others; in the second case copy its texts and its
 * body. */
enum chat_status lines_add(struct sqlite_store *s, const struct chat_message *message);

/* Insert the messages that were kept for later, or forget them. After an error only a rollback is
 * left. */
enum chat_status lines_insert(struct sqlite_store *s);
void lines_forget(struct sqlite_store *s);

#endif
