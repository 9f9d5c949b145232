/* internal.h - the parts of the SQLite store, for each other.
 *
 *   store.c         the verbs; opening and closing; a turn at writing
 *   connect.c       the connection: settings, statements, errors, the schema
 *   create.c        a new spool
 *   vfs.c           how SQLite opens, writes and syncs the files
 *   wal.c           the format of the write-ahead log (WAL), and what is wrong with one
 *   synced.c        what is known to be on the disk
 *   wal_index.c     and of the index of it
 *   room.c          the row of a room, and its counters
 *   time.c          messages whose time has come, or is over
 *   send.c          put
 *   lines.c         messages of a stream, inserted together
 *   ids.c           the ids that are in use, for messages that bring their own
 *   group_commit.c  commits whose syncs overlap
 *   bells.c         who is woken after a commit
 *   scan.c          which messages a receiver may have
 *   read.c          their contents
 *   claim.c         claim, keep, release
 *   walk.c          walk, mark
 *   settle.c        settle, fail, move
 *   quarantine.c    a message that is not what it was when it was sent
 *   wait.c          wait
 *   watch.c         watch
 *   settings.c      settings
 *   admin.c         the verbs of an operator; set, create
 *   list.c          list
 *   check.c         check, and what is done about it
 *   reseal.c        a damaged WAL that can be read again
 *   salvage.c       a spool built anew from the pages of a broken one
 *   backup.c        backup, compact
 *   restore.c       restore
 *   scratch.c       a database that is being made */

#ifndef SQLITE_INTERNAL_H
#define SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "os/location.h"
#include "os/lock.h"
#include "sqlite_sql.h"
#include "store.h"
#include "wal.h"

enum {
    PAGE = WAL_PAGE,
    DATABASE_HEADER = 100, /* bytes at the beginning (sqlite.org/fileformat2.html) */
    ROW = 64               /* what a message takes besides its body, about */
};

/* A position in the table of messages (schema.sql) is the number of a room and a place in it, or of
 * a message that waits for its time 0 and its id. */
enum { PLACE_BITS = 40, ROOM_BITS = 22 };

#define ID_MAX ((INT64_C(1) << PLACE_BITS) - 1) /* the highest id, and the last place of a room */
#define ROOM_MAX ((INT64_C(1) << ROOM_BITS) - 1)

static inline int64_t position_of(int64_t room, int64_t place)
{
    return room << PLACE_BITS | place;
}

static inline int64_t position_room(int64_t position)
{
    return position >> PLACE_BITS;
}

static inline int64_t position_place(int64_t position)
{
    return position & ID_MAX;
}

/* The columns of a message, in the order of schema.sql. */
enum {
    COLUMN_POSITION,
    COLUMN_ID,
    COLUMN_ROOM,
    COLUMN_KEY,
    COLUMN_PLACE,
    COLUMN_DUE,
    COLUMN_EXPIRES,
    COLUMN_SENT,
    COLUMN_SENDER,
    COLUMN_HOST,
    COLUMN_ATTEMPTS,
    COLUMN_FAILED,
    COLUMN_FAILURE,
    COLUMN_CHECKSUM,
    COLUMN_BODY,
    COLUMNS
};

/* The columns that are read of a message: of get_messages, and behind those of list_all. */
enum {
    READ_POSITION,
    READ_ID,
    READ_ROOM,
    READ_KEY,
    READ_EXPIRES,
    READ_SENT,
    READ_SENDER,
    READ_HOST,
    READ_ATTEMPTS,
    READ_CHECKSUM,
    READ_BODY,
    READ_PLACE,
    READ_DUE
};

/* What came to a room since the transaction began. */
struct tally {
    char name[CHAT_NAME_MAX + 1]; /* "": none yet */
    int64_t number;
    int64_t held;         /* messages in it when the transaction began */
    int64_t depth, bytes; /* what came since */
    int64_t due, expires; /* the earliest time that one of those is due, or expires; 0: none is */
    bool returned;        /* the row of the room says that some came before others */
};

