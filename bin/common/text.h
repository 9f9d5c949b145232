/* text.h - growing buffers, and escaping for a terminal. */

#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Initialize with zeros: empty. For lack of memory the functions end the program with status 71. */
struct text {
    char *bytes;
    size_t size, capacity;
};

void text_free(struct text *text);

/* Make space for SIZE more bytes, and return a pointer to it. */
char *text_reserve(struct text *text, size_t size);

void text_add(struct text *text, const void *bytes, size_t size);
void text_add_string(struct text *text, const char *string);

/* Append BYTES so that a terminal shows them and interprets nothing: control characters (C0, DEL,
 * and C1 as code points) and bytes that are not UTF-8 become \xHH. Newline and tab are kept unless
 * the result must be ONE_LINE. */
void text_add_escaped(struct text *text, const void *bytes, size_t size, bool one_line);

#endif
