/* chat-spool.c - see, mend, move and keep a spool. See chat-spool(1). */

#include <getopt.h>
#include <locale.h>
#include <string.h>

#include "spool.h"

static const struct command *const commands[] = {
    &list_command,   &show_command, &move_command,    &delete_command,  &check_command,
    &dump_command,   &load_command, &backup_command,  &compact_command, &copy_command,
    &config_command, &init_command, &version_command,
};

static const struct option_row options[] = { END_OPTION };

static const struct program program = {
    .name = "chat-spool",
    .synopsis = "COMMAND [options] [WORD ...]",
    .about = "See, mend, move and keep a spool.",
    .options = options,
    .more = "\n"
            "  list     the rooms, and what each holds\n"
            "  show     the messages of a room, or one message (also: peek)\n"
            "  move     messages to another room, to be tried again\n"
            "  delete   messages\n"
            "  check    look for damage, and repair it\n"
            "  dump     every message as a line of JSON\n"
            "  load     messages from lines of JSON\n"
            "  backup   the spool to a file, while it is in use\n"
            "  compact  give free room back to the disk\n"
            "  copy     every message of a spool to another\n"
            "  config   what holds for the spool: limits, the default room\n"
            "  init     make the spool, for this user or for a group\n"
            "  version  of the program, the library and the engine\n"
            "\n"
            "'chat-spool COMMAND --help' tells the options of each.\n",
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = commands[i];
        if (strcmp(c->name, name) == 0 ||
            (c->other_name != NULL && strcmp(c->other_name, name) == 0))
            return c;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    cli_start(&program);
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of tables */
    cli_option(argc, argv);         /* has none but --help and --version, which end here */
    if (argv[optind] == NULL)
        cli_usage("a command is needed");
    const struct command *command = find(argv[optind]);
    if (command == NULL)
        cli_usage("unknown command '%s'", argv[optind]);
    argc -= optind;
    argv += optind;
    cli_command(&command->program);
    int status = command->run(argc, argv);
    spool_close_all();
    return status;
}
