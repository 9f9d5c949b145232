/* talk.h - the conversation: shows the messages of a room as they come, and notes them as read. */

#ifndef TALK_H
#define TALK_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "screen.h"
#include "view.h"

struct talk {
    struct room room;
    struct screen screen;
    enum { RING_MENTION, RING_ALWAYS, RING_NEVER } ring;
    bool typist;              /* a person types at a terminal */
    struct pollfd fds[2];     /* the input, and the reader of the output */
    sigset_t unblocked;       /* the mask of signals while the program sleeps */
    bool live;                /* the first screen is over: each message is new */
    bool look;                /* there may be messages to show */
    enum chat_status trouble; /* why the spool does not work, as was shown; CHAT_OK: it works */
    int fruitless;            /* how often it woke in a row and found no message to show */
    int64_t retry;            /* when to open the spool again, by cli_clock(); 0: not */
    int64_t reopened;         /* when the spool was last opened again */
    int64_t save_at;          /* when to note the position on disk; 0: it is noted */
};

/* Show the first screen: the unread messages or, if that is more, the last LINES. */
enum chat_status talk_begin(struct talk *talk, int64_t lines);

/* Do one step: show some messages, or sleep until a message or a signal comes or the input can be
 * read. Afterwards fds[0].revents is not 0 if the input can be read. Shows trouble with the spool
 * once, and opens the spool again no more than once a second; the caller only calls again. */
void talk_step(struct talk *talk);

/* After a send that failed with STATUS: find out whether the spool still works. A spool file that
 * was replaced shows itself to a sender first: reading the old one works. */
void talk_not_sent(struct talk *talk, enum chat_status status);

/* Show all messages that are in the room at this moment. */
void talk_catch_up(struct talk *talk);

/* Note the position on disk, and free the room. */
void talk_end(struct talk *talk);

#endif
