/* name.h - the names of rooms and readers, and the keys of their claims. */

#ifndef POSTGRES_NAME_H
#define POSTGRES_NAME_H

#include "chatspool.h"

/* Return 48 bits of a name. */
int64_t pg_name_hash(const char *name);

/* Return that of the room of NAME, which may be a reader's. */
int64_t pg_name_hash_source(const char *name);

/* Return whether NAME (NULL: the default room) is that of a reader. */
bool pg_name_is_reader(const char *name);

/* Copy the room of NAME, which may be a reader's, to ROOM, and return ROOM. */
const char *pg_name_source(const char *name, char room[CHAT_NAME_MAX + 1]);

/* Return the hash of the name that a message was received by. */
int64_t pg_name_hash_of(const struct chat_message *m);

/* Return the key of a reader's claim on the message ID, as chat.reading has it. */
int64_t pg_name_claim_key(int64_t reader, int64_t id);

#endif
