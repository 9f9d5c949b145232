/* main.c - put messages at the end of a room. See chat-send(1). */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/input.h"
#include "common/signals.h"
#include "common/std.h"
#include "common/when.h"
#include "common/where.h"
#include "sending.h"
#include "stream.h"

enum { DROP = LONG_ONLY, REPLACE, NEW };

static const struct option_row options[] = {
    { 'r' | REPEATS, "room", "ROOM", "the room; several: send to each (default: $CHAT_ROOM)" },
    { 's', "spool", "WHERE", "the spool (default: $CHAT_SPOOL, or the user's own)" },
    { 'f', "file", "FILE", "read the message from FILE; - is standard input" },
    { 'l', "lines", NULL, "send every line of standard input as a message" },
    { '0', "null", NULL, "as -l, but split at NUL bytes" },
    { 'J', "json", NULL, "as -l, but read lines of chat-recv -j" },
    { '1', "atomic", NULL, "with -l, -0 or -J: send all messages or none" },
    { 'u', "user", "NAME", "the sender (default: the login name)" },
    { 'i', "print-id", NULL, "print the new message's id" },
    { 'q', "quiet", NULL, "print only errors on standard error" },
    { 'd', "delay", "TIME", "deliver after TIME: 90, 5m, 2h, 1d or a date and time" },
    { 'x', "expire", "TIME", "delete the message if not received by TIME" },
    { 'k', "key", "KEY", "add nothing if the room has a message with this key" },
    { NEW, "new", NULL, "with -k: exit 1 if nothing was added" },
    { REPLACE, "replace", NULL, "with -k: replace that message, unless it is claimed" },
    { 'm', "max", "N", "add nothing and exit 75 if the room holds N messages" },
    { 'w', "wait", NULL, "with -m: wait for space instead" },
    { 't', "timeout", "TIME", "wait at most TIME: 90, 0.5, 5m, 2h (implies -w)" },
    { DROP, "drop", NULL, "with -m: drop the oldest message instead" },
    { 0, NULL, NULL, NULL },
};

static const struct program program = {
    .name = "chat-send",
    .synopsis = "[options] [--] [WORD ...]",
    .about = "Put a message (the WORDs, or standard input) at the end of a room.",
    .options = options,
};

struct request {
    const char *spool, *user, *file;
    char **words;
    bool lines, null, json, atomic;
};

static void add_room(struct sending *s, const char *room)
{
    room = where_address(room);
    for (size_t i = 0; i < s->room_count; i++)
        if (strcmp(s->rooms[i], room) == 0)
            cli_usage("room '%s' is given twice", room);
    s->rooms = realloc(s->rooms, (s->room_count + 1) * sizeof *s->rooms);
    if (s->rooms == NULL)
        cli_no_memory();
    s->rooms[s->room_count++] = room;
}

static void parse(struct request *r, struct sending *s, char **argv)
{
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 'r':
            add_room(s, cli_argument);
            break;
        case 's':
            r->spool = cli_argument;
            break;
        case 'f':
            r->file = cli_argument;
            break;
        case 'l':
            r->lines = true;
            break;
        case '0':
            r->null = true;
            break;
        case 'J':
            r->json = true;
            break;
        case '1':
            r->atomic = true;
            break;
        case 'u':
            r->user = cli_argument;
            break;
        case 'i':
            s->print_id = true;
            break;
        case 'q':
            s->quiet = true;
            break;
        case 'd':
            when_time(s->delay = cli_argument, "-d");
            break;
        case 'x':
            when_time(s->expire = cli_argument, "-x");
            break;
        case 'k':
            s->message.key = cli_argument;
            break;
        case NEW:
            s->terms.fresh = true;
            break;
        case REPLACE:
            s->terms.replace = true;
            break;
        case 'm':
            s->terms.max = cli_count(cli_argument, "-m");
            break;
        case 'w':
            s->wait = true;
            break;
        case 't':
            s->timeout = when_duration(cli_argument, "-t");
            s->wait = true;
            break;
        case DROP:
            s->terms.drop = true;
            break;
        }
    bool marked;
    r->words = options_words(&marked);
    if (!marked && r->file == NULL && r->words[0] != NULL && r->words[1] == NULL &&
        strcmp(r->words[0], "-") == 0)
        r->words++; /* "-": standard input */
}

/* Return whether standard input contains many messages. */
static bool is_stream(const struct request *r)
{
    return r->lines || r->null || r->json;
}

static void check(const struct request *r)
{
    bool words = r->words[0] != NULL;
    if (r->lines + r->null + r->json > 1)
        cli_usage("options '-l', '-0' and '-J' exclude each other");
    if (is_stream(r) && words)
        cli_usage("options '-l', '-0' and '-J' read standard input and take no arguments");
    if (is_stream(r) && r->file != NULL)
        cli_usage("options '-l', '-0' and '-J' read standard input, not a file of '-f'");
    if (r->file != NULL && words)
        cli_usage("option '-f' reads the message from a file and takes no arguments");
    if (r->file != NULL && r->file[0] == '\0')
        cli_usage("the name of the file is empty");
    if (r->atomic && !is_stream(r))
        cli_usage("option '-1' needs '-l', '-0' or '-J'");
    if (r->user != NULL && !chat_name_valid(r->user))
        cli_usage("'%s' cannot be a sender", r->user);
}

