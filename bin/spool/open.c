/* open.c - chat-spool open, readers, seek and forget: open rooms and their readers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_out.h"
#include "common/text.h"
#include "common/when.h"
#include "common/where.h"
#include "spool.h"
#include "table.h"

/* Return ROOM from the list of SPOOL, or a room with zeros if it is not there. */
static struct chat_room find_room(chat_spool *spool, const char *room)
{
    struct chat_room *rooms, found = { .open = false };
    size_t count;
    if (!spool_rooms(spool, &rooms, &count))
        return found;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rooms[i].name, room) == 0)
            found = rooms[i];
    free(rooms);
    return found;
}

/* Check the name of a room or, with READER, of a reader. */
static const char *need_name(char **words, bool reader, const char *what)
{
    const char *name = words[0];
    name = reader ? where_address(name) : where_room(name);
    if (name == NULL)
        cli_usage("%s", what);
    return name;
}

/* --- open ------------------------------------------------------------------ */

static const struct option_row open_options[] = {
    SPOOL_OPTION,
    { 'k', "keep", "LIMIT", "keep the last N messages, or TIME (default: 1000)" },
    { 'm', "max", "LIMIT", "never hold more (default: 1000000)" },
    END_OPTION,
};

/* Read a number of messages, or a time that ends with its unit. */
static void parse_bound(const char *text, const char *option, int64_t least, int64_t *count,
                        int64_t *time)
{
    *count = *time = 0;
    if (strspn(text, "0123456789") == strlen(text) && !(least == 0 && strcmp(text, "0") == 0))
        *count = cli_count(text, option);
    else if (strcmp(text, "0") != 0)
        *time = when_duration(text, option);
    if (*time == 0 && *count < least)
        cli_usage("option '%s' needs a time longer than 0", option);
}

static int open_room(char **argv)
{
    const char *where = NULL, *keep = NULL, *most = NULL;
    struct chat_bounds bounds, before;
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            where = cli_argument;
            break;
        case 'k':
            parse_bound(keep = cli_argument, "-k", 0, &bounds.keep, &bounds.keep_time);
            break;
        case 'm':
            parse_bound(most = cli_argument, "-m", 1, &bounds.most, &bounds.most_time);
            break;
        }
    const char *room = need_name(cli_words(1, 1, "a room is needed"), false, "");
    where_watch(where_spool(where));
    chat_spool *spool = spool_open(where);
    const struct chat_room found = find_room(spool, room);
    before = found.open
                 ? found.bounds
                 : (struct chat_bounds){ .keep = CHAT_KEEP_DEFAULT, .most = CHAT_MOST_DEFAULT };
    if (keep == NULL) {
        bounds.keep = before.keep;
        bounds.keep_time = before.keep_time;
    }
    if (most == NULL) {
        bounds.most = before.most;
        bounds.most_time = before.most_time;
    }
    if (keep == NULL && bounds.most > 0 && bounds.keep > bounds.most)
        bounds.keep = bounds.most;
    if (keep == NULL && bounds.most_time > 0 && bounds.keep_time > bounds.most_time)
        bounds.keep_time = bounds.most_time;
    spool_need(chat_open_room(spool, room, &bounds), spool);
    return EXIT_DONE;
}

/* --- readers --------------------------------------------------------------- */

static const struct option_row readers_options[] = {
    SPOOL_OPTION,
    { 'j', "json", NULL, "one JSON object per line" },
    { 'i', "id", "ID", "only the names of readers that have read this message" },
    END_OPTION,
};

static const struct table_column columns[] = {
    { "READER", false, 0 }, { "UNREAD", true, 0 }, { "CLAIMED", true, 0 }, { "HELD", true, 0 },
    { "MISSED", true, 0 },  { "HERE", false, 0 },  { "LAST", false, 0 },
};

struct readers {
    struct chat_reader *list;
    size_t count;
    struct output out;
};

