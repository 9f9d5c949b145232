/* reader.h - what a reader of an open room is done with. */

#ifndef SQLITE_READER_H
#define SQLITE_READER_H

#include "open_row.h"

/* Within a transaction: make the reader NAME, which starts with the oldest message. */
enum chat_status reader_add(struct sqlite_store *s, const char *name, const struct open_row *open);

/* Find or create the reader NAME, in a transaction of its own. CHAT_NOUSER: its room is not
 * open. */
enum chat_status reader_need(struct sqlite_store *s, const char *name);

/* There is no spool: CHAT_NONE, or CHAT_NOUSER where QUERY names a reader. */
enum chat_status reader_check_names(struct sqlite_store *s, const struct chat_query *query);

/* This process is known to receive as the reader NUMBER, until the spool is closed. */
enum chat_status reader_be_here(struct sqlite_store *s, int64_t number);
bool reader_is_here(const struct sqlite_store *s, int64_t number);

/* Within a transaction: the messages of BATCH from FROM to before TO are done for its reader. */
enum chat_status reader_settle(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                               size_t to);

/* Within a transaction: the reader of BATCH has a copy of each of its messages, or is done with it.
 */
enum chat_status reader_copy(struct sqlite_store *s, const struct chat_batch *batch);

#endif
