/* cli.h - the options and the help of every program. */

#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "fail.h"
#include "options.h"

struct text;

struct program {
    const char *name;
    const char *synopsis; /* the rest of the usage line */
    const char *about;    /* one sentence */
    const struct option_row *options;
    void (*add_more)(struct text *help); /* the end of --help, or NULL */
};

/* Call this first in main(): it sets the program's name, and prepares descriptors and signals
 * (std.h). */
void cli_start(const struct program *program);

/* Read the options of COMMAND, one of this program's commands, from now on. ARGV[0] is its name.
 * Options may follow other arguments. */
void cli_command(const struct program *command);

/* Return the next option's letter, or -1 after the last one. The option's argument is in
 * cli_argument. Handles --help and --version, and ends the program if an option is wrong. */
int cli_option(char **argv);
extern char *cli_argument;

/* Print the --help of PROGRAM and end the program. */
noreturn void cli_help(const struct program *program);

/* Return the arguments after the options. If their number is not from LEAST to MOST, print a usage
 * error that names WHAT. */
char **cli_words(int least, int most, const char *what);

/* Return the number in TEXT, at least 1, or end with a usage error that names OPTION. */
int64_t cli_count(const char *text, const char *option);

/* Return the milliseconds of a clock that cannot be set. */
int64_t cli_clock(void);

#endif