static void put_table(struct readers *r)
{
    struct table table = { .columns = columns, .column_count = sizeof columns / sizeof columns[0] };
    char text[HUMAN];
    if (r->count == 0)
        return;
    table_titles(&table);
    for (size_t i = 0; i < r->count; i++) {
        const struct chat_reader *reader = &r->list[i];
        table_add(&table, reader->name);
        table_add_number(&table, reader->unread);
        table_add_number(&table, reader->claimed);
        table_add_number(&table, reader->held);
        table_add_number(&table, reader->missed);
        table_add(&table, reader->here ? "yes" : "-");
        table_add(&table, reader->last > 0 ? human_age(when_now() - reader->last, text) : "-");
    }
    table_put(&table, 0, &r->out);
}

static void put_json(struct readers *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct chat_reader *reader = &r->list[i];
        json_out_string('{', "reader", reader->name, &r->out);
        json_out_number(',', "unread", reader->unread, &r->out);
        json_out_number(',', "claimed", reader->claimed, &r->out);
        json_out_number(',', "held", reader->held, &r->out);
        json_out_number(',', "missed", reader->missed, &r->out);
        output_put_string(&r->out, reader->here ? ",\"here\":true" : ",\"here\":false");
        json_out_time(',', "last", reader->last, &r->out);
        output_put_string(&r->out, "}\n");
    }
}

static void put_names(struct readers *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct text name = { .bytes = NULL };
        text_add_escaped(&name, r->list[i].name, strlen(r->list[i].name), true);
        output_put(&r->out, name.bytes, name.size);
        output_put(&r->out, "\n", 1);
        text_free(&name);
    }
}

static int readers(char **argv)
{
    const char *where = NULL;
    bool json = false;
    int64_t id = 0;
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            where = cli_argument;
            break;
        case 'j':
            json = true;
            break;
        case 'i':
            id = cli_count(cli_argument, "-i");
            break;
        }
    const char *room = need_name(cli_words(1, 1, "an open room is needed"), false, "");
    struct readers r = { .count = 0 };
    spool_output(&r.out);
    chat_spool *spool = spool_open(where);
    enum chat_status status = chat_readers(spool, room, id, &r.list, &r.count);
    if (status == CHAT_NONE && id > 0) {
        cli_say("No message %lld in room '%s'", (long long)id, room);
        return EXIT_NONE;
    }
    if (status == CHAT_NONE)
        return spool_missing(where);
    spool_need(status, spool);
    if (json)
        put_json(&r);
    else if (id > 0)
        put_names(&r);
    else
        put_table(&r);
    spool_flush(&r.out);
    free(r.list);
    return EXIT_DONE;
}

/* --- seek ------------------------------------------------------------------ */

static const struct option_row seek_options[] = {
    SPOOL_OPTION,
    { 'i', "id", "ID", "continue after this message" },
    END_OPTION,
};

/* Read WORD: "start", "end", a date and time, or a duration before now. */
static struct chat_point parse_point(const char *word)
{
    struct chat_point point = { .kind = CHAT_POINT_TIME };
    when_refuse_ambiguous(word, "");
    if (strcmp(word, "start") == 0)
        point.kind = CHAT_POINT_START;
    else if (strcmp(word, "end") == 0)
        point.kind = CHAT_POINT_END;
    else if (when_span(word, &point.value))
        point.value = when_now() - point.value;
    else if (!when_date(word, &point.value))
        cli_usage("'%s' is not 'start', 'end', a time like 2026-11-22T13:40:07Z, or a duration "
                  "like 2h",
                  word);
    return point;
}

static int seek(char **argv)
{
    const char *where = NULL;
    int64_t id = 0;
    for (int letter; (letter = cli_option(argv)) != -1;)
        if (letter == 's')
            where = cli_argument;
        else
            id = cli_count(cli_argument, "-i");
    const int most = id > 0 ? 1 : 2;
    char **words = cli_words(most, most,
                             id > 0 ? "a reader is needed: ROOM/NAME"
                                    : "a reader is needed, and 'start', 'end' or a time");
    const char *reader = need_name(words, true, "");
    chat_spool *spool = spool_open(where);
    const struct chat_point point =
        id > 0 ? (struct chat_point){ .kind = CHAT_POINT_ID, .value = id } : parse_point(words[1]);
    enum chat_status status = chat_seek(spool, reader, &point);
    if (status == CHAT_NONE) {
        cli_say("%s", chat_error(spool));
        return EXIT_NONE;
    }
    spool_need(status, spool);
    return EXIT_DONE;
}

