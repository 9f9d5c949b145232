/* quarantine.c - move a damaged message to the room of damaged messages. */

#include "quarantine.h"

#include <stdio.h>
#include <string.h>

#include "connect.h"
#include "failed.h"
#include "locks.h"
#include "query.h"
#include "read.h"
#include "settle.h"

/* Move the damaged message M to the room of damaged messages. A role that may not use that room has
 * a room of its own: the name of M's room followed by that name. */
static enum chat_status move_damaged(struct pg_store *s, const struct chat_message *m,
                                     int64_t number, char to[2 * CHAT_NAME_MAX])
{
    struct chat_message moved = *m;
    const struct chat_message *one = &moved;
    moved.room = strcpy(to, CHAT_ROOM_DAMAGED);
    enum chat_status status = pg_move_messages(s, &one, 1, number, m->room, false);
    if (status != CHAT_PERMISSION)
        return status;
    snprintf(to, (size_t)2 * CHAT_NAME_MAX, "%s." CHAT_ROOM_DAMAGED, m->room);
    return chat_room_valid(to) ? pg_move_messages(s, &one, 1, number, m->room, false) : status;
}

enum chat_status pg_quarantine(struct pg_store *s, int64_t id)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, id);
    size_t call = pg_call(s, PG_LOCK_ONE, &values);
    size_t read = pg_call(s, PG_WALK_ONE, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK || pg_rows(s, call) == 0 || pg_rows(s, read) == 0)
        return status;
    if (pg_get_number(pg_result(s, call), 0, 2) == 0)
        return CHAT_OK; /* another session is about to quarantine it */
    int64_t number = pg_get_number(pg_result(s, call), 0, 0);
    struct chat_message m = { .room = pg_get_text(pg_result(s, read), 0, ROOM) };
    struct chat_batch *copy = batch_new(&s->base);
    bool damaged = pg_read_row(s, pg_result(s, read), 0, false, &m) == CHAT_DAMAGED;
    if (copy == NULL || !batch_add(copy, &m, m.id))
        status = pg_no_memory(s);
    else if (damaged) {
        char to[2 * CHAT_NAME_MAX];
        status = move_damaged(s, copy->messages[0], number, to);
        if (status == CHAT_OK)
            status = error_set(s->base.error, CHAT_DAMAGED,
                               "message %lld in room '%s' was damaged, and is in room '%s' now",
                               (long long)id, copy->messages[0]->room, to);
    }
    batch_free(copy);
    if (!pg_locks_remember(&s->done, &s->done_count, id))
        pg_disconnect(s);
    return status;
}
