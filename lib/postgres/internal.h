/* internal.h - the parts of the PostgreSQL store, for each other.
 *
 *   store.c    the operations; opening and closing
 *   connect.c  the connection: made, lost and made again; what a session is like
 *   lost.c     a connection that is lost: given up, and tried again
 *   clock.c    the clocks of this machine, and the server's
 *   query.c    statements, their values and their results, many in one exchange
 *   failed.c   what the server's errors mean
 *   create.c   the schema
 *   send.c     begin, put, commit
 *   log.c      the messages that were put since begin
 *   put.c      the statements of a transaction that sends
 *   room.c     a look at a room; messages whose time has come, or is over; bells
 *   locks.c    the ids and bells that this session has locked
 *   claim.c    claim, keep, release
 *   name.c     the names of readers, and the keys of their claims
 *   reader.c   receiving as a reader of an open room
 *   open.c     open rooms: open, forget, seek, readers
 *   read.c     the contents of messages
 *   walk.c     walk, mark
 *   settle.c   settle, fail, move
 *   wait.c     wait
 *   admin.c    the operations of an operator; settings
 *   list.c     list
 *   check.c    check
 *
 * They are built into a module, chatspool-postgresql.so, which module.c loads if the URL of a spool
 * asks for it: a program without such a URL never loads libpq.
 *
 * A claim is an advisory lock of the session: the connection is the claim, and if it is lost,
 * nothing is acknowledged on another one. Advisory locks are identified by 64 bits that all
 * programs in a database share; ours begin with 16 bits of their own: see enum pg_lock. No
 * transaction is open while a caller works: each operation is a transaction, and so are the
 * operations from begin to commit together. */

#ifndef POSTGRES_INTERNAL_H
#define POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "pg_sql.h"
#include "store.h"

enum {
    CALLS = 64,  /* statements in one exchange */
    VALUES = 15, /* parameters of a statement */
    TOKEN = 16,  /* bytes of a UUID */
    /* Bytes of a body: pg_dump can't read more, as it has two digits for each in 1 GB at most. */
    PG_LENGTH_MAX = 500000000,
    CLAIMS = 512, /* messages claimed at once: the server has space for some thousand locks */
    KEPT = 128,   /* claims that are kept at once: see pg_keep */
    ROOMS = 128, /* write locks of rooms in one transaction; with more it takes that of the spool */
};

/* The first 16 of the 64 bits of an advisory lock. */
enum pg_lock {
    LOCK_CLAIM = 0x6368,    /* on a message, by the last 48 bits of its id (also in sql/) */
    LOCK_CAME = 0x6369,     /* shared by who waits for a message, by 48 bits of the room's name */
    LOCK_GONE = 0x636a,     /* and by senders that wait for space */
    LOCK_SETTLING = 0x636b, /* shared by deleting sessions until their commit, by the room's number
                             * (sql/) */
    LOCK_SCHEMA = 0x636c,   /* by who makes the schema */
    LOCK_ROOM = 0x636d,     /* the write lock of a room, by its number (only in sql/) */
    LOCK_SPOOL = 0x636e,    /* shared by each owner of a room's write lock (only in sql/) */
};

/* Parameters of a statement, in binary. The caller owns the memory they point to until the call. */
struct pg_values {
    int count;
    const char *value[VALUES];
    int length[VALUES];
    int64_t number[VALUES];
};

/* A one-dimensional array as PostgreSQL's binary format has it. */
struct pg_array {
    char *bytes;
    size_t size, capacity;
    int32_t count;
    bool failed; /* no memory */
};

/* How long to try to reach the server, in this call. */
struct pg_timeout {
    int64_t until;             /* by pg_clock(); below zero: forever */
    int64_t pause;             /* the next, in milliseconds */
    const sigset_t *unblocked; /* during a pause; or NULL */
    bool interrupted;          /* by a signal */
};

struct pg_terms {
    struct chat_terms terms;
    bool id_wanted; /* by the caller of pg_put */
};

