/* worker.c - receiving with COMMAND: run one for each message or batch, several at a time.
 *
 * A message stays in the spool, claimed, until its command has ended and the exit status decides
 * about the message. So a kill at any instruction leaves the message there: the claim dies with
 * this process. */

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "common/cli.h"
#include "common/dead.h"
#include "common/pause.h"
#include "common/signals.h"
#include "missed.h"

/* Stop early with STATUS, unless another status was set before. Running commands may end. */
static void give_up(struct worker *w, int status)
{
    if (w->status == 0)
        w->status = status;
    w->over = true;
}

/* The program must not end while commands run, so a failed call only stops it early. */
static void fail_spool(struct worker *w, enum chat_status status)
{
    give_up(w, cli_say_spool(status, w->spool));
}

/* Do the same after a failed call for a message whose command has ended. A follower continues
 * without the claim that it has lost, and the next receiver gets the message again. */
static void fail_claim(struct worker *w, enum chat_status status)
{
    if (w->follow && status == CHAT_UNREACHABLE)
        cli_say("%s", chat_error(w->spool));
    else
        fail_spool(w, status);
}

/* --- signals ---------------------------------------------------------------
 *
 * One request to stop may arrive as several signals: timeout(1) signals its child and then the
 * child's process group, a closed terminal sends SIGHUP through the shell and from the kernel, and
 * the end of a control group signals each process in it. So all signals within a second of a
 * request belong to the request. */

enum { SAME_REQUEST = 1000 }; /* milliseconds */

static volatile sig_atomic_t requests, request_signal;
static int64_t request_time; /* on cli_clock() */

/* Handlers run one at a time and only where the signals are unblocked, so they share these without
 * a race. A hang-up is only ever a first request: it means that the user cannot see the output any
 * more. */
static void stop(int number)
{
    int64_t now = cli_clock();
    if (requests > 0 && (number == SIGHUP || now - request_time < SAME_REQUEST))
        return;
    requests++;
    request_signal = number;
    request_time = now;
}

static void wake_up(int number)
{
    (void)number; /* the handler only has to end a sleep */
}

void worker_catch_signals(struct worker *w)
{
    signals_catch_stop(stop, &w->unblocked);
    signals_catch(SIGCHLD, wake_up, &w->unblocked);
    sigprocmask(SIG_BLOCK, NULL, &w->blocked);
}

/* Send a signal to the process groups of the commands. None of the commands was reaped yet, so the
 * process ids still belong to them. */
static void signal_commands(const struct worker *w, int number)
{
    for (size_t i = 0; i < w->running; i++)
        kill(-w->jobs[i].pid, number);
}

/* Handle a request to stop. The first one: take no more messages. The second is passed on to the
 * commands, even to a stopped one. The third kills them. */
static void heed_signals(struct worker *w)
{
    sigprocmask(SIG_SETMASK, &w->unblocked, NULL);
    sigprocmask(SIG_SETMASK, &w->blocked, NULL);
    if (requests == w->signals)
        return;
    w->signals = requests;
    w->over = true;
    if (w->signals == 2) {
        signal_commands(w, request_signal);
        signal_commands(w, SIGCONT);
    } else if (w->signals > 2)
        signal_commands(w, SIGKILL);
}

/* --- temporary problems ----------------------------------------------------
 *
 * The spool is locked, or there are too many processes. A receiver that may wait for a message also
 * waits for the end of such a problem. */

enum { PAUSE = 1000 }; /* milliseconds between two attempts */

static const char trying_again[] = "; trying again";

/* Return for how many milliseconds to try again, or 0. */
static int64_t pause_left(const struct worker *w)
{
    if (!w->wait || requests > 0)
        return 0;
    int64_t left = w->deadline >= 0 ? w->deadline - cli_clock() : PAUSE;
    return left > PAUSE ? PAUSE : left > 0 ? left : 0;
}

/* Sleep before the next attempt, or until a command ends or a signal arrives. */
static void make_pause(struct worker *w)
{
    w->troubled = true;
    pause_for(pause_left(w), NULL, 0, &w->unblocked);
}

/* Report that the spool is locked, and pause. Returns whether to try again. */
static bool put_off(struct worker *w, enum chat_status status)
{
    if (status != CHAT_BUSY || pause_left(w) == 0)
        return false;
    if (!w->troubled)
        cli_say("%s%s", chat_error(w->spool), trying_again);
    make_pause(w);
    return true;
}

/* --- what becomes of a message --------------------------------------------- */

enum { HOLD = 1000, HOLD_MOST = 60 * 60 * 1000 }; /* milliseconds */

