/* reader.h - readers of open rooms: create them, and record what they have finished. */

#ifndef SQLITE_READER_H
#define SQLITE_READER_H

#include "open_row.h"

/* Within a transaction: create the reader NAME, which starts with the oldest message. */
enum chat_status reader_add(struct sqlite_store *s, const char *name, const struct open_row *open);

/* Find the reader NAME, or create it in a transaction of its own. CHAT_NOUSER: its room is not
 * open. */
enum chat_status reader_need(struct sqlite_store *s, const char *name);

/* Return the status for QUERY if there is no spool: CHAT_NONE, or CHAT_NOUSER if QUERY names a
 * reader. */
enum chat_status reader_check_names(struct sqlite_store *s, const struct chat_query *query);

/* Let other processes know, until the spool is closed, that this one receives as the reader NUMBER;
 * and return whether they know. */
enum chat_status reader_be_here(struct sqlite_store *s, int64_t number);
bool reader_is_here(const struct sqlite_store *s, int64_t number);

/* Within a transaction: record that the reader of BATCH has finished its messages from FROM to
 * before TO. */
enum chat_status reader_settle(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                               size_t to);

/* Within a transaction: give the reader of BATCH a copy of each message that it has not
 * finished. */
enum chat_status reader_copy(struct sqlite_store *s, const struct chat_batch *batch);

#endif
