/* utf8.c - the characters that a name may have. */

#include "chatspool.h"

#include <string.h>

size_t chat_utf8(const void *bytes, size_t size, uint32_t *code_point)
{
    const unsigned char *b = bytes;
    if (size == 0)
        return 0;
    if (b[0] < 0x80) {
        *code_point = b[0];
        return 1;
    }
    size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || length > size)
        return 0;
    uint32_t c = b[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b[i] & 0x3fU);
    }
    if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000))
        return 0;
    if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        return 0;
    *code_point = c;
    return length;
}

bool chat_name_valid(const char *name)
{
    size_t left = name != NULL ? strlen(name) : 0;
    if (left < 1 || left > CHAT_NAME_MAX)
        return false;
    while (left > 0) {
        uint32_t c;
        size_t length = chat_utf8(name, left, &c);
        if (length == 0 || c < 0x20 || (c >= 0x7f && c <= 0x9f))
            return false;
        name += length;
        left -= length;
    }
    return true;
}

bool chat_room_valid(const char *name)
{
    return name != NULL && name[0] != '-' && name[0] != '.' && strchr(name, '/') == NULL &&
           chat_name_valid(name);
}

bool chat_reader_valid(const char *name)
{
    const char *slash = name != NULL ? strchr(name, '/') : NULL;
    size_t length = slash != NULL ? (size_t)(slash - name) : 0;
    char room[CHAT_NAME_MAX + 1];
    if (slash == NULL || length == 0 || strlen(name) > CHAT_NAME_MAX || !chat_room_valid(slash + 1))
        return false;
    memcpy(room, name, length);
    room[length] = '\0';
    return chat_room_valid(room);
}
