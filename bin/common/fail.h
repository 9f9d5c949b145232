/* fail.h - errors, and the end that they have. */

#ifndef FAIL_H
#define FAIL_H

#include <stdnoreturn.h>

#include "chatspool.h"

/* The name of the program, and what follows it on a line of usage. */
void fail_start(const char *name, const char *usage);
extern const char *cli_name;

/* The exit statuses, with the numbers of sysexits.h. */
enum {
    EXIT_DONE = 0,
    EXIT_NONE = 1, /* there was no message */
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_NOUSER = 67, /* no such reader, or the room is not open */
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

/* End the program: print "NAME: ..." as one line on standard error, safe for a terminal. */
noreturn void cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* End the program because there is no memory, without needing any (memory.c). */
noreturn void cli_no_memory(void);

/* Print an error and the usage line; exit with 64. */
noreturn void cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print the error of a failed call of the library, and AFTER; exit with its status. */
noreturn void cli_fail_spool(enum chat_status status, const chat_spool *spool, const char *after);

/* Print the error of a failed call of the library; return its exit status. */
int cli_say_spool(enum chat_status status, const chat_spool *spool);

/* Say something on standard error, and go on. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What ERRNUM means, beginning in lower case; good until the next call. */
const char *cli_cause(int errnum);

/* The exit status that goes with a status of the library. */
int cli_exit_status(enum chat_status status);

#endif
