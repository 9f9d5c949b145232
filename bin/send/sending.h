/* sending.h - what one message and a stream have in common: conditions, a time, a full room. */

#ifndef SENDING_H
#define SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "common/text.h"

struct sending {
    chat_spool *spool;
    struct chat_message message; /* what all messages have in common */
    const char **rooms;          /* the rooms of each message, in one commit */
    size_t room_count;           /* 0: the room that the message names */
    const char *delay, *expire;  /* the option's text, or NULL: "1h" is an hour from the put on */
    struct chat_terms terms;
    bool added;      /* a message was added by this transaction, */
    bool any;        /* or by a committed one */
    bool wait;       /* for space */
    int64_t timeout; /* milliseconds to wait for space each time; -1: no limit */
    bool print_id, quiet;
    bool json;                   /* with -J a line sets every field that no option sets */
    const char *user;            /* the option's text, or NULL */
    char own[CHAT_NAME_MAX + 1]; /* the room that a message must name to go there; or "" */

    int64_t deadline;      /* of the present wait, on cli_clock(); 0 after each commit */
    char full[512];        /* why the last message was refused, */
    const char *full_room; /* and by which room */
    struct text ids;       /* of the transaction, one per line, to print */
};

/* Begin a transaction, and set the times of the message. */
enum chat_status sending_begin(struct sending *sending);

/* Put MESSAGE into each of its rooms under TERMS, and record the ids if they are to be printed.
 * CHAT_BUSY: one of the rooms is full, and the message may be in those before it. */
enum chat_status sending_put(struct sending *sending, const struct chat_message *message,
                             const struct chat_terms *terms);

/* Like chat_commit(). */
enum chat_status sending_commit(struct sending *sending);

/* Roll back everything since sending_begin(). */
void sending_rollback(struct sending *sending);

/* After CHAT_BUSY: roll back, so that other processes can work, and wait until the full room may
 * have space for PLACES messages. CHAT_OK: try again. CHAT_BUSY: waiting is not allowed, or the
 * time is up. */
enum chat_status sending_wait(struct sending *sending, int64_t places);

/* Print the recorded ids, and forget them. An error contains AFTER, which names what is stored. */
void sending_print_ids(struct sending *sending, const char *after);

#endif
