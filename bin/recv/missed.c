/* missed.c - reporting messages that a reader of an open room has lost. */

#include "missed.h"

#include <string.h>

#include "common/cli.h"

void say_missed(const chat_batch *batch)
{
    const int64_t missed = chat_batch_missed(batch);
    const struct chat_message *m = chat_batch_message(batch, 0);
    if (missed > 0)
        cli_say("reader '%s' of room '%.*s' missed %lld message%s", m->reader,
                (int)strcspn(m->room, "/"), m->room, (long long)missed, missed == 1 ? "" : "s");
}