static void check_terms(const struct sending *s, const struct request *r)
{
    /* An atomic send into a full room is computed for one room only. */
    if (r->json && r->atomic && s->room_count == 0 && s->terms.max > 0)
        cli_usage("option '-m' with '-J' and '-1' needs '-r'");
    /* A message is stored in all of its rooms or in none, even if only a part of the stream is
     * stored. */
    if (is_stream(r) && s->room_count > 1 && s->terms.max > 0)
        cli_usage("option '-m' with '-l', '-0' or '-J' needs a single room");
    if (s->message.key != NULL && !chat_name_valid(s->message.key))
        cli_usage("'%s' cannot be a key", s->message.key);
    if (s->message.key == NULL && (s->terms.replace || s->terms.fresh))
        cli_usage("options '--replace' and '--new' need '-k'");
    if (s->terms.replace && s->terms.fresh)
        cli_usage("options '--replace' and '--new' exclude each other");
    if (s->wait && s->terms.max == 0)
        cli_usage("options '-w' and '-t' wait for space and need '-m'");
    if (s->terms.drop && s->terms.max == 0)
        cli_usage("option '--drop' frees space and needs '-m'");
    if (s->terms.drop && s->wait)
        cli_usage("options '--drop' and '-w' exclude each other");
}

/* A COMMAND of chat-recv that names no room would send to the room of its own message, and never
 * end. */
static void check_own_room(const struct request *r, struct sending *s)
{
    const char *own = getenv("CHAT_MESSAGE_ROOM"), *spool = getenv("CHAT_SPOOL");
    if (own == NULL || s->message.room != NULL)
        return;
    if (r->spool != NULL && (spool == NULL || strcmp(r->spool, spool) != 0))
        return;
    struct chat_settings settings;
    enum chat_status status = chat_settings(s->spool, &settings);
    if (status != CHAT_OK)
        cli_fail_spool(status, s->spool, "");
    if (strcmp(settings.room, own) != 0)
        return;
    if (r->json) /* each line may name a room */
        strcpy(s->own, own);
    else
        cli_usage("the message being processed is from the default room '%s'; "
                  "use -r '%s' to send to that room again",
                  own, own);
}

/* --- one message ----------------------------------------------------------- */

static void join_words(char **words, struct text *body)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            text_add(body, " ", 1);
        text_add_string(body, words[i]);
    }
}

static void read_file(const char *path, size_t most, struct text *body)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        cli_fail(EXIT_IO, "cannot open '%s': %s", path, cli_cause(errno));
    char name[4200];
    snprintf(name, sizeof name, "'%s'", path);
    input_read(fd, name, most, body);
    close(fd);
}

static void read_standard_input(const struct request *r, bool quiet, size_t most, struct text *body)
{
    if (!quiet && r->file == NULL && isatty(STDIN_FILENO))
        cli_say("type the message, end it with Ctrl-D");
    input_read(STDIN_FILENO, "standard input", most, body);
}

static void read_body(const struct request *r, const struct sending *s, struct text *body)
{
    if (r->words[0] != NULL) {
        join_words(r->words, body);
        return;
    }
    struct chat_settings settings;
    enum chat_status status = chat_settings(s->spool, &settings);
    if (status != CHAT_OK)
        cli_fail_spool(status, s->spool, "");
    if (r->file != NULL && strcmp(r->file, "-") != 0)
        read_file(r->file, (size_t)settings.max_length, body);
    else
        read_standard_input(r, s->quiet, (size_t)settings.max_length, body);
}

/* Begin, and put the message: at once, or when there is space in the room. */
static enum chat_status put_one(struct sending *s)
{
    for (;;) {
        enum chat_status status = sending_begin(s);
        if (status != CHAT_OK)
            return status;
        status = sending_put(s, &s->message, &s->terms);
        if (status != CHAT_BUSY)
            return status;
        status = sending_wait(s, 1);
        if (status == CHAT_BUSY)
            cli_fail(EXIT_BUSY, "%s", s->full);
        if (status != CHAT_OK)
            return status;
    }
}

static void send_one(const struct request *r, struct sending *s)
{
    struct text body = { .bytes = NULL };
    read_body(r, s, &body);
    s->message.body = body.bytes;
    s->message.length = body.size;
    enum chat_status status = put_one(s);
    if (status == CHAT_OK)
        status = sending_commit(s);
    if (status != CHAT_OK)
        cli_fail_spool(status, s->spool, "");
    where_announce();
    if (s->print_id)
        sending_print_ids(s, "; the message may be stored");
    text_free(&body);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct request request = { .spool = NULL };
    static struct sending sending = { .timeout = -1 };
    cli_start(&program);
    parse(&request, &sending, argv);
    check(&request);
    check_terms(&sending, &request);
    sending.terms.once = sending.message.key != NULL && !sending.terms.replace;
    sending.message.room = sending.room_count > 0 ? sending.rooms[0] : where_address(NULL);
    const char *where = where_spool(request.spool);
    bool reads =
        request.words[0] == NULL && (request.file == NULL || strcmp(request.file, "-") == 0);
    if (reads)
        std_need(STDIN_FILENO);
    if (reads || sending.wait)
        signals_end_program();
    if (sending.print_id)
        std_need(STDOUT_FILENO);
    sending.message.user = request.user != NULL ? request.user : where_user();
    sending.message.host = where_host();
    sending.terms.whole = request.atomic;
    sending.json = request.json;
    sending.user = request.user;

    if (!sending.quiet)
        where_watch(where);
    /* The end of the process closes the spool faster than chat_close() does. */
    enum chat_status status = chat_open(where, &sending.spool);
    if (status != CHAT_OK)
        cli_fail_spool(status, sending.spool, "");
    when_clock(sending.spool);
    if (sending.timeout >= 0)
        chat_set_timeout(sending.spool, sending.timeout);
    check_own_room(&request, &sending);
    if (is_stream(&request))
        stream_send(&sending, request.null ? '\0' : '\n', request.atomic);
    else
        send_one(&request, &sending);
    return sending.terms.fresh && !sending.any ? EXIT_NONE : EXIT_DONE;
}
