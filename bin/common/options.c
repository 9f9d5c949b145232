/* options.c - reading the options of a command line from the tables of the programs.
 *
 * getopt_long(3) reads "-room x" as "-r oom", lets the last of two options win, and prints
 * different errors in each C library. */

#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chatspool.h"
#include "fail.h"
#include "nearest.h"
#include "text.h"

static const struct option_row *const *tables; /* two */
static char **next;                            /* the current argument */
static char *cluster;                     /* the rest of an argument with short options, or NULL */
static bool marked;                       /* "--" was read */
static const struct option_row *seen[64]; /* options that were given with an argument */
static size_t seen_count;

int option_letter(const struct option_row *row)
{
    return row->letter & ~REPEATS;
}

/* --- finding --------------------------------------------------------------- */

/* Return the row after ROW in both tables, or the first one after NULL; NULL after the last. */
static const struct option_row *after(const struct option_row *row, size_t *table)
{
    if (row == NULL) {
        *table = 0;
        row = tables[0];
    } else
        row++;
    for (; row->name == NULL; row = tables[1])
        if ((*table)++ == 1)
            return NULL;
    return row;
}

static const struct option_row *find_short(int letter)
{
    size_t table;
    for (const struct option_row *row = NULL; (row = after(row, &table)) != NULL;)
        if (option_letter(row) == letter && row->help != NULL)
            return row;
    return NULL;
}

/* Return how many options the LENGTH bytes of NAME may abbreviate; *FOUND becomes the first of
 * them. An option that --help does not show cannot be abbreviated. */
static size_t find_long(const char *name, size_t length, const struct option_row **found)
{
    size_t count = 0, table;
    *found = NULL;
    for (const struct option_row *row = NULL; (row = after(row, &table)) != NULL;) {
        if (strncmp(row->name, name, length) != 0)
            continue;
        if (row->name[length] == '\0') {
            *found = row;
            return 1;
        }
        if (row->help != NULL && count++ == 0)
            *found = row;
    }
    return count;
}

/* --- refusing -------------------------------------------------------------- */

/* Return " (did you mean '--NAME'?)" with the long option most similar to NAME, or "". */
static const char *hint(const char *name)
{
    static char text[64];
    size_t table;
    struct nearest nearest = { .word = name };
    for (const struct option_row *row = NULL; (row = after(row, &table)) != NULL;)
        if (row->help != NULL)
            nearest_try(&nearest, row->name);
    if (nearest.best == NULL)
        return "";
    snprintf(text, sizeof text, " (did you mean '--%s'?)", nearest.best);
    return text;
}

static noreturn void refuse_long(const char *name)
{
    cli_usage("unknown option '--%s'%s", name, hint(name));
}

static noreturn void refuse_ambiguous(const char *name)
{
    struct text list = { .bytes = NULL };
    size_t table, length = strlen(name);
    for (const struct option_row *row = NULL; (row = after(row, &table)) != NULL;)
        if (row->help != NULL && strncmp(row->name, name, length) == 0) {
            text_add_string(&list, list.size > 0 ? ", '--" : "'--");
            text_add_string(&list, row->name);
            text_add_string(&list, "'");
        }
    text_add(&list, "", 1);
    cli_usage("option '--%s' is ambiguous: %s", name, list.bytes);
}

/* AT is inside an argument with several short options. */
static noreturn void refuse_short(const char *at)
{
    uint32_t code_point;
    int size = (int)chat_utf8(at, strlen(at), &code_point);
    int other = *at ^ ('a' ^ 'A');
    const struct option_row *row =
        (*at | ('a' ^ 'A')) >= 'a' && (*at | ('a' ^ 'A')) <= 'z' ? find_short(other) : NULL;
    if (row != NULL)
        cli_usage("unknown option '-%c' (did you mean '-%c', '--%s'?)", *at, other, row->name);
    cli_usage("unknown option '-%.*s'", size > 0 ? size : 1, at);
}

/* "-room x" would mean "-r oom" and an argument. */
static void check_one_dash(const char *word)
{
    size_t length = strcspn(word + 1, "=");
    const struct option_row *row;
    if (length > 1 && find_long(word + 1, length, &row) == 1 && row->name[length] == '\0')
        cli_usage("unknown option '%.*s' (did you mean '-%.*s'?)", (int)length + 1, word,
                  (int)length + 1, word);
}

