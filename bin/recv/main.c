/* main.c - take the oldest messages out of a room. See chat-recv(1). */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/cli.h"
#include "common/format.h"
#include "common/output.h"
#include "common/pause.h"
#include "common/signals.h"
#include "common/std.h"
#include "common/text.h"
#include "common/when.h"
#include "common/where.h"
#include "missed.h"
#include "worker.h"

enum { RAW = LONG_ONLY, TRIES, DEAD, BACKOFF };

static const struct option_row options[] = {
    { 'r' | REPEATS, "room", "ROOM", "the room, or ROOM/NAME; several: the first not empty" },
    { 's', "spool", "WHERE", "the spool (default: $CHAT_SPOOL, or the user's own)" },
    { 'w', "wait", NULL, "if there is no message, wait for one" },
    { 't', "timeout", "TIME", "wait at most TIME: 90, 0.5, 5m, 2h (implies -w)" },
    { 'c', "count", "N", "take N messages (default: 1)" },
    { 'a', "all", NULL, "take all messages that are there now" },
    { 'F', "follow", NULL, "run forever; with -t, until no message came for TIME" },
    { 'p', "peek", NULL, "show messages, take nothing" },
    { 'n', "no-newline", NULL, "write exactly the bytes of the message" },
    { '0', "null", NULL, "write a NUL byte after each message" },
    { 'o', "format", "FMT", "write FMT: %b %i %r %u %h %t %s %l %n %k %%" },
    { 'j', "json", NULL, "write one JSON object per line" },
    { 'v', "verbose", NULL, "write time and sender before each message" },
    { 'q', "quiet", NULL, "do not report \"No new messages\"" },
    { RAW, "raw", NULL, "do not escape control characters on a terminal" },
    { 'P', "parallel", "N", "with COMMAND: run up to N at once" },
    { 'b', "batch", "N", "with COMMAND: give it up to N messages (as -0 or -j)" },
    { TRIES, "tries", "N", "with COMMAND: give up a message after N failures" },
    { TRIES, "retries", "N", NULL },
    { DEAD, "dead", "ROOM", "and move it to this room (default: ROOM.dead)" },
    { BACKOFF, "backoff", "TIME", "with COMMAND: hold failures back: 10s or 10s,1m,10m" },
    { 0, NULL, NULL, NULL },
};

static const struct program program = {
    .name = "chat-recv",
    .synopsis = "[options] [-- COMMAND [ARG ...]]",
    .about = "Take the oldest message out of a room, and print it or run COMMAND for it.",
    .options = options,
};

/* A batch is written and deleted together. The batch of a follower is limited to the size of a
 * pipe, so that a slow reader keeps few messages from other receivers. */
enum {
    BATCH_MESSAGES = 8192,
    BATCH_BYTES = 1024 * 1024,
    FOLLOW_MESSAGES = 1024,
    FOLLOW_BYTES = 64 * 1024,
};

struct receiver {
    /* The options: */
    const char **rooms;
    size_t room_count;
    const char *where;
    bool named; /* the room */
    bool wait, all, follow, peek, quiet, raw;
    int64_t timeout; /* milliseconds, or -1 */
    int64_t count;   /* 0: not given */
    struct format format;
    bool styled;          /* set by an option */
    struct worker worker; /* with COMMAND */

    /* The progress: */
    chat_spool *spool;
    struct chat_query query;
    struct chat_cursor cursor;
    struct output out;
    int64_t received;
    bool damaged;     /* damaged messages were found */
    bool troubled;    /* a locked spool was reported and has not been free since */
    int64_t deadline; /* on cli_clock(), or -1 */
    sigset_t unblocked;
    struct pollfd reader; /* polls standard output for a reader that has gone */
};

static void choose(struct receiver *r, enum style style, const char *custom)
{
    if (r->styled && r->format.style != style)
        cli_usage("options '-n', '-0', '-o', '-j' and '-v' exclude each other");
    r->format.style = style;
    r->format.custom = custom;
    r->styled = true;
}

static void add_room(struct receiver *r, const char *room)
{
    r->rooms = realloc(r->rooms, (r->room_count + 1) * sizeof *r->rooms);
    if (r->rooms == NULL)
        cli_fail(EXIT_SYSTEM, "out of memory");
    r->rooms[r->room_count++] = where_address(room);
}

