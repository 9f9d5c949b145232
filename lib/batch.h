/* batch.h - messages in memory, and the claim they are held by. */

#ifndef BATCH_H
#define BATCH_H

#include "chatspool.h"

struct store;

struct chat_batch {
    struct store *store;
    struct chat_message **messages; /* each one block of memory with its texts and body */
    size_t count;
    size_t capacity;
    size_t bytes;            /* of all bodies */
    bool claimed;            /* the store holds locks for these messages */
    int64_t *rooms;          /* the store's own number of each message's room */
    struct chat_batch *next; /* for the store: its other batches that hold claims */
};

/* A new, empty batch, or NULL. */
struct chat_batch *batch_new(struct store *store);

/* Copy MESSAGE to the end of BATCH. ROOM is the store's number for its room.
 * False: no memory, and nothing was added. */
bool batch_add(struct chat_batch *batch, const struct chat_message *message, int64_t room);

/* Free BATCH (or NULL) and its messages. Says nothing to the store. */
void batch_free(struct chat_batch *batch);

#endif
