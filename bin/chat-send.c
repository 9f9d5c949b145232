/* chat-send.c - put messages at the end of a room. See chat-send(1). */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "progress.h"
#include "std.h"
#include "where.h"

static const struct option_row options[] = {
    { 'r', "room", "ROOM", "the room (default: $CHAT_ROOM, or main)" },
    { 's', "spool", "WHERE", "the spool (default: $CHAT_SPOOL, or the user's own)" },
    { 'f', "file", "FILE", "the message is what FILE holds; - is standard input" },
    { 'l', "lines", NULL, "every line of standard input is a message" },
    { '0', "null", NULL, "as -l, split at NUL bytes" },
    { '1', "atomic", NULL, "with -l or -0: all of them or none" },
    { 'u', "user", "NAME", "the sender (default: the login name)" },
    { 'i', "print-id", NULL, "print the new message's id" },
    { 'q', "quiet", NULL, "say nothing on standard error but errors" },
    { 0, NULL, NULL, NULL },
};

static const struct program program = {
    .name = "chat-send",
    .synopsis = "[options] [--] [WORD ...]",
    .about = "Put a message (the words, or else standard input) at the end of a room.",
    .options = options,
};

struct request {
    const char *room, *spool, *user, *file;
    char **words;
    bool lines, null, atomic, print_id, quiet;
};

static void parse(struct request *r, int argc, char **argv)
{
    for (int letter; (letter = cli_option(argc, argv)) != -1;)
        switch (letter) {
        case 'r':
            r->room = optarg;
            break;
        case 's':
            r->spool = optarg;
            break;
        case 'f':
            r->file = optarg;
            break;
        case 'l':
            r->lines = true;
            break;
        case '0':
            r->null = true;
            break;
        case '1':
            r->atomic = true;
            break;
        case 'u':
            r->user = optarg;
            break;
        case 'i':
            r->print_id = true;
            break;
        case 'q':
            r->quiet = true;
            break;
        }
    r->words = argv + optind;
}

static void check(const struct request *r)
{
    bool words = r->words[0] != NULL;
    if (r->lines && r->null)
        cli_usage("options '-l' and '-0' exclude each other");
    if ((r->lines || r->null) && words)
        cli_usage("options '-l' and '-0' read standard input and take no words");
    if ((r->lines || r->null) && r->file != NULL)
        cli_usage("options '-l' and '-0' read standard input, not a file of '-f'");
    if (r->file != NULL && words)
        cli_usage("option '-f' takes the message from a file and takes no words");
    if (r->file != NULL && r->file[0] == '\0')
        cli_usage("the name of the file is empty");
    if (r->atomic && !r->lines && !r->null)
        cli_usage("option '-1' needs '-l' or '-0'");
    if (r->user != NULL && !chat_name_valid(r->user))
        cli_usage("'%s' cannot be a sender", r->user);
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

static void read_standard_input(const struct request *r, size_t most, struct text *body)
{
    if (!r->quiet && r->file == NULL && isatty(STDIN_FILENO))
        cli_say("type the message, end it with Ctrl-D");
    input_read(STDIN_FILENO, "standard input", most, body);
}

static void read_body(const struct request *r, chat_spool *spool, struct text *body)
{
    if (r->words[0] != NULL) {
        join_words(r->words, body);
        return;
    }
    int64_t most;
    enum chat_status status = chat_limit(spool, &most);
    if (status != CHAT_OK)
        cli_fail_spool(status, spool, "");
    if (r->file != NULL && strcmp(r->file, "-") != 0)
        read_file(r->file, (size_t)most, body);
    else
        read_standard_input(r, (size_t)most, body);
}

/* AFTER tells what is stored, should that fail. */
static void print_ids(int64_t first, int64_t last, const char *after)
{
    struct output out;
    output_open(&out, STDOUT_FILENO);
    for (int64_t id = first; id <= last; id++) {
        char line[24];
        snprintf(line, sizeof line, "%lld\n", (long long)id);
        output_put_string(&out, line);
    }
    if (!output_flush(&out))
        cli_fail(EXIT_IO, "cannot write standard output: %s%s", cli_cause(out.failed), after);
    text_free(&out.pending);
}

static void send_one(const struct request *r, chat_spool *spool, struct chat_message *message)
{
    struct text body = { .bytes = NULL };
    read_body(r, spool, &body);
    message->body = body.bytes;
    message->length = body.size;
    int64_t id = 0;
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK)
        status = chat_put(spool, message, &id);
    if (status == CHAT_OK)
        status = chat_commit(spool);
    if (status != CHAT_OK)
        cli_fail_spool(status, spool, "");
    if (r->print_id)
        print_ids(id, id, "; the message may be stored");
    text_free(&body);
}

/* --- many messages --------------------------------------------------------- */

/* A batch is sent when it has so many messages or bytes, or when input pauses. */
enum { BATCH_MESSAGES = 8192, BATCH_BYTES = 1024 * 1024 };

