/* spool_keep.c - chat-spool backup and compact. */

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

#include "progress.h"
#include "spool.h"
#include "table.h"

static const struct option_row backup_options[] = {
    SPOOL_OPTION,
    { 'y', "yes", NULL, "replace FILE without asking" },
    { 'q', "quiet", NULL, "say nothing on standard error but errors" },
    END_OPTION,
};

static const struct option_row compact_options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "do not say how much" },
    END_OPTION,
};

/* CONTEXT is what is done. */
static void show_progress(void *context, int64_t done, int64_t total)
{
    progress_part(done, total, context);
}

static int backup(int argc, char **argv)
{
    const char *where = NULL;
    bool yes = false, quiet = false;
    struct stat st;
    char what[] = "written";
    for (int letter; (letter = cli_option(argc, argv)) != -1;)
        switch (letter) {
        case 's':
            where = optarg;
            break;
        case 'y':
            yes = true;
            break;
        case 'q':
            quiet = true;
            break;
        }
    const char *file = cli_words(argv, 1, 1, "a file to write to is needed")[0];
    chat_spool *spool = spool_open(where);
    if (lstat(file, &st) == 0 && !spool_confirm(yes, "Replace '%s'", file)) {
        cli_say("nothing written");
        return EXIT_NONE;
    }
    progress_start(!quiet);
    enum chat_status status = chat_backup(spool, file, show_progress, what);
    progress_end();
    if (status == CHAT_NONE)
        return spool_missing(where);
    spool_need(status, spool);
    return EXIT_DONE;
}

static int compact(int argc, char **argv)
{
    const char *where = NULL;
    bool quiet = false;
    int64_t freed;
    struct output out;
    char what[] = "given back";
    for (int letter; (letter = cli_option(argc, argv)) != -1;)
        if (letter == 's')
            where = optarg;
        else
            quiet = true;
    cli_words(argv, 0, 0, "");
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
        .about = "Write the spool, as it is at this moment, to FILE, which is a spool then.",
        .options = backup_options,
    },
    .run = backup,
};

const struct command compact_command = {
    .name = "compact",
    .summary = "give free room back to the disk",
    .program = {
        .name = "chat-spool",
        .synopsis = "compact [options]",
        .about = "Delete what has expired, and give free room back to the disk.",
        .options = compact_options,
    },
    .run = compact,
};
