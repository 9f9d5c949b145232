/* options.h - the options of a command line, as the tables of the programs have them. */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

/* An option. The table of a program ends with a row without a name; --help, the manual and the
 * completions are checked against it. */
struct option_row {
    int letter;           /* or, without a short form, a number above LONG_ONLY */
    const char *name;     /* the long form */
    const char *argument; /* its name in --help, or NULL for none */
    const char *help;     /* NULL: an older name of the option above, understood and not shown */
};

/* Added to the letter of an option that makes a list when it is repeated. Another option with an
 * argument is given once, or the last one would silently win. */
enum { LONG_ONLY = 256, REPEATS = 4096 };

/* The number of the tables' letter, without REPEATS. */
int option_letter(const struct option_row *row);

/* From now on the words are those of ARGV behind its first, and the options are those of the two
 * TABLES. ANYWHERE: options may follow other words, which are moved behind them. */
void options_start(char **argv, const struct option_row *const tables[2], bool anywhere);

/* Return the next option's letter, with its argument in *ARGUMENT, or -1 behind the last one. Ends
 * the program where an option is wrong. */
int options_next(char **argument);

/* After the last option: the other arguments, and in *MARKED whether "--" is before them. */
char **options_words(bool *marked);

#endif