struct sqlite_store {
    struct store base;
    struct place place;
    int lock;          /* the lock file's descriptor, or -1 */
    int64_t lock_seen; /* when it was last known to have its name */
    bool read_only;    /* it is on a file system that is */
    sqlite3 *db;       /* NULL while there is no spool file */
    int log;           /* descriptors of the -wal and the -shm file, or -1 */
    int index;
    bool index_kept; /* the index outlives this process */
    sqlite3_stmt *statements[SQL_COUNT];
    int wal_frames;             /* in the WAL after our last commit, */
    uint8_t wal_salt[WAL_SALT]; /* and the salt of that WAL */
    int wal_tried;              /* its frames when we last failed to empty it */
    bool wal_damaged;           /* so the spool was not opened */
    int64_t synced_id;          /* the highest id on the disk when we took the write lock */
    int failed_with;            /* SQLite's last result code that was an error */
    int64_t damaged;            /* the position of the message that was last found so */
    bool reserve_given;         /* the reserve was given up by us */
    int64_t promised_from;      /* the size that the file had before it was made larger, or 0 */
    bool writing;               /* a transaction that writes was begun, and not ended by us */
    bool present;               /* known as a process that has claims */
    int64_t *kept;              /* the positions of further messages that we claimed, ascending */
    size_t kept_count;
    struct {
        int64_t position, returned;
    } kept_all; /* up to this position of its room all are kept, or gone, unless some returned */
    struct range *held; /* what this transaction has claimed */
    size_t held_count;
    int watch;                  /* hears of every change, once somebody asked for it; or 0 */
    struct pending_bell *bells; /* to be rung after the commit; bells.c's */
    size_t bell_count;
    bool bells_all;  /* all bells instead, */
    int all_held[2]; /* by these descriptors, or -1 */

    /* While sending: */
    int64_t first_id; /* the first of those that this transaction gives */
    int64_t next_id;
    bool ids_wanted;   /* some messages have ids of their own */
    int64_t ids_known; /* the table of ids is as the spool was at this version; or 0 */
    int64_t max_length;
    char default_room[CHAT_NAME_MAX + 1];
    struct tally tally;
    int64_t put_bytes;   /* what this transaction adds to the file, about */
    struct lines *lines; /* what of it is not inserted yet; lines.c's */
};

/* --- connect.c --- */

/* Connect to the spool file, which was checked. */
enum chat_status db_connect(struct sqlite_store *s);
void db_disconnect(struct sqlite_store *s);

/* Whether the file, which was checked, says of itself that it is a spool: CHAT_OK or CHAT_DATA. It
 * is opened to read, without SQLite, and nothing is made beside it. */
enum chat_status db_recognize(struct sqlite_store *s);

/* Whether this is a child by fork() of a process that was connected, to whatever spool. */
bool db_was_forked(void);

/* The statement, prepared once and reset, or NULL. Its bindings stay from the last use. */
sqlite3_stmt *db_statement(struct sqlite_store *s, enum sql sql);

/* Step a statement; NULL, one that could not be prepared, is an error like others. */
int db_step(struct sqlite_store *s, sqlite3_stmt *statement);

/* End a look for one row, which was stepped with the result RC: CHAT_OK where there is a row,
 * CHAT_NONE where there is not. */
enum chat_status db_found(struct sqlite_store *s, sqlite3_stmt *statement, int rc);

/* The number that a statement without parameters tells; 0 where it tells none. The result code is
 * SQLITE_OK, or why it failed; the second is for where it does no harm to take that for 0. */
int db_get_number(struct sqlite_store *s, enum sql sql, int64_t *value);
int64_t db_number(struct sqlite_store *s, enum sql sql);

/* Run a statement to its end: one whose parameters are bound, or one that has none. */
enum chat_status db_finish(struct sqlite_store *s, sqlite3_stmt *statement);
enum chat_status db_run(struct sqlite_store *s, enum sql sql);

/* End a transaction, if there is one, by SQL_ROLLBACK, or by SQL_COMMIT where it has only read. */
void db_end(struct sqlite_store *s, enum sql sql);

/* The file of the database, with its size; or NULL. */
sqlite3_file *db_file(struct sqlite_store *s, sqlite3_int64 *size);

/* What SQLite's result code RC means, with a text that says so: "cannot DOING spool ...". */
enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing);

/* The same where there is no room on the disk. */
enum chat_status db_full(struct sqlite_store *s, const char *doing);

/* --- create.c --- */

/* Make the spool file, complete, in one step. Others may do so at the same time. */
enum chat_status db_create(struct sqlite_store *s);

