/* list.c - list the rooms and their contents. */

#include <stdlib.h>

#include "connect.h"
#include "database.h"
#include "operations.h"
#include "os/clock.h"
#include "os/lock.h"
#include "room.h"
#include "rooms.h"

struct list {
    struct sqlite_store *store;
    struct chat_room *rooms;
    struct number {
        int64_t number;
        size_t at; /* index in ROOMS */
    } * numbers;   /* the numbers of the rooms; in ascending order while claims are counted */
    size_t count, capacity;
    enum chat_status status;
};

static bool grow(struct list *list)
{
    size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
    struct chat_room *rooms = realloc(list->rooms, capacity * sizeof *rooms);
    if (rooms != NULL)
        list->rooms = rooms;
    struct number *numbers = realloc(list->numbers, capacity * sizeof *numbers);
    if (numbers != NULL)
        list->numbers = numbers;
    if (rooms == NULL || numbers == NULL)
        return false;
    list->capacity = capacity;
    return true;
}

static enum chat_status add_room(struct list *list, sqlite3_stmt *statement)
{
    enum { SOURCE = 8, KEEP, MOST, READERS };
    if (list->count == list->capacity && !grow(list))
        return error_set(list->store->base.error, CHAT_SYSTEM, "out of memory");
    struct chat_room *room = &list->rooms[list->count];
    *room = (struct chat_room){
        .depth = sqlite3_column_int64(statement, 2),
        .bytes = sqlite3_column_int64(statement, 3),
        .delayed = sqlite3_column_int64(statement, 4),
        .held = sqlite3_column_int64(statement, 5),
        .expired = sqlite3_column_int64(statement, 6),
        .oldest = sqlite3_column_int64(statement, 7),
    };
    room->open = sqlite3_column_type(statement, SOURCE) != SQLITE_NULL;
    room->readers = sqlite3_column_int64(statement, READERS);
    if (room->open)
        room->bounds = rooms_bounds(sqlite3_column_int64(statement, KEEP),
                                    sqlite3_column_int64(statement, MOST));
    db_copy_name(room->name, sqlite3_column_text(statement, 1));
    list->numbers[list->count] =
        (struct number){ .number = sqlite3_column_int64(statement, 0), .at = list->count };
    list->count++;
    return CHAT_OK;
}

static enum chat_status read_rooms(struct list *list)
{
    struct sqlite_store *s = list->store;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_ROOMS);
    sqlite3_bind_int64(statement, 1, clock_now());
    enum chat_status status = CHAT_OK;
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW && status == CHAT_OK)
        status = add_room(list, statement);
    sqlite3_reset(statement);
    if (status != CHAT_OK)
        return status;
    return rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

static int compare(const void *a, const void *b)
{
    const struct number *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Count the positions in TAKEN as claimed messages of their rooms. */
static void count_claims(void *context, struct range taken)
{
    struct list *list = context;
    struct sqlite_store *s = list->store;
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_POSITIONS);
    sqlite3_bind_int64(statement, 1, taken.first);
    sqlite3_bind_int64(statement, 2, taken.last);
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW) {
        const struct number key = { .number = sqlite3_column_int64(statement, 0) };
        const struct number *found = bsearch(&key, list->numbers, list->count, sizeof key, compare);
        if (found != NULL)
            list->rooms[found->at].claimed += sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    if (rc != SQLITE_DONE)
        list->status = db_failed(s, rc, "read");
}

enum chat_status sqlite_list(struct store *store, struct chat_room **rooms, size_t *count)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct list list = { .store = s };
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = db_run(s, SQL_BEGIN_READ);
    if (status != CHAT_OK)
        return status;
    list.status = read_rooms(&list);
    if (list.count > 0)
        qsort(list.numbers, list.count, sizeof *list.numbers, compare);
    if (list.status == CHAT_OK && list.count > 0)
        lock_each_taken(s->lock, (struct range){ 1, POSITION_MAX }, count_claims, &list);
    list.status = db_end_read(s, list.status);
    free(list.numbers);
    if (list.status != CHAT_OK) {
        free(list.rooms);
        return list.status;
    }
    *rooms = list.rooms;
    *count = list.count;
    return CHAT_OK;
}
