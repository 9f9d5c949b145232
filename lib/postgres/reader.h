/* reader.h - receiving as a reader of an open room (reader.c, reader_claim.c, reader_settle.c). */

#ifndef POSTGRES_READER_H
#define POSTGRES_READER_H

#include "internal.h"

/* A reader, and the open room that it reads. */
struct pg_reader {
    int64_t source, number; /* number 0: no such reader */
    int64_t seen, missed;
    int64_t keep; /* of the room */
    bool due, source_due;
    bool may_delete;
};

/* Read the rows of a reader and its room in one exchange; or add the call to the exchange, and read
 * them after it. CHAT_NOUSER: the room is not open. */
enum chat_status pg_reader_look(struct pg_store *s, const char *name, struct pg_reader *reader);
size_t pg_reader_call_look(struct pg_store *s, const char *name);
enum chat_status pg_reader_read_look(const struct pg_store *s, size_t call, const char *name,
                                     struct pg_reader *reader);

/* Make messages ready that are due for the reader. */
enum chat_status pg_reader_promote(struct pg_store *s, const struct pg_reader *reader);

/* Create the reader, if its room is open. */
enum chat_status pg_reader_create(struct pg_store *s, const char *name);

/* Create the reader if it does not exist, and let other sessions know that a process is here as
 * this reader. */
enum chat_status pg_reader_be_here(struct pg_store *s, const char *name);

/* The parts of that: whether other sessions know; a call that lets them know, which returns a row
 * if the reader exists; and a note that they know. */
bool pg_reader_is_here(const struct pg_store *s, const char *name);
size_t pg_reader_call_here(struct pg_store *s, const char *name);
enum chat_status pg_reader_note_here(struct pg_store *s, const char *name);

/* --- reader_claim.c --- */

enum chat_status pg_reader_claim(struct pg_store *s, const struct chat_query *query,
                                 const char *name, struct chat_batch *batch);

/* --- reader_settle.c --- */

enum chat_status pg_reader_settle(struct pg_store *s, struct chat_batch *batch, size_t count);

/* Give each message of BATCH a row of its own in the reader's room, and call CHANGE for these rows,
 * all in one transaction. During that call the messages have the ids of the rows. TO is the room
 * that they are moved to, or NULL. */
typedef enum chat_status pg_change(struct pg_store *s, const struct chat_batch *batch,
                                   const void *how);
enum chat_status pg_reader_change(struct pg_store *s, struct chat_batch *batch, const char *to,
                                  pg_change *change, const void *how);

#endif
