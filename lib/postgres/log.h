/* log.h - the messages that were put since begin, kept so that they can be put again. */

#ifndef POSTGRES_LOG_H
#define POSTGRES_LOG_H

#include "batch.h"
#include "chatspool.h"

struct pg_terms {
    struct chat_terms terms;
    bool id_wanted; /* by the caller of pg_put */
};

struct pg_put {
    size_t kind;  /* index of the message with the same values, except its body and its id */
    size_t start; /* of its body, which ends where the next one starts */
    int64_t id;   /* 0: the server is to draw it */
};

/* The messages are kept until the commit, so that they can be put again on another connection. */
struct pg_log {
    struct chat_batch *kinds; /* messages without bodies; NULL: there was no begin */
    struct pg_terms *terms;   /* of each kind */
    struct pg_put *puts;
    char *bodies;
    size_t count, size; /* messages, and bytes of bodies */
    size_t terms_capacity, puts_capacity, bodies_capacity;
};

/* Begin with an empty log. Returns false if there is no memory. */
bool pg_log_start(struct pg_log *log, struct store *store);

/* Add a copy of M to the log. Returns false if there is no memory. */
bool pg_log_add(struct pg_log *log, const struct chat_message *m, const struct pg_terms *terms);

/* Return message I as it was added. The log owns the memory that it points to, until the next
 * message is added. */
struct chat_message pg_log_get(const struct pg_log *log, size_t i);

/* Return the terms, or the room, of message I; owned by the log. */
const struct pg_terms *pg_log_terms(const struct pg_log *log, size_t i);
const char *pg_log_room(const struct pg_log *log, size_t i);

/* Free what the log holds, and leave it empty. */
void pg_log_free(struct pg_log *log);

#endif
