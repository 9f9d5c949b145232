/* table.h - text in columns, for people. */

#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/output.h"

struct table_column {
    const char *title;
    bool right;   /* for numbers */
    size_t least; /* the least width, in characters */
};

/* Initialize with zeros except the columns. */
struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells; /* row by row; the first row contains the titles, if there are any */
    size_t cell_count;
    size_t widest; /* the greatest width of a row, at which the last column is cut; 0: no limit */
};

/* Add the row of the titles. */
void table_titles(struct table *table);

/* Add the next cell of a row. TEXT becomes one line, safe for a terminal. */
void table_add(struct table *table, const char *text);
void table_add_number(struct table *table, int64_t number);

/* Write at most MOST rows (0: all), and empty the table. */
void table_put(struct table *table, size_t most, struct output *out);

/* Forms for people: "3.4 KiB", "5 min". */
enum { HUMAN = 24 };
const char *human_size(int64_t bytes, char text[HUMAN]);
const char *human_age(int64_t milliseconds, char text[HUMAN]);

#endif
