/* cli.h - what every program here has: options, help, errors, an end. */

#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "chatspool.h"
#include "options.h"

struct text;

/* The exit statuses, with the numbers of sysexits.h. */
enum {
    EXIT_DONE = 0,
    EXIT_NONE = 1, /* there was no message */
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_UNREACHABLE = 69,
    EXIT_SYSTEM = 71,
    EXIT_CANTCREATE = 73,
    EXIT_IO = 74,
    EXIT_BUSY = 75,
    EXIT_PERMISSION = 77,
    EXIT_COMMAND = 123,  /* COMMAND failed at least once, as xargs has it */
    EXIT_CANTRUN = 126,  /* it can't be run */
    EXIT_NOTFOUND = 127, /* it is not there */
};

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

/* End the program: print "NAME: ..." as one line on standard error, safe for a terminal. */
noreturn void cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same where there is no memory, not even for that. */
noreturn void cli_no_memory(void);

/* Print an error and the usage line; exit with 64. */
noreturn void cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print the error of a failed call of the library, and AFTER; exit with its status. */
noreturn void cli_fail_spool(enum chat_status status, const chat_spool *spool, const char *after);

/* The same without the end: returns the exit status. */
int cli_say_spool(enum chat_status status, const chat_spool *spool);

/* Say something on standard error, and go on. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What ERRNUM means, beginning in lower case; good until the next call. */
const char *cli_cause(int errnum);

/* Return the words behind the options: from LEAST to MOST of them, or a usage error that says WHAT
 * is needed. */
char **cli_words(int least, int most, const char *what);

/* The exit status that goes with a status of the library. */
int cli_exit_status(enum chat_status status);

/* The number in TEXT, at least 1, or a usage error that names OPTION. */
int64_t cli_count(const char *text, const char *option);

/* Milliseconds of a clock that cannot be set. */
int64_t cli_clock(void);

#endif