/* Keep some blocks of the disk for a day when it is full, and give them up on that day.
 * Both do nothing where it is done already; they can fail without harm. */
void reserve_make(struct sqlite_store *s);
void reserve_give(struct sqlite_store *s);

/* --- vfs.c --- */

/* The name of our VFS, registered if need be, or NULL. */
const char *vfs_name(void);

/* Register *VFS, unless there is one with the name that OURS has: it opens files and looks for them
 * as OURS does, takes absolute names as they are, and does all else as the system's VFS, which its
 * pAppData is. Behind the system's file structure there is space for the szOsFile of OURS. SQLite
 * keeps *VFS for the life of the process. Returns the name, or NULL. */
const char *vfs_register(sqlite3_vfs *vfs, const sqlite3_vfs *ours);

/* SQLite is ours alone in this process: have it wait for nobody when it opens a file. */
void vfs_alone(void);

/* The write lock was taken: others may have written to the WAL. */
void vfs_begin_turn(sqlite3 *db);

/* Whether the next commit is written, but not synced: vfs_sync does that later. */
void vfs_defer_sync(sqlite3 *db, bool deferring);

/* Have vfs_sync sync the WAL, whoever has written to it. */
void vfs_need_sync(sqlite3 *db);

/* Sync what has to be synced; returns SQLite's result code. */
int vfs_sync(sqlite3 *db);

/* errno of the sync of the WAL that failed; 0: none has since the WAL was rewritten. Until then
 * each sync fails. */
int vfs_sync_failed(sqlite3 *db);
void vfs_was_rewritten(sqlite3 *db);

/* The salt of the frame that this connection wrote last, and the size of the WAL in bytes. */
void vfs_wal_salt(sqlite3 *db, uint8_t salt[WAL_SALT]);
int64_t vfs_wal_size(sqlite3 *db);

/* errno of the last read from any file of SQLite's that failed; 0: none has since the last call. */
int vfs_read_failed(void);

/* Whether there was no room for the last write to any file of SQLite's. */
bool vfs_disk_full(void);

/* --- synced.c --- */

/* What the lock file says. Zeros: it says nothing. */
struct synced {
    int64_t id;             /* this message, and all before it, are on the disk */
    uint8_t salt[WAL_SALT]; /* of the WAL with this salt, so many frames are on the disk */
    int64_t frames;
    bool failed; /* a sync has failed, and the WAL was not rewritten since */
};
void synced_read(const struct sqlite_store *s, struct synced *synced);

/* Write down that our last commit is on the disk, and the message ID with it (0: no message came).
 * synced_write_id: that message, and all before it; to lower it, within the write lock. */
void synced_write(const struct sqlite_store *s, int64_t id);
void synced_write_id(const struct sqlite_store *s, int64_t id);

/* Write down that a sync has failed, if one has in this process. */
void synced_note_failure(struct sqlite_store *s);

/* Within the write lock: write the WAL again, and sync it. synced_begin: if a sync has failed, here
 * or in another process. */
enum chat_status synced_repair(struct sqlite_store *s);
enum chat_status synced_begin(struct sqlite_store *s);

/* Whether SQLite's index knows all frames of the WAL that are on the disk. */
bool synced_is_indexed(const struct sqlite_store *s);

/* Look whether the WAL that the descriptor (or -1) is open on has lost something that was on the
 * disk: CHAT_DATA, with a text that says so. The caller does not hold the write lock. */
enum chat_status synced_check(struct sqlite_store *s, int wal);

/* --- wal_index.c --- */

/* Before SQLite attaches to the index of the log: have it keep a good one. LOG is a descriptor of
 * the log, or -1. False: the index is not known to be good. */
bool index_attach(struct sqlite_store *s, int log);

/* After it has attached and read something: the index is good. */
void index_mark(struct sqlite_store *s);

/* It is not: the next process builds another. */
void index_unmark(struct sqlite_store *s);

/* The salt of the WAL and how many of its frames the index knows. False: that cannot be read. */
bool index_frames(const struct sqlite_store *s, uint8_t salt[WAL_SALT], int64_t *frames);

/* After SQLite has closed, or was not opened. */
void index_detach(struct sqlite_store *s);

/* --- room.c --- */

