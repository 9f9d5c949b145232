/* show.c - chat-spool show: the messages of a room, or one message. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/format.h"
#include "common/json_out.h"
#include "common/when.h"
#include "common/where.h"
#include "spool.h"
#include "table.h"

static const struct option_row options[] = {
    SPOOL_OPTION,
    { 'i', "id", "ID", "this message in full" },
    { 'c', "count", "N", "the first N messages" },
    { 'j', "json", NULL, "one JSON object per line, as dump does" },
    END_OPTION,
};

static const struct table_column columns[] = {
    { "ID", false, 6 },  { "STATE", false, 7 },   { "AGE", true, 6 },   { "FROM", false, 12 },
    { "SIZE", true, 7 }, { "ATTEMPTS", true, 8 }, { "BODY", false, 0 },
};

struct show {
    const char *where;
    chat_spool *spool;
    int64_t id, count; /* 0: not given */
    bool json;
    int64_t next_id; /* next id of the spool, for JSON */
    struct output out;
    int64_t shown;
    size_t widest; /* width of a row, in characters */
};

static const char *state(const struct chat_message *m)
{
    int64_t now = when_now();
    if (m->claimed)
        return "claimed";
    if (m->expires > 0 && m->expires <= now)
        return "expired";
    if (m->due > now)
        return m->place > 0 ? "held" : "delayed";
    return "waiting";
}

/* Return the first line, up to the width of any terminal. */
static void add_body(struct table *table, const struct chat_message *m)
{
    enum { MOST = 4096 };
    struct text line = { .bytes = NULL }, shown = { .bytes = NULL };
    const char *end = m->length > 0 ? memchr(m->body, '\n', m->length) : NULL;
    size_t size = end != NULL ? (size_t)(end - (const char *)m->body) : m->length;
    text_add_escaped(&line, m->body, size < MOST ? size : MOST, true);
    if (line.size > 0)
        text_add(&shown, line.bytes, line.size);
    text_add(&shown, "", 1);
    table_add(table, shown.bytes);
    text_free(&line);
    text_free(&shown);
}

static void add_row(struct table *table, const struct chat_message *m)
{
    char text[HUMAN], from[2 * CHAT_NAME_MAX + 2];
    table_add_number(table, m->id);
    table_add(table, state(m));
    table_add(table, human_age(when_now() - m->time, text));
    snprintf(from, sizeof from, "%s@%s", m->user, m->host);
    table_add(table, from);
    table_add(table, human_size((int64_t)m->length, text));
    table_add_number(table, m->attempts);
    add_body(table, m);
}

/* Return the holders of the messages of BATCH: an array that the caller frees. */
static struct chat_holder *find_holders(const struct show *show, const chat_batch *batch)
{
    struct chat_holder *holders = calloc(chat_batch_count(batch), sizeof *holders);
    if (holders == NULL)
        cli_no_memory();
    spool_need(chat_holders(batch, holders), show->spool);
    return holders;
}

static void put_json(struct show *show, const struct chat_message *m,
                     const struct chat_holder *holder)
{
    json_out_state(m, show->next_id, state(m), holder, &show->out);
}

/* Show the next messages, up to the limit, with the titles before the first one. */
static bool show_batch(void *context, const chat_batch *batch)
{
    struct show *show = context;
    struct table table = { .columns = columns,
                           .column_count = sizeof columns / sizeof columns[0],
                           .widest = show->widest };
    if (show->shown == 0 && !show->json)
        table_titles(&table);
    struct chat_holder *holders = show->json ? find_holders(show, batch) : NULL;
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        if (show->count > 0 && show->shown >= show->count)
            break;
        if (show->json)
            put_json(show, chat_batch_message(batch, i), &holders[i]);
        else
            add_row(&table, chat_batch_message(batch, i));
        show->shown++;
    }
    free(holders);
    table_put(&table, 0, &show->out);
    spool_flush(&show->out);
    return show->count == 0 || show->shown < show->count;
}

static void put_field(struct show *show, const char *name, const char *value)
{
    char title[16];
    struct text text = { .bytes = NULL };
    snprintf(title, sizeof title, "%-10s", name);
    text_add_escaped(&text, value, strlen(value), true);
    output_put_string(&show->out, title);
    output_put(&show->out, text.bytes, text.size);
    output_put(&show->out, "\n", 1);
    text_free(&text);
}

static void put_number(struct show *show, const char *name, int64_t number)
{
    char text[HUMAN];
    snprintf(text, sizeof text, "%lld", (long long)number);
    put_field(show, name, text);
}

