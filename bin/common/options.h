/* options.h - reading the options of a command line from the tables of the programs. */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

/* An option. The table of a program ends with a row without a name. --help, the manual pages and
 * the completions are checked against the tables. */
struct option_row {
    int letter;           /* or, without a short form, a number above LONG_ONLY */
    const char *name;     /* the long form */
    const char *argument; /* the name of its argument in --help, or NULL */
    const char *help;     /* NULL: another spelling of the option above, accepted but not shown */
};

/* Added to the letter of an option that may be repeated to make a list. Any other option with an
 * argument is refused when it is given twice, because the last one would silently win. */
enum { LONG_ONLY = 256, REPEATS = 4096 };

/* Return the number of options in the tables, without REPEATS. */
int option_letter(const struct option_row *row);

/* Read from now on the arguments in ARGV after its first, with the options of the two TABLES.
 * ANYWHERE: options may follow other arguments, which are moved after them. */
void options_start(char **argv, const struct option_row *const tables[2], bool anywhere);

/* Return the next option's letter, with its argument in *ARGUMENT, or -1 after the last one. Ends
 * the program if an option is wrong. */
int options_next(char **argument);

/* Return the arguments after the options, and store in *MARKED whether "--" is before them. */
char **options_words(bool *marked);

#endif
