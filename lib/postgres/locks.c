/* locks.c - the ids and bells that this session has locked. */

#include "internal.h"

#include <stdlib.h>

bool pg_remember(int64_t **ids, size_t *count, int64_t id)
{
    int64_t *more = realloc(*ids, (*count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    *ids = more;
    more[(*count)++] = id;
    return true;
}

void pg_own_ids(const struct pg_store *s, struct pg_array *array)
{
    pg_array_start(array, PG_INT8);
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            pg_array_number(array, b->messages[i]->id);
    for (size_t i = 0; i < s->kept_count; i++)
        pg_array_number(array, s->kept[i]);
}

void pg_call_unlock(struct pg_store *s, const int64_t *ids, size_t count)
{
    struct pg_values values = { .count = 0 };
    struct pg_array array;
    if (count == 0)
        return;
    pg_array_start(&array, PG_INT8);
    for (size_t i = 0; i < count; i++)
        pg_array_number(&array, ids[i]);
    pg_add_array(&values, &array);
    pg_call(s, PG_UNLOCK, &values);
    pg_array_free(&array);
}

/* Their messages are gone, so there was no hurry. */
void pg_call_unlock_done(struct pg_store *s)
{
    pg_call_unlock(s, s->done, s->done_count);
    s->done_count = 0;
}

void pg_call_leave_bells(struct pg_store *s)
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
