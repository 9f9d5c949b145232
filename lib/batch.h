/* batch.h - messages in memory, and the claim they are held by. */

#ifndef BATCH_H
#define BATCH_H

#include "chatspool.h"

struct store;

struct chat_batch {
    struct store *store;
    struct chat_message **messages; /* each with its texts and its body in a piece of BLOCKS */
    struct batch_block *blocks;
    int64_t *positions; /* for the store: by what it finds each of them */
    size_t count;
    size_t capacity;
    size_t bytes;            /* of all bodies */
    bool claimed;            /* the store holds locks for these messages */
    bool settled;            /* they are deleted, or in another room */
    int64_t first, returned; /* for the store: what its look at the room has shown, or 0 */
    bool passed_expired;     /* for the store: the look passed expired messages of the room */
    int64_t room;            /* for the store: its own number of their room */
    int64_t source;          /* for the store: that of the open room that ROOM reads, or 0, */
    int64_t seen;            /* and up to which place ROOM had seen it */
    int64_t missed;          /* chat_batch_missed() */
    int64_t session;         /* for the store: the connection that holds the claim */
    struct chat_batch *next; /* of those of the store that hold claims */
};

/* A new, empty batch, or NULL. */
struct chat_batch *batch_new(struct store *store);

/* Copy MESSAGE to the end of BATCH. False: no memory, and nothing was added. */
bool batch_add(struct chat_batch *batch, const struct chat_message *message, int64_t position);

/* Append the messages of OTHER to BATCH, and free OTHER. Returns false if there is no memory,
 * and then changes nothing. */
bool batch_join(struct chat_batch *batch, struct chat_batch *other);

/* Return whether BATCH holds as much as QUERY allows. */
bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query);

/* Free BATCH (or NULL) and its messages. Says nothing to the store. */
void batch_free(struct chat_batch *batch);

#endif
