/* main.c - chat-spool: list, show, move, repair and back up. See chat-spool(1). */

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "common/text.h"
#include "common/where.h"
#include "spool.h"

static const struct command help_command;

static const struct command *const commands[] = {
    &list_command,    &show_command,    &wait_command,  &move_command,   &requeue_command,
    &delete_command,  &check_command,   &dump_command,  &load_command,   &backup_command,
    &open_command,    &readers_command, &seek_command,  &forget_command, &restore_command,
    &compact_command, &copy_command,    &where_command, &config_command, &init_command,
    &version_command, &help_command,
};

static const size_t command_count = sizeof commands / sizeof commands[0];

static void add_commands(struct text *help)
{
    text_add_string(help, "\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = commands[i];
        char line[128];
        snprintf(line, sizeof line, "  %-7s  %s", c->name, c->summary);
        text_add_string(help, line);
        if (c->other_name != NULL) {
            text_add_string(help, " (also: ");
            text_add_string(help, c->other_name);
            text_add_string(help, ")");
        }
        text_add_string(help, "\n");
    }
    text_add_string(help, "\n'chat-spool COMMAND --help' prints the options of each.\n");
}

static const struct option_row options[] = { END_OPTION };

static const struct program program = {
    .name = "chat-spool",
    .synopsis = "COMMAND [options] [ARGUMENT ...]",
    .about = "Administer a spool: list, move, check, back up.",
    .options = options,
    .add_more = add_commands,
};

static const struct command *find(const char *name)
{
    struct nearest nearest = { .word = name };
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = commands[i];
        if (strcmp(c->name, name) == 0 ||
            (c->other_name != NULL && strcmp(c->other_name, name) == 0))
            return c;
        nearest_try(&nearest, c->name);
    }
    if (nearest.best != NULL)
        cli_usage("unknown command '%s' (did you mean '%s'?)", name, nearest.best);
    cli_usage("unknown command '%s'", name);
}

static int help(char **argv)
{
    cli_option(argv);
    char **words = cli_words(0, 1, "");
    cli_help(words[0] != NULL ? &find(words[0])->program : &program);
}

static const struct command help_command = {
    .name = "help",
    .summary = "print the options of a command",
    .program = {
        .name = "chat-spool",
        .synopsis = "help [COMMAND]",
        .about = "Print the commands, or the options of one of them.",
        .options = options,
    },
    .run = help,
};

int main(int argc, char **argv)
{
    (void)argc;
    cli_start(&program);
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of tables */
    cli_option(argv);               /* has only --help and --version, which end here */
    char **words = cli_words(1, INT_MAX, "a command is required");
    const struct command *command = find(words[0]);
    cli_command(&command->program);
    int status = command->run(words);
    where_announce();
    spool_close_all();
    return status;
}
