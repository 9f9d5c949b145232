/* progress.c - a line for people who wait for something long. */

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

static void show(int64_t messages, const char *done)
{
    if (!enabled || cli_clock() < due)
        return;
    fprintf(stderr, "\r%lld messages %s", (long long)messages, done);
    shown = true;
    due = cli_clock() + NEXT_AFTER;
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
