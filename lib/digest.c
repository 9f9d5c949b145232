/* digest.c - the checksum that each message carries.
 *
 * XXH3 with 64 bits, from libxxhash's header: it hashes a body faster than memory
 * delivers it, and inlined it adds no shared library to the start of a command. */

#include "digest.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static XXH64_hash_t add(XXH64_hash_t hash, const void *bytes, size_t size)
{
    /* The length is hashed, too: otherwise "ab" + "c" would be "a" + "bc". */
    return XXH3_64bits_withSeed(bytes, size, hash ^ size);
}

static XXH64_hash_t add_text(XXH64_hash_t hash, const char *text)
{
    return add(hash, text, strlen(text));
}

int64_t digest_message(const struct chat_message *message)
{
    unsigned char numbers[16]; /* little-endian on every machine */
    for (size_t i = 0; i < 8; i++) {
        numbers[i] = (unsigned char)((uint64_t)message->id >> (8 * i));
        numbers[8 + i] = (unsigned char)((uint64_t)message->time >> (8 * i));
    }
    XXH64_hash_t hash = add(0, numbers, sizeof numbers);
    hash = add_text(hash, message->room);
    hash = add_text(hash, message->user);
    hash = add_text(hash, message->host);
    hash = add_text(hash, message->key != NULL ? message->key : "");
    hash = add(hash, message->body, message->length);
    return (int64_t)hash;
}
