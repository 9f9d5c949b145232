/* scan.h - find the messages of a room that a receiver may have. */

#ifndef SQLITE_SCAN_H
#define SQLITE_SCAN_H

#include "internal.h"
#include "os/lock.h"
#include "room.h"

/* A scan of a room. No transaction stays open between two runs: a receiver that is stopped must not
 * hold up the checkpoint. */
struct scan {
    struct sqlite_store *store;
    struct room room;
    bool every;     /* include expired messages, and then those that wait for their time */
    bool waiting;   /* the scan has come to the latter: in the order of their times and ids */
    bool only_kept; /* all messages that were stepped over are kept by this handle */
    int64_t after, after_due; /* the position that was last seen, and when it is due */
    int64_t before;           /* only messages that were sent before this time; 0: all */
    int64_t until;            /* the last place, or id, to see */
    int64_t now;              /* messages that have expired by this time are not seen */
    bool passed_expired;      /* some expired messages were passed */
    int64_t next, next_due;   /* the message behind those that were seen; 0: it is unknown, */
    bool ended;               /* or there is no such message */
    /* For a reader, whose messages have the positions that their copies would have: */
    int64_t seen, missed; /* columns of the row of the reader */
    int64_t source_due;   /* when the next message of its source is due; 0: no message waits */
    int64_t offset;       /* to the next message, which is in the source; 0: in its own range */
    int64_t bound;        /* the first message that is not there; 0: no such message */
};

/* Begin in the room NAME (NULL: the default room) behind FROM (NULL: at the beginning). CHAT_NONE:
 * no such room. */
enum chat_status scan_open(struct scan *scan, struct sqlite_store *s,
                           const struct chat_query *query, const char *name,
                           const struct chat_cursor *from);

/* Likewise, after making due messages ready. A message that becomes ready now gets a place behind
 * the mark of a query that has one. */
enum chat_status scan_open_ready(struct scan *scan, struct sqlite_store *s,
                                 const struct chat_query *query, const char *name,
                                 const struct chat_cursor *from);

/* Store in *CURSOR the message that was stepped over last. */
void scan_get_cursor(const struct scan *scan, struct chat_cursor *cursor);

/* Find a run of positions with the next messages, at most MAX: it begins with a message, and there
 * may be fewer messages than positions. Does not step over them. SCAN_FREE finds only unclaimed
 * messages. SCAN_TAKE also claims them. SCAN_ALL also finds claimed ones. *PASSED becomes true if
 * claimed messages were passed. */
enum scan_mode { SCAN_FREE, SCAN_TAKE, SCAN_ALL };
enum chat_status scan_next(struct scan *scan, int64_t max, enum scan_mode mode, struct range *found,
                           bool *passed);

/* Step over the first N positions of the run that was found. */
void scan_step(struct scan *scan, int64_t n);

#endif
