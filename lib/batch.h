/* batch.h - messages in memory, and the claim that holds them. */

#ifndef BATCH_H
#define BATCH_H

#include "chatspool.h"

struct store;

struct chat_batch {
    struct store *store;
    struct chat_message **messages; /* each with its texts and its body in a piece of BLOCKS */
    struct batch_block *blocks;
    int64_t *positions; /* for the store: the key by which it finds each message */
    size_t count;
    size_t capacity;
    size_t bytes;            /* of all bodies */
    bool claimed;            /* the store holds locks for these messages */
    bool settled;            /* they are deleted, or in another room */
    int64_t first, returned; /* for the store: what its scan of the room has shown, or 0 */
    bool passed_expired;     /* for the store: the scan passed expired messages of the room */
    int64_t room;            /* for the store: its own number of the room */
    int64_t source;          /* for the store: the number of the open room that ROOM reads, or 0, */
    int64_t seen;            /* and the place up to which ROOM had seen it */
    int64_t missed;          /* see chat_batch_missed() */
    int64_t session;         /* for the store: the connection that holds the claim */
    struct chat_batch *next; /* the next batch of the store that holds claims */
};

/* Return a new, empty batch, or NULL. */
struct chat_batch *batch_new(struct store *store);

/* Copy MESSAGE to the end of BATCH. Returns false if there is no memory, and then changes
 * nothing. */
bool batch_add(struct chat_batch *batch, const struct chat_message *message, int64_t position);

/* Append the messages of OTHER to BATCH, and free OTHER. Returns false if there is no memory,
 * and then changes nothing. */
bool batch_join(struct chat_batch *batch, struct chat_batch *other);

/* Return whether BATCH holds as much as QUERY allows. */
bool batch_is_full(const struct chat_batch *batch, const struct chat_query *query);

/* Free BATCH (or NULL) and its messages. The store keeps its claims. */
void batch_free(struct chat_batch *batch);

#endif