/* Read the times in TEXT, separated by commas. */
static void set_backoff(struct worker *w, char *text)
{
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++)
        most += *at == ',';
    w->backoff = calloc(most, sizeof *w->backoff);
    if (w->backoff == NULL)
        cli_no_memory();
    for (char *step; (step = strsep(&text, ",")) != NULL;)
        w->backoff[w->backoff_count++] = when_duration(step, "--backoff");
}

/* After the options there may be nothing, or "--" and COMMAND. An empty variable after the "--"
 * must not turn a command into a message that is printed and deleted. */
static void parse_command(struct receiver *r)
{
    bool marked;
    char **words = options_words(&marked);
    if (words[0] == NULL && marked)
        cli_usage("a COMMAND is required after '--'");
    if (words[0] == NULL)
        return;
    if (!marked && strcmp(words[0], "help") == 0)
        cli_help(&program);
    if (!marked)
        cli_usage("unexpected argument '%s' (for a room: -r %s; for a command: -- %s)", words[0],
                  words[0], words[0]);
    r->worker.command = words;
}

static void parse(struct receiver *r, char **argv)
{
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 'r':
            add_room(r, cli_argument);
            break;
        case 's':
            r->where = cli_argument;
            break;
        case 'w':
            r->wait = true;
            break;
        case 't':
            r->timeout = when_duration(cli_argument, "-t");
            r->wait = true;
            break;
        case 'c':
            r->count = cli_count(cli_argument, "-c");
            break;
        case 'a':
            r->all = true;
            break;
        case 'F':
            r->follow = r->wait = true;
            break;
        case 'p':
            r->peek = true;
            break;
        case 'n':
            choose(r, STYLE_EXACT, NULL);
            break;
        case '0':
            choose(r, STYLE_NULL, NULL);
            break;
        case 'o':
            choose(r, STYLE_CUSTOM, cli_argument);
            break;
        case 'j':
            choose(r, STYLE_JSON, NULL);
            break;
        case 'v':
            choose(r, STYLE_VERBOSE, NULL);
            break;
        case 'q':
            r->quiet = true;
            break;
        case RAW:
            r->raw = true;
            break;
        case 'P':
            r->worker.parallel = cli_count(cli_argument, "-P");
            break;
        case 'b':
            r->worker.batch = cli_count(cli_argument, "-b");
            break;
        case TRIES:
            r->worker.tries = cli_count(cli_argument, "--tries");
            break;
        case DEAD:
            r->worker.dead = where_room(cli_argument);
            break;
        case BACKOFF:
            set_backoff(&r->worker, cli_argument);
            break;
        }
    parse_command(r);
}

static void check_command(const struct receiver *r)
{
    const struct worker *w = &r->worker;
    bool for_command =
        w->parallel > 0 || w->batch > 0 || w->tries > 0 || w->dead != NULL || w->backoff != NULL;
    bool lines = r->format.style == STYLE_NULL || r->format.style == STYLE_JSON;
    if (w->command == NULL && for_command)
        cli_usage("options '-P', '-b', '--tries', '--dead' and '--backoff' need a COMMAND");
    if (w->command != NULL && w->batch == 0 && r->styled && lines)
        cli_usage("a COMMAND gets the body of one message; options '-0' and '-j' need '-b'");
    if (w->command != NULL && (r->peek || (r->styled && !lines) || r->raw))
        cli_usage("a COMMAND excludes '-p', '-n', '-o', '-v' and '--raw'");
}

static void check(const struct receiver *r)
{
    check_command(r);
    if (r->all && r->count > 0)
        cli_usage("options '-a' and '-c' exclude each other");
    if (r->follow && (r->all || r->count > 0))
        cli_usage("option '-F' excludes '-a' and '-c'");
    if (r->follow && r->peek && r->room_count > 1)
        cli_usage("options '-F' and '-p' need a single room");
    if (r->format.style == STYLE_CUSTOM)
        format_check(r->format.custom);
}

/* --- signals --------------------------------------------------------------- */

/* Let the program finish the message that it is writing. If that write blocks, the alarm ends it
 * after a second, and every second again, in case the alarm came before the write. */
static void stop(int number)
{
    (void)number;
    output_stop = 1;
    alarm(1);
}

