/* cli.c - what every program here has: options, help, errors, an end. */

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
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
        text_add_string(&line, "\n");
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

enum { OPTIONS = 48, HELP = LONG_ONLY + 1000, VERSION };

static const struct option_row common[] = {
    { HELP, "help", NULL, "print this and exit" },
    { VERSION, "version", NULL, "print the version and exit" },
    { 0, NULL, NULL, NULL },
};

static void add_help(struct text *help, const struct option_row *rows)
{
    for (; rows->name != NULL; rows++) {
        char left[64], line[256];
        const char *space = rows->argument != NULL ? " " : "";
        const char *argument = rows->argument != NULL ? rows->argument : "";
        if (rows->letter < LONG_ONLY)
            snprintf(left, sizeof left, "-%c, --%s%s%s", rows->letter, rows->name, space, argument);
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

static noreturn void answer_help(void)
{
    struct text help = { .bytes = NULL };
    text_add_string(&help, "usage: ");
    text_add_string(&help, self->name);
    text_add_string(&help, " ");
    text_add_string(&help, self->synopsis);
    text_add_string(&help, "\n");
    text_add_string(&help, self->about);
    text_add_string(&help, "\n\n");
    add_help(&help, self->options);
    add_help(&help, common);
    if (self->add_more != NULL)
        self->add_more(&help);
    answer(&help);
}

static noreturn void answer_version(void)
{
    struct text version = { .bytes = NULL };
    text_add_string(&version, self->name);
    text_add_string(&version, " " CHAT_VERSION "\n");
    answer(&version);
}

/* For getopt_long(); empty until the first option is asked for. */
static struct option longs[OPTIONS];
static char shorts[2 * OPTIONS + 3];

/* What getopt_long() wants, from our tables. */
static void translate(void)
{
    size_t n = 0;
    char *end = shorts;
    *end++ = '+'; /* options end at the first word */
    *end++ = ':'; /* a missing argument is told by ':' */
    const struct option_row *tables[] = { self->options, common };
    for (size_t t = 0; t < 2; t++)
        for (const struct option_row *row = tables[t]; row->name != NULL; row++) {
            int argument = row->argument != NULL ? required_argument : no_argument;
            longs[n++] = (struct option){ row->name, argument, NULL, row->letter };
            if (row->letter < LONG_ONLY) {
                *end++ = (char)row->letter;
                if (row->argument != NULL)
                    *end++ = ':';
            }
        }
    longs[n] = (struct option){ NULL, 0, NULL, 0 };
    *end = '\0';
}

static bool is_known(int letter)
{
    const struct option_row *tables[] = { self->options, common };
    for (size_t t = 0; t < 2; t++)
        for (const struct option_row *row = tables[t]; row->name != NULL; row++)
            if (row->letter == letter)
                return true;
    return false;
}

/* The option that getopt_long() has just refused, as it was written. Where an argument is missing
 * behind the last word, musl has gone one further than glibc. */
static noreturn void refuse(int argc, char **argv, bool argument_missing)
{
    const char *word = argv[(optind < argc ? optind : argc) - 1];
    const char letter[3] = { '-', (char)optopt, '\0' };
    bool known = is_known(optopt), is_long = strncmp(word, "--", 2) == 0;
    if (argument_missing)
        cli_usage("option '%s' needs an argument", is_long ? word : letter);
    if (known)
        cli_usage("option '%s' takes no argument", word);
    cli_usage("unknown option '%s'", optopt > 0 ? letter : word);
}

void cli_command(const struct program *command)
{
    self = command;
    shorts[0] = '\0';
    optind = 0; /* begin anew: getopt(3), NOTES */
}

int cli_option(int argc, char **argv)
{
    if (shorts[0] == '\0')
        translate();
    opterr = 0;
    int letter = getopt_long(argc, argv, shorts, longs, NULL);
    if (letter == HELP)
        answer_help();
    if (letter == VERSION)
        answer_version();
    if (letter == '?' || letter == ':')
        refuse(argc, argv, letter == ':');
    return letter;
}

char **cli_words(char **argv, int least, int most, const char *what)
{
    char **words = argv + optind;
    bool marked = optind > 0 && strcmp(argv[optind - 1], "--") == 0; /* any word may follow */
    int count = 0;
    while (words[count] != NULL)
        count++;
    if (count < least)
        cli_usage("%s", what);
    for (int i = 1; i < count && !marked; i++)
        if (words[i][0] == '-' && words[i][1] != '\0')
            cli_usage("unexpected word '%s': options come before the words", words[i]);
    if (count > most)
        cli_usage("unexpected word '%s'", words[most]);
    return words;
}

int64_t cli_count(const char *text, const char *option)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (strspn(text, "0123456789") == 0 || *end != '\0' || errno != 0 || n < 1)
        cli_usage("option '%s' needs a number from 1 on, not '%s'", option, text);
    return n;
}

int64_t cli_seconds(const char *text, const char *option)
{
    const int64_t most = INT64_C(1000000000000); /* milliseconds: 31 years */
    size_t whole = strspn(text, "0123456789");
    size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    size_t length = whole + (text[whole] == '.') + fraction;
    if (whole + fraction == 0 || text[length] != '\0')
        cli_usage("option '%s' needs a number of seconds, not '%s'", option, text);
    double milliseconds = strtod(text, NULL) * 1000;
    if (milliseconds >= (double)most)
        return most;
    int64_t rounded = (int64_t)milliseconds;
    return rounded + ((double)rounded < milliseconds); /* up: never shorter than asked */
}

int64_t cli_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
