/* load.c - chat-spool load: add the messages in lines that dump has written. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/input.h"
#include "common/json_in.h"
#include "common/progress.h"
#include "common/std.h"
#include "common/where.h"
#include "spool.h"

static const struct option_row options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "print only errors on standard error" },
    END_OPTION,
};

/* The size of a transaction. */
enum { BATCH_MESSAGES = 8192, BATCH_BYTES = 1024 * 1024 };

struct load {
    struct restore to;
    struct records records;
    struct json_in json;
    bool open; /* a transaction is open */
    int64_t line, put, stored;
    size_t bytes; /* in the open transaction */
};

/* End the program unless STATUS is CHAT_OK. Committed messages stay. */
static void need(struct load *load, enum chat_status status)
{
    char after[64];
    if (status == CHAT_OK)
        return;
    progress_end();
    snprintf(after, sizeof after, "; %s loaded", spool_messages(load->stored));
    cli_fail_spool(status, load->to.spool, after);
}

static void commit(struct load *load)
{
    records_drop(&load->records);
    if (!load->open)
        return;
    need(load, restore_commit(&load->to));
    load->open = false;
    load->stored += load->put;
    load->put = 0;
    load->bytes = 0;
    progress_sent(load->stored);
}

/* End the program. The lines before this one are stored. */
static noreturn void refuse(struct load *load, const char *text)
{
    int64_t line = load->line;
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", text); /* valid only until the next call */
    commit(load);
    progress_end();
    cli_fail(EXIT_DATA, "line %lld: %s; %s loaded", (long long)line, reason,
             spool_messages(load->stored));
}

/* End the program if what this line asks for has failed: because of the line, or for another
 * reason. */
static void check_line(struct load *load, enum chat_status status)
{
    if (status == CHAT_DATA || status == CHAT_USAGE || status == CHAT_NOUSER)
        refuse(load, chat_error(load->to.spool));
    need(load, status);
}

static void skip(struct load *load, int64_t next_id)
{
    commit(load);
    check_line(load, restore_skip(&load->to, next_id));
}

/* The line describes an open room or a reader. */
static void load_opened(struct load *load)
{
    commit(load);
    enum chat_status status =
        load->json.opened != NULL
            ? restore_open(&load->to, load->json.opened, &load->json.bounds)
            : restore_reader(&load->to, load->json.reader, load->json.place, load->json.missed);
    check_line(load, status);
}

static void load_line(struct load *load, const char *line, size_t size)
{
    struct chat_message m = { .id = 0 };
    load->line++;
    if (!json_in_read(&load->json, line, size, &m))
        refuse(load, load->json.reason);
    if (restore_skips(&load->to, load->json.next_id))
        skip(load, load->json.next_id);
    if (load->json.alone)
        return;
    if (load->json.opened != NULL || load->json.reader != NULL) {
        load_opened(load);
        return;
    }
    if (m.place == 0 && m.due == 0) /* a line of chat-recv -j: it becomes a new message */
        m.id = 0;
    if (m.user == NULL)
        m.user = where_user();
    if (m.host == NULL)
        m.host = where_host();
    if (!load->open)
        need(load, restore_begin(&load->to));
    load->open = true;
    enum chat_status status = restore_put(&load->to, &m);
    check_line(load, status);
    load->put++;
    load->bytes += m.length;
    if (load->put == BATCH_MESSAGES || load->bytes >= BATCH_BYTES)
        commit(load);
}

static void load_all(struct load *load)
{
    for (;;) {
        size_t start, size;
        enum record record = records_next(&load->records, &start, &size);
        int errnum = errno;
        if (record == RECORD_FOUND) {
            load_line(load, load->records.buffer.bytes + start, size);
            continue;
        }
        if (record == RECORD_TOO_LONG) {
            load->line++;
            refuse(load, "it is too long");
        }
        commit(load);
        if (record == RECORD_FAILED) {
            progress_end();
            cli_fail(EXIT_IO, "cannot read the input: %s; %s loaded", cli_cause(errnum),
                     spool_messages(load->stored));
        }
        if (record == RECORD_END)
            return;
        records_wait(&load->records);
    }
}

static int open_input(const char *file)
{
    if (file == NULL || strcmp(file, "-") == 0) {
        std_need(STDIN_FILENO);
        return STDIN_FILENO;
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        cli_fail(EXIT_IO, "cannot open '%s': %s", file, cli_cause(errno));
    return fd;
}

static int run(char **argv)
{
    static struct load load = { .json.every = true, .records.separator = '\n' };
    struct chat_settings settings;
    const char *where = NULL;
    bool quiet = false;
    for (int letter; (letter = cli_option(argv)) != -1;)
        if (letter == 's')
            where = cli_argument;
        else
            quiet = true;
    char **words = cli_words(0, 1, "");
    load.records.fd = open_input(words[0]);
    if (!quiet)
        where_watch(where_spool(where));
    chat_spool *spool = spool_open(where);
    spool_need(chat_settings(spool, &settings), spool);
    restore_start(&load.to, spool);
    load.records.most = JSON_IN_LINE((size_t)settings.max_length);
    progress_start(!quiet);
    load_all(&load);
    progress_end();
    restore_end(&load.to);
    records_free(&load.records);
    json_in_free(&load.json);
    return EXIT_DONE;
}

const struct command load_command = {
    .name = "load",
    .summary = "messages from JSON lines",
    .program = {
        .name = "chat-spool",
        .synopsis = "load [options] [FILE]",
        .about = "Add messages that dump has written, from FILE or standard input.",
        .options = options,
    },
    .run = run,
};
