/* backup.c - chat-spool backup, restore and compact. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/progress.h"
#include "common/where.h"
#include "spool.h"
#include "table.h"

static const struct option_row backup_options[] = {
    SPOOL_OPTION,
    { 'y', "yes", NULL, "replace FILE without asking" },
    { 'q', "quiet", NULL, "print only errors on standard error" },
    END_OPTION,
};

static const struct option_row restore_options[] = {
    SPOOL_OPTION,
    { 'y', "yes", NULL, "do not ask" },
    { 'q', "quiet", NULL, "print only errors on standard error" },
    END_OPTION,
};

static const struct option_row compact_options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "do not print how much" },
    END_OPTION,
};

/* CONTEXT names the operation. */
static void show_progress(void *context, int64_t done, int64_t total)
{
    progress_part(done, total, context);
}

/* Read the arguments of backup and restore. */
struct words {
    const char *where, *file;
    bool yes, quiet;
};

static struct words parse(char **argv, const char *missing)
{
    struct words words = { .where = NULL };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            words.where = cli_argument;
            break;
        case 'y':
            words.yes = true;
            break;
        case 'q':
            words.quiet = true;
            break;
        }
    words.file = cli_words(1, 1, missing)[0];
    return words;
}

static int backup(char **argv)
{
    struct words words = parse(argv, "a FILE to write to is required");
    struct stat st;
    char what[] = "written";
    chat_spool *spool = spool_open(words.where);
    if (lstat(words.file, &st) == 0 && !spool_confirm(words.yes, "Replace '%s'", words.file)) {
        cli_say("nothing written");
        return EXIT_NONE;
    }
    progress_start(!words.quiet);
    enum chat_status status = chat_backup(spool, words.file, show_progress, what);
    progress_end();
    if (status == CHAT_NONE)
        return spool_missing(words.where);
    spool_need(status, spool);
    return EXIT_DONE;
}

/* Return whether there is a spool, which need not be readable. */
static bool is_there(chat_spool *spool)
{
    struct chat_room *rooms;
    size_t count;
    enum chat_status status = chat_list(spool, &rooms, &count);
    free(rooms);
    return status != CHAT_NONE;
}

static int restore(char **argv)
{
    struct words words = parse(argv, "a FILE to restore from is required");
    char what[] = "restored";
    if (!words.quiet)
        where_watch(where_spool(words.where));
    chat_spool *spool = spool_open(words.where);
    if (is_there(spool) &&
        !spool_confirm(words.yes, "Replace all messages of the spool by those of '%s'",
                       words.file)) {
        cli_say("nothing restored");
        return EXIT_NONE;
    }
    progress_start(!words.quiet);
    enum chat_status status = chat_restore(spool, words.file, show_progress, what);
    progress_end();
    spool_need(status, spool);
    return EXIT_DONE;
}

static int compact(char **argv)
{
    const char *where = NULL;
    bool quiet = false;
    int64_t freed;
    struct output out;
    char what[] = "given back";
    for (int letter; (letter = cli_option(argv)) != -1;)
        if (letter == 's')
            where = cli_argument;
        else
            quiet = true;
    cli_words(0, 0, "");
    if (!quiet)
        spool_output(&out);
    chat_spool *spool = spool_open(where);
    progress_start(!quiet);
    enum chat_status status = chat_compact(spool, show_progress, what, &freed);
    progress_end();
    if (status == CHAT_NONE)
        return spool_missing(where);
    spool_need(status, spool);
    if (!quiet) {
        char text[HUMAN];
        output_put_string(&out, human_size(freed, text));
        output_put_string(&out, " given back\n");
        spool_flush(&out);
    }
    return EXIT_DONE;
}

const struct command backup_command = {
    .name = "backup",
    .summary = "the spool to a file, while it is in use",
    .program = {
        .name = "chat-spool",
        .synopsis = "backup [options] FILE",
        .about = "Copy the spool, as it is at this moment, to the new spool FILE.",
        .options = backup_options,
    },
    .run = backup,
};

const struct command restore_command = {
    .name = "restore",
    .summary = "the spool from a backup, while it is in use",
    .program = {
        .name = "chat-spool",
        .synopsis = "restore [options] FILE",
        .about = "Replace the contents of the spool by those of the backup FILE.",
        .options = restore_options,
    },
    .run = restore,
};

const struct command compact_command = {
    .name = "compact",
    .summary = "return free space to the disk",
    .program = {
        .name = "chat-spool",
        .synopsis = "compact [options]",
        .about = "Delete expired messages, and return free space to the disk.",
        .options = compact_options,
    },
    .run = compact,
};
