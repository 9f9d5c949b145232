/* error.c - a status and the text that goes with it. */

#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum chat_status error_set(struct error *error, enum chat_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

void error_add(struct error *error, const char *text)
{
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, "%s", text);
}

static enum chat_status status_of(int errnum, enum chat_status otherwise)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
        return CHAT_PERMISSION;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return CHAT_SYSTEM;
    case EIO:
    case EINTR: /* of fsync() on a network file system, as all other calls are repeated */
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CHAT_IO;
    default:
        return otherwise;
    }
}

enum chat_status error_system(struct error *error, int errnum, enum chat_status otherwise,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);

    char cause[128];
    snprintf(cause, sizeof cause, ": %s", strerror(errnum));
    if (islower((unsigned char)cause[3])) /* "I/O error" stays */
        cause[2] = (char)tolower((unsigned char)cause[2]);
    error_add(error, cause);
    return status_of(errnum, otherwise);
}
