/* cli.h - what every program here has: options and help. */

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
    const char *synopsis; /* what follows the name */
    const char *about;    /* one sentence */
    const struct option_row *options;
    void (*add_more)(struct text *help); /* to --help, behind the options; or NULL */
};

/* The first call of main(): says which program this is, and see std.h. */
void cli_start(const struct program *program);

/* From now on the options are those of COMMAND, one of this program's, and ARGV[0] is its name.
 * They may follow other words. */
void cli_command(const struct program *command);

/* Return the next option's letter, or -1 behind the last one; the option's argument is in
 * cli_argument. Answers --help and --version, and ends the program where an option is wrong. */
int cli_option(char **argv);
extern char *cli_argument;

/* Print the --help of PROGRAM and end the program. */
noreturn void cli_help(const struct program *program);

/* Return the words behind the options: from LEAST to MOST of them, or a usage error that says WHAT
 * is needed. */
char **cli_words(int least, int most, const char *what);

/* The number in TEXT, at least 1, or a usage error that names OPTION. */
int64_t cli_count(const char *text, const char *option);

/* Milliseconds of a clock that cannot be set. */
int64_t cli_clock(void);

#endif
