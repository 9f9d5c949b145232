/* sending.h - what one message and a stream of many have in common: terms, a time, a full room. */

#ifndef SENDING_H
#define SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "common/text.h"

struct sending {
    chat_spool *spool;
    struct chat_message message; /* what all have in common */
    const char **rooms;          /* that each message goes to, all in one commit */
    size_t room_count;           /* 0: to the one that the message names */
    const char *delay, *expire;  /* as they were given, or NULL: "1h" is an hour from the put on */
    struct chat_terms terms;
    bool added;      /* something was, by this transaction, */
    bool any;        /* or by one that is committed */
    bool wait;       /* for space */
    int64_t timeout; /* milliseconds to wait each time; -1: no limit */
    bool print_id, quiet;
    bool json;                   /* with -J each message says for itself what no option says */
    const char *user;            /* as it was given, or NULL */
    char own[CHAT_NAME_MAX + 1]; /* where no message may go without naming it; or "" */

    int64_t deadline;      /* of the present wait on cli_clock(); 0 after each commit */
    char full[512];        /* why the last put was refused, */
    const char *full_room; /* and by which room */
    struct text ids;       /* of the transaction, one per line, to be printed */
};

/* Begin a transaction, and set the times of the message. */
enum chat_status sending_begin(struct sending *sending);

/* Put MESSAGE into each of its rooms on TERMS, and note the ids if they are to be printed.
 * CHAT_BUSY: one of the rooms is full, and the message may be in those before it. */
enum chat_status sending_put(struct sending *sending, const struct chat_message *message,
                             const struct chat_terms *terms);

/* As chat_commit. */
enum chat_status sending_commit(struct sending *sending);

/* Forget what was put since sending_begin. */
void sending_rollback(struct sending *sending);

/* After CHAT_BUSY: roll back (others go on while we sleep) and wait until the full room may have
 * space for PLACES messages. CHAT_OK: try again. CHAT_BUSY: we are not to wait, or the time is up.
 */
enum chat_status sending_wait(struct sending *sending, int64_t places);

/* Print the ids that were noted, and forget them. AFTER says what is stored, should that fail. */
void sending_print_ids(struct sending *sending, const char *after);

#endif
