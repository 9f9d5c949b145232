/* line.h - the line that is being typed, at the bottom of the terminal.
 *
 * The editor hands over what the line is; this module draws it, behind a prompt and in as many rows
 * as it takes, and takes it away while other text is written above it. Every row ends with a
 * newline of ours, so its height is known after the terminal has got another width. */

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
    bool shown;        /* it is on the terminal; what follows is how */
    bool cut;          /* it is higher than the terminal, and only a part is shown */
    wchar_t *drawn;
    size_t size, capacity;
    struct line_place *ends; /* SIZE + 1 of them: behind the prompt, and behind each character */
    struct line_place cursor;
};

/* Add to OUT what brings TEXT (SIZE characters) and the cursor, which is before character CURSOR,
 * to the terminal. */
void line_show(struct line *line, const wchar_t *text, size_t size, size_t cursor,
               struct text *out);

/* Add to OUT what takes the line away; the terminal's cursor is where the line began. */
void line_hide(struct line *line, struct text *out);

/* Add to OUT what ends the line and leaves it where it is. */
void line_leave(struct line *line, struct text *out);

/* The terminal has another size, and has broken each row anew. */
void line_resize(struct line *line, int columns, int rows);

#endif
