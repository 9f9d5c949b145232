/* lines.h - messages of a stream, inserted together. */

#ifndef SQLITE_LINES_H
#define SQLITE_LINES_H

#include "internal.h"

/* Insert a message, now or later together with others: then what it points to is copied. */
enum chat_status lines_add(struct sqlite_store *s, const struct chat_message *message);

/* Insert what was kept for later, or forget it. After an error only a rollback is left. */
enum chat_status lines_insert(struct sqlite_store *s);
void lines_forget(struct sqlite_store *s);

#endif
