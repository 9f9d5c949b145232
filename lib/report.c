/* report.c - what a check finds in a spool, whatever the store. */

#include "report.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static void tell(const struct findings *findings,
                                                       const char *format, va_list arguments)
{
    char text[sizeof((struct error *)0)->text];
    if (findings->told == NULL)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    findings->told(findings->context, text);
}

void findings_add(struct findings *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    findings->faults++;
    tell(findings, format, arguments);
    va_end(arguments);
}

void findings_tell(const struct findings *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(findings, format, arguments);
    va_end(arguments);
}

enum chat_status findings_end(const struct findings *findings, struct error *error,
                              const char *path)
{
    size_t faults = findings->faults;
    if (faults == 0)
        return CHAT_OK;
    return error_set(error, CHAT_DATA, "spool '%s' has %zu fault%s", path, faults,
                     faults == 1 ? "" : "s");
}
