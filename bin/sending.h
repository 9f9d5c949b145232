/* sending.h - what one message and a stream of many have in common: terms, a time, a full room. */

#ifndef SENDING_H
#define SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "text.h"

struct sending {
    chat_spool *spool;
    struct chat_message message; /* what all have in common */
    const char *delay, *expire;  /* as they were given, or NULL: "1h" is an hour from the put on */
    struct chat_terms terms;
    bool wait;       /* for room */
    int64_t timeout; /* at most so many milliseconds each time; -1: no limit */
    bool print_id, quiet;
    bool json;               /* with -J each message says for itself what no option says: */
    const char *room, *user; /* as they were given, or NULL */

    int64_t deadline; /* of the present wait on cli_clock(); 0 after each commit */
    char full[512];   /* why the last put was refused */
};

/* Begin a transaction, and set the times of the message. */
enum chat_status sending_begin(struct sending *sending);

/* Put MESSAGE; its id is told if it is to be printed. CHAT_BUSY: its room is full. */
enum chat_status sending_put(struct sending *sending, const struct chat_message *message,
                             int64_t *id);

/* After CHAT_BUSY: roll back (others go on while we sleep) and wait until ROOM may have PLACES
 * for messages. CHAT_OK: try again. CHAT_BUSY: we are not to wait, or the time is up. */
enum chat_status sending_wait(struct sending *sending, const char *room, int64_t places);

/* Print an id in LINES on a line of its own, later; and now. AFTER tells what is stored, should
 * that fail. */
void sending_add_id(struct text *lines, int64_t id);
void sending_print(struct text *lines, const char *after);

#endif
