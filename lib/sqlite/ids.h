/* ids.h - the ids that are in use, for messages that bring their own. */

#ifndef SQLITE_IDS_H
#define SQLITE_IDS_H

#include "internal.h"

/* Within a transaction: store in *USED whether a message has this id. */
enum chat_status ids_has(struct sqlite_store *s, int64_t id, bool *used);

/* Note that a message got this id. */
enum chat_status ids_add(struct sqlite_store *s, int64_t id);

#endif
