/* fail.c - errors, and how a program ends with one. */

#include "fail.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static const char *synopsis;

void fail_start(const char *name, const char *usage)
{
    cli_name = name;
    synopsis = usage;
}

/* Print "NAME: " and the text with one write, so that the lines of several programs do not mix. */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments,
                                                      bool with_usage)
{
    char *message;
    int length = vasprintf(&message, format, arguments);
    struct text line = { .bytes = NULL };
    text_add_string(&line, cli_name);
    text_add_string(&line, ": ");
    if (length >= 0)
        text_add_escaped(&line, message, (size_t)length, true);
    text_add_string(&line, "\n");
    if (with_usage) {
        text_add_string(&line, "usage: ");
        text_add_string(&line, cli_name);
        text_add_string(&line, " ");
        text_add_string(&line, synopsis);
        text_add_string(&line, " (see --help)\n");
    }
    (void)!write(STDERR_FILENO, line.bytes, line.size);
    text_free(&line);
    if (length >= 0)
        free(message);
}

void cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, false);
    va_end(arguments);
}

noreturn void cli_fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, false);
    va_end(arguments);
    exit(status);
}

noreturn void cli_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, true);
    va_end(arguments);
    exit(EXIT_USAGE);
}

const char *cli_cause(int errnum)
{
    static char cause[128];
    snprintf(cause, sizeof cause, "%s", strerror(errnum));
    if (islower((unsigned char)cause[1])) /* "I/O error" stays */
        cause[0] = (char)tolower((unsigned char)cause[0]);
    return cause;
}

int cli_exit_status(enum chat_status status)
{
    switch (status) {
    case CHAT_OK:
        return EXIT_DONE;
    case CHAT_NONE:
        return EXIT_NONE;
    case CHAT_USAGE:
        return EXIT_USAGE;
    case CHAT_DATA:
    case CHAT_DAMAGED:
        return EXIT_DATA;
    case CHAT_NOUSER:
        return EXIT_NOUSER;
    case CHAT_UNREACHABLE:
        return EXIT_UNREACHABLE;
    case CHAT_INTERRUPTED:
    case CHAT_SYSTEM:
        return EXIT_SYSTEM;
    case CHAT_CANTCREATE:
        return EXIT_CANTCREATE;
    case CHAT_IO:
        return EXIT_IO;
    case CHAT_BUSY:
        return EXIT_BUSY;
    case CHAT_PERMISSION:
        return EXIT_PERMISSION;
    }
    return EXIT_SYSTEM;
}

int cli_say_spool(enum chat_status status, const chat_spool *spool)
{
    cli_say("%s", chat_error(spool));
    return cli_exit_status(status);
}

noreturn void cli_fail_spool(enum chat_status status, const chat_spool *spool, const char *after)
{
    if (status == CHAT_USAGE)
        cli_usage("%s%s", chat_error(spool), after);
    cli_fail(cli_exit_status(status), "%s%s", chat_error(spool), after);
}
