/* worker.h - receiving with COMMAND: one is run for each message or batch, several at a time. */

#ifndef WORKER_H
#define WORKER_H

#include <signal.h>
#include <sys/types.h>

#include "chatspool.h"

/* A command that runs, and the claim on its messages. */
struct job {
    pid_t pid;
    chat_batch *batch;
};

struct worker {
    /* The options: */
    char **command;
    int64_t parallel;       /* commands at once */
    int64_t batch;          /* messages for one command at most; 0: one, as its body */
    int64_t tries;          /* failed attempts until the dead-letter room; 0: no end */
    const char *dead;       /* that room; NULL: ROOM.dead */
    int64_t *backoff;       /* milliseconds to hold a message back after each failed attempt; */
    size_t backoff_count;   /* 0: as usual; 1: doubled each time; else the last one repeats */
    bool wait, all, follow; /* as in chat-recv(1) */
    bool single;            /* one command, and no more */
    int64_t count, timeout; /* 0: no end; milliseconds, or -1 */
    chat_spool *spool;      /* open; the caller's */
    struct chat_query query;

    /* How far it is: */
    struct job *jobs;
    size_t running;
    int64_t received;  /* messages that a command was started for */
    int64_t deadline;  /* of waiting, on cli_clock(), or -1 */
    chat_batch *done;  /* messages that are to be deleted, or NULL */
    int64_t done_jobs; /* and how many commands have done them */
    bool over;         /* take no more messages */
    bool last;         /* a command said so */
    bool failed;       /* one failed */
    bool troubled;     /* a temporary problem was reported, and has not passed yet */
    bool damaged;      /* messages were met that are */
    int status;        /* what ended it early, or 0 */
    int signals;       /* requests to stop that were acted on */
    sigset_t blocked, unblocked;
};

/* End the program with a usage error if what was asked for does not fit ROOM, one to receive from.
 */
void worker_check(const struct worker *worker, const char *room);

/* From here on worker_run acts on a signal that asks to stop. */
void worker_catch_signals(struct worker *worker);

/* Work until there is nothing more to do. Returns the exit status. */
int worker_run(struct worker *worker);

#endif
