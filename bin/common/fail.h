/* fail.h - errors, and how a program ends with one. */

#ifndef FAIL_H
#define FAIL_H

#include <stdnoreturn.h>

#include "chatspool.h"

/* The name of the program, and the rest of its usage line. */
void fail_start(const char *name, const char *usage);
extern const char *cli_name;

/* The exit statuses, with the numbers of sysexits.h. */
enum {
    EXIT_DONE = 0,
    EXIT_NONE = 1, /* no message */
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_NOUSER = 67, /* no such reader, or the room is not open */
    EXIT_UNREACHABLE = 69,
    EXIT_SYSTEM = 71,
    EXIT_CANTCREATE = 73,
    EXIT_IO = 74,
    EXIT_BUSY = 75,
    EXIT_PERMISSION = 77,
    EXIT_COMMAND = 123,  /* COMMAND failed at least once, as in xargs */
    EXIT_CANTRUN = 126,  /* COMMAND cannot be executed */
    EXIT_NOTFOUND = 127, /* COMMAND does not exist */
};

/* Print "NAME: ..." as one line on standard error, safe for a terminal, and end the program. */
noreturn void cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* End the program for lack of memory, without allocating any (memory.c). */
noreturn void cli_no_memory(void);

/* Print an error and the usage line; exit with 64. */
noreturn void cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print the error of a failed call of the library, followed by AFTER; exit with its status. */
noreturn void cli_fail_spool(enum chat_status status, const chat_spool *spool, const char *after);

/* Print the error of a failed call of the library; return its exit status. */
int cli_say_spool(enum chat_status status, const chat_spool *spool);

/* Print a warning on standard error. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Return the text for ERRNUM, beginning with a lower-case letter; valid until the next call. */
const char *cli_cause(int errnum);

/* Return the exit status for a status of the library. */
int cli_exit_status(enum chat_status status);

#endif