struct pg_put {
    size_t kind;  /* which has the same values, except its body and its id */
    size_t start; /* of its body, which ends where the next one starts */
    int64_t id;   /* 0: the server is to draw it */
};

/* The messages that were put since begin, kept until they are committed, so that they can be put
 * again on another connection. */
struct pg_log {
    struct chat_batch *kinds; /* messages without bodies; NULL: there was no begin */
    struct pg_terms *terms;   /* of each kind */
    struct pg_put *puts;
    char *bodies;
    size_t count, size; /* messages, and bytes of bodies */
    size_t terms_capacity, puts_capacity, bodies_capacity;
};

struct pg_store {
    struct store base;
    char *url;
    PGconn *conn;    /* NULL: not connected */
    int64_t session; /* counts the connections; a claim belongs to one */
    int64_t pid;     /* of the server's process */
    int64_t ahead;   /* of the clock that runs in a suspend, too: the server's time */
    int64_t stepped; /* of the same: this machine's time, when that was measured */
    int64_t timeout; /* milliseconds, as the URL says; below zero: forever */
    bool prepared[PG_COUNT];
    bool crowded;      /* it had no connection free */
    bool unreplicated; /* the server has not waited for a standby: a commit is on its disk only */
    bool deadlock;     /* the last error was one, and another try may succeed */
    bool upgrading;    /* the schema is not looked at */

    /* The exchange that is being made, or was made last: */
    struct pg_call {
        enum pg sql;
        bool prepares;
        PGresult *result;
    } calls[CALLS];
    size_t call_count;
    PGresult *end; /* an error of the commit, which no call has */
    bool unsent;   /* a call could not be sent */

    /* The settings of the spool. */
    int64_t version, max_length, next_id;
    char default_room[CHAT_NAME_MAX + 1];
    bool fresh; /* was read since the last transaction */

    /* Claims: */
    int64_t kept[KEPT];      /* the ids of further messages that we have claims on */
    int64_t kept_room[KEPT]; /* their rooms, or their readers, by pg_hash */
    int64_t kept_key[KEPT];  /* by pg_reader_key; 0: received from a room */
    size_t kept_count;
    struct pg_passed {
        int64_t room, place;
    } * passed; /* the positions that we are to receive nothing before */
    size_t passed_count;
    int64_t *done; /* and of messages that are deleted, and not unlocked yet */
    size_t done_count;
    int64_t *done_keys; /* the same of readers, by pg_reader_key */
    size_t done_key_count;
    int64_t *here; /* the readers that we are known to receive as, by pg_hash */
    size_t here_count;
    int64_t damaged; /* the id of the message that was last found so */

    /* While sending: */
    unsigned char token[TOKEN]; /* of this transaction, in chat.sent */
    bool open;                  /* it was begun on the server */
    struct pg_log log;          /* all that was put */
    size_t flushed;             /* of them, in the database */
    size_t pending;             /* bytes of those that are not */
    uint64_t entered[ROOMS];    /* the rooms whose write locks are ours, by pg_hash */
    size_t entered_count;
    bool whole; /* we hold the write lock of the spool: no other session sends or draws ids */

    /* While waiting: */
    char (*listened)[32]; /* channels */
    size_t listened_count;
    int64_t *bells; /* locks that we hold, so that they are rung */
    size_t bell_count;
};

/* --- connect.c, lost.c, clock.c --- */

/* Milliseconds on a clock that is never set. */
int64_t pg_clock(void);

/* Keep that the server's clock is at TIME now. */
void pg_set_time(struct pg_store *s, int64_t time);

/* The server's time; this machine's, as long as it is not known. */
int64_t pg_now(const struct store *store);

/* Be connected, and try for as long as that takes, within PATIENCE. CHAT_UNREACHABLE: it can't be
 * reached. */
enum chat_status pg_connect(struct pg_store *s, struct pg_timeout *timeout);
struct pg_timeout pg_timeout(const struct pg_store *s);

/* After a call that failed: whether it was for a connection that is lost, and there is still time
 * to try once more. */
bool pg_again(struct pg_store *s, enum chat_status status, struct pg_timeout *timeout);