/* A signal ends a follower in order: signals are let in while it sleeps and while it writes a
 * message. Other waiting receivers are killed by it. */
static void prepare_signals(struct receiver *r)
{
    if (r->follow) {
        signals_catch_stop(stop, &r->unblocked);
        signals_catch(SIGALRM, stop, &r->unblocked);
    } else if (r->wait)
        signals_end_program();
}

/* --- receiving ------------------------------------------------------------- */

static void set_query(struct receiver *r)
{
    if (r->room_count == 0)
        add_room(r, NULL);
    r->named = r->rooms[0] != NULL;
    r->query.rooms = r->rooms;
    r->query.room_count = r->room_count;
    r->query.max_bytes = r->follow ? FOLLOW_BYTES : BATCH_BYTES;
    if (!r->all && !r->follow && r->count == 0)
        r->count = 1;
}

static void open_spool(struct receiver *r)
{
    r->where = where_spool(r->where);
    enum chat_status status = chat_open(r->where, &r->spool);
    if (status != CHAT_OK)
        cli_fail_spool(status, r->spool, "");
    if (r->timeout >= 0)
        chat_set_timeout(r->spool, r->timeout);
}

static void start(struct receiver *r)
{
    std_need(STDOUT_FILENO);
    set_query(r);
    open_spool(r);
    prepare_signals(r);
    output_open(&r->out, STDOUT_FILENO);
    r->reader = (struct pollfd){ .fd = STDOUT_FILENO };
    chat_set_descriptors(r->spool, &r->reader, 1);
    r->format.escape = r->out.terminal && !r->raw;
    r->deadline = r->timeout >= 0 ? cli_clock() + r->timeout : -1;
}

/* Return how many messages the next batch may have. */
static size_t batch_size(const struct receiver *r)
{
    int64_t most = r->follow ? FOLLOW_MESSAGES : BATCH_MESSAGES;
    int64_t left = r->count > 0 ? r->count - r->received : most;
    return (size_t)(left < most ? left : most);
}

/* Where each message of a batch ends in the output. */
static uint64_t ends[BATCH_MESSAGES];

/* Write the messages, and return how many were written completely: all, unless a signal asked to
 * stop. */
static size_t hand_over(struct receiver *r, const chat_batch *batch)
{
    sigset_t blocked;
    size_t count = chat_batch_count(batch), whole = 0;
    if (r->follow)
        sigprocmask(SIG_SETMASK, &r->unblocked, &blocked);
    for (size_t i = 0; i < count && r->out.failed == 0; i++) {
        format_message(&r->format, chat_batch_message(batch, i), &r->out);
        ends[i] = r->out.put;
    }
    bool written = output_flush(&r->out);
    if (r->follow)
        sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (written)
        return count;
    if (r->out.failed != EINTR)
        cli_fail(EXIT_IO, "cannot write standard output: %s", cli_cause(r->out.failed));
    while (!r->out.file && whole < count && ends[whole] > 0 && ends[whole] <= r->out.written)
        whole++;
    return whole;
}

/* The reader of our output has gone: end now, as tail(1) does, and not at the next message. */
static void check_reader(const struct receiver *r)
{
    if ((r->reader.revents & (POLLERR | POLLHUP)) != 0)
        cli_fail(EXIT_IO, "cannot write standard output: %s",
                 cli_cause(r->out.terminal ? EIO : EPIPE));
}

enum { PAUSE = 1000 }; /* milliseconds between two attempts */

/* The spool is locked. A receiver that may wait for a message waits for the lock, too, and reports
 * that once. Returns whether to try again, after a pause. */
static bool put_off(struct receiver *r, enum chat_status status)
{
    int64_t left = r->deadline >= 0 ? r->deadline - cli_clock() : PAUSE;
    if (status != CHAT_BUSY || !r->wait || output_stop || left <= 0)
        return false;
    if (!r->troubled)
        cli_say("%s; trying again", chat_error(r->spool));
    r->troubled = true;
    left = left < PAUSE ? left : PAUSE;
    if (pause_for(left, &r->reader, 1, r->follow ? &r->unblocked : NULL) > 0)
        check_reader(r);
    return true;
}

