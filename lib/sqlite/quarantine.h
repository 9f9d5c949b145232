/* quarantine.h - move a damaged message to the room of damaged messages, for a person to look
 * at. */

#ifndef SQLITE_QUARANTINE_H
#define SQLITE_QUARANTINE_H

#include "internal.h"

/* Move the damaged message at POSITION, with all that can be read of it, to the room of damaged
 * messages: CHAT_DAMAGED, and sets the text. CHAT_OK: the message was not damaged, or is gone: look
 * again. */
enum chat_status quarantine(struct sqlite_store *s, int64_t position);

#endif
