/* config.c - chat-spool config, init and version: the spool as a whole. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/where.h"
#include "spool.h"

static const struct option_row config_options[] = { SPOOL_OPTION, END_OPTION };

enum { GROUP = LONG_ONLY };

static const struct option_row init_options[] = {
    SPOOL_OPTION,
    { GROUP, "group", "GROUP", "share the spool with the members of GROUP" },
    END_OPTION,
};

static const char *parse_where(char **argv)
{
    const char *where = NULL;
    while (cli_option(argv) != -1)
        where = cli_argument;
    return where;
}

/* --- config ---------------------------------------------------------------- */

static void get_max_length(const struct chat_settings *settings, char text[CHAT_NAME_MAX + 1])
{
    snprintf(text, CHAT_NAME_MAX + 1, "%lld", (long long)settings->max_length);
}

/* Bytes, with k, M or G of 1024. */
static void set_max_length(struct chat_settings *settings, const char *value)
{
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    long long bytes = strtoll(value, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    bool valid = strspn(value, "0123456789") > 0 && errno == 0 && bytes <= CHAT_LENGTH_MAX;
    if (unit != NULL) {
        bytes = valid ? bytes << (10 * (unit - units + 1)) : 0;
        end++;
    }
    if (!valid || *end != '\0' || bytes < 1 || bytes > CHAT_LENGTH_MAX)
        cli_usage("'max-length' is a number of bytes from 1 to %d, or with k, M or G, not '%s'",
                  CHAT_LENGTH_MAX, value);
    settings->max_length = bytes;
}

static void get_default_room(const struct chat_settings *settings, char text[CHAT_NAME_MAX + 1])
{
    snprintf(text, CHAT_NAME_MAX + 1, "%s", settings->room);
}

static void set_default_room(struct chat_settings *settings, const char *value)
{
    if (value[0] == '\0')
        value = CHAT_ROOM_DEFAULT;
    snprintf(settings->room, sizeof settings->room, "%s", where_room(value));
}

static const struct setting {
    const char *name;
    void (*get)(const struct chat_settings *settings, char text[CHAT_NAME_MAX + 1]);
    void (*set)(struct chat_settings *settings, const char *value);
} all[] = {
    { "max-length", get_max_length, set_max_length },
    { "default-room", get_default_room, set_default_room },
};
enum { COUNT = sizeof all / sizeof all[0] };

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    cli_usage("unknown setting '%s': use 'max-length' or 'default-room'", name);
}

/* Print one setting, or all settings with their names. */
static void show(const struct setting *one, const struct chat_settings *settings,
                 struct output *out)
{
    for (size_t i = 0; i < COUNT; i++) {
        char text[CHAT_NAME_MAX + 1];
        if (one != NULL && one != &all[i])
            continue;
        all[i].get(settings, text);
        if (one == NULL) {
            output_put_string(out, all[i].name);
            output_put_string(out, " ");
        }
        output_put_string(out, text);
        output_put_string(out, "\n");
    }
    spool_flush(out);
}

static int config(char **argv)
{
    struct output out;
    struct chat_settings settings;
    const char *where = parse_where(argv);
    char **words = cli_words(0, 2, "");
    const struct setting *one = words[0] != NULL ? find(words[0]) : NULL;
    const char *value = one != NULL ? words[1] : NULL;
    if (value != NULL) /* report an invalid value before the spool is touched */
        one->set(&settings, value);
    else
        spool_output(&out);
    where_watch(where_spool(where));
    chat_spool *spool = spool_open(where);
    spool_need(chat_settings(spool, &settings), spool);
    if (value == NULL) {
        show(one, &settings, &out);
        return EXIT_DONE;
    }
    one->set(&settings, value);
    spool_need(chat_set_settings(spool, &settings), spool);
    return EXIT_DONE;
}

/* --- init, version --------------------------------------------------------- */

static int init(char **argv)
{
    const char *where = NULL, *group = NULL;
    for (int letter; (letter = cli_option(argv)) != -1;)
        if (letter == 's')
            where = cli_argument;
        else
            group = cli_argument;
    cli_words(0, 0, "");
    if (group != NULL && group[0] == '\0')
        cli_usage("the name of the group is empty");
    chat_spool *spool = spool_open(where);
    spool_need(chat_create(spool, group), spool);
    if (group != NULL)
        cli_say("every member of group '%s' can read, change and delete all of this spool", group);
    return EXIT_DONE;
}

static int version(char **argv)
{
    struct output out;
    const char *where = parse_where(argv);
    cli_words(0, 0, "");
    spool_output(&out);
    chat_spool *spool = spool_open(where);
    output_put_string(&out, "chat-spool " CHAT_VERSION "\nlibchatspool " CHAT_VERSION "\n");
    output_put_string(&out, chat_store_version(spool));
    output_put_string(&out, "\n");
    spool_flush(&out);
    return EXIT_DONE;
}

const struct command config_command = {
    .name = "config",
    .summary = "the settings of the spool: max-length, default-room",
    .program = {
        .name = "chat-spool",
        .synopsis = "config [options] [NAME [VALUE]]",
        .about = "Show or change the settings of the spool (max-length, default-room).",
        .options = config_options,
    },
    .run = config,
};

const struct command init_command = {
    .name = "init",
    .summary = "create the spool, for this user or for a group",
    .program = {
        .name = "chat-spool",
        .synopsis = "init [options]",
        .about = "Create the spool if it does not exist.",
        .options = init_options,
    },
    .run = init,
};

const struct command version_command = {
    .name = "version",
    .summary = "versions of the program, the library and the store",
    .program = {
        .name = "chat-spool",
        .synopsis = "version [options]",
        .about = "Print the versions of the program, the library and the store.",
        .options = config_options,
    },
    .run = version,
};
