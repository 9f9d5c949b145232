/* base64.h - bytes as text of 64 letters, as RFC 4648 has it. */

#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* So many letters come of SIZE bytes. */
#define BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* Write the BASE64_LENGTH(size) letters of BYTES to LETTERS; no NUL follows. */
void base64_encode(const void *bytes, size_t size, char *letters);

/* Decode SIZE LETTERS to BYTES. Returns false if base64_encode would not have written them:
 * other letters, white space, padding that is missing or hides bits. */
bool base64_decode(const char *letters, size_t size, struct text *bytes);

#endif
