/* walk.c - look at messages without claiming them. */

#include "internal.h"

#include "claim_lock.h"
#include "connect.h"
#include "database.h"
#include "due.h"
#include "open_row.h"
#include "operations.h"
#include "os/lock.h"
#include "read.h"
#include "reader.h"
#include "room.h"
#include "scan.h"

/* Set the member claimed of the messages from index FROM on; RUN are their positions. */
static void set_claimed(struct sqlite_store *s, struct chat_batch *batch, size_t from,
                        struct range run)
{
    struct range taken;
    bool any = lock_taken(s->lock, run, &taken);
    for (size_t i = from; i < batch->count; i++) {
        int64_t at = batch->positions[i];
        batch->messages[i]->claimed =
            claim_lock_has(s, at) || (any && lock_taken(s->lock, (struct range){ at, at }, &taken));
    }
}

/* Add the messages of a room from *CURSOR on. A damaged one is skipped, and reported as soon as
 * the batch is empty. */
static enum chat_status walk_room(struct sqlite_store *s, const struct chat_query *query,
                                  const char *name, struct chat_cursor *cursor,
                                  struct chat_batch *batch)
{
    struct scan scan;
    bool passed;
    enum scan_mode mode = query->every ? SCAN_ALL : SCAN_FREE;
    enum chat_status status = scan_open_ready(&scan, s, query, name, cursor);
    while (status == CHAT_OK && !batch_is_full(batch, query)) {
        struct range run;
        int64_t seen = 0;
        size_t before = batch->count;
        status =
            scan_next(&scan, (int64_t)(query->max_messages - batch->count), mode, &run, &passed);
        if (status == CHAT_OK)
            status =
                read_run(s, run, scan.offset, false, &scan.room, scan.now, query, batch, &seen);
        if (query->every && batch->count > before)
            set_claimed(s, batch, before, run);
        if (status == CHAT_DAMAGED && batch->count == 0)
            seen++;
        if (seen > 0)
            scan_step(&scan, seen);
        scan_get_cursor(&scan, cursor);
    }
    return batch->count > 0 ? CHAT_OK : status;
}

/* Add the message with the id in QUERY. */
static enum chat_status walk_one(struct sqlite_store *s, const struct chat_query *query,
                                 struct chat_batch *batch)
{
    struct room room;
    int64_t position = 0;
    int64_t seen;
    enum chat_status status = db_run(s, SQL_BEGIN_READ); /* so that it cannot move */
    if (status == CHAT_OK)
        status = room_find_message(s, query->id, &position);
    struct range one = { position, position };
    if (status == CHAT_OK)
        status = room_of(s, position, &room);
    if (status == CHAT_OK)
        status = read_run(s, one, 0, false, &room, 0, query, batch, &seen);
    status = db_end_read(s, status);
    if (status != CHAT_OK || batch->count == 0)
        return status == CHAT_OK ? CHAT_NONE : status;
    set_claimed(s, batch, 0, one);
    return CHAT_OK;
}

enum chat_status sqlite_walk(struct store *store, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? reader_check_names(s, query) : status;
    status = CHAT_NONE;
    if (query->id > 0 && cursor->id == 0) {
        cursor->id = query->id;
        return walk_one(s, query, batch);
    }
    while (status == CHAT_NONE && cursor->room < query->room_count) {
        status = walk_room(s, query, query->rooms[cursor->room], cursor, batch);
        if (status == CHAT_NONE)
            *cursor = (struct chat_cursor){ .room = cursor->room + 1 };
    }
    return status;
}

/* Make due messages ready in the open room that READER reads. */
static enum chat_status promote_source(struct sqlite_store *s, const struct room *reader)
{
    struct open_row open = { .next_due = 0 };
    enum chat_status status = open_row_get(s, reader->source, &open);
    const struct room room = { .number = open.number, .next_due = open.next_due };
    return status == CHAT_OK && due_any(&room) ? due_promote(s, &room) : status;
}

/* Make due messages ready in the rooms of QUERY. */
static enum chat_status promote_rooms(struct sqlite_store *s, const struct chat_query *query)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++) {
        struct room room;
        status = room_get(s, query->rooms[i], &room);
        if (status == CHAT_OK && due_any(&room))
            status = due_promote(s, &room);
        if (status == CHAT_OK && room_is_reader(&room))
            status = promote_source(s, &room);
        if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    return status;
}

enum chat_status sqlite_mark(struct store *store, const struct chat_query *query, int64_t *mark)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *mark = 0;
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    if (status == CHAT_OK && !query->every)
        status = promote_rooms(s, query);
    if (status == CHAT_OK)
        status = room_read_spool(s);
    if (status == CHAT_OK)
        *mark = s->next_id - 1;
    return status;
}
