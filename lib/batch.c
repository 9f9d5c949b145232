/* batch.c - messages in memory. */

#include "batch.h"

#include <stdlib.h>
#include <string.h>

struct chat_batch *batch_new(struct store *store)
{
    struct chat_batch *batch = calloc(1, sizeof *batch);
    if (batch != NULL)
        batch->store = store;
    return batch;
}

/* Have room for COUNT messages. */
static bool grow(struct chat_batch *batch, size_t count)
{
    size_t capacity = batch->capacity > 0 ? batch->capacity : 1;
    while (capacity < count)
        capacity *= 2;
    struct chat_message **messages =
        realloc(batch->messages, capacity * sizeof(struct chat_message *));
    if (messages == NULL)
        return false;
    batch->messages = messages;
    batch->capacity = capacity;
    return true;
}

/* Copy SIZE bytes to *END and move it behind them. */
static void *append(char **end, const void *bytes, size_t size)
{
    char *start = *end;
    if (size > 0)
        memcpy(start, bytes, size);
    *end += size;
    return start;
}

static struct chat_message *copy(const struct chat_message *m)
{
    size_t room = strlen(m->room) + 1, user = strlen(m->user) + 1, host = strlen(m->host) + 1;
    size_t key = m->key != NULL ? strlen(m->key) + 1 : 0;
    struct chat_message *block = malloc(sizeof *block + room + user + host + key + m->length);
    if (block == NULL)
        return NULL;
    char *end = (char *)(block + 1);
    *block = *m;
    block->room = append(&end, m->room, room);
    block->user = append(&end, m->user, user);
    block->host = append(&end, m->host, host);
    if (key > 0)
        block->key = append(&end, m->key, key);
    block->body = append(&end, m->body, m->length);
    return block;
}

bool batch_add(struct chat_batch *batch, const struct chat_message *message)
{
    if (batch->count == batch->capacity && !grow(batch, batch->count + 1))
        return false;
    struct chat_message *block = copy(message);
    if (block == NULL)
        return false;
    batch->messages[batch->count++] = block;
    batch->bytes += message->length;
    return true;
}

bool batch_join(struct chat_batch *batch, struct chat_batch *other)
{
    size_t count = batch->count + other->count;
    if (count > batch->capacity && !grow(batch, count))
        return false;
    memcpy(batch->messages + batch->count, other->messages,
           other->count * sizeof(struct chat_message *));
    batch->count = count;
    batch->bytes += other->bytes;
    batch->apart = batch->apart || other->apart;
    batch->passed_expired = batch->passed_expired || other->passed_expired;
    if (batch->first != other->first || batch->returned != other->returned)
        batch->first = 0; /* what the two looks have shown does not go together */
    other->count = 0;
    batch_free(other);
    return true;
}

void batch_free(struct chat_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++)
        free(batch->messages[i]);
    free(batch->messages);
    free(batch);
}