/* Sleep before another try: longer each time. False: the time is up, or a signal came. */
bool pg_pause(struct pg_timeout *timeout);

/* Give up the connection, and with it all claims. */
void pg_disconnect(struct pg_store *s);

/* Read what holds for the spool; and be connected and know it as it is now, within the usual
 * timeout. */
enum chat_status pg_read_spool(struct pg_store *s);
enum chat_status pg_know_spool(struct pg_store *s);

/* Whether this program knows the schema's version, or an older one. */
enum chat_status pg_not_too_new(const struct pg_store *s);

/* --- query.c --- */

void pg_number(struct pg_values *values, int64_t number);
void pg_time(struct pg_values *values, int64_t time);       /* 0: NULL */
void pg_string(struct pg_values *values, const char *text); /* may be NULL */
void pg_bytes(struct pg_values *values, const void *bytes, size_t size);
void pg_add_array(struct pg_values *values, struct pg_array *array);

enum { PG_INT8 = 20, PG_TEXT = 25, PG_BYTEA = 17 }; /* fixed forever: pg_type.dat */

void pg_array_start(struct pg_array *array, int32_t type);
void pg_array_number(struct pg_array *array, int64_t number);
void pg_array_time(struct pg_array *array, int64_t time);
void pg_array_failure(struct pg_array *array, const struct chat_message *m); /* none: NULL */
void pg_array_bytes(struct pg_array *array, const void *bytes, size_t size); /* NULL: NULL */
void pg_array_text(struct pg_array *array, const char *text);
void pg_array_free(struct pg_array *array);

/* Add a call to the exchange; VALUES may be NULL. Returns its index for pg_result. */
size_t pg_call(struct pg_store *s, enum pg sql, const struct pg_values *values);

/* Like pg_call(), with a statement that can have no parameter. */
void pg_call_text(struct pg_store *s, const char *text);

/* Make the exchange: all calls since the last one are one transaction, unless a transaction was
 * begun. DOING names the failed action: "cannot DOING spool ...". */
enum chat_status pg_exchange(struct pg_store *s, const char *doing);

/* Like pg_exchange(), with one call. */
enum chat_status pg_do(struct pg_store *s, enum pg sql, const struct pg_values *values,
                       const char *doing);

/* The results of the calls of the last exchange; good until the next call is added. */
PGresult *pg_result(const struct pg_store *s, size_t call);
int pg_rows(const struct pg_store *s, size_t call);
int64_t pg_affected(const struct pg_store *s, size_t call);
int64_t pg_get_number(const PGresult *result, int row, int column); /* NULL: 0 */
const char *pg_get_text(const PGresult *result, int row, int column);

/* Run statements without parameters or results, by their text. */
enum chat_status pg_script(struct pg_store *s, const char *text, const char *doing);

/* --- failed.c --- */

/* Translate an error of the server, or of libpq, to a status, and set the text. Gives up a
 * connection that is lost. */
enum chat_status pg_failed(struct pg_store *s, const PGresult *result, const char *doing);

/* The connection is lost, or none could be made. */
enum chat_status pg_lost(struct pg_store *s);

/* Whether libpq's error is that this machine has no more memory, or descriptors, to give. */
bool pg_is_short(const char *cause);

/* Make TEXT one line without control characters. */
void pg_clean(char *text);

enum chat_status pg_no_memory(const struct pg_store *s);
enum chat_status pg_no_spool(const struct pg_store *s);

/* --- create.c --- */

#define PG_ID_MAX (((int64_t)1 << 48) - 1) /* what a claim's lock has room for */

enum { PG_SCHEMA_VERSION = 3 }; /* as in schema.sql */

enum chat_status pg_create(struct store *store, const char *group);

/* --- send.c, put.c --- */

enum chat_status pg_begin(struct store *store);
enum chat_status pg_put(struct store *store, const struct chat_message *message,
                        const struct chat_terms *terms, int64_t *id);
enum chat_status pg_commit(struct store *store);
void pg_rollback(struct store *store);

enum { PG_FLUSH = 4 * 1024 * 1024 }; /* bytes that wait for the commit at most */

