/* text.c - growing buffers, and escaping for a terminal. */

#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chatspool.h"
#include "fail.h"

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){ .bytes = NULL };
}

char *text_reserve(struct text *text, size_t size)
{
    if (text->capacity - text->size < size) {
        size_t capacity = text->capacity + text->capacity / 2;
        if (capacity < text->size + size)
            capacity = text->size + size;
        char *bytes = realloc(text->bytes, capacity);
        if (bytes == NULL)
            cli_no_memory();
        text->bytes = bytes;
        text->capacity = capacity;
    }
    return text->bytes + text->size;
}

void text_add(struct text *text, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    memcpy(text_reserve(text, size), bytes, size);
    text->size += size;
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

static void add_hex(struct text *text, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char hex[5];
        snprintf(hex, sizeof hex, "\\x%02x", bytes[i]);
        text_add(text, hex, 4);
    }
}

static bool may_show(uint32_t c, bool one_line)
{
    if (c == '\n' || c == '\t')
        return !one_line;
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f);
}

void text_add_escaped(struct text *text, const void *bytes, size_t size, bool one_line)
{
    const unsigned char *b = bytes;
    while (size > 0) {
        uint32_t c;
        size_t length = chat_utf8(b, size, &c);
        if (length > 0 && may_show(c, one_line))
            text_add(text, b, length);
        else
            add_hex(text, b, length = length > 0 ? length : 1);
        b += length;
        size -= length;
    }
}
