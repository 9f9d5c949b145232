/* list.c - chat-spool list: the rooms and their contents. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/dead.h"
#include "common/format.h"
#include "common/json_out.h"
#include "common/signals.h"
#include "common/when.h"
#include "common/where.h"
#include "spool.h"
#include "table.h"

static const struct option_row options[] = {
    SPOOL_OPTION,
    { 'j', "json", NULL, "one JSON object per line" },
    { '1', "names", NULL, "only the names, one per line" },
    { 'w', "watch", NULL, "redraw the table on the terminal after every change" },
    END_OPTION,
};

static const struct table_column columns[] = {
    { "ROOM", false, 0 },   { "DEPTH", true, 0 },   { "BYTES", true, 0 },   { "CLAIMED", true, 0 },
    { "DELAYED", true, 0 }, { "HELD", true, 0 },    { "EXPIRED", true, 0 }, { "DEAD", true, 0 },
    { "OLDEST", true, 0 },  { "READERS", true, 0 }, /* last: only where a room is open */
};

struct listing {
    const char *where;
    char **wanted; /* rooms; none: all rooms with messages */
    bool json, names, watch;
    chat_spool *spool;
    struct output out;
    struct chat_room *rooms; /* the current contents, sorted by name */
    size_t count;
    struct chat_room *all; /* the same, including rooms that are not shown */
    size_t all_count;
};

static int compare_name(const void *name, const void *room)
{
    return strcmp(name, ((const struct chat_room *)room)->name);
}

/* Return how many messages are in the dead-letter room of ROOM. */
static int64_t dead(const struct listing *l, const struct chat_room *room)
{
    char name[sizeof room->name + sizeof DEAD_SUFFIX];
    snprintf(name, sizeof name, "%s%s", room->name, DEAD_SUFFIX);
    const struct chat_room *found =
        bsearch(name, l->all, l->all_count, sizeof *l->all, compare_name);
    return found != NULL ? found->depth : 0;
}

/* Whether one of the rooms is open. */
static bool some_open(const struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rooms[i].open)
            return true;
    return false;
}

static void add_row(struct table *table, const struct listing *l, const struct chat_room *room,
                    bool readers)
{
    char text[HUMAN];
    table_add(table, room->name);
    table_add_number(table, room->depth);
    table_add(table, human_size(room->bytes, text));
    table_add_number(table, room->claimed);
    table_add_number(table, room->delayed);
    table_add_number(table, room->held);
    table_add_number(table, room->expired);
    table_add_number(table, dead(l, room));
    table_add(table, room->oldest > 0 ? human_age(when_now() - room->oldest, text) : "-");
    if (readers && room->open)
        table_add_number(table, room->readers);
    else if (readers)
        table_add(table, "-");
}

/* Write at most MOST rooms; 0: all. */
static void put_table(struct listing *l, size_t most)
{
    const bool readers = some_open(l);
    struct table table = { .columns = columns,
                           .column_count = sizeof columns / sizeof columns[0] - !readers };
    if (l->count == 0)
        return;
    table_titles(&table);
    for (size_t i = 0; i < l->count; i++)
        add_row(&table, l, &l->rooms[i], readers);
    table_put(&table, most > 0 ? most + 1 : 0, &l->out);
}

static void put_json(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct chat_room *room = &l->rooms[i];
        json_out_string('{', "room", room->name, &l->out);
        json_out_number(',', "depth", room->depth, &l->out);
        json_out_number(',', "bytes", room->bytes, &l->out);
        json_out_number(',', "claimed", room->claimed, &l->out);
        json_out_number(',', "delayed", room->delayed, &l->out);
        json_out_number(',', "held", room->held, &l->out);
        json_out_number(',', "expired", room->expired, &l->out);
        json_out_number(',', "dead", dead(l, room), &l->out);
        json_out_time(',', "oldest", room->oldest, &l->out);
        if (room->open)
            json_out_number(',', "readers", room->readers, &l->out);
        else
            output_put_string(&l->out, ",\"readers\":null");
        output_put_string(&l->out, "}\n");
    }
}

static void put_names(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct text name = { .bytes = NULL };
        text_add_escaped(&name, l->rooms[i].name, strlen(l->rooms[i].name), true);
        output_put(&l->out, name.bytes, name.size);
        output_put(&l->out, "\n", 1);
        text_free(&name);
    }
}

