/* when.c - times and durations as people write them. */

#include "when.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const int64_t longest = CHAT_TIME_MAX; /* the longest duration: it counts as forever */

/* --- durations ------------------------------------------------------------- */

/* Read the digits at *AT as a number, limited to the longest duration; move *AT past them. */
static int64_t read_whole(const char **at)
{
    int64_t n = 0;
    for (; isdigit((unsigned char)**at); ++*at)
        n = n < longest ? n * 10 + (**at - '0') : longest;
    return n < longest ? n : longest;
}

/* Read the digits at *AT as the decimals of a UNIT, in milliseconds rounded up. */
static int64_t read_fraction(const char **at, int64_t unit)
{
    int64_t sum = 0, scale = 1;
    bool rest = false;
    for (; isdigit((unsigned char)**at); ++*at)
        if (scale < 1000000000) { /* the milliseconds of a day times this fit */
            sum = sum * 10 + (**at - '0');
            scale *= 10;
        } else
            rest = rest || **at != '0';
    return (sum * unit + (rest ? scale : scale - 1)) / scale;
}

static int64_t read_unit(const char **at)
{
    char letter = **at;
    if (letter != '\0')
        ++*at;
    switch (letter) {
    case '\0':
    case 's':
        return SECOND;
    case 'm':
        return MINUTE;
    case 'h':
        return HOUR;
    case 'd':
        return DAY;
    }
    return 0;
}

bool when_span(const char *text, int64_t *milliseconds)
{
    const char *end = text;
    int64_t whole = read_whole(&end);
    bool point = *end == '.';
    const char *fraction = end + point;
    const char *unit_at = fraction + (point ? strspn(fraction, "0123456789") : 0);
    if (unit_at - text == point) /* no digit was read */
        return false;
    int64_t unit = read_unit(&unit_at);
    if (unit == 0 || *unit_at != '\0')
        return false;
    *milliseconds = longest;
    if (whole < longest / unit)
        *milliseconds = whole * unit + (point ? read_fraction(&fraction, unit) : 0);
    return true;
}

int64_t when_duration(const char *text, const char *option)
{
    int64_t milliseconds;
    if (!when_span(text, &milliseconds))
        cli_usage("option '%s' needs a duration like 90, 1.5s, 5m, 2h or 1d, not '%s'", option,
                  text);
    return milliseconds;
}

/* --- dates ----------------------------------------------------------------- */

/* Read a number of DIGITS digits from LOW to HIGH, and move *AT past it. */
static bool read_number(const char **at, int digits, int low, int high, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++, ++*at) {
        if (!isdigit((unsigned char)**at))
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return *number >= low && *number <= high;
}

/* Move *AT past CHARACTER, if it is there. */
static bool skip(const char **at, char character)
{
    bool there = **at == character;
    *at += there;
    return there;
}

static bool read_date(const char **at, struct tm *date)
{
    const int digits = (int)strspn(*at, "0123456789");
    if (digits > 6 || !read_number(at, digits < 4 ? 4 : digits, 0, 999999, &date->tm_year) ||
        !skip(at, '-') || !read_number(at, 2, 1, 12, &date->tm_mon) || !skip(at, '-') ||
        !read_number(at, 2, 1, 31, &date->tm_mday))
        return false;
    date->tm_year -= 1900;
    date->tm_mon--;
    struct tm copy = *date;
    timegm(&copy);
    return copy.tm_mday == date->tm_mday; /* refuse February 30 */
}

/* Read hour and minute, and optionally the second and its fraction; 60 is a leap second. */
static bool read_clock(const char **at, struct tm *date, int64_t *milliseconds)
{
    if (!read_number(at, 2, 0, 23, &date->tm_hour) || !skip(at, ':') ||
        !read_number(at, 2, 0, 59, &date->tm_min))
        return false;
    if (!skip(at, ':'))
        return true;
    if (!read_number(at, 2, 0, 60, &date->tm_sec))
        return false;
    if (!skip(at, '.'))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    *milliseconds = read_fraction(at, SECOND);
    return true;
}

