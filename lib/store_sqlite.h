/* store_sqlite.h - the parts of the SQLite store, for each other.
 *
 *   store_sqlite.c     the verbs; opening and closing; a turn at writing
 *   sqlite_connect.c   the connection: settings, statements, errors, the schema
 *   sqlite_create.c    a new spool
 *   sqlite_vfs.c       what we want of the write-ahead log
 *   sqlite_index.c     and of the index of it
 *   sqlite_send.c      put
 *   sqlite_receive.c   claim, walk, settle, wait */

#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sqlite3.h>

#include "place.h"
#include "sqlite_sql.h"
#include "store.h"

/* What came to a room since the transaction began. */
struct tally {
    char name[CHAT_NAME_MAX + 1]; /* "": none yet */
    int64_t number;
    int64_t depth, bytes;
};

struct sqlite_store {
    struct store base;
    struct place place;
    int lock;    /* the lock file's descriptor, or -1 */
    sqlite3 *db; /* NULL while there is no spool file */
    int index;   /* a descriptor of the -shm file, or -1 */
    bool index_marked;
    sqlite3_stmt *statements[SQL_COUNT];
    int log_frames;             /* in the write-ahead log after the last commit */
    int log_tried;              /* and when we last failed to empty it */
    bool reserve_given;         /* the reserve was given up by us */
    bool present;               /* known as a process that has claims */
    struct chat_batch *claimed; /* the batches that hold claims, by their next */

    /* While sending: */
    int64_t next_id;
    int64_t max_length;
    struct tally tally;
    int64_t put_bytes;               /* what this transaction adds to the file, about */
    char (*rung)[CHAT_NAME_MAX + 1]; /* the rooms whose bells are to be rung */
    size_t rung_count;
};

/* --- sqlite_connect.c --- */

/* Connect to the spool file, which was checked. */
enum chat_status db_connect(struct sqlite_store *s);
void db_disconnect(struct sqlite_store *s);

/* The statement, prepared once and reset, or NULL. Its bindings stay from the last use. */
sqlite3_stmt *db_statement(struct sqlite_store *s, enum sql sql);

/* Run a statement that has no result, and whose parameters are bound. */
enum chat_status db_run(struct sqlite_store *s, enum sql sql);

/* What SQLite's result code RC means, with a text that says so: "cannot DOING spool ...". */
enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing);

/* --- sqlite_create.c --- */

/* Make the spool file, complete, in one step. Others may do so at the same time. */
enum chat_status db_create(struct sqlite_store *s);

/* Keep some blocks of the disk for a day when it is full, and give them up on that day.
 * Both do nothing where it is done already; they can fail without harm. */
void reserve_make(struct sqlite_store *s);
void reserve_give(struct sqlite_store *s);

/* --- sqlite_vfs.c --- */

/* The name of our VFS, registered if need be, or NULL. */
const char *vfs_name(void);

/* --- sqlite_index.c --- */

/* Before SQLite attaches to the index of the log: have it keep a good one. */
void index_attach(struct sqlite_store *s);

/* After it has attached and read something: the index is good. */
void index_mark(struct sqlite_store *s);

/* After SQLite has closed. */
void index_detach(struct sqlite_store *s);

/* --- store_sqlite.c --- */

/* Be connected. CHAT_NONE: there is no spool file. */
enum chat_status store_connect(struct sqlite_store *s);

/* Open the lock file. */
enum chat_status store_open_lock(struct sqlite_store *s);

/* Wait for the turnstile of the spool. */
enum chat_status turn_take(struct sqlite_store *s);
void turn_leave(struct sqlite_store *s);

/* Wait for our turn and begin a transaction that writes; commit or roll it back, empty
 * the log if it has grown, and let the next one in. */
enum chat_status turn_begin(struct sqlite_store *s);
enum chat_status turn_commit(struct sqlite_store *s);
void turn_rollback(struct sqlite_store *s);

/* The disk is full: give up the reserve, and empty the log with it. */
enum chat_status turn_make_room(struct sqlite_store *s);

/* --- sqlite_send.c --- */

enum chat_status sqlite_limit(struct store *store, int64_t *bytes);
enum chat_status sqlite_mark(struct store *store, int64_t *mark);
enum chat_status sqlite_begin(struct store *store);
enum chat_status sqlite_put(struct store *store, const struct chat_message *message, int64_t *id);
enum chat_status sqlite_commit(struct store *store);
void sqlite_rollback(struct store *store);

/* --- sqlite_receive.c --- */

enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch);
enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch);
enum chat_status sqlite_settle(struct store *store, struct chat_batch *batch);
void sqlite_release(struct store *store, struct chat_batch *batch);
enum chat_status sqlite_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked);

#endif
