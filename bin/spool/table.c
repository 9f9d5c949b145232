/* table.c - text in columns, for people. */

#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "chatspool.h"
#include "common/cli.h"
#include "common/text.h"

/* Return the width on a terminal of the first character of TEXT; *LENGTH becomes its length in
 * bytes. */
static size_t character_width(const char *text, size_t size, size_t *length)
{
    uint32_t c;
    *length = chat_utf8(text, size, &c);
    int columns = *length > 0 ? wcwidth((wchar_t)c) : 1;
    if (*length == 0)
        *length = 1;
    return columns >= 0 ? (size_t)columns : 1;
}

/* Return how many bytes of TEXT fit into this number of columns. */
static size_t fitting(const char *text, size_t most)
{
    size_t size = strlen(text), at = 0, length;
    for (size_t used = 0; at < size; at += length) {
        used += character_width(text + at, size - at, &length);
        if (used > most)
            break;
    }
    return at;
}

static size_t width(const char *text)
{
    size_t count = 0, length, size = strlen(text);
    for (size_t i = 0; i < size; i += length)
        count += character_width(text + i, size - i, &length);
    return count;
}

void table_titles(struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        table_add(table, table->columns[i].title);
}

void table_add(struct table *table, const char *text)
{
    struct text cell = { .bytes = NULL };
    char **cells = realloc(table->cells, (table->cell_count + 1) * sizeof *cells);
    if (cells == NULL)
        cli_no_memory();
    table->cells = cells;
    text_add_escaped(&cell, text, strlen(text), true);
    text_add(&cell, "", 1);
    cells[table->cell_count++] = cell.bytes;
}

void table_add_number(struct table *table, int64_t number)
{
    char text[HUMAN];
    snprintf(text, sizeof text, "%lld", (long long)number);
    table_add(table, text);
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t most = table->columns[column].least;
    for (size_t i = column; i < table->cell_count; i += table->column_count)
        if (width(table->cells[i]) > most)
            most = width(table->cells[i]);
    return most;
}

/* A cut text ends in a mark. */
static void put_cut(struct output *out, const char *text, size_t most)
{
    static const char mark[] = "...";
    bool cut = width(text) > most && most >= sizeof mark;
    output_put(out, text, fitting(text, cut ? most - (sizeof mark - 1) : most));
    if (cut)
        output_put_string(out, mark);
}

static void put_spaces(struct output *out, size_t count)
{
    for (; count > 0; count--)
        output_put(out, " ", 1);
}

/* The last column is not padded. */
static void put_cell(const struct table *table, size_t i, size_t column, const size_t *widths,
                     struct output *out)
{
    bool last = column + 1 == table->column_count;
    size_t used = width(table->cells[i]);
    size_t space = used < widths[column] ? widths[column] - used : 0;
    if (table->columns[column].right)
        put_spaces(out, space);
    put_cut(out, table->cells[i], widths[column]);
    if (!table->columns[column].right && !last)
        put_spaces(out, space);
    output_put_string(out, last ? "\n" : "  ");
}

/* Make the last column as narrow as the maximum width of a row requires. */
static void fit_last(const struct table *table, size_t *widths)
{
    size_t last = table->column_count - 1, others = 0;
    for (size_t i = 0; i < last; i++)
        others += widths[i] + 2;
    if (table->widest > 0 && others + widths[last] > table->widest)
        widths[last] = table->widest > others ? table->widest - others : 0;
}

void table_put(struct table *table, size_t most, struct output *out)
{
    size_t widths[16] = { 0 };
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    fit_last(table, widths);
    for (size_t i = 0, row = 0, column = 0; i < table->cell_count; i++) {
        if (most == 0 || row < most)
            put_cell(table, i, column, widths, out);
        if (++column == table->column_count)
            row++, column = 0;
    }
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = 0;
}

const char *human_size(int64_t bytes, char text[HUMAN])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    snprintf(text, HUMAN, "%.*f %s", unit > 0 && value < 10 ? 1 : 0, value, units[unit]);
    return text;
}

const char *human_age(int64_t milliseconds, char text[HUMAN])
{
    enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    int64_t seconds = milliseconds > 0 ? milliseconds / 1000 : 0;
    if (seconds < MINUTE)
        snprintf(text, HUMAN, "%lld s", (long long)seconds);
    else if (seconds < HOUR)
        snprintf(text, HUMAN, "%lld min", (long long)(seconds / MINUTE));
    else if (seconds < DAY)
        snprintf(text, HUMAN, "%lld h", (long long)(seconds / HOUR));
    else
        snprintf(text, HUMAN, "%lld d", (long long)(seconds / DAY));
    return text;
}