/* Receive the next batch: claim it, write it, and only then delete it. */
static enum chat_status receive(struct receiver *r)
{
    chat_batch *batch;
    r->query.max_messages = batch_size(r);
    enum chat_status status = r->peek ? chat_walk(r->spool, &r->query, &r->cursor, &batch)
                                      : chat_claim(r->spool, &r->query, &batch);
    if (status == CHAT_DAMAGED) {
        cli_say("%s", chat_error(r->spool));
        r->damaged = true;
        return CHAT_OK;
    }
    if (status != CHAT_OK)
        return status;
    if (r->peek)
        r->query.after = r->cursor.place;
    say_missed(batch);
    memset(ends, 0, sizeof ends[0] * chat_batch_count(batch));
    size_t whole = hand_over(r, batch);
    do
        status = r->peek ? CHAT_OK : chat_settle(batch, whole);
    while (put_off(r, status));
    if (status == CHAT_UNREACHABLE && r->follow) { /* the next receiver gets them again */
        cli_say("%s", chat_error(r->spool));
        status = CHAT_OK;
    }
    if (status == CHAT_OK)
        r->received += (int64_t)whole;
    if (status == CHAT_OK && whole < chat_batch_count(batch))
        status = CHAT_INTERRUPTED;
    if (r->peek || r->count == 0 || r->received < r->count) /* else the end of the process does */
        chat_release(batch);
    return status;
}

/* Remember the last message for -a, which ignores later ones. CHAT_NONE: the room is empty. */
static enum chat_status set_mark(struct receiver *r)
{
    enum chat_status status = chat_mark(r->spool, &r->query, &r->query.until);
    return status == CHAT_OK && r->query.until == 0 ? CHAT_NONE : status;
}

/* Receive the messages that exist now, up to the requested number. */
static enum chat_status receive_present(struct receiver *r)
{
    enum chat_status status = r->all ? set_mark(r) : CHAT_OK;
    r->cursor = (struct chat_cursor){ .place = r->follow ? r->query.after : 0 };
    while (status == CHAT_OK && !output_stop && (r->count == 0 || r->received < r->count))
        status = receive(r);
    /* A receiver that may wait forever and has reached the spool once also waits while it is
     * unreachable. */
    if (r->wait && r->timeout < 0 && (status == CHAT_OK || status == CHAT_NONE))
        chat_set_timeout(r->spool, INT64_MAX);
    return status;
}

/* Sleep until there may be more messages. Returns false if no more will come. */
static bool wait_for_more(struct receiver *r)
{
    int64_t left = -1;
    if (r->deadline >= 0) {
        left = r->deadline - cli_clock();
        if (left <= 0)
            return false;
    }
    r->query.until = 0;
    r->query.max_messages = 1;
    enum chat_status status =
        chat_wait(r->spool, &r->query, left, r->follow ? &r->unblocked : NULL);
    check_reader(r);
    if (status != CHAT_OK && status != CHAT_NONE && status != CHAT_INTERRUPTED &&
        !put_off(r, status))
        cli_fail_spool(status, r->spool, "");
    return true;
}

/* Return whether to wait when there is no message. */
static bool wants_more(const struct receiver *r)
{
    if (!r->wait || output_stop ||
        (r->peek && r->damaged)) /* a peek leaves a damaged message where it is */
        return false;
    return r->follow || (r->all || r->peek ? r->received == 0 : r->received < r->count);
}

static void receive_and_wait(struct receiver *r)
{
    for (;;) {
        int64_t before = r->received;
        enum chat_status status = receive_present(r);
        if (put_off(r, status))
            continue;
        if (status != CHAT_OK && status != CHAT_NONE && status != CHAT_INTERRUPTED)
            cli_fail_spool(status, r->spool, "");
        r->troubled = false;
        if (r->follow && r->timeout >= 0 && r->received > before)
            r->deadline = cli_clock() + r->timeout;
        if (!wants_more(r) || !wait_for_more(r))
            return;
    }
}

/* Return the exit status. */
static int print(struct receiver *r)
{
    start(r);
    receive_and_wait(r);
    if (r->received > 0 || output_stop)
        return EXIT_DONE;
    return r->damaged ? EXIT_DATA : EXIT_NONE;
}

/* Only the spool knows the name of the default room. */
static void check_rooms(const struct receiver *r)
{
    for (size_t i = 0; i < r->room_count; i++)
        if (r->rooms[i] != NULL)
            worker_check(&r->worker, r->rooms[i]);
}

