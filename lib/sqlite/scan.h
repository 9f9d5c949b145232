/* scan.h - which messages of a room a receiver may have. */

#ifndef SQLITE_SCAN_H
#define SQLITE_SCAN_H

#include "internal.h"
#include "os/lock.h"
#include "room.h"

/* A look along a room. No transaction stays open between two runs: a receiver that is stopped must
 * not hold up the checkpoint. */
struct scan {
    struct sqlite_store *store;
    struct room room;
    bool every;               /* those that have expired, too, and then those that wait */
    bool waiting;             /* at the latter: they are in the order of their times and ids */
    bool only_kept;           /* nothing was stepped over that this handle has not kept */
    int64_t after, after_due; /* the last position that was seen, and when it is due */
    int64_t before;           /* only those that were sent before this time; 0: all */
    int64_t until;            /* the last place, or id, to be seen */
    int64_t now;              /* what has expired by then is not seen */
    bool passed_expired;      /* some that have expired were not shown */
    int64_t next, next_due;   /* the message behind those that were seen; 0: not known, */
    bool ended;               /* or not found */
    /* For a reader; its messages have the positions that their copies would have: */
    int64_t seen, missed; /* of the row of the reader */
    int64_t source_due;   /* when the next message of its source is due; 0: none waits */
    int64_t offset;       /* to the position where the next message is: in the source; 0: its own */
    int64_t bound;        /* and the first message that is not there; 0: none */
};

/* Begin in the room NAME (NULL: the default room) behind FROM, or at the beginning where that is
 * NULL. CHAT_NONE: there is no such room. */
enum chat_status scan_open(struct scan *scan, struct sqlite_store *s,
                           const struct chat_query *query, const char *name,
                           const struct chat_cursor *from);

/* Likewise, after due messages were made ready. A message that becomes ready now is placed
 * behind the mark of a query that has one. */
enum chat_status scan_open_ready(struct scan *scan, struct sqlite_store *s,
                                 const struct chat_query *query, const char *name,
                                 const struct chat_cursor *from);

/* Store in *CURSOR what was stepped over last. */
void scan_get_cursor(const struct scan *scan, struct chat_cursor *cursor);

/* Find a run of positions with the next messages, at most MAX: it begins with one, and there may
 * be fewer. They are not stepped over. SCAN_FREE and SCAN_TAKE: only unclaimed messages, and
 * claim them; *PASSED becomes true if claimed ones were passed. SCAN_ALL: claimed ones as well. */
enum scan_mode { SCAN_FREE, SCAN_TAKE, SCAN_ALL };
enum chat_status scan_next(struct scan *scan, int64_t max, enum scan_mode mode, struct range *found,
                           bool *passed);

/* Step over the first N positions of the run that was found. */
void scan_step(struct scan *scan, int64_t n);

#endif
