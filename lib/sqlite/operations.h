/* operations.h - the operations of the SQLite store, for its tables. */

#ifndef SQLITE_OPERATIONS_H
#define SQLITE_OPERATIONS_H

#include "internal.h"

enum chat_status sqlite_settings(struct store *store, struct chat_settings *settings);

enum chat_status sqlite_begin(struct store *store);
enum chat_status sqlite_put(struct store *store, const struct chat_message *message,
                            const struct chat_terms *terms, int64_t *id);
enum chat_status sqlite_commit(struct store *store);
void sqlite_rollback(struct store *store);

enum chat_status sqlite_list(struct store *store, struct chat_room **rooms, size_t *count);
enum chat_status sqlite_holders(struct store *store, const struct chat_batch *batch,
                                struct chat_holder *holders);

enum chat_status sqlite_mark(struct store *store, const struct chat_query *query, int64_t *mark);
enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch);
enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch);
enum chat_status sqlite_settle(struct store *store, struct chat_batch *batch, size_t count);
enum chat_status sqlite_fail(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure);
enum chat_status sqlite_move(struct store *store, struct chat_batch *batch, const char *room,
                             bool first);
enum chat_status sqlite_keep(struct store *store, struct chat_batch *batch);
void sqlite_release(struct store *store, struct chat_batch *batch);

enum chat_status sqlite_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked);
enum chat_status sqlite_wait_room(struct store *store, const char *room, int64_t max,
                                  int64_t timeout, const sigset_t *unblocked);

enum chat_status sqlite_watch(struct store *store, int64_t timeout, const sigset_t *unblocked);

enum chat_status sqlite_open_room(struct store *store, const char *room,
                                  const struct chat_bounds *bounds);
enum chat_status sqlite_forget(struct store *store, const char *name);
enum chat_status sqlite_seek(struct store *store, const char *reader,
                             const struct chat_point *point);
enum chat_status sqlite_readers(struct store *store, const char *room, int64_t id,
                                struct chat_reader **readers, size_t *count);
enum chat_status sqlite_check(struct store *store, bool repair, chat_finding *report,
                              void *context);

enum chat_status sqlite_backup(struct store *store, const char *file, chat_progress *progress,
                               void *context);
enum chat_status sqlite_compact(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed);

enum chat_status sqlite_restore(struct store *store, const char *file, chat_progress *progress,
                                void *context);

#endif
