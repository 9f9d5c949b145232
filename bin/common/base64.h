/* base64.h - bytes as text of 64 letters (RFC 4648). */

#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* How many letters encode SIZE bytes. */
#define BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* Write the BASE64_LENGTH(size) letters of BYTES to LETTERS; no NUL follows. */
void base64_encode(const void *bytes, size_t size, char *letters);

/* Decode SIZE LETTERS to BYTES. Returns false if base64_encode() does not produce these letters:
 * other characters, white space, missing padding, or padding with bits set. */
bool base64_decode(const char *letters, size_t size, struct text *bytes);

#endif
