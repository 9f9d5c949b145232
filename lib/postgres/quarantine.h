/* quarantine.h - move a damaged message to the room of damaged messages. */

#ifndef POSTGRES_QUARANTINE_H
#define POSTGRES_QUARANTINE_H

#include "internal.h"

/* Move the damaged message ID to the room of damaged messages: CHAT_DAMAGED, and sets the text.
 * CHAT_OK: the message is gone. */
enum chat_status pg_quarantine(struct pg_store *s, int64_t id);

#endif
