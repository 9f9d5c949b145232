/* dump.c - chat-spool dump and copy: every message, with every field. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/json_out.h"
#include "common/progress.h"
#include "common/where.h"
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
    int64_t put;       /* approximate bytes that the transaction there has put; 0: no transaction */
    bool damaged;      /* some of it can't be read */
    int64_t next_id;   /* of the spool, and so behind all that was received from it */
    int64_t done, total;
};

/* The rooms of SPOOL by name, owned by *ROOMS, and how many messages there are. False: no spool. */
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
        if (chat_room_valid(name))
            (*names)[valid++] = name;
        else {
            cli_say("the name of room '%s' is damaged", name);
            dump->damaged = true;
        }
    }
    *count = valid;
    return true;
}

static bool dump_batch(void *context, const chat_batch *batch)
{
    struct dump *dump = context;
    for (size_t i = 0; i < chat_batch_count(batch); i++)
        json_out_message(chat_batch_message(batch, i), dump->next_id, &dump->out);
    if (dump->out.failed != 0)
        spool_flush(&dump->out);
    dump->done += (int64_t)chat_batch_count(batch);
    progress_part(dump->done, dump->total, "dumped");
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
    dump.damaged |= spool_walk(spool, some ? (const char *const *)words : names,
                               some ? word_count : count, dump_batch, &dump);
    if (dump.done == 0 && !some && dump.next_id > 1)
        json_out_next_id(dump.next_id, &dump.out);
    spool_flush(&dump.out);
    progress_end();
    free(names);
    free(rooms);
    return dump.damaged ? EXIT_DATA : EXIT_DONE;
}

/* --- copy ------------------------------------------------------------------ */

/* Batches are of one room, and smaller than what is worth a sync if there are many rooms. */
enum {
    ROW = 1024,
    COMMIT = 1024 * ROW
}; /* bytes: what a message takes besides its body, at most */

static void copy_commit(struct dump *dump)
{
    if (dump->put > 0)
        spool_need(restore_commit(&dump->to), dump->to.spool);
    dump->put = 0;
}

static bool copy_batch(void *context, const chat_batch *batch)
{
    struct dump *dump = context;
    struct restore *to = &dump->to;
    if (dump->put == 0)
        spool_need(restore_begin(to), to->spool);
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        spool_need(restore_put(to, chat_batch_message(batch, i)), to->spool);
        dump->put += ROW + (int64_t)chat_batch_message(batch, i)->length;
    }
    if (dump->put >= COMMIT)
        copy_commit(dump);
    dump->done += (int64_t)chat_batch_count(batch);
    progress_part(dump->done, dump->total, "copied");
    return true;
}

/* A copy to where it comes from would never end. */
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
    dump.damaged |= spool_walk(from, names, count, copy_batch, &dump);
    copy_commit(&dump);
    progress_end();
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
