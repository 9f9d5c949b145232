/* list.c - list the rooms, and the processes that have claimed messages. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "connect.h"
#include "failed.h"
#include "operations.h"
#include "query.h"
#include "rooms.h"

static void read_room(const PGresult *result, int row, struct chat_room *room)
{
    *room = (struct chat_room){
        .depth = pg_get_number(result, row, 1),
        .bytes = pg_get_number(result, row, 2),
        .claimed = pg_get_number(result, row, 3),
        .delayed = pg_get_number(result, row, 4),
        .held = pg_get_number(result, row, 5),
        .expired = pg_get_number(result, row, 6),
        .oldest = pg_get_number(result, row, 7),
        .open = pg_get_number(result, row, 8) != 0,
        .readers = pg_get_number(result, row, 11),
    };
    if (room->open)
        room->bounds = rooms_bounds(pg_get_number(result, row, 9), pg_get_number(result, row, 10));
    snprintf(room->name, sizeof room->name, "%s", pg_get_text(result, row, 0));
}

enum chat_status pg_list(struct store *store, struct chat_room **rooms, size_t *count)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    size_t call = 0;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK) {
            call = pg_call(s, PG_LIST_ROOMS, NULL);
            status = pg_exchange(s, "read");
        }
    } while (pg_again(s, status, &timeout));
    if (status != CHAT_OK)
        return status;
    *count = (size_t)pg_rows(s, call);
    *rooms = calloc(*count + 1, sizeof **rooms);
    if (*rooms == NULL)
        return pg_no_memory(s);
    for (size_t i = 0; i < *count; i++)
        read_room(pg_result(s, call), (int)i, &(*rooms)[i]);
    return CHAT_OK;
}

static void read_holder(const PGresult *result, int row, const struct chat_batch *batch,
                        struct chat_holder *holders)
{
    const int64_t id = pg_get_number(result, row, 0);
    const char *name = pg_get_text(result, row, 2), *host = pg_get_text(result, row, 3);
    for (size_t i = 0; i < batch->count; i++) {
        struct chat_holder *holder = &holders[i];
        if (batch->messages[i]->id != id || !batch->messages[i]->claimed)
            continue;
        holder->process = pg_get_number(result, row, 1);
        snprintf(holder->name, sizeof holder->name, "%s%s%s", name, host[0] != '\0' ? " at " : "",
                 host);
        pg_clean(holder->name);
    }
}

enum chat_status pg_holders(struct store *store, const struct chat_batch *batch,
                            struct chat_holder *holders)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    size_t call = 0;
    do {
        struct pg_values values = { .count = 0 };
        struct pg_array ids;
        status = pg_connect(s, &timeout);
        if (status != CHAT_OK)
            continue;
        pg_array_start(&ids, PG_INT8);
        for (size_t i = 0; i < batch->count; i++)
            if (batch->messages[i]->claimed)
                pg_array_number(&ids, batch->messages[i]->id);
        pg_add_array(&values, &ids);
        call = pg_call(s, PG_LIST_HOLDERS, &values);
        pg_array_free(&ids);
        status = pg_exchange(s, "read");
    } while (pg_again(s, status, &timeout));
    for (int i = 0; status == CHAT_OK && i < pg_rows(s, call); i++)
        read_holder(pg_result(s, call), i, batch, holders);
    return status;
}
