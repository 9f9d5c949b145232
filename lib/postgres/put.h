/* put.h - what a transaction that sends puts into the database (put.c, flush.c, copy.c,
 * put_now.c).
 *
 * The functions pg_put_call_*() add calls to the exchange. */

#ifndef POSTGRES_PUT_H
#define POSTGRES_PUT_H

#include "internal.h"
#include "query.h"

enum { PG_FLUSH = 4 * 1024 * 1024 }; /* the most bytes that are kept until the commit */

/* Begin the transaction on the server, unless it was begun. */
void pg_put_call_begin(struct pg_store *s);

/* Keep other sessions from sending to any room, and from drawing an id, until our commit. */
void pg_put_call_enter_spool(struct pg_store *s);

/* Take the write lock of ROOM until our commit. A room that does not exist is created; a reader has
 * to exist (CHAT_NOUSER). */
void pg_put_call_enter_room(struct pg_store *s, const char *room);

/* Likewise for a transaction that sends, once for each room. The server has space for some thousand
 * locks, so a transaction with many rooms takes the write lock of the spool instead. */
void pg_put_call_enter(struct pg_store *s, const char *room);

/* Return the number of ROOM if it was looked up for this transaction and is a plain room, or 0. */
int64_t pg_put_room_number(const struct pg_store *s, const char *room);

/* Count COUNT messages, with BYTES bytes in total, that are added to the room with the number ROOM.
 */
void pg_put_call_count(struct pg_store *s, int64_t room, int64_t count, int64_t bytes);

/* After COUNT messages came to ROOM: trim an open room, and wake up the receivers. */
void pg_put_call_ring(struct pg_store *s, const char *room, int64_t count);

/* Note that messages come to places before others, from FIRST on. */
void pg_put_call_return(struct pg_store *s, const char *room, int64_t first);

/* Draw no id up to LAST any more. */
void pg_put_call_last_id(struct pg_store *s, int64_t last);

/* The values of messages, by the columns of add_messages (sql/postgres/send.sql) behind the room.
 */
enum { PG_PUT_COLUMNS = 13 };
void pg_put_columns_start(struct pg_array columns[PG_PUT_COLUMNS]);
void pg_put_columns_add(struct pg_array columns[PG_PUT_COLUMNS], const struct chat_message *m);

/* Add the messages in COLUMNS, whose bodies have BYTES bytes, to ROOM; frees COLUMNS. Returns false
 * if there is no memory. */
bool pg_put_columns_call(struct pg_store *s, struct pg_array columns[PG_PUT_COLUMNS],
                         const char *room, int64_t bytes);

/* --- flush.c --- */

/* Put the messages of the log that are not in the database yet: as calls of the exchange, or in
 * exchanges of their own. */
enum chat_status pg_flush(struct pg_store *s);

/* --- copy.c --- */

/* Return whether COUNT messages of the log, all for the same room, may be put with pg_copy(). */
bool pg_may_copy(const struct pg_store *s, const size_t *list, size_t count);

/* Put COUNT messages of the log, all for the same room, with COPY. CHAT_NONE: nothing was put,
 * because the server allows this role no COPY. */
enum chat_status pg_copy(struct pg_store *s, const size_t *list, size_t count);

/* --- put_now.c --- */

/* Return whether a message has to be put at once, because the caller wants an answer. */
bool pg_wants_answer(const struct pg_terms *terms);

/* Put one message at once. *ID becomes its id, or that of the message with the same key. */
enum chat_status pg_put_now(struct pg_store *s, struct chat_message *message,
                            const struct chat_terms *terms, bool id_wanted, int64_t *id);

#endif
