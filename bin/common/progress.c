/* progress.c - a line for people who wait for a long operation. */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cli.h"

enum { FIRST_AFTER = 1000, NEXT_AFTER = 200 }; /* milliseconds */

static bool enabled, shown;
static int64_t due; /* on cli_clock() */

void progress_start(bool wanted)
{
    enabled = wanted && isatty(STDERR_FILENO);
    shown = false;
    due = cli_clock() + FIRST_AFTER;
}

/* Return whether it is time for a new line. */
static bool is_time(void)
{
    if (!enabled || cli_clock() < due)
        return false;
    due = cli_clock() + NEXT_AFTER;
    return shown = true;
}

static void show(int64_t messages, const char *done)
{
    if (is_time())
        fprintf(stderr, "\r%lld messages %s", (long long)messages, done);
}

void progress_part(int64_t done, int64_t total, const char *what)
{
    if (total > 0 && is_time())
        fprintf(stderr, "\r%3lld %% %s", (long long)(done * 100 / total), what);
}

void progress_read(int64_t messages)
{
    show(messages, "read");
}

void progress_sent(int64_t messages)
{
    show(messages, "sent");
}

void progress_end(void)
{
    if (shown)
        fprintf(stderr, "\r\033[K");
    shown = false;
}