struct room {
    int64_t number;
    int64_t returned;
    int64_t next_due;    /* 0: nothing waits for its time */
    int64_t next_expiry; /* before this nothing need be swept; 0: nothing expires */
    int64_t depth;
    char name[CHAT_NAME_MAX + 1];
};

/* Read what holds for the whole spool, and write its next id. CHAT_DATA: that is damaged, and where
 * the settings are not valid, it is they. */
enum chat_status spool_read(struct sqlite_store *s);
bool settings_valid(const struct sqlite_store *s);
enum chat_status spool_set_next_id(struct sqlite_store *s);

/* Read the row of the room NAME; NULL is the default room. CHAT_NONE: there is none; room_find
 * makes it (there NAME is none). */
enum chat_status room_get(struct sqlite_store *s, const char *name, struct room *room);
enum chat_status room_find(struct sqlite_store *s, const char *name, struct room *room);

/* The position of the message ID, wherever it is, and the number and the name of the room that the
 * message at POSITION is in. CHAT_NONE: there is no such message. */
enum chat_status message_find(struct sqlite_store *s, int64_t id, int64_t *position);
enum chat_status room_of(struct sqlite_store *s, int64_t position, struct room *room);

/* Messages came (back) to places before others; none of them is due any more. */
enum chat_status room_returned(struct sqlite_store *s, int64_t number);

/* Bind a number that is THERE, or none. */
void bind_number(sqlite3_stmt *statement, int parameter, int64_t number, bool there);

/* Copy the name that is in a column. */
void copy_name(char name[CHAT_NAME_MAX + 1], const unsigned char *text);

/* So many messages and bytes came to it (below zero: went); and the parameters of SQL_COUNT_ROOM
 * that say so. */
enum chat_status room_count(struct sqlite_store *s, int64_t number, int64_t depth, int64_t bytes);
void bind_count(sqlite3_stmt *statement, int64_t number, int64_t depth, int64_t bytes);

/* A message of it is due, and expires, at these times; 0: is not, does not. */
enum chat_status room_count_times(struct sqlite_store *s, int64_t number, int64_t due,
                                  int64_t expires);

/* --- time.c --- */

/* Milliseconds since 1970, by this machine's clock. */
int64_t store_now(void);

/* Whether messages of ROOM that were delayed or held back are due; and make them ready. */
bool is_due(const struct room *room);
enum chat_status promote_due(struct sqlite_store *s, const struct room *room);

/* A look for expired messages of a room, or of a part of it. */
struct sweep {
    int64_t room;
    int64_t from, to; /* at these positions */
    bool waiting;     /* and those that wait, too */
    bool more;        /* some may be left, at FROM or behind it */
};

/* Of all of ROOM. */
struct sweep sweep_room(int64_t room);

/* Delete expired messages, within a transaction, but not so many that the transaction becomes long.
 * Those that a receiver has claimed are left to it: it may still move them to the dead-letter room.
 * sweep_all: all of those of a room, within a transaction. */
enum chat_status sweep_some(struct sqlite_store *s, struct sweep *sweep);
enum chat_status sweep_all(struct sqlite_store *s, int64_t room);

/* All of them, in transactions of their own, if some may have expired. */
enum chat_status sweep_while_idle(struct sqlite_store *s, const struct room *room);

/* Delete the row at POSITION; the counters of its room are the caller's. */
enum chat_status delete_message(struct sqlite_store *s, int64_t position);

/* Do not overwrite the pages of the large messages that are deleted from now on. */
enum chat_status delete_without_zeros(struct sqlite_store *s);

/* --- store.c --- */

enum chat_status store_cannot_lock(struct sqlite_store *s, int errnum);

/* Whether the spool can be changed: CHAT_IO where it is on a read-only file system. */
enum chat_status store_can_write(struct sqlite_store *s);

/* As store_connect, if need be with the blocks of the reserve. */
enum chat_status store_connect_on_full_disk(struct sqlite_store *s);

/* Be connected. CHAT_NONE: there is no spool file. */
enum chat_status store_connect(struct sqlite_store *s);

/* The same, and make the spool where there is none. */
enum chat_status store_connect_or_create(struct sqlite_store *s);

/* CHAT_IO: the spool or its lock file was removed or replaced since it was opened. */
enum chat_status store_in_place(struct sqlite_store *s);

/* Open the lock file. */
enum chat_status store_open_lock(struct sqlite_store *s);

