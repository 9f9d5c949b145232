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
    ROW = 64               /* bytes that a message takes besides its body, about */
};

/* A position in the table of messages (schema.sql) consists of the number of a room and a place in
 * it; for a message that waits for its time, of 0 and its id. */
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
enum { COLUMNS_MOST = 17 }; /* a room has the most columns */

/* The columns of get_messages; further ones are those of list_all. */
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
    char name[CHAT_NAME_MAX + 1]; /* "": no room yet */
    int64_t number;
    int64_t held;         /* messages in the room when the transaction began */
    int64_t came;         /* messages that were put since, */
    int64_t depth, bytes; /* and the part of them that the row of the room does not count yet */
    int64_t due, expires; /* the earliest time that one of this part is due, or expires; 0: none */
    bool returned;        /* the row of the room records that some came to places before others */
    bool open, reader;    /* the room is open, or is a reader */
};

/* The state of a transaction while it sends. */
struct sending {
    int64_t first_id;  /* the first id that this transaction gives */
    bool ids_wanted;   /* some messages have ids of their own */
    int64_t ids_known; /* the table of ids matches this version of the spool; or 0 */
    int64_t bytes;     /* bytes that this transaction adds to the file, about */
    struct tally tally;
    struct lines *lines; /* lines.c's: messages that are not inserted yet */
};

struct sqlite_store {
    struct store base;
    struct location location;
    int lock;            /* the descriptor of the lock file, or -1 */
    int64_t lock_seen;   /* when the lock file was last known to have its name */
    bool read_only;      /* the file system is read-only */
    sqlite3 *db;         /* NULL while there is no spool file */
    bool attached;       /* the two files below are open, or were looked for */
    int wal;             /* the descriptor of the -wal file, or -1 */
    int wal_index;       /* the descriptor of the -shm file, or -1 */
    bool wal_index_kept; /* the WAL index outlives this process */
    sqlite3_stmt *statements[SQL_COUNT];
    int wal_frames;             /* in the WAL after our last commit, */
    uint8_t wal_salt[WAL_SALT]; /* and the salt of that WAL */
    int wal_tried;              /* its frames when the last attempt to empty it failed */
    bool shrunk;                /* when the WAL is emptied, the file returns many pages */
    bool wal_damaged;           /* the WAL is damaged, so the spool was not opened */
    int64_t synced_id;          /* the highest id on the disk when we took the write lock */
    int failed_with;            /* SQLite's last result code that was an error */
    int64_t damaged;            /* the position of the last message that was found damaged */
    bool reserve_given;         /* this process has given up the reserve */
    int64_t promised_from;      /* the size of the file before it was made larger, or 0 */
    bool writing;               /* a transaction that writes was begun, and not ended yet */
    bool present;               /* other processes know that this one has claims */
    int64_t *kept;              /* the positions of further messages that we claimed, ascending */
    size_t kept_count;
    /* Up to this position of its room all messages are kept, or gone, unless some returned: */
    struct {
        int64_t position, returned;
    } kept_all;
    int64_t *here; /* the readers that other processes know us to receive as */
    size_t here_count;
    char copied_from[CHAT_NAME_MAX + 1]; /* read.c's: the room of a reader's message */
    struct range *held;                  /* the claims of this transaction */
    size_t held_count;
    int watch; /* a descriptor that sees every change, after a caller has asked for it; or 0 */
    struct file_watch file_watch; /* watches the files that a sleep depends on */
    struct pending_bell *bells;   /* bells.c's: to be rung after the commit */
    size_t bell_count;
    bool bells_all;  /* ring all bells instead */
    int all_held[2]; /* the descriptors of the bells of all rooms, or -1 */

    /* The row of the spool, as it was last read: */
    int64_t next_id;
    int64_t max_length;
    char default_room[CHAT_NAME_MAX + 1];

    struct sending put;
};

#endif
