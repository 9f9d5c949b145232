/* bells.c - wake sessions that wait for a room. */

#include "bells.h"

#include <stdio.h>

#include "name.h"
#include "query.h"

int64_t pg_bells_lock(enum pg_lock lock, const char *room)
{
    return (int64_t)lock << 48 | pg_name_hash_source(room);
}

void pg_bells_channel(enum pg_lock lock, const char *room, char channel[32])
{
    snprintf(channel, 32, "chat_%s_%012llx", lock == LOCK_CAME ? "came" : "gone",
             (unsigned long long)pg_name_hash_source(room));
}

void pg_bells_call_ring(struct pg_store *s, enum pg_lock lock, const char *room)
{
    char channel[32];
    struct pg_values values = { .count = 0 };
    pg_bells_channel(lock, room, channel);
    pg_string(&values, channel);
    pg_number(&values, pg_bells_lock(lock, room));
    pg_call(s, PG_RING, &values);
}

void pg_bells_call_ring_gone(struct pg_store *s, const char *room, int64_t number)
{
    char channel[32];
    struct pg_values values = { .count = 0 };
    pg_bells_channel(LOCK_GONE, room, channel);
    pg_string(&values, channel);
    pg_number(&values, pg_bells_lock(LOCK_GONE, room));
    pg_number(&values, number);
    pg_call(s, PG_RING_GONE, &values);
}

void pg_bells_call_leave(struct pg_store *s)
{
    for (size_t i = 0; i < s->bell_count; i++) {
        struct pg_values values = { .count = 0 };
        pg_number(&values, s->bells[i]);
        pg_call(s, PG_LEAVE_BELL, &values);
        if (s->call_count > CALLS / 2)
            pg_exchange(s, "read");
    }
    s->bell_count = 0;
    if (s->listened_count > 0)
        pg_call(s, PG_LEAVE_CHANNELS, NULL);
    s->listened_count = 0;
}
