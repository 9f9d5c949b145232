/* error.h - a status and the text that goes with it. */

#ifndef ERROR_H
#define ERROR_H

#include "chatspool.h"

struct error {
    char text[4608]; /* space for a path and a sentence */
};

/* Write the text (printf-like) and return STATUS. */
enum chat_status error_set(struct error *error, enum chat_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Like error_set(), for a failed system call: ": " and the cause of ERRNUM follow the text, and
 * the status is ERRNUM's, or OTHERWISE if ERRNUM implies none. */
enum chat_status error_system(struct error *error, int errnum, enum chat_status otherwise,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Append to the text. */
void error_add(struct error *error, const char *text);

#endif
