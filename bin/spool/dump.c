/* dump.c - chat-spool dump and copy: every message with every field. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/json_out.h"
#include "common/progress.h"
#include "common/where.h"
#include "opened.h"
#include "spool.h"

static const struct option_row dump_options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "print only errors on standard error" },
    END_OPTION,
};

static const struct option_row copy_options[] = {
    { 'q', "quiet", NULL, "print only errors on standard error" },
    END_OPTION,
};

struct dump {
    const char *where;
    bool quiet;
    struct output out;
    struct restore to; /* for copy */
    int64_t put;       /* approximate bytes of the open transaction there; 0: no transaction */
    bool damaged;      /* a part cannot be read */
    int64_t next_id;   /* of the spool, so that it is above all ids that were received */
    int64_t done, total;
    const struct chat_room *rooms; /* by name */
    size_t room_count;
};

/* Store the rooms of SPOOL in *ROOMS, and in *NAMES and *COUNT the valid names of those that are
 * not open; *ROOMS owns the names. Counts all messages. Returns false if there is no spool. */
static bool find_rooms(struct dump *dump, chat_spool *spool, struct chat_room **rooms,
                       const char ***names, size_t *count)
{
    if (!spool_rooms(spool, rooms, count))
        return false;
    *names = calloc(*count + 1, sizeof **names);
    if (*names == NULL)
        cli_no_memory();
    size_t valid = 0;
    for (size_t i = 0; i < *count; i++) {
        const char *name = (*rooms)[i].name;
        dump->total += (*rooms)[i].depth;
        if (chat_room_valid(name) && !(*rooms)[i].open)
            (*names)[valid++] = name;
        else if (!(*rooms)[i].open) {
            cli_say("the name of room '%s' is damaged", name);
            dump->damaged = true;
        }
    }
    dump->rooms = *rooms;
    dump->room_count = *count;
    *count = valid;
    return true;
}

/* Write the open rooms among NAMES (NULL: all rooms) to TO, and leave the others in NAMES. Returns
 * how many are left. */
static size_t write_opened(struct dump *dump, chat_spool *spool, const char **names, size_t count,
                           const struct opened *to)
{
    size_t left = 0;
    for (size_t i = 0; names == NULL && i < dump->room_count; i++)
        if (dump->rooms[i].open)
            dump->damaged |= opened_write(spool, &dump->rooms[i], to);
    for (size_t i = 0; names != NULL && i < count; i++) {
        const struct chat_room *room = opened_find(dump->rooms, dump->room_count, names[i]);
        if (room != NULL && room->open)
            dump->damaged |= opened_write(spool, room, to);
        else
            names[left++] = names[i];
    }
    return left;
}

static void dump_room(void *context, const struct chat_room *room)
{
    struct dump *dump = context;
    const struct chat_bounds *b = &room->bounds;
    json_out_string('{', "open", room->name, &dump->out);
    json_out_number(',', "keep", b->keep, &dump->out);
    json_out_number(',', "keep_time", b->keep_time, &dump->out);
    json_out_number(',', "max", b->most, &dump->out);
    json_out_number(',', "max_time", b->most_time, &dump->out);
    json_out_number(',', "next_id", dump->next_id, &dump->out);
    output_put_string(&dump->out, "}\n");
}

static void dump_reader(void *context, const char *name, const struct chat_reader *reader)
{
    struct dump *dump = context;
    json_out_string('{', "reader", name, &dump->out);
    json_out_number(',', "place", reader->place, &dump->out);
    json_out_number(',', "missed", reader->missed, &dump->out);
    json_out_number(',', "next_id", dump->next_id, &dump->out);
    output_put_string(&dump->out, "}\n");
}

static void dump_message(void *context, const struct chat_message *m)
{
    struct dump *dump = context;
    json_out_message(m, dump->next_id, &dump->out);
    if (dump->out.failed != 0)
        spool_flush(&dump->out);
    dump->done++;
    progress_part(dump->done, dump->total, "dumped");
}

static bool dump_batch(void *context, const chat_batch *batch)
{
    for (size_t i = 0; i < chat_batch_count(batch); i++)
        dump_message(context, chat_batch_message(batch, i));
    return true;
}

