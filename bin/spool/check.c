/* check.c - chat-spool check: find and repair damage. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/where.h"
#include "spool.h"

enum { REPAIR = LONG_ONLY };

static const struct option_row options[] = {
    SPOOL_OPTION,
    { REPAIR, "repair", NULL, "repair what is wrong" },
    { 'q', "quiet", NULL, "print nothing if the spool is sound" },
    END_OPTION,
};

static void tell(void *context, const char *finding)
{
    struct output *out = context;
    struct text line = { .bytes = NULL };
    text_add_escaped(&line, finding, strlen(finding), true);
    text_add_string(&line, "\n");
    output_put(out, line.bytes, line.size);
    text_free(&line);
}

static void praise(chat_spool *spool, const char *where, struct output *out)
{
    struct chat_room *rooms;
    size_t count;
    int64_t messages = 0;
    char text[4096];
    if (!spool_rooms(spool, &rooms, &count))
        return;
    for (size_t i = 0; i < count; i++)
        messages += rooms[i].depth;
    free(rooms);
    snprintf(text, sizeof text, "spool '%s' is sound: %s in %zu room%s", where_spool(where),
             spool_messages(messages), count, count == 1 ? "" : "s");
    tell(out, text);
}

static int check(char **argv)
{
    const char *where = NULL;
    bool repair = false, quiet = false;
    struct output out;
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            where = cli_argument;
            break;
        case REPAIR:
            repair = true;
            break;
        case 'q':
            quiet = true;
            break;
        }
    cli_words(0, 0, "");
    spool_output(&out);
    chat_spool *spool = spool_open(where);
    enum chat_status status = chat_check(spool, repair, tell, &out);
    if (status == CHAT_NONE)
        return spool_missing(where);
    if (status == CHAT_OK && !quiet)
        praise(spool, where, &out);
    spool_flush(&out);
    spool_need(status, spool);
    return EXIT_DONE;
}

const struct command check_command = {
    .name = "check",
    .summary = "look for damage, and repair it",
    .program = {
        .name = "chat-spool",
        .synopsis = "check [options]",
        .about = "Check a spool for damage, and print one line per problem.",
        .options = options,
    },
    .run = check,
};
