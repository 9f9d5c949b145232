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

/* Make space for COUNT messages. Returns false if there is no memory. */
static bool grow(struct chat_batch *batch, size_t count)
{
    size_t capacity = batch->capacity > 0 ? batch->capacity : 1;
    while (capacity < count)
        capacity *= 2;
    struct chat_message **messages =
        realloc(batch->messages, capacity * sizeof(struct chat_message *));
    if (messages != NULL)
        batch->messages = messages;
    int64_t *positions = realloc(batch->positions, capacity * sizeof *positions);
    if (positions != NULL)
        batch->positions = positions;
    if (messages == NULL || positions == NULL)
        return false;
    batch->capacity = capacity;
    return true;
}

/* Memory for many messages. */
struct batch_block {
    struct batch_block *next;
    size_t used, size;
    max_align_t bytes[];
};

/* Return a piece of SIZE bytes, aligned for a message, or NULL. The first message of a batch is
 * often the only one, and gets a block of its own size. */
static void *take(struct chat_batch *batch, size_t size)
{
    enum { BLOCK = 64 * 1024 };
    struct batch_block *block = batch->blocks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (block == NULL || size > block->size - block->used) {
        size_t whole = batch->count == 0 || size > BLOCK ? size : BLOCK;
        block = malloc(sizeof *block + whole);
        if (block == NULL)
            return NULL;
        *block = (struct batch_block){ .next = batch->blocks, .size = whole };
        batch->blocks = block;
    }
    void *piece = (char *)block->bytes + block->used;
    block->used += size;
    return piece;
}

/* Copy SIZE bytes to *END, and move *END behind them. Returns the copy. */
static void *append(char **end, const void *bytes, size_t size)
{
    char *start = *end;
    if (size > 0)
        memcpy(start, bytes, size);
    *end += size;
    return start;
}

static struct chat_message *copy(struct chat_batch *batch, const struct chat_message *m)
{
    size_t room = strlen(m->room) + 1, user = strlen(m->user) + 1, host = strlen(m->host) + 1;
    size_t key = m->key != NULL ? strlen(m->key) + 1 : 0;
    size_t reader = m->reader != NULL ? strlen(m->reader) + 1 : 0;
    struct chat_message *piece =
        take(batch, sizeof *piece + room + user + host + key + reader + m->length);
    if (piece == NULL)
        return NULL;
    char *end = (char *)(piece + 1);
    *piece = *m;
    piece->room = append(&end, m->room, room);
    piece->user = append(&end, m->user, user);
    piece->host = append(&end, m->host, host);
    if (key > 0)
        piece->key = append(&end, m->key, key);
    if (reader > 0)
        piece->reader = append(&end, m->reader, reader);
    piece->body = append(&end, m->body, m->length);
    return piece;
}

bool batch_add(struct chat_batch *batch, const struct chat_message *message, int64_t position)
{
    if (batch->count == batch->capacity && !grow(batch, batch->count + 1))
        return false;
    struct chat_message *piece = copy(batch, message);
    if (piece == NULL)
        return false;
    batch->positions[batch->count] = position;
    batch->messages[batch->count++] = piece;
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
    memcpy(batch->positions + batch->count, other->positions,
           other->count * sizeof *other->positions);
    batch->count = count;
    batch->bytes += other->bytes;
    struct batch_block **last = &other->blocks;
    while (*last != NULL)
        last = &(*last)->next;
    *last = batch->blocks;
    batch->blocks = other->blocks;
    other->blocks = NULL;
    batch->passed_expired = batch->passed_expired || other->passed_expired;
    if (other->seen > batch->seen)
        batch->seen = other->seen;
    if (other->missed > batch->missed)
        batch->missed = other->missed;
    if (batch->first != other->first || batch->returned != other->returned)
        batch->first = 0; /* the two scans do not go together */
    batch_free(other);
    return true;
}

bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query)
{
    return batch->count >= query->max_messages || batch->bytes >= query->max_bytes;
}

void batch_free(struct chat_batch *batch)
{
    if (batch == NULL)
        return;
    for (struct batch_block *block = batch->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(batch->messages);
    free(batch->positions);
    free(batch);
}