/* --- forget ---------------------------------------------------------------- */

static const struct option_row forget_options[] = {
    SPOOL_OPTION,
    { 'y', "yes", NULL, "do not ask" },
    { 'q', "quiet", NULL, "print nothing on standard output" },
    END_OPTION,
};

/* Return the unread messages of the reader NAME. Ends the program if there is no such reader. */
static int64_t unread(chat_spool *spool, const char *name)
{
    struct chat_reader *list;
    size_t count;
    int64_t found = -1;
    char room[CHAT_NAME_MAX + 1];
    snprintf(room, sizeof room, "%.*s", (int)strcspn(name, "/"), name);
    spool_need(chat_readers(spool, room, 0, &list, &count), spool);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, strchr(name, '/') + 1) == 0)
            found = list[i].unread;
    free(list);
    return found;
}

static bool confirm_reader(chat_spool *spool, const char *name, bool yes)
{
    const int64_t count = yes ? 0 : unread(spool, name);
    if (count == 0)
        return spool_confirm(yes, "Forget the reader '%s'", name);
    return count < 0 || spool_confirm(yes, "Forget the reader '%s', which has not read %s", name,
                                      spool_messages(count));
}

static bool confirm_room(chat_spool *spool, const char *name, bool yes)
{
    const struct chat_room room = find_room(spool, name);
    return !room.open || spool_confirm(yes, "Make room '%s' plain, and forget its %lld reader%s",
                                       name, (long long)room.readers, room.readers == 1 ? "" : "s");
}

static int forget(char **argv)
{
    const char *where = NULL;
    bool yes = false, quiet = false;
    struct output out = { .fd = -1 };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            where = cli_argument;
            break;
        case 'y':
            yes = true;
            break;
        case 'q':
            quiet = true;
            break;
        }
    const char *name = need_name(cli_words(1, 1, "a reader is needed, or an open room"), true, "");
    const bool reader = strchr(name, '/') != NULL;
    if (!quiet)
        spool_output(&out);
    chat_spool *spool = spool_open(where);
    if (!(reader ? confirm_reader(spool, name, yes) : confirm_room(spool, name, yes))) {
        cli_say("nothing forgotten");
        return EXIT_NONE;
    }
    enum chat_status status = chat_forget(spool, name);
    if (status == CHAT_NONE)
        return spool_missing(where);
    spool_need(status, spool);
    if (!quiet) {
        output_put_string(&out, reader ? "1 reader forgotten\n" : "the room is plain\n");
        spool_flush(&out);
    }
    return EXIT_DONE;
}

const struct command open_command = {
    .name = "open",
    .summary = "a room, so that each reader gets every message",
    .program = {
        .name = "chat-spool",
        .synopsis = "open [options] ROOM",
        .about = "Open ROOM: each of its readers (ROOM/NAME) gets every message.",
        .options = open_options,
    },
    .run = open_room,
};

const struct command readers_command = {
    .name = "readers",
    .summary = "the readers of an open room",
    .program = {
        .name = "chat-spool",
        .synopsis = "readers [options] ROOM",
        .about = "Show the readers of an open room, and how far each is.",
        .options = readers_options,
    },
    .run = readers,
};

const struct command seek_command = {
    .name = "seek",
    .summary = "where a reader continues",
    .program = {
        .name = "chat-spool",
        .synopsis = "seek [options] ROOM/NAME start|end|TIME | seek -i ID ROOM/NAME",
        .about = "Let a reader continue from the start, the end, a time or after a message.",
        .options = seek_options,
    },
    .run = seek,
};

const struct command forget_command = {
    .name = "forget",
    .summary = "a reader, or all readers of a room",
    .program = {
        .name = "chat-spool",
        .synopsis = "forget [options] ROOM/NAME | forget [options] ROOM",
        .about = "Forget a reader, or forget all readers of a room and make it plain.",
        .options = forget_options,
    },
    .run = forget,
};
