/* base64.c - bytes as text of 64 letters (RFC 4648). */

#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

enum { PADDING = 64, NO_LETTER = 64 }; /* '=' follows the letters */

/* Encode up to three bytes as four letters. */
static void encode_group(const unsigned char *bytes, size_t size, char letters[4])
{
    uint32_t group = (uint32_t)bytes[0] << 16;
    if (size > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (size > 2)
        group |= bytes[2];
    for (size_t i = 0; i < 4; i++)
        letters[i] = alphabet[i <= size ? group >> (18 - 6 * i) & 63 : PADDING];
}

void base64_encode(const void *bytes, size_t size, char *letters)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < size; i += 3)
        encode_group(b + i, size - i < 3 ? size - i : 3, letters + i / 3 * 4);
}

/* The value of each byte as a letter. */
static const unsigned char *letter_values(void)
{
    static unsigned char values[256];
    if (values[0] == 0) {
        memset(values, NO_LETTER, sizeof values);
        for (unsigned char i = 0; i < 64; i++)
            values[(unsigned char)alphabet[i]] = i;
    }
    return values;
}

/* Decode four letters, of which COUNT are not padding, to COUNT - 1 bytes. */
static bool decode_group(const char letters[4], size_t count, unsigned char *bytes)
{
    const unsigned char *values = letter_values();
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned value = i < count ? values[(unsigned char)letters[i]] : 0;
        if (value == NO_LETTER)
            return false;
        group = group << 6 | value;
    }
    for (size_t i = 0; i + 1 < count; i++)
        bytes[i] = (unsigned char)(group >> (16 - 8 * i));
    uint32_t unused = 0xffffffU >> (8 * (count - 1));
    return (group & unused) == 0;
}

/* Return how many of the last four letters are not padding. */
static size_t last_count(const char letters[4])
{
    if (letters[3] != '=')
        return 4;
    return letters[2] != '=' ? 3 : 2;
}

bool base64_decode(const char *letters, size_t size, struct text *bytes)
{
    bytes->size = 0;
    if (size % 4 != 0)
        return false;
    if (size == 0)
        return true;
    unsigned char *to = (unsigned char *)text_reserve(bytes, size / 4 * 3);
    for (size_t i = 0; i < size; i += 4) {
        size_t count = i + 4 < size ? 4 : last_count(letters + i);
        if (!decode_group(letters + i, count, to + bytes->size))
            return false;
        bytes->size += count - 1;
    }
    return true;
}