/* Wait for the turnstile of the spool. If a sync has failed before, anywhere, it is repaired, or
 * the turn is not taken. */
enum chat_status turn_take(struct sqlite_store *s);
void turn_leave(struct sqlite_store *s);

/* Wait for our turn and begin a transaction that writes; commit or roll it back, empty
 * the log if it has grown, and let the next one in. */
enum chat_status turn_begin(struct sqlite_store *s);
enum chat_status turn_commit(struct sqlite_store *s);
void turn_rollback(struct sqlite_store *s);

/* Roll it back, and let nobody in yet: the caller is in the middle of it. */
void turn_undo(struct sqlite_store *s);

/* The first of these, with a spool made where there is none; and the last two, as STATUS says how
 * the transaction went, the commit by group_commit.c: returns it, or how the commit went. */
enum chat_status turn_begin_or_create(struct sqlite_store *s);
enum chat_status turn_end(struct sqlite_store *s, enum chat_status status);

/* Empty the WAL, however short it is, and give its space back. */
enum chat_status turn_empty_wal(struct sqlite_store *s);

/* The disk is full: give up the reserve, and empty the log with it. */
enum chat_status turn_make_room(struct sqlite_store *s);

/* --- send.c --- */

/* Bind a message of the room NUMBER to the parameters of SQL_ADD_MESSAGE; or the part of it that
 * may change, to those of SQL_SET_POSITION. */
void bind_state(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                int64_t checksum);
void bind_message(sqlite3_stmt *statement, const struct chat_message *message, int64_t number,
                  int64_t checksum);

/* Insert a message into the tally's room, at its position. */
enum chat_status insert_message(struct sqlite_store *s, const struct chat_message *message,
                                int64_t checksum);

enum chat_status sqlite_begin(struct store *store);
enum chat_status sqlite_put(struct store *store, const struct chat_message *message,
                            const struct chat_terms *terms, int64_t *id);
enum chat_status sqlite_commit(struct store *store);
void sqlite_rollback(struct store *store);

/* --- lines.c --- */

/* Insert a message, now or later together with others: then what it points to is copied. */
enum chat_status lines_add(struct sqlite_store *s, const struct chat_message *message);

/* Insert what was kept for later, or forget it. After an error only a rollback is left. */
enum chat_status lines_insert(struct sqlite_store *s);
void lines_forget(struct sqlite_store *s);

/* --- ids.c --- */

/* Within a transaction: whether a message has this id. */
enum chat_status id_used(struct sqlite_store *s, int64_t id, bool *used);

/* A message got this id. */
enum chat_status id_use(struct sqlite_store *s, int64_t id);

/* --- group_commit.c --- */

/* turn_commit, which lets others in before the sync. NEW are the ids of the messages that come with
 * it, if any do. */
enum chat_status group_commit(struct sqlite_store *s, struct range new);

/* Sync what has to be synced; or the message ID and those before it, whoever has sent them. */
enum chat_status group_sync(struct sqlite_store *s);
enum chat_status group_sync_message(struct sqlite_store *s, int64_t id);

/* --- bells.c --- */

/* Within a transaction: have the bell of ROOM, or all bells, rung when it is committed. */
enum chat_status bells_add(struct sqlite_store *s, const char *bell, const char *room);
void bells_add_all(struct sqlite_store *s);

/* Just before the commit; after it, and its sync; or where it is rolled back. */
void bells_hold(struct sqlite_store *s);
void bells_ring(struct sqlite_store *s);
void bells_forget(struct sqlite_store *s);

/* --- quarantine.c --- */

/* Move the damaged message at POSITION, with all that can be read of it, to the room of those:
 * CHAT_DAMAGED, with a text that says so. CHAT_OK: it was not damaged, or is gone: look again. */
enum chat_status set_aside(struct sqlite_store *s, int64_t position);

/* --- settings.c --- */

enum chat_status sqlite_settings(struct store *store, struct chat_settings *settings);

/* NAME, or where that is NULL the default room as far as it is known now; good until the next call.
 */
const char *room_name(struct sqlite_store *s, const char *name);

/* --- list.c --- */

enum chat_status sqlite_list(struct store *store, struct chat_room **rooms, size_t *count);

/* --- claim.c -------------------------------------------------------- */

