/* iso_time.c - times in ISO 8601. */

#include "iso_time.h"

#include <stdio.h>

#include "chatspool.h"

time_t split_time(int64_t time, int *milliseconds)
{
    int64_t rest = (time % 1000 + 1000) % 1000;
    *milliseconds = (int)rest;
    return (time_t)((time - rest) / 1000);
}

const char *format_time_text(int64_t time, char text[FORMAT_TIME])
{
    int milliseconds;
    /* A spool of an older version can contain later times, and a printed date must be readable
     * again. */
    time = time > CHAT_TIME_MAX ? CHAT_TIME_MAX : time < CHAT_TIME_MIN ? CHAT_TIME_MIN : time;
    time_t seconds = split_time(time, &milliseconds);
    struct tm utc;
    text[0] = '\0';
    if (gmtime_r(&seconds, &utc) == NULL)
        return text;
    /* strftime() writes the year 33 without padding; ISO 8601 requires 0033. */
    size_t length = (size_t)snprintf(text, FORMAT_TIME, "%04lld", utc.tm_year + 1900LL);
    length += strftime(text + length, FORMAT_TIME - length, "-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, FORMAT_TIME - length, ".%03dZ", milliseconds);
    return text;
}

void format_time(int64_t time, struct output *out)
{
    char text[FORMAT_TIME];
    output_put_string(out, format_time_text(time, text));
}
