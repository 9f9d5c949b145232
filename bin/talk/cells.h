/* cells.h - text as a terminal shows it: cells of one or two columns, without control characters.
 */

#ifndef CELLS_H
#define CELLS_H

#include <stddef.h>
#include <stdint.h>

/* A piece of text that stays together. Control characters, bytes that are not UTF-8, and the
 * characters that change the direction or break the line become \xHH. */
struct cell {
    const char *bytes; /* in the text, or in hex */
    size_t size;
    int width; /* columns; 0: it combines with the cell before */
    char hex[4 * 4 + 1];
};

/* Set *CELL to the first cell of the SIZE bytes at TEXT, and return how many bytes it takes. */
size_t cells_next(const char *text, size_t size, struct cell *cell);

/* Return the columns of a code point: 0, 1 or 2. */
int cells_columns(uint32_t code_point);

/* Return whether a terminal may get this code point as it is. */
int cells_harmless(uint32_t code_point);

/* Return the columns that all of TEXT takes. */
int cells_width(const char *text, size_t size);

#endif
