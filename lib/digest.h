/* digest.h - the checksum that each message carries. */

#ifndef DIGEST_H
#define DIGEST_H

#include "chatspool.h"

/* Return a checksum over everything of MESSAGE that does not change while it is in its room: all
 * except the attempts. So a flipped bit or a swapped page is noticed before a message is handed
 * over. */
int64_t digest_message(const struct chat_message *message);

#endif
