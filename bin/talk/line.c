/* line.c - the line that is being typed, at the bottom of the terminal. */

#include "line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "common/cli.h"

enum { TAB = 4 }; /* columns */

static void reserve(struct line *line, size_t size)
{
    if (line->capacity > size)
        return;
    size_t capacity = size + size / 2 + 64;
    wchar_t *drawn = realloc(line->drawn, capacity * sizeof *drawn);
    if (drawn == NULL)
        cli_no_memory();
    line->drawn = drawn;
    struct line_place *ends = realloc(line->ends, (capacity + 1) * sizeof *ends);
    if (ends == NULL)
        cli_no_memory();
    line->ends = ends;
    line->capacity = capacity;
}

/* --- one character --------------------------------------------------------- */

/* Store in BYTES the string that is shown for C. Return its columns. */
static int picture(wchar_t c, char bytes[16])
{
    if (c == L'\t') {
        snprintf(bytes, 16, "%*s", TAB, "");
        return TAB;
    }
    if (c < 0x20 || c == 0x7f) {
        snprintf(bytes, 16, "^%c", (char)(c ^ 0x40));
        return 2;
    }
    if (!cells_harmless((uint32_t)c)) {
        snprintf(bytes, 16, "<%x>", (unsigned)c);
        return (int)strlen(bytes);
    }
    snprintf(bytes, 16, "%lc", (wint_t)c);
    return cells_columns((uint32_t)c);
}

/* End a row in OUT (or NULL), and clear the rest of the row on the terminal. */
static void end_row(const struct line *line, struct line_place *at, struct text *out)
{
    if (out != NULL)
        text_add_string(out, at->column < line->columns ? "\033[K\r\n" : "\r\n");
    at->row++;
    at->column = 0;
}

/* Move *AT past C, and draw C in OUT (or NULL). End a full row at once, so that the terminal's
 * cursor is never after the last column. */
static void put(const struct line *line, struct line_place *at, wchar_t c, struct text *out)
{
    char bytes[16];
    if (c == L'\n') {
        end_row(line, at, out);
        return;
    }
    int width = picture(c, bytes);
    if (at->column + width > line->columns)
        end_row(line, at, out);
    if (out != NULL)
        text_add_string(out, bytes);
    at->column += width;
    if (at->column >= line->columns)
        end_row(line, at, out);
}

/* --- the whole line -------------------------------------------------------- */

/* In a narrow terminal the name of the room would leave no space to type. */
static const char *prompt(const struct line *line)
{
    return cells_width(line->prompt, strlen(line->prompt)) <= line->columns / 2 ? line->prompt
                                                                                : "> ";
}

static struct line_place origin(const struct line *line)
{
    const char *text = prompt(line);
    return (struct line_place){ 0, cells_width(text, strlen(text)) };
}

static void move_to(struct line *line, struct line_place to, struct text *out)
{
    char sequence[64];
    int rows = to.row - line->cursor.row;
    if (rows != 0) {
        snprintf(sequence, sizeof sequence, "\033[%d%c", abs(rows), rows < 0 ? 'A' : 'B');
        text_add_string(out, sequence);
    }
    if (to.column != line->cursor.column || rows != 0) {
        text_add_string(out, "\r");
        if (to.column > 0) {
            snprintf(sequence, sizeof sequence, "\033[%dC", to.column);
            text_add_string(out, sequence);
        }
    }
    line->cursor = to;
}

/* Return how many of the first characters are on the terminal already. Count a character only with
 * the characters that combine with it. */
static size_t common(const struct line *line, const wchar_t *text, size_t size)
{
    size_t same = 0;
    while (same < size && same < line->size && text[same] == line->drawn[same])
        same++;
    while (same > 0 && ((same < size && cells_columns((uint32_t)text[same]) == 0) ||
                        (same < line->size && cells_columns((uint32_t)line->drawn[same]) == 0)))
        same--;
    return same;
}

static bool is_before(struct line_place a, struct line_place b)
{
    return a.row < b.row || (a.row == b.row && a.column < b.column);
}

/* Draw the part that is not on the terminal yet. */
static void draw_rest(struct line *line, const wchar_t *text, size_t size, struct text *out)
{
    struct line_place end = line->ends[line->size];
    size_t same = common(line, text, size);
    bool clear = same < line->size;
    if (same < size || clear)
        move_to(line, line->ends[same], out);
    reserve(line, size);
    for (size_t i = same; i < size; i++) {
        put(line, &line->cursor, text[i], out);
        line->ends[i + 1] = line->cursor;
        line->drawn[i] = text[i];
    }
    line->size = size;
    if (clear && is_before(line->cursor, end))
        text_add_string(out, "\033[J");
}

