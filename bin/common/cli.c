/* cli.c - what every program here has: options, help, errors, an end. */

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "std.h"
#include "text.h"

static const struct program *self;

void cli_start(const struct program *program)
{
    self = program;
    std_prepare();
    chat_alone();
}

/* --- errors ---------------------------------------------------------------- */

/* Print "NAME: " and the text; one write, so that the lines of several programs don't mix. */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments,
                                                      bool with_usage)
{
    char *message;
    int length = vasprintf(&message, format, arguments);
    struct text line = { .bytes = NULL };
    text_add_string(&line, self->name);
    text_add_string(&line, ": ");
    if (length >= 0)
        text_add_escaped(&line, message, (size_t)length, true);
    text_add_string(&line, "\n");
    if (with_usage) {
        text_add_string(&line, "usage: ");
        text_add_string(&line, self->name);
        text_add_string(&line, " ");
        text_add_string(&line, self->synopsis);
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

noreturn void cli_no_memory(void)
{
    static const char text[] = ": out of memory\n";
    (void)!write(STDERR_FILENO, self->name, strlen(self->name));
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    exit(EXIT_SYSTEM);
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

/* --- options --------------------------------------------------------------- */

enum { VERSION = LONG_ONLY + 1000 };

static const struct option_row common[] = {
    { 'h', "help", NULL, "print this and exit" },
    { VERSION, "version", NULL, "print the version and exit" },
    { 0, NULL, NULL, NULL },
};

static void add_help(struct text *help, const struct option_row *rows)
{
    for (; rows->name != NULL; rows++) {
        char left[64], line[256];
        if (rows->help == NULL)
            continue;
        const char *space = rows->argument != NULL ? " " : "";
        const char *argument = rows->argument != NULL ? rows->argument : "";
        int letter = option_letter(rows);
        if (letter < LONG_ONLY)
            snprintf(left, sizeof left, "-%c, --%s%s%s", letter, rows->name, space, argument);
        else
            snprintf(left, sizeof left, "    --%s%s%s", rows->name, space, argument);
        snprintf(line, sizeof line, "  %-21s  %s\n", left, rows->help);
        text_add_string(help, line);
    }
}

/* Print TEXT on standard output and end the program. */
static noreturn void answer(struct text *text)
{
    struct output out;
    std_need(STDOUT_FILENO);
    output_open(&out, STDOUT_FILENO);
    output_put(&out, text->bytes, text->size);
    if (!output_flush(&out))
        cli_fail(EXIT_IO, "cannot write standard output: %s", cli_cause(out.failed));
    exit(EXIT_DONE);
}

noreturn void cli_help(const struct program *program)
{
    struct text help = { .bytes = NULL };
    text_add_string(&help, "usage: ");
    text_add_string(&help, program->name);
    text_add_string(&help, " ");
    text_add_string(&help, program->synopsis);
    text_add_string(&help, "\n");
    text_add_string(&help, program->about);
    text_add_string(&help, "\n\n");
    add_help(&help, program->options);
    add_help(&help, common);
    if (program->add_more != NULL)
        program->add_more(&help);
    answer(&help);
}

static noreturn void answer_version(void)
{
    struct text version = { .bytes = NULL };
    text_add_string(&version, self->name);
    text_add_string(&version, " " CHAT_VERSION "\n");
    answer(&version);
}

static bool started, anywhere;
char *cli_argument;

void cli_command(const struct program *command)
{
    self = command;
    started = false;
    anywhere = true;
}

int cli_option(char **argv)
{
    if (!started) {
        static const struct option_row *tables[2]; /* options.c keeps them */
        tables[0] = self->options;
        tables[1] = common;
        options_start(argv, tables, anywhere);
        started = true;
    }
    int letter = options_next(&cli_argument);
    if (letter == 'h')
        cli_help(self);
    if (letter == VERSION)
        answer_version();
    return letter;
}

char **cli_words(int least, int most, const char *what)
{
    bool marked;
    char **words = options_words(&marked);
    int count = 0;
    while (words[count] != NULL)
        count++;
    if (count < least)
        cli_usage("%s", what);
    if (count > most)
        cli_usage("unexpected argument '%s'", words[most]);
    return words;
}

int64_t cli_count(const char *text, const char *option)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (strspn(text, "0123456789") == 0 || *end != '\0' || errno != 0 || n < 1)
        cli_usage("option '%s' needs a positive number, not '%s'", option, text);
    return n;
}

int64_t cli_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