/* Put what is in the log and not flushed yet into the database: calls of an exchange, or exchanges
 * of their own. */
enum chat_status pg_flush(struct pg_store *s);

/* Put one message at once, on terms that ask for an answer. */
enum chat_status pg_put_now(struct pg_store *s, struct chat_message *message,
                            const struct chat_terms *terms, bool id_wanted, int64_t *id);

/* Begin the transaction on the server, in the present exchange. */
void pg_call_begin(struct pg_store *s);

/* Add a call that keeps other sessions from sending to any room, or drawing an id, until our
 * commit. */
void pg_call_enter_spool(struct pg_store *s);

/* Add to the exchange that the write lock of ROOM is ours until the commit. It is made if there is
 * none, but a reader has to exist. */
void pg_call_enter_room(struct pg_store *s, const char *room);

/* Add to the exchange that COUNT messages came to ROOM: trim an open one, and wake up its
 * receivers. */
void pg_call_ring_room(struct pg_store *s, const char *room, int64_t count);

/* Forget which write locks are ours: the transaction is over. */
void pg_left_rooms(struct pg_store *s);

/* Whether a message of the log takes the way of pg_put_now. */
bool pg_wants_answer(const struct pg_terms *terms);

/* --- log.c --- */

/* Begin with an empty log; add a copy of a message. False: no memory. */
bool pg_log_start(struct pg_log *log, struct store *store);
bool pg_log_add(struct pg_log *log, const struct chat_message *m, const struct pg_terms *terms);

/* Message I as it was added. The log owns the memory it points to, until the next is added. */
struct chat_message pg_log_get(const struct pg_log *log, size_t i);
const struct pg_terms *pg_log_terms(const struct pg_log *log, size_t i);
const char *pg_log_room(const struct pg_log *log, size_t i);

/* Free what it holds, and leave it empty. */
void pg_log_free(struct pg_log *log);

/* --- room.c --- */

struct pg_room {
    int64_t number; /* 0: no such message */
    char name[CHAT_NAME_MAX + 1];
    int64_t returned, first; /* of schema.sql; the place of the first message */
    bool due, expired;       /* there is something */
    bool may_delete;         /* this role may delete messages */
    bool open;               /* only readers receive from it */
};

/* Add a look at a room to the exchange; afterwards read it. */
size_t pg_call_look(struct pg_store *s, const char *name);
void pg_read_look(const struct pg_store *s, size_t call, struct pg_room *room);
enum chat_status pg_look(struct pg_store *s, const char *name, struct pg_room *room);

/* Make ready the due messages of a room. If this role may not do that, or other sessions delay
 * it, messages that are ready are available anyway. */
enum chat_status pg_promote(struct pg_store *s, int64_t room);

/* Delete what has expired in a room, all of it. */
enum chat_status pg_sweep(struct pg_store *s, int64_t room);

/* A lock for a room's name, and the channel of its bell. */
int64_t pg_lock_of(enum pg_lock lock, const char *room);
void pg_channel(enum pg_lock lock, const char *room, char channel[32]);

/* Wake up the receivers that wait for a message in ROOM or as one of its readers, or the senders
 * that wait for space, when the exchange or the transaction ends well. */
void pg_call_ring(struct pg_store *s, enum pg_lock lock, const char *room);

/* 48 bits of a name. */
int64_t pg_hash(const char *name);

/* Return true for about one id in EVERY, by the bits of ID. */
bool pg_is_sampled(int64_t id, int64_t every);

/* Replace the counts of a room by their sum, and forget what counts no more. A failure does no
 * harm. */
void pg_tidy(struct pg_store *s, int64_t room);

/* The room for calls that name no room. */
const char *pg_room_name(const struct pg_store *s, const char *name);

/* Add to the exchange that messages of the room with that number are settled; that those who wait
 * for space there wake up; and, for one
 * batch in some, that the expired messages there are deleted. */
void pg_call_settling(struct pg_store *s, int64_t room);
void pg_call_ring_gone(struct pg_store *s, const char *room, int64_t number);
void pg_call_sweep(struct pg_store *s, const struct chat_batch *batch, int64_t room);