/* Return how long to hold back a message that has failed this number of times before. */
static int64_t hold_time(const struct worker *w, int64_t attempts)
{
    int64_t last = (int64_t)w->backoff_count - 1;
    if (last > 0)
        return w->backoff[attempts < last ? attempts : last];
    int64_t hold = last == 0 ? w->backoff[0] : w->follow ? HOLD : 0;
    int64_t most = hold > HOLD_MOST ? hold : HOLD_MOST;
    for (; attempts > 0 && hold > 0 && hold < most; attempts--)
        hold *= 2;
    return hold < most ? hold : most;
}

static const char *dead_letter_room(const struct worker *w, const struct chat_message *m)
{
    static char room[CHAT_NAME_MAX + 1];
    char reader[2 * sizeof room];
    if (w->dead != NULL)
        return w->dead;
    snprintf(reader, sizeof reader, "%.*s/%s", (int)strcspn(m->room, "/"), m->room,
             m->reader != NULL ? m->reader : "");
    /* the library refuses that */
    return dead_room(m->reader != NULL ? reader : m->room, room) ? room : "";
}

/* Without -F each message is tried once per run, so its claim is kept until the end. */
static enum chat_status put_back(struct worker *w, chat_batch *batch)
{
    if (!w->follow)
        return chat_keep(batch);
    chat_release(batch);
    return CHAT_OK;
}

static enum chat_status fail(struct worker *w, chat_batch *batch,
                             const struct chat_failure *failure)
{
    enum chat_status status;
    do
        status = chat_fail(batch, failure);
    while (put_off(w, status));
    return status;
}