/* Claim that message until the end of the transaction, committed or not: no receiver may begin
 * to work on a message that the transaction deletes or moves. CHAT_NONE: a receiver has claimed
 * it. claim_hold does the same with a claim that was just taken. */
enum chat_status claim_for_turn(struct sqlite_store *s, int64_t position);
enum chat_status claim_hold(struct sqlite_store *s, struct range claimed);

/* Give up the claims of the transaction; the transaction has ended. */
void claim_end_turn(struct sqlite_store *s);

/* Claim all positions: new claims are refused from now on, and those that receivers have are waited
 * for. CHAT_BUSY, with a text that ends with OTHERWISE, where one of them works for too long. The
 * caller does not hold the write lock, which a receiver needs to end. */
enum chat_status claim_all(struct sqlite_store *s, const char *otherwise);
void unclaim_all(struct sqlite_store *s);

/* Make this process known as one that has claims. */
enum chat_status be_present(struct sqlite_store *s);

/* --- claim.c, walk.c, settle.c --- */

enum chat_status sqlite_mark(struct store *store, const struct chat_query *query, int64_t *mark);
enum chat_status sqlite_claim(struct store *store, const struct chat_query *query,
                              struct chat_batch *batch);
enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch);
enum chat_status sqlite_settle(struct store *store, struct chat_batch *batch, size_t count);
enum chat_status sqlite_fail(struct store *store, struct chat_batch *batch,
                             const struct chat_failure *failure);
enum chat_status sqlite_move(struct store *store, struct chat_batch *batch, const char *room);
enum chat_status sqlite_keep(struct store *store, struct chat_batch *batch);
void sqlite_release(struct store *store, struct chat_batch *batch);

/* --- wait.c --- */

enum chat_status sqlite_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked);
enum chat_status sqlite_wait_room(struct store *store, const char *room, int64_t max,
                                  int64_t timeout, const sigset_t *unblocked);

/* --- watch.c --- */

enum chat_status sqlite_watch(struct store *store, int64_t timeout, const sigset_t *unblocked);

/* --- salvage.c --- */

/* Where the spool's next id is lost, ids may have been given and received that are nowhere in the
 * file: go on so far behind those that are there. */
enum { LOST_IDS = 1 << 30 };

/* Build the spool anew from all that can be read in the pages of its file, and put that in its
 * place, in one transaction. Within a turn. *COUNT becomes how many messages there are, and
 * *SKIPPED_TO the next id, if the one of the spool was lost; else 0. */
enum chat_status salvage(struct sqlite_store *s, int64_t *count, int64_t *skipped_to);

/* A file that has lost its end can't even be opened: give it the length that it says it has. The
 * spool is not connected. False: it has that, or it can't be had. */
bool extend_truncated(struct sqlite_store *s);

/* --- check.c --- */

enum chat_status sqlite_check(struct store *store, bool repair, chat_finding *told, void *context);

/* Whether the structure of the spool, which is connected, is sound. */
enum chat_status check_sound(struct sqlite_store *s);

/* --- backup.c --- */

/* A database of our own beside a spool, SUFFIX to its name, for as long as it is being made; not
 * synced. Returns SQLite's code; the caller closes *DB, also where it failed. */
int scratch_open(struct place *place, const char *suffix, sqlite3 **db);

/* Copy all of one database over another, in one transaction. Returns SQLite's code. */
int copy_pages(sqlite3 *to, sqlite3 *from, chat_progress *progress, void *context);

/* The same, of the spool as it is at this moment: others can write to it meanwhile, and none of
 * that is copied. */
int copy_snapshot(struct sqlite_store *s, sqlite3 *to, chat_progress *progress, void *context);

/* Have the file with that suffix on disk, and in the place of the spool TO; the log and the index
 * of what was there before are removed. 0, or -1 with errno. */
int put_in_place(struct place *to, const char *suffix);

/* Whether OTHER is neither the spool itself nor a file beside it that belongs to it. */
enum chat_status check_other(struct sqlite_store *s, const struct place *other, const char *doing);

enum chat_status sqlite_backup(struct store *store, const char *file, chat_progress *progress,
                               void *context);
enum chat_status sqlite_compact(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed);

/* --- restore.c --- */

enum chat_status sqlite_restore(struct store *store, const char *file, chat_progress *progress,
                                void *context);

#endif
