/* name.c - the names of readers, and the keys of their claims. */

#include "internal.h"

#include <stdio.h>
#include <string.h>

bool pg_is_reader(const char *name)
{
    return name != NULL && strchr(name, '/') != NULL;
}

const char *pg_source_name(const char *name, char room[CHAT_NAME_MAX + 1])
{
    snprintf(room, CHAT_NAME_MAX + 1, "%.*s", (int)strcspn(name, "/"), name);
    return room;
}

/* The keys of a claim, as chat.reading has them. */
int64_t pg_reader_key(int64_t reader, int64_t id)
{
    const uint64_t id_mask = ((uint64_t)1 << 40) - 1;
    return (int64_t)((uint64_t)reader << 40 | ((uint64_t)id & id_mask));
}

/* The name of the reader that a message was received as, or of its room. */
static const char *received_as(const struct chat_message *m, char name[2 * CHAT_NAME_MAX])
{
    char room[CHAT_NAME_MAX + 1];
    if (m->reader == NULL)
        return m->room;
    snprintf(name, (size_t)2 * CHAT_NAME_MAX, "%s/%s", pg_source_name(m->room, room), m->reader);
    return name;
}

int64_t pg_hash_of(const struct chat_message *m)
{
    char name[2 * CHAT_NAME_MAX];
    return pg_hash(received_as(m, name));
}
