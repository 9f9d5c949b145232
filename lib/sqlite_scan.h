/* sqlite_scan.h - which messages of a room a receiver may have. */

#ifndef SQLITE_SCAN_H
#define SQLITE_SCAN_H

#include "lock.h"
#include "store_sqlite.h"

/* So many ids are read at a time, after the first look. */
enum { CHUNK = 256 };

/* A look along the order of a room, from its index alone. No transaction stays open
 * between two chunks: a receiver that is stopped must not hold up the checkpoint. */
struct scan {
    struct sqlite_store *store;
    struct room room;
    int64_t after, until; /* the places still to be seen */
    int64_t now;          /* what has expired by then is not seen */
    int64_t head;         /* the first place seen, or 0 */
    size_t want;          /* how many to read at once */
    bool ended;           /* there is nothing behind the chunk */
    size_t at, count;     /* in the chunk */
    int64_t id[CHUNK], place[CHUNK];
};

/* Begin in the room NAME behind the place AFTER. CHAT_NONE: there is no such room. */
enum chat_status scan_open(struct scan *scan, struct sqlite_store *s,
                           const struct chat_query *query, const char *name, int64_t after);

/* Find the next messages that nobody has claimed, at most MAX with consecutive ids, and TAKE them.
 * They are not stepped over. *PASSED becomes true where claimed ones were passed. */
enum chat_status scan_next(struct scan *scan, size_t max, bool take, struct range *free,
                           bool *passed);

/* Step over N messages. */
void scan_step(struct scan *scan, size_t n);

#endif
