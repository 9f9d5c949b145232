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

void progress_show(int64_t messages)
{
    if (!enabled || cli_clock() < due)
        return;
    fprintf(stderr, "\r%lld messages sent", (long long)messages);
    shown = true;
    due = cli_clock() + NEXT_AFTER;
}

void progress_end(void)
{
    if (shown)
        fprintf(stderr, "\r\033[K");
    shown = false;
}