/* Return how COMMAND ended, from the STATUS of waitpid(); valid until the next call. */
static const char *end_text(int status)
{
    static char text[96];
    if (WIFEXITED(status))
        snprintf(text, sizeof text, "failed with status %d", WEXITSTATUS(status));
    else
        snprintf(text, sizeof text, "was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    return text;
}

/* Report a failed attempt, and DEAD, the room to which the messages have moved, or NULL. */
static void report(const struct worker *w, const chat_batch *batch, int status, const char *dead)
{
    size_t count = chat_batch_count(batch);
    const struct chat_message *m = chat_batch_message(batch, 0);
    char which[80], of[32] = "";
    if (count == 1)
        snprintf(which, sizeof which, "message %lld", (long long)m->id);
    else
        snprintf(which, sizeof which, "%zu messages from %lld to %lld", count, (long long)m->id,
                 (long long)chat_batch_message(batch, count - 1)->id);
    if (w->tries > m->attempts) /* a receiver with more tries may have had it before */
        snprintf(of, sizeof of, " of %lld", (long long)w->tries);
    cli_say("%s in room '%s': attempt %lld%s %s%s%s%s", which, m->room, (long long)m->attempts + 1,
            of, end_text(status), dead != NULL ? "; moved to room '" : "", dead != NULL ? dead : "",
            dead != NULL ? "'" : "");
}

static void failed(struct worker *w, chat_batch *batch, int end, bool for_ever)
{
    const struct chat_message *m = chat_batch_message(batch, 0);
    bool dead = for_ever || (w->tries > 0 && m->attempts + 1 >= w->tries);
    const struct chat_failure failure = {
        .counted = true,
        .status = WIFEXITED(end) ? WEXITSTATUS(end) : CHAT_SIGNALLED + WTERMSIG(end),
        .hold = dead ? 0 : hold_time(w, m->attempts),
        .dead = dead ? dead_letter_room(w, m) : NULL,
    };
    w->failed = true;
    enum chat_status status = fail(w, batch, &failure);
    report(w, batch, end, status == CHAT_OK ? failure.dead : NULL);
    if (status != CHAT_OK)
        fail_claim(w, status);
    if (status == CHAT_OK && dead)
        chat_release(batch);
    else if ((status = put_back(w, batch)) != CHAT_OK)
        fail_claim(w, status);
}

/* The exit status asks to try later. A follower retries the message; otherwise the caller of
 * chat-recv has to. */
static void postponed(struct worker *w, chat_batch *batch)
{
    const struct chat_failure failure = {
        .hold = hold_time(w, chat_batch_message(batch, 0)->attempts),
    };
    enum chat_status status = w->follow ? fail(w, batch, &failure) : CHAT_OK;
    if (status != CHAT_OK)
        fail_claim(w, status);
    if (!w->follow)
        give_up(w, EXIT_BUSY);
    chat_release(batch);
}

/* Delete the messages of successful commands. */
static void settle(struct worker *w)
{
    chat_batch *batch = w->done;
    size_t count = batch != NULL ? chat_batch_count(batch) : 0;
    enum chat_status status = CHAT_OK;
    do
        status = count > 0 ? chat_settle(batch, count) : CHAT_OK;
    while (put_off(w, status));
    if (status != CHAT_OK)
        fail_claim(w, status);
    for (size_t i = 0; i < count && status != CHAT_OK; i++)
        cli_say("message %lld: the command succeeded, but the message could not be deleted",
                (long long)chat_batch_message(batch, i)->id);
    chat_release(batch);
    w->done = NULL;
    w->done_jobs = 0;
}

/* Delete the messages of commands that end at about the same time together, before the next sleep:
 * on a disk that takes 5 ms per sync, -P 8 -- true processes three times as many. */
static void done(struct worker *w, chat_batch *batch)
{
    if (w->done == NULL || chat_join(w->done, batch) != CHAT_OK) {
        settle(w); /* it belongs to another room */
        w->done = batch;
    }
    w->done_jobs++;
}

static void ended(struct worker *w, chat_batch *batch, int status)
{
    switch (command_end(status)) {
    case COMMAND_DONE_LAST:
        w->last = w->over = true;
        done(w, batch);
        break;
    case COMMAND_DONE:
        done(w, batch);
        break;
    case COMMAND_LATER:
        postponed(w, batch);
        break;
    case COMMAND_NEVER: /* unknown which one, if there are several */
        failed(w, batch, status, chat_batch_count(batch) == 1);
        break;
    case COMMAND_FAILED:
        failed(w, batch, status, false);
        break;
    }
}

/* --- jobs ------------------------------------------------------------------ */

/* The timeout of a follower starts again when a message arrives or is deleted. */
static void begin_time(struct worker *w)
{
    if (w->follow && w->timeout >= 0)
        w->deadline = cli_clock() + w->timeout;
}

static struct job *find_job(const struct worker *w, pid_t pid)
{
    for (size_t i = 0; i < w->running; i++)
        if (w->jobs[i].pid == pid)
            return &w->jobs[i];
    return NULL;
}

/* A command has its own process group, so the terminal stops it if it reads from the terminal. It
 * keeps its message until it is continued or killed, so report it. */
static void say_stopped(const struct worker *w, const struct job *job, int number)
{
    const char *cause = number == SIGTTIN   ? ": it cannot read from the terminal"
                        : number == SIGTTOU ? ": it cannot write to the terminal"
                                            : "";
    cli_say("message %lld: the command '%s', process %lld, is stopped%s",
            (long long)chat_batch_message(job->batch, 0)->id, w->command[0], (long long)job->pid,
            cause);
}

static void end_job(struct worker *w, struct job *job, int status)
{
    chat_batch *batch = job->batch;
    *job = w->jobs[--w->running];
    ended(w, batch, status);
    begin_time(w);
}

/* Reap all commands that have ended, and report those that were stopped. Children that this process
 * inherited from its parent are not among them. */
static void reap(struct worker *w)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
        struct job *job = find_job(w, pid);
        if (job != NULL && WIFSTOPPED(status))
            say_stopped(w, job, WSTOPSIG(status));
        else if (job != NULL)
            end_job(w, job, status);
    }
}

static void start(struct worker *w, chat_batch *batch)
{
    pid_t pid;
    say_missed(batch);
    const char *after = pause_left(w) == 0 ? "" : w->troubled ? NULL : trying_again;
    int status = command_start(w->command, batch, after, &pid);
    if (status != 0) {
        chat_release(batch);
        if (status == EXIT_SYSTEM && pause_left(w) > 0)
            make_pause(w);
        else
            give_up(w, status);
        return;
    }
    w->troubled = false;
    w->jobs[w->running++] = (struct job){ .pid = pid, .batch = batch };
    w->received += (int64_t)chat_batch_count(batch);
    w->over = w->over || w->single || (w->count > 0 && w->received >= w->count);
    begin_time(w);
}

/* Allocate space for one more job before its command runs. */
static void reserve_job(struct worker *w)
{
    struct job *jobs = realloc(w->jobs, (w->running + 1) * sizeof *jobs);
    if (jobs == NULL)
        cli_no_memory();
    w->jobs = jobs;
}

/* --- messages -------------------------------------------------------------- */

/* Return how many messages the next command may get. */
static size_t batch_size(const struct worker *w)
{
    int64_t most = w->batch > 0 ? w->batch : 1;
    if (w->count > 0 && w->count - w->received < most)
        most = w->count - w->received;
    return (size_t)most;
}

