/* line.h - the line that is being typed, at the bottom of the terminal.
 *
 * The editor passes the line; this module draws it after a prompt, in as many rows as it needs, and
 * erases it while other text is written above it. Every row ends with an explicit newline, so its
 * height is known after the terminal was resized. */

#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "common/text.h"

struct line_place {
    int row, column;
};

struct line {
    const char *prompt;
    int columns, rows; /* of the terminal */
    bool shown;        /* the line is on the terminal; the following fields describe how */
    bool cut;          /* the line is higher than the terminal, and only a part is shown */
    wchar_t *drawn;
    size_t size, capacity;
    size_t at;               /* the cursor is before this character */
    struct line_place *ends; /* SIZE + 1 of them: after the prompt, and after each character */
    struct line_place cursor;
};

/* Add to OUT the bytes that draw TEXT (SIZE characters), with the cursor before character CURSOR.
 */
void line_show(struct line *line, const wchar_t *text, size_t size, size_t cursor,
               struct text *out);

/* Add to OUT the bytes that erase the line. They leave the terminal's cursor where the line began.
 */
void line_hide(struct line *line, struct text *out);

/* Add to OUT the bytes that leave the line where it is, and begin a new row below it. */
void line_leave(struct line *line, struct text *out);

/* Take the new size of the terminal, which has wrapped its rows again. */
void line_resize(struct line *line, int columns, int rows);

#endif