/* What happens to a message depends on the name of its room. */
static void name_default_room(struct receiver *r)
{
    static struct chat_settings settings;
    enum chat_status status = chat_settings(r->spool, &settings);
    if (status == CHAT_INTERRUPTED) /* the worker acts on these signals */
        return;
    if (status != CHAT_OK)
        cli_fail_spool(status, r->spool, "");
    for (size_t i = 0; i < r->room_count; i++)
        if (r->rooms[i] == NULL) {
            r->rooms[i] = settings.room;
            worker_check(&r->worker, settings.room);
        }
}

/* Receive with COMMAND. */
static int work(struct receiver *r)
{
    struct worker *w = &r->worker;
    w->single = !r->all && !r->follow && r->count == 0;
    set_query(r);
    w->query = r->query;
    w->query.max_bytes = BATCH_BYTES;
    w->wait = r->wait;
    w->all = r->all;
    w->follow = r->follow;
    w->count = w->single ? 0 : r->count;
    w->timeout = r->timeout;
    if (w->parallel == 0)
        w->parallel = 1;
    check_rooms(r);
    open_spool(r);
    worker_catch_signals(w);
    name_default_room(r);
    command_prepare(r->where, r->rooms, r->room_count, chat_secrets(r->spool),
                    w->batch > 0 ? &r->format : NULL);
    w->spool = r->spool;
    return worker_run(w);
}

/* --- nothing received ------------------------------------------------------ */

static void add_rooms(const struct receiver *r, struct text *line)
{
    text_add_string(line, r->room_count > 1 ? " in rooms " : " in room ");
    for (size_t i = 0; i < r->room_count; i++) {
        text_add_string(line, i > 0 ? ", '" : "'");
        text_add_string(line, r->rooms[i]);
        text_add_string(line, "'");
    }
}

static void add_count(struct text *line, int64_t count, const char *what)
{
    char text[64];
    if (count == 0)
        return;
    snprintf(text, sizeof text, "%s%lld %s", line->size > 0 ? ", " : "", (long long)count, what);
    text_add_string(line, text);
}

static bool receives_from(const struct receiver *r, const char *room)
{
    static struct chat_settings settings;
    for (size_t i = 0; i < r->room_count; i++) {
        const char *own = r->rooms[i];
        if (own == NULL && chat_settings(r->spool, &settings) == CHAT_OK)
            own = settings.room;
        if (own != NULL && strcmp(own, room) == 0)
            return true;
    }
    return false;
}

/* Return why there is nothing to receive, in parentheses, for a person at a terminal. */
static void add_reason(const struct receiver *r, struct text *line)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    int64_t claimed = 0, delayed = 0, held = 0;
    struct text reason = { .bytes = NULL };
    enum chat_status status = chat_list(r->spool, &rooms, &count);
    if (status == CHAT_NONE)
        text_add_string(&reason, "the spool does not exist");
    if (status != CHAT_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        if (receives_from(r, rooms[i].name)) {
            claimed += rooms[i].claimed;
            delayed += rooms[i].delayed;
            held += rooms[i].held;
        }
    add_count(&reason, claimed, "claimed");
    add_count(&reason, delayed, "delayed");
    add_count(&reason, held, "held back");
    if (reason.size > 0) {
        text_add_string(line, " (");
        text_add(line, reason.bytes, reason.size);
        text_add_string(line, ")");
    }
    text_free(&reason);
    free(rooms);
}

static void say_none(const struct receiver *r)
{
    struct text line = { .bytes = NULL };
    text_add_string(&line, "No new messages");
    if (r->named)
        add_rooms(r, &line);
    if (isatty(STDERR_FILENO))
        add_reason(r, &line);
    text_add(&line, "", 1);
    cli_say("%s", line.bytes);
    text_free(&line);
}

int main(int argc, char **argv)
{
    (void)argc;
    static struct receiver receiver = { .timeout = -1 };
    cli_start(&program);
    parse(&receiver, argv);
    check(&receiver);
    int status = receiver.worker.command != NULL ? work(&receiver) : print(&receiver);
    if (status == EXIT_NONE && !receiver.quiet)
        say_none(&receiver);
    /* The end of the process closes the spool faster than chat_close() does. */
    return status;
}
