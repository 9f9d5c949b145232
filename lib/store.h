/* store.h - the operations of a store.
 *
 * They are the operations of a queue, not of a database: a store that is not a database fits, too.
 * All are mandatory. chatspool.h documents each. spool.c has checked every argument before it calls
 * one (a room may be NULL, the default room), and calls put, commit and rollback only between begin
 * and the end of that transaction. */

#ifndef STORE_H
#define STORE_H

#include "batch.h"
#include "chatspool.h"
#include "error.h"

struct store {
    const struct store_ops *ops;
    const struct admin_ops *admin; /* NULL: the table that admin.c has for a built-in store */
    struct error *error;           /* the text of the last failure; owned by the handle */
    bool sending;                  /* spool.c's: between begin and the end of that transaction */
    struct chat_batch *claimed;    /* spool.c's: the batches that hold claims, a list */
    int64_t timeout;            /* milliseconds to try to reach the server; below zero: as usual */
    struct pollfd *descriptors; /* what the caller waits for, too (chat_set_descriptors) */
    size_t descriptor_count;
};

struct store_ops {
    /* The names of environment variables that no child should see; the list ends with NULL. */
    const char *const *secrets;
    /* The process has one thread, and uses the libraries of the store for nothing else. */
    void (*single_threaded)(void);
    /* WHERE is the user's text; the path of a file has no scheme. On CHAT_OK, stores in *STORE a
     * struct whose first member is a struct store. */
    enum chat_status (*open)(const char *where, struct error *error, struct store **store);
    void (*close)(struct store *store);
    int64_t (*time)(const struct store *store);
    enum chat_status (*settings)(struct store *store, struct chat_settings *settings);

    enum chat_status (*begin)(struct store *store);
    /* ID is NULL if the caller does not need it. */
    enum chat_status (*put)(struct store *store, const struct chat_message *message,
                            const struct chat_terms *terms, int64_t *id);
    enum chat_status (*commit)(struct store *store); /* ends the transaction, also when it fails */
    void (*rollback)(struct store *store);

    enum chat_status (*mark)(struct store *store, const struct chat_query *query, int64_t *mark);
    /* Add claimed messages to BATCH, which is empty. After a failure no message is left claimed. */
    enum chat_status (*claim)(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch);
    enum chat_status (*walk)(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch);
    enum chat_status (*settle)(struct store *store, struct chat_batch *batch, size_t count);
    enum chat_status (*fail)(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure);
    enum chat_status (*move)(struct store *store, struct chat_batch *batch, const char *room,
                             bool first);
    enum chat_status (*keep)(struct store *store, struct chat_batch *batch);
    void (*release)(struct store *store,
                    struct chat_batch *batch); /* releases the claims; does not free BATCH */
    enum chat_status (*wait)(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked);
    enum chat_status (*wait_room)(struct store *store, const char *room, int64_t max,
                                  int64_t timeout, const sigset_t *unblocked);
};

/* The operations for operators are in a table of their own, which admin.c finds by the other one:
 * so a program that only sends or receives does not link them (each symbol of libc that they need
 * costs the start of a command 900 instructions). */
struct admin_ops {
    enum chat_status (*set)(struct store *store, const struct chat_settings *settings);
    enum chat_status (*skip_ids)(struct store *store, int64_t next_id, int64_t *before);
    enum chat_status (*create)(struct store *store, const char *group);
    const char *(*version)(struct store *store);
    enum chat_status (*watch)(struct store *store, int64_t timeout, const sigset_t *unblocked);
    enum chat_status (*list)(struct store *store, struct chat_room **rooms, size_t *count);
    enum chat_status (*holders)(struct store *store, const struct chat_batch *batch,
                                struct chat_holder *holders);
    enum chat_status (*open_room)(struct store *store, const char *room,
                                  const struct chat_bounds *bounds);
    enum chat_status (*forget)(struct store *store, const char *name);
    enum chat_status (*seek)(struct store *store, const char *reader,
                             const struct chat_point *point);
    enum chat_status (*readers)(struct store *store, const char *room, int64_t id,
                                struct chat_reader **readers, size_t *count);
    enum chat_status (*check)(struct store *store, bool repair, chat_finding *report,
                              void *context);
    enum chat_status (*backup)(struct store *store, const char *file, chat_progress *progress,
                               void *context);
    enum chat_status (*restore)(struct store *store, const char *file, chat_progress *progress,
                                void *context);
    enum chat_status (*compact)(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed);
};

extern const struct store_ops store_sqlite;
extern const struct admin_ops admin_sqlite;

#endif