/* Return the requested rooms in the order of the arguments; an empty one has a name and zeros. */
static void choose(struct listing *l)
{
    for (l->count = 0; l->wanted[l->count] != NULL; l->count++)
        ;
    l->rooms = calloc(l->count, sizeof *l->rooms);
    if (l->rooms == NULL)
        cli_no_memory();
    for (size_t i = 0; i < l->count; i++) {
        const struct chat_room *found =
            bsearch(l->wanted[i], l->all, l->all_count, sizeof *l->all, compare_name);
        if (found != NULL)
            l->rooms[i] = *found;
        else
            snprintf(l->rooms[i].name, sizeof l->rooms[i].name, "%s", l->wanted[i]);
    }
}

static void forget(struct listing *l)
{
    if (l->rooms != l->all)
        free(l->rooms);
    free(l->all);
    l->rooms = l->all = NULL;
}

static void look(struct listing *l)
{
    forget(l);
    if (!spool_rooms(l->spool, &l->all, &l->all_count))
        l->all_count = 0;
    l->rooms = l->all;
    l->count = l->all_count;
    if (l->wanted[0] != NULL)
        choose(l);
}

static void print(struct listing *l)
{
    look(l);
    if (l->json)
        put_json(l);
    else if (l->names)
        put_names(l);
    else
        put_table(l, 0);
    spool_flush(&l->out);
}

/* --- watch ----------------------------------------------------------------- */

enum { PAUSE = 100 }; /* least milliseconds between two pictures */

static volatile sig_atomic_t stopped, resized;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void resize(int number)
{
    (void)number;
    resized = 1;
}

static void paint(struct listing *l)
{
    struct winsize size;
    char line[96];
    time_t now = time(NULL);
    struct tm local;
    struct text where = { .bytes = NULL };
    look(l);
    size_t height =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row - 4U : 20;
    text_add_escaped(&where, l->where, strlen(l->where), true);
    output_put_string(&l->out, "\033[H\033[2J");
    output_put(&l->out, where.bytes, where.size);
    strftime(line, sizeof line, "  %H:%M:%S\n", localtime_r(&now, &local));
    output_put_string(&l->out, line);
    put_table(l, height);
    if (l->count > height) {
        snprintf(line, sizeof line, "... and %zu more\n", l->count - height);
        output_put_string(&l->out, line);
    }
    text_free(&where);
    spool_flush(&l->out);
}

/* A claim is not a commit, and begins after its wake-up. So draw the table once more some time
 * after the last change. */
static void watch(struct listing *l)
{
    sigset_t unblocked; /* signals arrive only during a sleep */
    signals_catch_stop(stop, &unblocked);
    signals_catch(SIGWINCH, resize, &unblocked);
    static struct pollfd terminal = { .fd = STDOUT_FILENO };
    chat_set_descriptors(l->spool, &terminal, 1);
    int64_t painted = 0, changed = 0;
    bool again = false; /* another picture is pending */
    while (!stopped) {
        int64_t left = changed + PAUSE - cli_clock();
        enum chat_status status = chat_watch(l->spool,
                                             !again     ? -1
                                             : left > 0 ? left
                                                        : 0,
                                             &unblocked);
        if (status != CHAT_OK && status != CHAT_NONE && status != CHAT_INTERRUPTED)
            spool_need(status, l->spool);
        if (terminal.revents != 0)
            cli_fail(EXIT_IO, "cannot write standard output: %s", cli_cause(EIO));
        int64_t now = cli_clock();
        if (status == CHAT_OK)
            changed = now;
        again = status == CHAT_OK || (again && status != CHAT_NONE);
        if (stopped || (!resized && status != CHAT_NONE && now < painted + PAUSE))
            continue;
        resized = 0;
        paint(l);
        painted = now;
    }
}

/* --- all of it ------------------------------------------------------------- */

static int list(char **argv)
{
    struct listing l = { .where = NULL };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            l.where = cli_argument;
            break;
        case 'j':
            l.json = true;
            break;
        case '1':
            l.names = true;
            break;
        case 'w':
            l.watch = true;
            break;
        }
    enum { MANY = 1 << 20 };
    l.wanted = cli_words(0, MANY, "");
    for (char **room = l.wanted; *room != NULL; room++)
        where_room(*room);
    if (l.json + l.names + l.watch > 1)
        cli_usage("options '-j', '-1' and '-w' exclude each other");
    spool_output(&l.out);
    if (l.watch && !l.out.terminal)
        cli_usage("option '-w' needs a terminal as standard output");
    l.where = where_spool(l.where);
    l.spool = spool_open(l.where);
    if (l.watch)
        watch(&l);
    else
        print(&l);
    forget(&l);
    return EXIT_DONE;
}

const struct command list_command = {
    .name = "list",
    .summary = "the rooms and their contents",
    .program = {
        .name = "chat-spool",
        .synopsis = "list [options] [ROOM ...]",
        .about = "Show the rooms that hold messages, or these rooms, and their contents.",
        .options = options,
    },
    .run = list,
};
