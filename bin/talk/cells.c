/* cells.c - text as a terminal shows it: cells of one or two columns, without control characters.
 */

#include "cells.h"

#include <stdio.h>
#include <wchar.h>

#include "chatspool.h"

int cells_columns(uint32_t c)
{
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : width; /* below 0: the C library does not know the character yet */
}

/* Characters that change the direction of the text could make one text look like another: see
 * Unicode Technical Report 36, 2.5. */
int cells_harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
        return 0;
    return !((c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
}

size_t cells_next(const char *text, size_t size, struct cell *cell)
{
    uint32_t c;
    size_t length = chat_utf8(text, size, &c);
    if (length > 0 && cells_harmless(c)) {
        *cell = (struct cell){ .bytes = text, .size = length, .width = cells_columns(c) };
        return length;
    }
    length = length > 0 ? length : 1;
    for (size_t i = 0; i < length; i++)
        snprintf(cell->hex + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
    cell->bytes = cell->hex;
    cell->size = 4 * length;
    cell->width = (int)cell->size;
    return length;
}

int cells_width(const char *text, size_t size)
{
    int width = 0;
    for (size_t i = 0; i < size;) {
        struct cell cell;
        i += cells_next(text + i, size - i, &cell);
        width += cell.width;
    }
    return width;
}