/* --- name.c --- */

/* Whether NAME (or NULL, the default room) is a reader's. */
bool pg_is_reader(const char *name);

/* The room of NAME, which may be a reader's. Stored in ROOM. */
const char *pg_source_name(const char *name, char room[CHAT_NAME_MAX + 1]);

/* The keys of a claim; the hash of the name that a message was received by. */
int64_t pg_reader_key(int64_t reader, int64_t id);
int64_t pg_hash_of(const struct chat_message *m);

/* --- read.c --- */

/* The columns of get_messages and of the walks (sql/postgres/receive.sql). */
enum {
    ID,
    SENT,
    SENDER,
    HOST,
    ATTEMPTS,
    KEY,
    CHECKSUM,
    BODY,
    PLACE,
    DUE,
    EXPIRES,
    FAILED,
    FAILURE,
    CLAIMED,
    ROOM,
    ROW
};

/* Fill in MESSAGE, whose room is set, from a row. CHAT_DAMAGED: it is not what it was when it was
 * sent. */
enum chat_status pg_read_row(struct pg_store *s, const PGresult *result, int row, bool every,
                             struct chat_message *message);

/* Messages that no longer are where they were locked. */
struct pg_gone {
    int64_t id[CLAIMS];
    size_t count;
};

/* Whose messages are read: those of the room ROOM, or of the reader READER ("tea/bob"), whose
 * statements have the columns ROOM and ROW, too. */
struct pg_view {
    const char *room, *reader;
    bool every; /* with their places and times */
};

/* Read the messages with these ids, which are claimed, into BATCH by SQL; NUMBER is that of their
 * room or reader. *GONE becomes those that BATCH did not get, and are to be unlocked, whatever the
 * status. */
enum chat_status pg_read_claimed(struct pg_store *s, enum pg sql, int64_t number,
                                 const struct pg_view *view, const int64_t *ids, size_t count,
                                 struct chat_batch *batch, struct pg_gone *gone);

/* Add the rows of a walk to BATCH, and move CURSOR behind them. A damaged message is skipped, and
 * reported as soon as the batch is empty. CHAT_NONE: no rows. */
enum chat_status pg_add_walked(struct pg_store *s, size_t call, const struct pg_view *view,
                               struct chat_cursor *cursor, struct chat_batch *batch);

/* The checksum of a message: its id and its time are the server's. */
int64_t pg_digest(const struct chat_message *message);

/* --- locks.c --- */

/* What was locked, in its order. Of a reader, as many of its own messages as of its source. */
enum { LOCKED = 2 * CLAIMS };
struct pg_locked {
    int64_t id[LOCKED], length[LOCKED];
    size_t count;
};

void pg_read_locked(const struct pg_store *s, size_t call, struct pg_locked *locked);

/* Send the calls that unlock, and fail: a role that may not delete messages gets an error before a
 * message is delivered. */
enum chat_status pg_refuse(struct pg_store *s);

/* How many of what was locked a batch may hold. */
size_t pg_fitting(const struct pg_locked *locked, const struct chat_query *query);

/* The position in a room, or of a reader, that this handle has passed: 0, or see pg_keep. */
int64_t pg_passed_place(const struct pg_store *s, const char *room);

/* The ids that are ours, or ours as READER, as an array that the caller frees. */
void pg_own_ids(const struct pg_store *s, const char *reader, struct pg_array *array);

/* Add to the exchange that these are not claimed any more; and remember that later. */
void pg_call_unlock(struct pg_store *s, const int64_t *ids, size_t count);
void pg_call_unlock_keys(struct pg_store *s, const int64_t *keys, size_t count);
void pg_call_unlock_done(struct pg_store *s);
bool pg_remember(int64_t **ids, size_t *count, int64_t id);

/* Add to the exchange that we do not wait any more, and hear of nothing. */
void pg_call_leave_bells(struct pg_store *s);

/* --- claim.c --- */

enum chat_status pg_claim(struct store *store, const struct chat_query *query,
                          struct chat_batch *batch);
