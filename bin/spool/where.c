/* where.c - chat-spool where: which spool is used, and where its name comes from. */

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/where.h"
#include "spool.h"

static const struct option_row options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "print only the name" },
    END_OPTION,
};

static void put_name(struct output *out, const char *spool)
{
    struct text name = { .bytes = NULL };
    char *path = where_absolute(spool);
    if (out->terminal)
        text_add_escaped(&name, path, strlen(path), true);
    else
        text_add_string(&name, path);
    text_add_string(&name, "\n");
    output_put(out, name.bytes, name.size);
    text_free(&name);
    free(path);
}

static int where(char **argv)
{
    const char *given = NULL;
    bool quiet = false;
    struct output out;
    for (int letter; (letter = cli_option(argv)) != -1;)
        if (letter == 's')
            given = cli_argument;
        else
            quiet = true;
    cli_words(0, 0, "");
    const char *spool = where_spool(given);
    spool_output(&out);
    put_name(&out, spool);
    if (!quiet) {
        output_put_string(&out, where_reason(given));
        output_put_string(&out, where_missing(spool) ? "; it does not exist\n" : "\n");
    }
    spool_flush(&out);
    return EXIT_DONE;
}

const struct command where_command = {
    .name = "where",
    .summary = "which spool is used, and why",
    .program = {
        .name = "chat-spool",
        .synopsis = "where [options]",
        .about = "Print which spool is used, and where its name comes from.",
        .options = options,
    },
    .run = where,
};
