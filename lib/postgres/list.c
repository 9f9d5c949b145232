/* list.c - what each room holds. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

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
    };
    snprintf(room->name, sizeof room->name, "%s", pg_get_text(result, row, 0));
}

enum chat_status pg_list(struct store *store, struct chat_room **rooms, size_t *count)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_patience patience = pg_patience(s);
    enum chat_status status;
    size_t call = 0;
    do {
        status = pg_connect(s, &patience);
        if (status == CHAT_OK) {
            call = pg_call(s, PG_LIST_ROOMS, NULL);
            status = pg_exchange(s, "read");
        }
    } while (pg_again(s, status, &patience));
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