/* Return how many of the first messages of BATCH go to one command. A message that has failed
 * before is tried alone: it may be the reason why a batch failed, and the other messages must not
 * fail with it. */
static size_t alike(const chat_batch *batch)
{
    size_t count = 1;
    while (count < chat_batch_count(batch) && chat_batch_message(batch, 0)->attempts == 0 &&
           chat_batch_message(batch, count)->attempts == 0)
        count++;
    return count;
}

/* Claim the messages that QUERY finds, but no more than go to one command. */
static enum chat_status claim_alike(struct worker *w, chat_batch **batch)
{
    for (;;) {
        enum chat_status status = chat_claim(w->spool, &w->query, batch);
        if (status != CHAT_OK || alike(*batch) == chat_batch_count(*batch))
            return status;
        w->query.max_messages = alike(*batch);
        chat_release(*batch);
    }
}

/* Claim the next messages. -a ignores messages that arrive after its first look. */
static enum chat_status claim(struct worker *w, chat_batch **batch)
{
    enum chat_status status = CHAT_OK;
    if (w->all && w->query.until == 0) {
        status = chat_mark(w->spool, &w->query, &w->query.until);
        if (status == CHAT_OK && w->query.until == 0)
            status = CHAT_NONE;
    }
    w->query.max_messages = batch_size(w);
    return status == CHAT_OK ? claim_alike(w, batch) : status;
}

/* Return how long to wait for a message: milliseconds, or -1. */
static int64_t time_left(const struct worker *w)
{
    if (w->deadline < 0 || (w->follow && w->running > 0))
        return -1;
    int64_t left = w->deadline - cli_clock();
    return left > 0 ? left : 0;
}

/* There is no message now: sleep until there may be one, or a command has ended. */
static void wait_for_message(struct worker *w)
{
    int64_t left = time_left(w);
    if (!w->wait || (w->all && w->received > 0) || left == 0) {
        w->over = true;
        return;
    }
    settle(w);
    w->query.until = 0;
    w->query.max_messages = 1;
    enum chat_status status = chat_wait(w->spool, &w->query, left, &w->unblocked);
    if (status == CHAT_OK || status == CHAT_NONE)
        w->troubled = false;
    else if (status != CHAT_INTERRUPTED && !put_off(w, status))
        fail_spool(w, status);
}

static void take(struct worker *w)
{
    chat_batch *batch;
    reserve_job(w);
    enum chat_status status = claim(w, &batch);
    /* A receiver that may wait forever and has reached the spool once also waits while it is
     * unreachable. */
    if (w->wait && w->timeout < 0 && (status == CHAT_OK || status == CHAT_NONE))
        chat_set_timeout(w->spool, INT64_MAX);
    if (status == CHAT_OK)
        start(w, batch);
    else if (status == CHAT_NONE)
        wait_for_message(w);
    else if (status == CHAT_DAMAGED)
        w->damaged = cli_say_spool(status, w->spool) == EXIT_DATA;
    else if (status != CHAT_INTERRUPTED && !put_off(w, status))
        fail_spool(w, status);
}

/* --- all of it ------------------------------------------------------------- */

void worker_check(const struct worker *w, const char *room)
{
    char name[CHAT_NAME_MAX + 1];
    if (w->dead == NULL && !dead_room(room, name))
        cli_usage("the default dead-letter room of '%s' would exceed 255 bytes; use --dead", room);
    if (w->dead != NULL && strcmp(w->dead, room) == 0)
        cli_usage("'%s' cannot be both received from and the dead-letter room", room);
}

static int exit_status(const struct worker *w)
{
    if (w->status != 0)
        return w->status;
    if (w->last || (w->follow && w->signals > 0))
        return EXIT_DONE;
    if (w->failed)
        return EXIT_COMMAND;
    if (w->received > 0)
        return EXIT_DONE;
    return w->damaged ? EXIT_DATA : EXIT_NONE;
}

/* Return whether no more messages may be claimed. Processed messages count, even if they are not
 * deleted yet. */
static bool is_full(const struct worker *w)
{
    return (int64_t)w->running + w->done_jobs >= w->parallel;
}

int worker_run(struct worker *w)
{
    w->deadline = w->timeout >= 0 ? cli_clock() + w->timeout : -1;
    for (;;) {
        heed_signals(w);
        reap(w);
        if (w->over || is_full(w))
            settle(w);
        if (w->over && w->running == 0)
            break;
        if (w->over || is_full(w))
            sigsuspend(&w->unblocked);
        else
            take(w);
    }
    free(w->jobs);
    return exit_status(w);
}
