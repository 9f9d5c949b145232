/* internal.h - the handle of the PostgreSQL store.
 *
 * Each file, or a few, has a header of its own; store.c lists the operations.
 *
 *   connect.c lost.c     the connection: made; lost, and made again
 *   clock.c              the clocks of this machine, and the server's
 *   query.c failed.c     statements, many in one exchange; the meaning of the server's errors
 *   create.c             the schema
 *   room.c name.c        the row of a room, due and expired messages; names of readers
 *   bells.c locks.c      bells; locked messages
 *   log.c                the messages that were put since begin
 *   send.c               begin, put, commit
 *   put.c flush.c copy.c the calls of a transaction that sends; many messages
 *   put_now.c            one message, with an answer
 *   read.c               the contents of messages
 *   reader.c reader_claim.c reader_settle.c    a reader of an open room
 *   claim.c settle.c walk.c wait.c             the operations of receivers
 *   quarantine.c                               damaged messages
 *   open.c list.c check.c admin.c              the operations of operators
 *   store.c                                    the tables of operations; opening and closing
 *
 * They are built into a module, chatspool-postgresql.so, which module.c loads if the URL of a spool
 * asks for it: a program without such a URL never loads libpq.
 *
 * A claim is a session advisory lock: the connection is the claim, and if it is lost,
 * no message is acknowledged on another one. Advisory locks are identified by 64 bits that all
 * programs in a database share; ours begin with 16 bits of their own: see enum pg_lock. No
 * transaction is open while a caller works: each operation is a transaction, and so are the
 * operations from begin to commit together. */

#ifndef POSTGRES_INTERNAL_H
#define POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "log.h"
#include "pg_sql.h"
#include "store.h"

enum {
    CALLS = 64, /* statements in one exchange */
    TOKEN = 16, /* bytes of a UUID */
    /* Bytes of a body: pg_dump cannot read more, as it uses two digits for each, and 1 GB at
     * most. */
    PG_LENGTH_MAX = 500000000,
    CLAIMS = 2048, /* messages claimed at once, at most; see set_claims */
    KEPT = 128,    /* claims that are kept (pg_keep) */
    ROOMS = 128, /* write locks of rooms in one transaction; with more it takes that of the spool */
};

#define PG_ID_MAX (((int64_t)1 << 48) - 1) /* the highest id that fits in a claim's lock */

/* The first 16 of the 64 bits of an advisory lock. */
enum pg_lock {
    LOCK_CLAIM = 0x6368,    /* on a message, by the last 48 bits of its id (also in sql/) */
    LOCK_CAME = 0x6369,     /* shared by sessions that wait for a message, by the room's name */
    LOCK_GONE = 0x636a,     /* shared by senders that wait for space */
    LOCK_SETTLING = 0x636b, /* shared by deleting sessions until the commit, by the room (sql/) */
    LOCK_SCHEMA = 0x636c,   /* held while the schema is created */
    LOCK_ROOM = 0x636d,     /* the write lock of a room, by its number (only in sql/) */
    LOCK_SPOOL = 0x636e,    /* shared by each owner of a room's write lock (only in sql/) */
};

/* The state of a transaction while it sends. */
struct pg_sending {
    unsigned char token[TOKEN]; /* of this transaction, in the table chat.sent */
    bool begun;                 /* the transaction was begun on the server */
    struct pg_log log;          /* all messages that were put */
    size_t flushed;             /* messages of the log that are in the database */
    size_t pending;             /* bytes of those that are not */
    uint64_t entered[ROOMS];    /* the rooms whose write locks are ours, by pg_name_hash */
    size_t entered_count;
    bool whole; /* we hold the write lock of the spool: no other session sends or draws ids */
};

struct pg_store {
    struct store base;
    char *url;
    PGconn *conn;    /* NULL: not connected */
    int64_t session; /* counts the connections; a claim belongs to one */
    int64_t pid;     /* of the server's process */
    int64_t ahead;   /* the server's time minus the clock that continues in a suspend */
    int64_t stepped; /* this machine's time minus that clock, when the former was measured */
    int64_t timeout; /* milliseconds, as the URL says; below zero: forever */
    bool prepared[PG_COUNT];
    bool crowded;      /* the server had no free connection */
    bool unreplicated; /* the server has not waited for a standby: a commit is on its disk only */
    bool deadlock;     /* the last error was a deadlock: another try may succeed */
    bool upgrading;    /* the version of the schema is not checked */
    bool secured;      /* row-level security applies to this role: it may not use COPY */
    bool plain;        /* the settings of the session do not come with the connection */

    /* The current exchange, or the last one: */
    struct pg_call {
        enum pg sql;
        bool prepares;
        PGresult *result;
    } calls[CALLS];
    size_t call_count;
    PGresult *end; /* an error of the commit, which belongs to no call */
    bool unsent;   /* a call could not be sent */
    bool answered; /* the exchange is over: its results exist until the next call */

    /* The settings of the spool: */
    int64_t version, max_length, next_id;
    size_t claims; /* messages that may be claimed at once, at most CLAIMS */
    char default_room[CHAT_NAME_MAX + 1];
    bool fresh; /* they were read since the last transaction */

    /* A room that was looked up together with the settings, and is plain: */
    const char *wanted;  /* its name, NULL: the default room; only while the session begins */
    int64_t room_number; /* 0: unknown, or it does not exist */
    int64_t room_hash;   /* of its name, by pg_name_hash */

    /* Claims: */
    int64_t kept[KEPT];      /* the ids of further messages that we have claims on */
    int64_t kept_room[KEPT]; /* their rooms, or their readers, by pg_name_hash */
    int64_t kept_key[KEPT];  /* by pg_name_claim_key; 0: received from a room */
    size_t kept_count;
    struct pg_passed {
        int64_t room, place;
    } * passed; /* the places up to which this handle receives nothing */
    size_t passed_count;
    int64_t *done; /* ids of messages that are deleted, but not unlocked yet */
    size_t done_count;
    int64_t *done_keys; /* likewise for readers, by pg_name_claim_key */
    size_t done_key_count;
    int64_t *here; /* the readers that other sessions know us to receive as, by pg_name_hash */
    size_t here_count;
    int64_t damaged; /* the id of the last message that was found damaged */

    struct pg_sending put;

    /* While waiting: */
    char (*listened)[32]; /* channels */
    size_t listened_count;
    int64_t *bells; /* locks that we hold, so that other sessions notify us */
    size_t bell_count;
};

#endif
