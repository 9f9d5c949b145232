/* operations.h - the operations of the PostgreSQL store, for its tables. */

#ifndef POSTGRES_OPERATIONS_H
#define POSTGRES_OPERATIONS_H

#include "internal.h"

enum chat_status pg_create(struct store *store, const char *group);
enum chat_status pg_settings(struct store *store, struct chat_settings *settings);

int64_t pg_spool_time(const struct store *store);
enum chat_status pg_begin(struct store *store);
enum chat_status pg_put(struct store *store, const struct chat_message *message,
                        const struct chat_terms *terms, int64_t *id);
enum chat_status pg_commit(struct store *store);
void pg_rollback(struct store *store);

enum chat_status pg_claim(struct store *store, const struct chat_query *query,
                          struct chat_batch *batch);
enum chat_status pg_keep(struct store *store, struct chat_batch *batch);
void pg_release(struct store *store, struct chat_batch *batch);

enum chat_status pg_mark(struct store *store, const struct chat_query *query, int64_t *mark);
enum chat_status pg_walk(struct store *store, const struct chat_query *query,
                         struct chat_cursor *cursor, struct chat_batch *batch);

enum chat_status pg_settle(struct store *store, struct chat_batch *batch, size_t count);
enum chat_status pg_fail(struct store *store, struct chat_batch *batch,
                         const struct chat_failure *failure);
enum chat_status pg_move(struct store *store, struct chat_batch *batch, const char *room,
                         bool first);

enum chat_status pg_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                         const sigset_t *unblocked);
enum chat_status pg_wait_room(struct store *store, const char *room, int64_t max, int64_t timeout,
                              const sigset_t *unblocked);
enum chat_status pg_watch(struct store *store, int64_t timeout, const sigset_t *unblocked);

enum chat_status pg_open_room(struct store *store, const char *room,
                              const struct chat_bounds *bounds);
enum chat_status pg_forget(struct store *store, const char *name);
enum chat_status pg_seek(struct store *store, const char *reader, const struct chat_point *point);
enum chat_status pg_readers(struct store *store, const char *room, int64_t id,
                            struct chat_reader **readers, size_t *count);

enum chat_status pg_list(struct store *store, struct chat_room **rooms, size_t *count);
enum chat_status pg_holders(struct store *store, const struct chat_batch *batch,
                            struct chat_holder *holders);
enum chat_status pg_check(struct store *store, bool repair, chat_finding *report, void *context);

extern const struct store_ops store_pg;
extern const struct admin_ops admin_pg;

#endif
