/* name.c - the names of rooms and readers, and the keys of their claims. */

#include "name.h"

#include <stdio.h>
#include <string.h>

/* Hash with FNV-1a. Two rooms with the same hash only wake each other up for nothing. */
static int64_t hash_bytes(const char *name, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
    return (int64_t)(hash >> 16);
}

int64_t pg_name_hash(const char *name)
{
    return hash_bytes(name, strlen(name));
}

int64_t pg_name_hash_source(const char *name)
{
    return hash_bytes(name, strcspn(name, "/"));
}

bool pg_name_is_reader(const char *name)
{
    return name != NULL && strchr(name, '/') != NULL;
}

const char *pg_name_source(const char *name, char room[CHAT_NAME_MAX + 1])
{
    snprintf(room, CHAT_NAME_MAX + 1, "%.*s", (int)strcspn(name, "/"), name);
    return room;
}

int64_t pg_name_claim_key(int64_t reader, int64_t id)
{
    const uint64_t id_mask = ((uint64_t)1 << 40) - 1;
    return (int64_t)((uint64_t)reader << 40 | ((uint64_t)id & id_mask));
}

/* Return the name of the reader that received the message, or of its room. */
static const char *received_as(const struct chat_message *m, char name[2 * CHAT_NAME_MAX])
{
    char room[CHAT_NAME_MAX + 1];
    if (m->reader == NULL)
        return m->room;
    snprintf(name, (size_t)2 * CHAT_NAME_MAX, "%s/%s", pg_name_source(m->room, room), m->reader);
    return name;
}

int64_t pg_name_hash_of(const struct chat_message *m)
{
    char name[2 * CHAT_NAME_MAX];
    return pg_name_hash(received_as(m, name));
}
