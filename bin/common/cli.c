/* cli.c - the options and the help of every program. */

#include "cli.h"

#include <errno.h>
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
    fail_start(program->name, program->synopsis);
    std_prepare();
    chat_single_threaded();
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
    fail_start(command->name, command->synopsis);
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