/* Store where each character of TEXT ends. */
static void measure(struct line *line, const wchar_t *text, size_t size)
{
    struct line_place at = origin(line);
    reserve(line, size);
    line->ends[0] = at;
    for (size_t i = 0; i < size; i++) {
        put(line, &at, text[i], NULL);
        line->ends[i + 1] = at;
        line->drawn[i] = text[i];
    }
    line->size = size;
}

/* Draw the rows around the cursor, of a line that is higher than the terminal. */
static void draw_part(struct line *line, size_t cursor, struct text *out)
{
    int first = line->ends[cursor].row - line->rows + 1;
    first = first < 0 ? 0 : first;
    size_t i = 0;
    while (i < line->size && line->ends[i].row < first)
        i++;
    if (i == 0)
        text_add_string(out, prompt(line));
    struct line_place at = line->ends[i];
    for (; i < line->size; i++) {
        bool last = line->ends[i + 1].row - first >= line->rows;
        if (last && line->drawn[i] == L'\n')
            break;
        put(line, &at, line->drawn[i], last ? NULL : out);
        if (last)
            break;
        line->cursor = at;
    }
    line->cursor.row -= first;
    for (size_t k = 0; k <= line->size; k++)
        line->ends[k].row -= first;
}

static void draw_all(struct line *line, const wchar_t *text, size_t size, size_t cursor,
                     struct text *out)
{
    line_hide(line, out);
    measure(line, text, size);
    line->shown = true;
    line->cut = line->ends[size].row >= line->rows;
    line->cursor = line->ends[0];
    if (line->cut) {
        draw_part(line, cursor, out);
        return;
    }
    text_add_string(out, prompt(line));
    struct line_place at = line->ends[0];
    for (size_t i = 0; i < size; i++)
        put(line, &at, text[i], out);
    line->cursor = at;
}

/* Return whether the terminal shows this text. A line that is cut would be drawn as a whole. */
static bool is_drawn(const struct line *line, const wchar_t *text, size_t size, size_t cursor)
{
    return line->shown && size == line->size && cursor == line->at &&
           wmemcmp(text, line->drawn, size) == 0;
}

void line_show(struct line *line, const wchar_t *text, size_t size, size_t cursor, struct text *out)
{
    if (is_drawn(line, text, size, cursor))
        return;
    line->at = cursor;
    if (line->shown && !line->cut) {
        struct line_place at = line->ends[0];
        for (size_t i = 0; i < size; i++)
            put(line, &at, text[i], NULL);
        if (at.row < line->rows) {
            draw_rest(line, text, size, out);
            move_to(line, line->ends[cursor], out);
            return;
        }
    }
    draw_all(line, text, size, cursor, out);
    move_to(line, line->ends[cursor], out);
}

void line_hide(struct line *line, struct text *out)
{
    if (!line->shown)
        return;
    move_to(line, (struct line_place){ 0, 0 }, out);
    text_add_string(out, "\033[J");
    line->shown = false;
}

void line_leave(struct line *line, struct text *out)
{
    if (!line->shown)
        return;
    struct line_place end = line->ends[line->size];
    if (end.row >= line->rows)
        end.row = line->rows - 1;
    move_to(line, end, out);
    if (end.column > 0)
        text_add_string(out, "\r\n");
    line->shown = false;
}

void line_resize(struct line *line, int columns, int rows)
{
    if (line->shown) {
        /* Above the cursor, each row takes as many rows as the new width makes of it. */
        int above = 0, widest = 0, row = 0;
        for (size_t i = 0; i <= line->size && line->ends[i].row <= line->cursor.row; i++) {
            if (line->ends[i].row < 0)
                continue;
            if (line->ends[i].row > row) {
                if (i > 0 && line->drawn[i - 1] != L'\n') /* the row was full */
                    widest = line->columns;
                above += widest > columns ? (widest - 1) / columns : 0;
                row = line->ends[i].row;
                widest = 0;
            }
            if (line->ends[i].column > widest)
                widest = line->ends[i].column;
        }
        line->cursor.row += above + line->cursor.column / columns;
    }
    line->columns = columns;
    line->rows = rows;
}
