/* report.c - report the faults that a check finds, whatever the store. */

#include "report.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static void send(const struct report *report,
                                                       const char *format, va_list arguments)
{
    char text[sizeof((struct error *)0)->text];
    if (report->callback == NULL)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    report->callback(report->context, text);
}

void report_fault(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report->faults++;
    send(report, format, arguments);
    va_end(arguments);
}

void report_repair(const struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send(report, format, arguments);
    va_end(arguments);
}

enum chat_status report_end(const struct report *report, struct error *error, const char *path)
{
    size_t faults = report->faults;
    if (faults == 0)
        return CHAT_OK;
    return error_set(error, CHAT_DATA, "spool '%s' has %zu fault%s", path, faults,
                     faults == 1 ? "" : "s");
}
