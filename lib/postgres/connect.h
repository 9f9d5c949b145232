/* connect.h - the connection to the server: made; lost, and made again (connect.c, lost.c). */

#ifndef POSTGRES_CONNECT_H
#define POSTGRES_CONNECT_H

#include "internal.h"

/* How long one call tries to reach the server. */
struct pg_timeout {
    int64_t until;             /* by pg_clock(); below zero: forever */
    int64_t pause;             /* the next, in milliseconds */
    const sigset_t *unblocked; /* during a pause; or NULL */
    bool interrupted;          /* by a signal */
};

/* Return the usual timeout of a call that begins now. */
struct pg_timeout pg_timeout(const struct pg_store *s);

/* Connect, and keep trying until the timeout. CHAT_UNREACHABLE: the server cannot be reached. */
enum chat_status pg_connect(struct pg_store *s, struct pg_timeout *timeout);

/* Read the row of the spool. */
enum chat_status pg_read_spool(struct pg_store *s);

/* Connect, and read the row of the spool if it was not read since the last transaction. */
enum chat_status pg_know_spool(struct pg_store *s);

/* Check that this program knows the version of the schema, or a newer one. */
enum chat_status pg_not_too_new(const struct pg_store *s);

/* --- lost.c --- */

/* After a call that returned STATUS: return true if the connection was lost and there is still time
 * to try once more. Sleeps before it returns true. */
bool pg_again(struct pg_store *s, enum chat_status status, struct pg_timeout *timeout);

/* Sleep before another try, longer each time. Returns false if the time is up, or a signal came. */
bool pg_pause(struct pg_timeout *timeout);

/* Close the connection, and with it give up all claims. */
void pg_disconnect(struct pg_store *s);

/* Forget which write locks of rooms this session holds: the transaction is over. */
void pg_forget_write_locks(struct pg_store *s);

#endif
