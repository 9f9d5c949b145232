/* talk.h - the conversation: what comes in is shown, and what was shown counts as read. */

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
    bool typist;          /* a person types at a terminal */
    struct pollfd fds[2]; /* what is typed, and who reads what is shown */
    sigset_t unblocked;   /* the mask of signals while it sleeps */
    bool live;            /* what comes now is new */
    bool look;            /* there may be messages */
    bool troubled;        /* the spool does not work, and this was shown */
    int fruitless;        /* how often it woke, and found nothing to show */
    int64_t retry;        /* when to try again, by cli_clock(); 0: now */
    int64_t reopened;     /* when the spool was last opened again */
    int64_t save_at;      /* when to note on disk what was read; 0: there is nothing to note */
};

/* What signals ask for; set by their handlers. output_stop: to end. */
extern volatile sig_atomic_t talk_resized, talk_interrupted, talk_suspended, talk_continued;

/* Catch the signals. */
void talk_catch_signals(struct talk *talk);

/* Stop this process as SIGTSTP does, and with GROUP those that work with it, too; return when it
 * continues. */
void talk_suspend(bool group);

/* Show what is there: the messages that were not read or, if that is more, the last LINES. */
enum chat_status talk_begin(struct talk *talk, int64_t lines);

/* Show messages that came, or sleep until there is one, a signal came, or something was typed;
 * afterwards fds[0].revents tells whether it was. Trouble with the spool is shown, once, and the
 * caller need not care: each call tries again, but not more often than once a second. */
void talk_step(struct talk *talk);

/* Show all that is there now. */
void talk_catch_up(struct talk *talk);

/* Note what was read, and give up the room. */
void talk_end(struct talk *talk);

#endif