static int dump(char **argv)
{
    struct dump dump = { .where = NULL };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            dump.where = cli_argument;
            break;
        case 'q':
            dump.quiet = true;
            break;
        }
    enum { MANY = 1 << 20 };
    char **words = cli_words(0, MANY, "");
    size_t word_count = 0, count;
    for (; words[word_count] != NULL; word_count++)
        where_room(words[word_count]);
    spool_output(&dump.out);
    chat_spool *spool = spool_open(dump.where);
    struct chat_room *rooms;
    const char **names;
    if (!find_rooms(&dump, spool, &rooms, &names, &count))
        return spool_missing(dump.where);
    progress_start(!dump.quiet);
    bool some = word_count > 0;
    dump.next_id = spool_next_id(spool);
    const struct opened out = { &dump, dump_room, dump_message, dump_reader };
    if (some) {
        names = realloc(names, word_count * sizeof *names);
        if (names == NULL)
            cli_no_memory();
        memcpy(names, words, word_count * sizeof *names);
        count = write_opened(&dump, spool, names, word_count, &out);
    } else
        write_opened(&dump, spool, NULL, 0, &out);
    dump.damaged |= spool_walk(spool, names, count, dump_batch, &dump);
    if (dump.done == 0 && !some && dump.next_id > 1)
        json_out_next_id(dump.next_id, &dump.out);
    spool_flush(&dump.out);
    progress_end();
    free(names);
    free(rooms);
    return dump.damaged ? EXIT_DATA : EXIT_DONE;
}

/* --- copy ------------------------------------------------------------------ */

/* A transaction covers several batches: a batch has one room, and with many rooms it is too small
 * for a sync of its own. */
enum {
    ROW = 1024,
    COMMIT = 1024 * ROW
}; /* bytes: the most that a message takes besides its body */

static void copy_commit(struct dump *dump)
{
    if (dump->put > 0)
        spool_need(restore_commit(&dump->to), dump->to.spool);
    dump->put = 0;
}

static void copy_room(void *context, const struct chat_room *room)
{
    struct dump *dump = context;
    copy_commit(dump);
    spool_need(restore_open(&dump->to, room->name, &room->bounds), dump->to.spool);
}

static void copy_reader(void *context, const char *name, const struct chat_reader *reader)
{
    struct dump *dump = context;
    copy_commit(dump);
    spool_need(restore_reader(&dump->to, name, reader->place, reader->missed), dump->to.spool);
}

static void copy_message(void *context, const struct chat_message *m)
{
    struct dump *dump = context;
    if (dump->put == 0)
        spool_need(restore_begin(&dump->to), dump->to.spool);
    spool_need(restore_put(&dump->to, m), dump->to.spool);
    dump->put += ROW + (int64_t)m->length;
    if (dump->put >= COMMIT)
        copy_commit(dump);
    dump->done++;
    progress_part(dump->done, dump->total, "copied");
}

static bool copy_batch(void *context, const chat_batch *batch)
{
    for (size_t i = 0; i < chat_batch_count(batch); i++)
        copy_message(context, chat_batch_message(batch, i));
    return true;
}

/* A copy of a spool to itself would never end. */
static bool same_spool(const char *from, const char *to)
{
    struct stat a, b;
    return strcmp(from, to) == 0 || (stat(from, &a) == 0 && stat(to, &b) == 0 &&
                                     a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static int copy(char **argv)
{
    struct dump dump = { .where = NULL };
    while (cli_option(argv) != -1)
        dump.quiet = true;
    char **words = cli_words(2, 2, "two spools are required: FROM and TO");
    if (same_spool(words[0], words[1]))
        cli_usage("the two spools are the same");
    chat_spool *from = spool_open(words[0]);
    struct chat_room *rooms;
    const char **names;
    size_t count;
    if (!find_rooms(&dump, from, &rooms, &names, &count))
        return spool_missing(words[0]);
    chat_spool *to = spool_open(words[1]);
    spool_need(chat_create(to, NULL), to);
    dump.next_id = spool_next_id(from);
    restore_start(&dump.to, to);
    spool_need(restore_skip(&dump.to, dump.next_id), to);
    progress_start(!dump.quiet);
    const struct opened out = { &dump, copy_room, copy_message, copy_reader };
    write_opened(&dump, from, NULL, 0, &out);
    dump.damaged |= spool_walk(from, names, count, copy_batch, &dump);
    copy_commit(&dump);
    progress_end();
    restore_end(&dump.to);
    free(names);
    free(rooms);
    return dump.damaged ? EXIT_DATA : EXIT_DONE;
}

const struct command dump_command = {
    .name = "dump",
    .summary = "every message, one JSON object per line",
    .program = {
        .name = "chat-spool",
        .synopsis = "dump [options] [ROOM ...]",
        .about = "Write all messages of the spool or of these rooms, one JSON object per line.",
        .options = dump_options,
    },
    .run = dump,
};

const struct command copy_command = {
    .name = "copy",
    .summary = "every message of a spool to another",
    .program = {
        .name = "chat-spool",
        .synopsis = "copy [options] FROM-SPOOL TO-SPOOL",
        .about = "Add every message of one spool to another, with every field.",
        .options = copy_options,
    },
    .run = copy,
};