struct stream {
    const struct request *request;
    chat_spool *spool;
    struct chat_message *message; /* what they have in common */
    struct records records;
    struct piece {
        size_t start, size;
    } batch[BATCH_MESSAGES]; /* in the buffer of records */
    size_t count, bytes;
    int64_t stored; /* messages that are in the spool for good */
    int64_t put;    /* and those of the transaction that is open */
    int64_t first_id, last_id;
    bool open;
};

/* What of the stream is in the spool, for an error. */
static const char *how_many(const struct stream *s)
{
    static char text[64];
    if (s->stored == 0)
        return "; no message was stored";
    snprintf(text, sizeof text, "; %lld message%s stored", (long long)s->stored,
             s->stored == 1 ? " was" : "s were");
    return text;
}

static void check_stream(struct stream *s, enum chat_status status)
{
    if (status == CHAT_OK)
        return;
    progress_end();
    cli_fail_spool(status, s->spool, how_many(s));
}

static void commit(struct stream *s)
{
    if (!s->open)
        return;
    check_stream(s, chat_commit(s->spool));
    s->open = false;
    s->stored += s->put;
    s->put = 0;
    if (!s->request->print_id)
        return;
    progress_end();
    print_ids(s->first_id, s->last_id, how_many(s)); /* in one turn the ids follow each other */
}

static void put_batch(struct stream *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!s->open)
            check_stream(s, chat_begin(s->spool));
        s->message->body = s->records.buffer.bytes + s->batch[i].start;
        s->message->length = s->batch[i].size;
        check_stream(s, chat_put(s->spool, s->message, &s->last_id));
        if (!s->open)
            s->first_id = s->last_id;
        s->open = true;
        s->put++;
    }
    s->count = s->bytes = 0;
    records_drop(&s->records);
    if (!s->request->atomic)
        commit(s);
    progress_sent(s->stored + s->put);
}

static void add_to_batch(struct stream *s, size_t start, size_t size)
{
    s->batch[s->count++] = (struct piece){ start, size };
    s->bytes += size;
    if (s->count == BATCH_MESSAGES || s->bytes >= BATCH_BYTES)
        put_batch(s);
}

static noreturn void refuse_long(struct stream *s)
{
    progress_end();
    cli_fail(EXIT_DATA, "message %lld of the input is longer than %lld bytes%s",
             (long long)(s->stored + s->put + 1), (long long)s->records.most, how_many(s));
}

static noreturn void refuse_input(struct stream *s)
{
    int errnum = errno;
    progress_end();
    cli_fail(EXIT_IO, "cannot read standard input: %s%s", cli_cause(errnum), how_many(s));
}

static void send_stream(struct stream *s)
{
    for (;;) {
        size_t start, size;
        enum record record = records_next(&s->records, &start, &size);
        if (record == RECORD_FOUND) {
            add_to_batch(s, start, size);
            continue;
        }
        int errnum = errno;
        put_batch(s);
        errno = errnum;
        if (record == RECORD_END)
            break;
        if (record == RECORD_TOO_LONG)
            refuse_long(s);
        if (record == RECORD_FAILED)
            refuse_input(s);
        records_wait(&s->records);
    }
    commit(s);
}

static void send_many(const struct request *r, chat_spool *spool, struct chat_message *message)
{
    static struct stream s;
    int64_t most;
    enum chat_status status = chat_limit(spool, &most);
    if (status != CHAT_OK)
        cli_fail_spool(status, spool, "");
    s.request = r;
    s.spool = spool;
    s.message = message;
    s.records.separator = r->null ? '\0' : '\n';
    s.records.most = (size_t)most;
    /* The others wait while a transaction is open, so it must not wait for input. */
    progress_start(!r->quiet);
    s.records.fd = STDIN_FILENO;
    if (r->atomic)
        s.records.fd = input_collect(STDIN_FILENO, s.records.separator, progress_read);
    send_stream(&s);
    progress_end();
    records_free(&s.records);
}

int main(int argc, char **argv)
{
    struct request request = { .room = NULL };
    cli_start(&program);
    parse(&request, argc, argv);
    check(&request);
    struct chat_message message = { .room = where_room(request.room) };
    const char *where = where_spool(request.spool);
    bool reads =
        request.words[0] == NULL && (request.file == NULL || strcmp(request.file, "-") == 0);
    if (reads)
        std_need(STDIN_FILENO);
    if (request.print_id)
        std_need(STDOUT_FILENO);
    message.user = request.user != NULL ? request.user : where_user();
    message.host = where_host();

    static chat_spool *spool; /* the end of the process closes it, quicker than chat_close */
    enum chat_status status = chat_open(where, &spool);
    if (status != CHAT_OK)
        cli_fail_spool(status, spool, "");
    if (request.lines || request.null)
        send_many(&request, spool, &message);
    else
        send_one(&request, spool, &message);
    return EXIT_DONE;
}
