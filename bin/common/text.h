/* text.h - bytes that grow, and what of them may reach a terminal. */

#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: empty. Without memory the functions end the program with status 71. */
struct text {
    char *bytes;
    size_t size, capacity;
};

void text_free(struct text *text);

/* Make room for SIZE more bytes, and return where they go. */
char *text_reserve(struct text *text, size_t size);

void text_add(struct text *text, const void *bytes, size_t size);
void text_add_string(struct text *text, const char *string);

/* Add BYTES so that a terminal shows them and does nothing else: control characters (C0,
 * DEL, C1 as code points) and bytes that are not UTF-8 become \xHH. Newline
 * and tab stay, but where all must be ONE_LINE. */
void text_add_escaped(struct text *text, const void *bytes, size_t size, bool one_line);

#endif