/* Read Z or an offset like +01:00. Returns by how many milliseconds the zone is ahead of UTC. */
static bool read_zone(const char **at, int64_t *ahead)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    *ahead = 0;
    if (skip(at, 'Z'))
        return true;
    if (!(skip(at, '+') || skip(at, '-')) || !read_number(at, 2, 0, 23, &hours) || !skip(at, ':') ||
        !read_number(at, 2, 0, 59, &minutes))
        return false;
    *ahead = sign * ((int64_t)hours * HOUR + (int64_t)minutes * MINUTE);
    return true;
}

/* Convert DATE, a local time in summer time (1) or not (0). FITS: a local clock shows that time
 * then. */
static int64_t read_as(const struct tm *date, int summer, bool *fits)
{
    struct tm wanted = *date, shown;
    timegm(&wanted); /* a leap second is the first second of the next minute */
    shown = wanted;
    shown.tm_isdst = summer;
    int64_t seconds = mktime(&shown);
    *fits = shown.tm_mday == wanted.tm_mday && shown.tm_hour == wanted.tm_hour &&
            shown.tm_min == wanted.tm_min;
    return seconds;
}

/* Convert DATE, a local time for which mktime() may choose: the first one of a time that occurs
 * twice. A time that the clock skips moves forward: 02:30 becomes 03:30. */
static int64_t local_seconds(const struct tm *date)
{
    bool winter_fits, summer_fits;
    int64_t winter = read_as(date, 0, &winter_fits);
    int64_t summer = read_as(date, 1, &summer_fits);
    if (winter_fits != summer_fits)
        return winter_fits ? winter : summer;
    return (summer < winter) == winter_fits ? summer : winter;
}

bool when_date(const char *text, int64_t *milliseconds)
{
    struct tm date = { .tm_mday = 0 };
    const char *at = text;
    int64_t fraction = 0, ahead;
    if (!read_date(&at, &date))
        return false;
    if (*at != '\0' && !((skip(&at, 'T') || skip(&at, ' ')) && read_clock(&at, &date, &fraction)))
        return false;
    bool local = *at == '\0';
    if (!local && (!read_zone(&at, &ahead) || *at != '\0'))
        return false;
    if (local)
        *milliseconds = local_seconds(&date) * SECOND + fraction;
    else
        *milliseconds = (int64_t)timegm(&date) * SECOND + fraction - ahead;
    return *milliseconds >= CHAT_TIME_MIN;
}

static const chat_spool *clock_of; /* or this machine's */

void when_clock(const chat_spool *spool)
{
    clock_of = spool;
}

int64_t when_now(void)
{
    if (clock_of != NULL)
        return chat_time(clock_of);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000000;
}

/* Return whether TEXT is a number without a unit that more probably is a date like 20270101 or a
 * timestamp: ten digits are more than 30 years of seconds. */
static bool is_ambiguous(const char *text)
{
    const char *at = text;
    int number;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] != '\0' || digits < 8)
        return false;
    return digits >= 10 ||
           (digits == 8 && read_number(&at, 4, 1000, 9999, &number) &&
            read_number(&at, 2, 1, 12, &number) && read_number(&at, 2, 1, 31, &number));
}

void when_refuse_ambiguous(const char *text, const char *prefix)
{
    if (is_ambiguous(text))
        cli_usage("%s'%s' may be a date, a timestamp or a number of seconds; write a date like "
                  "2027-01-01, or seconds like %ss",
                  prefix, text, text);
}

/* Convert TEXT to a time. A duration counts from now: forward, or back if SIGN is -1. */
static int64_t read_time(const char *text, const char *option, int sign)
{
    int64_t time;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "option '%s': ", option);
    when_refuse_ambiguous(text, prefix);
    if (when_span(text, &time))
        time = when_now() + sign * time;
    else if (!when_date(text, &time))
        cli_usage("option '%s' needs a duration like 90, 5m, 2h or 1d, or a time like "
                  "2026-11-22T13:40:07Z, not '%s'",
                  option, text);
    if (time > CHAT_TIME_MAX)
        cli_usage("option '%s' needs a time up to the year 9999, not '%s'", option, text);
    return time > 0 ? time : 1;
}

int64_t when_time(const char *text, const char *option)
{
    return read_time(text, option, 1);
}

int64_t when_past(const char *text, const char *option)
{
    return read_time(text, option, -1);
}
