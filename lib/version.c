/* version.c - the version of the library, and the texts of its statuses. */

#include "chatspool.h"

const char *chat_version(void)
{
    return CHAT_VERSION;
}

const char *chat_status_string(enum chat_status status)
{
    switch (status) {
    case CHAT_OK:
        return "success";
    case CHAT_NONE:
        return "no such message";
    case CHAT_INTERRUPTED:
        return "interrupted";
    case CHAT_USAGE:
        return "argument not allowed";
    case CHAT_DATA:
        return "invalid or damaged data";
    case CHAT_UNREACHABLE:
        return "store unreachable";
    case CHAT_SYSTEM:
        return "out of memory or descriptors";
    case CHAT_CANTCREATE:
        return "cannot create the spool";
    case CHAT_IO:
        return "input/output error";
    case CHAT_BUSY:
        return "busy or full";
    case CHAT_PERMISSION:
        return "permission denied";
    case CHAT_DAMAGED:
        return "damaged message";
    case CHAT_NOUSER:
        return "no such reader";
    }
    return "unknown status";
}