static void check_repeated(const struct option_row *row)
{
    if (row->argument == NULL || (row->letter & REPEATS) != 0)
        return;
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i]->letter != row->letter)
            continue;
        else if (row->letter < LONG_ONLY)
            cli_usage("option '-%c' (--%s) is given twice", row->letter, row->name);
        else
            cli_usage("option '--%s' is given twice", row->name);
    seen[seen_count++] = row;
}

/* --- reading --------------------------------------------------------------- */

static int read_long(const char *word, char **argument)
{
    const struct option_row *row;
    char name[64], *value = strchr(word, '=');
    size_t length = value != NULL ? (size_t)(value - word - 2) : strlen(word + 2);
    snprintf(name, sizeof name, "%.*s", (int)length, word + 2);
    size_t count = length < sizeof name ? find_long(name, length, &row) : 0;
    if (count == 0)
        refuse_long(name);
    if (count > 1)
        refuse_ambiguous(name);
    if (row->argument == NULL && value != NULL)
        cli_usage("option '--%s' takes no argument", row->name);
    if (row->argument != NULL) {
        *argument = value != NULL ? value + 1 : *next;
        if (*argument == NULL)
            cli_usage("option '--%s' needs an argument", row->name);
        next += value == NULL;
    }
    check_repeated(row);
    return option_letter(row);
}

static int read_short(char **argument)
{
    char letter = *cluster;
    const struct option_row *row = find_short(letter);
    if (row == NULL)
        refuse_short(cluster);
    cluster = cluster[1] != '\0' ? cluster + 1 : NULL;
    if (row->argument != NULL) {
        *argument = cluster != NULL ? cluster : *next;
        if (*argument == NULL)
            cli_usage("option '-%c' needs an argument", letter);
        next += cluster == NULL;
        cluster = NULL;
    }
    check_repeated(row);
    return option_letter(row);
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int options_next(char **argument)
{
    if (cluster != NULL)
        return read_short(argument);
    char *word = *next;
    if (word == NULL || !is_option(word))
        return -1;
    next++;
    if (strcmp(word, "--") == 0) {
        marked = true;
        return -1;
    }
    if (word[1] == '-')
        return read_long(word, argument);
    check_one_dash(word);
    cluster = word + 1;
    return read_short(argument);
}

char **options_words(bool *after_mark)
{
    *after_mark = marked;
    return next;
}

/* --- options after words --------------------------------------------------- */

/* Return whether the option WORD takes the next argument. */
static bool takes_next(const char *word)
{
    const struct option_row *row;
    if (word[1] == '-')
        return strchr(word, '=') == NULL && find_long(word + 2, strlen(word + 2), &row) == 1 &&
               row->argument != NULL;
    for (const char *at = word + 1; *at != '\0'; at++) {
        row = find_short(*at);
        if (row != NULL && row->argument != NULL)
            return at[1] == '\0';
    }
    return false;
}

/* Move the arguments in ARGV that are not options after the options. */
static void move_words(char **argv)
{
    size_t count = 0, options = 0, words = 0, i = 0;
    while (argv[count] != NULL)
        count++;
    char **moved = calloc(count + 1, sizeof *moved);
    if (moved == NULL)
        cli_no_memory();
    while (i < count && strcmp(argv[i], "--") != 0)
        if (!is_option(argv[i]))
            moved[words++] = argv[i++];
        else {
            bool two = takes_next(argv[i]);
            argv[options++] = argv[i++];
            if (two && i < count)
                argv[options++] = argv[i++];
        }
    char *mark = i < count ? argv[i++] : NULL;
    while (i < count)
        moved[words++] = argv[i++];
    if (mark != NULL)
        argv[options++] = mark;
    memcpy(argv + options, moved, words * sizeof *moved);
    free(moved);
}

void options_start(char **argv, const struct option_row *const of[2], bool anywhere)
{
    tables = of;
    next = argv + 1;
    cluster = NULL;
    marked = false;
    seen_count = 0;
    if (anywhere)
        move_words(next);
}