static void put_time(struct show *show, const char *name, int64_t time)
{
    char text[FORMAT_TIME];
    put_field(show, name, time > 0 ? format_time_text(time, text) : "-");
}

/* Print how the last attempt failed, and when. */
static void put_failure(struct show *show, const struct chat_message *m)
{
    char time[FORMAT_TIME], text[FORMAT_TIME + 64];
    const bool ended = m->failure < CHAT_SIGNALLED;
    snprintf(text, sizeof text, "%s %d, %s", ended ? "status" : "signal",
             ended ? m->failure : m->failure - CHAT_SIGNALLED, format_time_text(m->failed, time));
    put_field(show, "Failed:", text);
}

static void put_holder(struct show *show, const struct chat_holder *holder)
{
    char text[sizeof holder->name + 64];
    snprintf(text, sizeof text, "process %lld (%s)", (long long)holder->process, holder->name);
    put_field(show, "Holder:", text);
}

/* Print every field of one message. */
static void show_whole(struct show *show, const struct chat_message *m,
                       const struct chat_holder *holder)
{
    char from[2 * CHAT_NAME_MAX + 2];
    const struct format body = { .style = STYLE_LINES, .escape = show->out.terminal };
    snprintf(from, sizeof from, "%s@%s", m->user, m->host);
    put_number(show, "Id:", m->id);
    put_field(show, "Room:", m->room);
    put_field(show, "State:", state(m));
    if (holder->process > 0)
        put_holder(show, holder);
    put_field(show, "From:", from);
    put_time(show, "Sent:", m->time);
    put_number(show, "Attempts:", m->attempts);
    if (m->failed > 0)
        put_failure(show, m);
    put_field(show, "Key:", m->key != NULL ? m->key : "-");
    put_time(show, "Due:", m->due);
    put_time(show, "Expires:", m->expires);
    put_number(show, "Length:", (int64_t)m->length);
    output_put(&show->out, "\n", 1);
    format_message(&body, m, &show->out);
}

static int show_one(struct show *show, chat_spool *spool)
{
    const struct chat_query query = {
        .id = show->id, .every = true, .max_messages = 1, .max_bytes = SIZE_MAX
    };
    struct chat_cursor cursor = { .room = 0 };
    chat_batch *batch;
    enum chat_status status = chat_walk(spool, &query, &cursor, &batch);
    if (status == CHAT_NONE) {
        cli_say("No message %lld", (long long)show->id);
        return EXIT_NONE;
    }
    spool_need(status, spool);
    struct chat_holder *holder = find_holders(show, batch);
    if (show->json)
        put_json(show, chat_batch_message(batch, 0), holder);
    else
        show_whole(show, chat_batch_message(batch, 0), holder);
    free(holder);
    spool_flush(&show->out);
    chat_release(batch);
    return EXIT_DONE;
}

static int show_room(struct show *show, chat_spool *spool, const char *room)
{
    enum { USUAL = 120 }; /* characters per row, without a terminal */
    struct winsize size;
    bool known = show->out.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    show->widest = known && size.ws_col > 0 ? size.ws_col : USUAL;
    bool damaged = spool_walk(spool, &room, 1, show_batch, show);
    if (damaged)
        return EXIT_DATA;
    if (show->shown > 0)
        return EXIT_DONE;
    if (room != NULL)
        cli_say("No messages in room '%s'", room);
    else
        cli_say("No messages");
    return EXIT_NONE;
}

static int run(char **argv)
{
    struct show show = { .where = NULL };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            show.where = cli_argument;
            break;
        case 'i':
            show.id = cli_count(cli_argument, "-i");
            break;
        case 'c':
            show.count = cli_count(cli_argument, "-c");
            break;
        case 'j':
            show.json = true;
            break;
        }
    char **words = cli_words(0, show.id > 0 ? 0 : 1, "");
    if (show.id > 0 && show.count > 0)
        cli_usage("options '-i' and '-c' exclude each other");
    const char *room = where_address(words[0]);
    spool_output(&show.out);
    chat_spool *spool = show.spool = spool_open(show.where);
    if (show.json)
        show.next_id = spool_next_id(spool);
    return show.id > 0 ? show_one(&show, spool) : show_room(&show, spool, room);
}

const struct command show_command = {
    .name = "show",
    .other_name = "peek",
    .summary = "the messages of a room, or one message",
    .program = {
        .name = "chat-spool",
        .synopsis = "show [options] [ROOM]",
        .about = "Show all messages of a room, including claimed and delayed ones.",
        .options = options,
    },
    .run = run,
};
