/* internal.h - the handle of the SQLite store, and the numbers of its rows and columns.
 *
 * Each file has a header of its own; docs/architecture.md shows how they call each other. */

#ifndef SQLITE_INTERNAL_H
#define SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "os/file_watch.h"
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

/* For qsort and bsearch. */
static inline int position_compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
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
enum { COLUMNS_MOST = 17 }; /* a room has more */

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

/* The messages that came to a room since the transaction began. */
struct tally {
    char name[CHAT_NAME_MAX + 1]; /* "": none yet */
    int64_t number;
    int64_t held;         /* messages in it when the transaction began */
    int64_t came;         /* messages that were put since, */
    int64_t depth, bytes; /* and those that the row of the room does not count yet */
    int64_t due, expires; /* the earliest time that one of those is due, or expires; 0: none is */
    bool returned;        /* the row of the room says that some came before others */
    bool open, reader;    /* the room is open, or is a reader */
};

/* The state of a transaction while it sends. */
struct sending {
    int64_t first_id;  /* the first of those that this transaction gives */
    bool ids_wanted;   /* some messages have ids of their own */
    int64_t ids_known; /* the table of ids is as the spool was at this version; or 0 */
    int64_t bytes;     /* what this transaction adds to the file, about */
    struct tally tally;
    struct lines *lines; /* what is not inserted yet; lines.c's */
};

struct sqlite_store {
    struct store base;
    struct location location;
    int lock;            /* the lock file's descriptor, or -1 */
    int64_t lock_seen;   /* when it was last known to have its name */
    bool read_only;      /* it is on a file system that is */
    sqlite3 *db;         /* NULL while there is no spool file */
    int wal;             /* the descriptor of the -wal file, or -1 */
    int wal_index;       /* the descriptor of the -shm file, or -1 */
    bool wal_index_kept; /* the index outlives this process */
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
    } kept_all;    /* up to this position of its room all are kept, or gone, unless some returned */
    int64_t *here; /* the readers that we are known to receive as */
    size_t here_count;
    char copied_from[CHAT_NAME_MAX + 1]; /* read.c's: the room of a reader's message */
    struct range *held;                  /* what this transaction has claimed */
    size_t held_count;
    int watch;                    /* sees every change, once a caller has asked for it; or 0 */
    struct file_watch file_watch; /* of the files that a sleep depends on */
    struct pending_bell *bells;   /* to be rung after the commit; bells.c's */
    size_t bell_count;
    bool bells_all;  /* all bells instead, */
    int all_held[2]; /* by these descriptors, or -1 */

    /* The row of the whole spool, as it was read last: */
    int64_t next_id;
    int64_t max_length;
    char default_room[CHAT_NAME_MAX + 1];

    struct sending put;
};

#endif
