/* worker.h - receiving with COMMAND: run one for each message or batch, several at a time. */

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
    int64_t parallel;       /* how many commands run at once */
    int64_t batch;          /* most messages for one command; 0: one, as its body */
    int64_t tries;          /* failed attempts before the dead-letter room; 0: no limit */
    const char *dead;       /* that room; NULL: ROOM.dead */
    int64_t *backoff;       /* milliseconds to hold a message back after each failed attempt; */
    size_t backoff_count;   /* 0: the default; 1: doubled each time; more: one each, and the last
                               repeats */
    bool wait, all, follow; /* the options of chat-recv(1) */
    bool single;            /* run one command only */
    int64_t count, timeout; /* 0: no limit; milliseconds, or -1 */
    chat_spool *spool;      /* open; the caller closes it */
    struct chat_query query;

    /* The progress: */
    struct job *jobs;
    size_t running;
    int64_t received;  /* messages for which a command was started */
    int64_t deadline;  /* of the wait, on cli_clock(), or -1 */
    chat_batch *done;  /* messages to delete, or NULL */
    int64_t done_jobs; /* number of commands that have processed them */
    bool over;         /* take no more messages */
    bool last;         /* a command asked to stop */
    bool failed;       /* one failed */
    bool troubled;     /* a temporary problem was reported and is not over yet */
    bool damaged;      /* damaged messages were found */
    int status;        /* the status of an early end, or 0 */
    int signals;       /* requests to stop that were handled */
    sigset_t blocked, unblocked;
};

/* End the program with a usage error if the options do not fit ROOM, a room to receive from. */
void worker_check(const struct worker *worker, const char *room);

/* From this call on worker_run() handles signals that ask to stop. */
void worker_catch_signals(struct worker *worker);

/* Work until there is nothing more to do. Returns the exit status. */
int worker_run(struct worker *worker);

#endif