enum chat_status pg_keep(struct store *store, struct chat_batch *batch);
void pg_release(struct store *store, struct chat_batch *batch);

/* Move the damaged message to the room of those: CHAT_DAMAGED. CHAT_OK: it is gone. */
enum chat_status pg_quarantine(struct pg_store *s, int64_t id);

/* --- reader.c --- */

/* A reader, and the open room that it reads. */
struct pg_reader {
    int64_t source, number; /* number 0: no such reader */
    int64_t seen, missed;
    int64_t keep; /* of the room */
    bool due, source_due;
    bool may_delete;
};

/* CHAT_NOUSER: the room is not open. */
enum chat_status pg_look_reader(struct pg_store *s, const char *name, struct pg_reader *reader);
enum chat_status pg_promote_reader(struct pg_store *s, const struct pg_reader *reader);

/* Make the reader if there is none, and let others know that a process is here as this reader. */
enum chat_status pg_be_here(struct pg_store *s, const char *name);

enum chat_status pg_claim_reader(struct pg_store *s, const struct chat_query *query,
                                 const char *name, struct chat_batch *batch);
enum chat_status pg_walk_reader(struct pg_store *s, const struct chat_query *query,
                                const char *name, struct chat_cursor *cursor,
                                struct chat_batch *batch);
enum chat_status pg_settle_reader(struct pg_store *s, struct chat_batch *batch, size_t count);

/* Give each message of BATCH a row of its own in the reader's room, and do CHANGE with these rows,
 * for which the ids of the messages stand meanwhile, in one transaction. TO is the room that they
 * are moved to, or NULL. */
typedef enum chat_status pg_change(struct pg_store *s, const struct chat_batch *batch,
                                   const void *how);
enum chat_status pg_change_copies(struct pg_store *s, struct chat_batch *batch, const char *to,
                                  pg_change *change, const void *how);

/* --- walk.c --- */

enum chat_status pg_mark(struct store *store, const struct chat_query *query, int64_t *mark);
enum chat_status pg_walk(struct store *store, const struct chat_query *query,
                         struct chat_cursor *cursor, struct chat_batch *batch);

/* --- settle.c --- */

enum chat_status pg_settle(struct store *store, struct chat_batch *batch, size_t count);
enum chat_status pg_fail(struct store *store, struct chat_batch *batch,
                         const struct chat_failure *failure);
enum chat_status pg_move(struct store *store, struct chat_batch *batch, const char *room,
                         bool first);

/* Move messages of the room with that number to ROOM, as they are now in MOVED. */
enum chat_status pg_move_messages(struct pg_store *s, const struct chat_message *const *moved,
                                  size_t count, int64_t from, const char *from_name, bool first);

/* --- wait.c --- */

enum chat_status pg_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                         const sigset_t *unblocked);
enum chat_status pg_wait_room(struct store *store, const char *room, int64_t max, int64_t timeout,
                              const sigset_t *unblocked);
enum chat_status pg_watch(struct store *store, int64_t timeout, const sigset_t *unblocked);

/* --- open.c --- */

enum chat_status pg_open_room(struct store *store, const char *room,
                              const struct chat_bounds *bounds);
enum chat_status pg_forget(struct store *store, const char *name);
enum chat_status pg_seek(struct store *store, const char *reader, const struct chat_point *point);
enum chat_status pg_readers(struct store *store, const char *room, int64_t id,
                            struct chat_reader **readers, size_t *count);

/* What an open room keeps, by its columns. */
struct chat_bounds pg_bounds(int64_t keep, int64_t most);

/* --- admin.c, list.c, check.c --- */

enum chat_status pg_settings(struct store *store, struct chat_settings *settings);
enum chat_status pg_list(struct store *store, struct chat_room **rooms, size_t *count);
enum chat_status pg_holders(struct store *store, const struct chat_batch *batch,
                            struct chat_holder *holders);
enum chat_status pg_check(struct store *store, bool repair, chat_finding *report, void *context);

extern const struct store_ops store_pg;
extern const struct admin_ops admin_pg;

#endif
