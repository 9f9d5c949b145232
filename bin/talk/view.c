/* view.c - an open room as one person sees it. */

#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"

enum { BATCH_MESSAGES = 100, BATCH_BYTES = 1024 * 1024, ALL = 0, ALONE = 1, SIDES = 2 };
enum { SEND_PATIENCE = 5000 }; /* milliseconds */

static const struct chat_bounds usual = { .keep = CHAT_KEEP_DEFAULT, .most = CHAT_MOST_DEFAULT };

/* --- entering -------------------------------------------------------------- */

/* Return CHAT_OK if the room contains messages, otherwise CHAT_NONE. */
static enum chat_status find(const struct room *r)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    bool found = false;
    enum chat_status status = chat_list(r->spool, &rooms, &count);
    for (size_t i = 0; status == CHAT_OK && i < count; i++)
        found = found || strcmp(rooms[i].name, r->name) == 0;
    free(rooms);
    return status == CHAT_OK && !found ? CHAT_NONE : status;
}

enum chat_status room_enter(struct room *r)
{
    struct chat_reader *readers = NULL;
    size_t count;
    enum chat_status status = chat_readers(r->spool, r->name, 0, &readers, &count);
    free(readers);
    if (status != CHAT_NOUSER && status != CHAT_NONE)
        return status;
    status = find(r);
    if (status == CHAT_NONE)
        return chat_open_room(r->spool, r->name, &usual);
    return status == CHAT_OK ? CHAT_NOUSER : status;
}

enum chat_status room_open(struct room *r)
{
    enum chat_status status = chat_open(r->where, &r->spool);
    if (status == CHAT_OK) {
        chat_set_descriptors(r->spool, r->fds, r->fd_count);
        chat_set_timeout(r->spool, r->patience);
    }
    return status;
}

void room_be_quick(struct room *r)
{
    r->patience = 0;
    chat_set_timeout(r->spool, r->patience);
}

static void forget_batch(struct side *side)
{
    chat_release(side->batch);
    side->batch = NULL;
    side->next = 0;
}

/* Let both sides continue behind the position PLACE. */
static void go_to(struct room *r, int64_t place)
{
    for (int i = 0; i < SIDES; i++) {
        forget_batch(&r->sides[i]);
        r->sides[i].cursor = (struct chat_cursor){ .place = place };
        r->sides[i].end = true;
    }
    r->mark = place;
}

/* Start with the first message: another spool is in the place of the one that was read. */
static void begin_again(struct room *r)
{
    go_to(r, 0);
    r->shown = r->saved = 0;
    r->replaced = true;
}

/* Set *SAME to whether the spool is the one that was read. In another spool, the reader of this
 * person is missing, or its position is lower than the one that was noted. */
static enum chat_status is_same(const struct room *r, bool *same)
{
    struct chat_reader *readers = NULL;
    size_t count = 0;
    enum chat_status status = chat_readers(r->spool, r->name, 0, &readers, &count);
    *same = false;
    for (size_t i = 0; status == CHAT_OK && i < count; i++)
        if (strcmp(readers[i].name, r->user) == 0)
            *same = readers[i].place >= r->saved;
    free(readers);
    return status;
}

enum chat_status room_reopen(struct room *r)
{
    bool same = true;
    for (int i = 0; i < SIDES; i++) {
        forget_batch(&r->sides[i]);
        r->sides[i].end = true;
    }
    chat_close(r->spool);
    enum chat_status status = room_open(r);
    if (status == CHAT_OK)
        status = room_enter(r);
    if (status == CHAT_OK)
        status = is_same(r, &same);
    if (status == CHAT_OK && !same)
        begin_again(r);
    r->lost = status == CHAT_UNREACHABLE;
    return status;
}

static struct chat_query query_of(const struct room *r, const char *const *name)
{
    return (struct chat_query){ .rooms = name,
                                .room_count = 1,
                                .until = r->mark,
                                .max_messages = BATCH_MESSAGES,
                                .max_bytes = BATCH_BYTES };
}

/* Walk on as chat_walk() does, but skip damaged messages. */
static enum chat_status walk(struct room *r, const struct chat_query *query,
                             struct chat_cursor *cursor, chat_batch **batch)
{
    enum chat_status status;
    do
        status = chat_walk(r->spool, query, cursor, batch);
    while (status == CHAT_DAMAGED);
    return status;
}

/* Lower *PLACE to the position before the first unread message, unless it is lower already. */
static enum chat_status find_unread(struct room *r, int64_t *place, int64_t *since)
{
    const char *name = r->reader;
    struct chat_query query = query_of(r, &name);
    struct chat_cursor cursor = { .place = 0 };
    chat_batch *batch;
    query.max_messages = 1;
    query.until = 0;
    enum chat_status status = walk(r, &query, &cursor, &batch);
    if (status != CHAT_OK)
        return status;
    *since = chat_batch_message(batch, 0)->time;
    if (cursor.place - 1 < *place)
        *place = cursor.place - 1;
    chat_release(batch);
    return CHAT_OK;
}

/* Walk over at most *COUNT messages of NAME behind *PLACE. *COUNT becomes their number, and *PLACE
 * the position of the last one. */
static enum chat_status pass(struct room *r, const char *name, int64_t *place, int64_t *count)
{
    struct chat_query query = query_of(r, &name);
    struct chat_cursor cursor = { .place = *place };
    int64_t most = *count;
    enum chat_status status = CHAT_OK;
    chat_batch *batch;
    query.until = 0;
    *count = 0;
    while (*count < most) {
        if (most - *count < BATCH_MESSAGES)
            query.max_messages = (size_t)(most - *count);
        status = walk(r, &query, &cursor, &batch);
        if (status != CHAT_OK)
            break;
        *place = cursor.place;
        *count += (int64_t)chat_batch_count(batch);
        chat_release(batch);
    }
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* Set *PLACE to the position before the last LINES messages to all. Positions are given out for the
 * whole spool, so those of this room may be far apart: look at more and more of them. */
static enum chat_status find_last(struct room *r, int64_t lines, int64_t *place)
{
    const char *name = r->name;
    struct chat_query query = query_of(r, &name);
    int64_t newest, count = 0, from = 0;
    enum chat_status status = chat_mark(r->spool, &query, &newest);
    for (int64_t span = 4 * lines; status == CHAT_OK && count < lines; span *= 8) {
        from = span < newest ? newest - span : 0;
        count = INT64_MAX;
        *place = from;
        status = pass(r, name, place, &count);
        if (from == 0)
            break;
    }
    *place = from;
    count -= lines;
    return status == CHAT_OK && count > 0 ? pass(r, name, place, &count) : status;
}

enum chat_status room_begin(struct room *r, int64_t lines, int64_t *unread, int64_t *since)
{
    int64_t place, from = 0;
    *unread = INT64_MAX;
    *since = 0;
    enum chat_status status = find_last(r, lines, &place);
    if (status == CHAT_OK)
        status = pass(r, r->reader, &from, unread);
    if (status == CHAT_OK)
        status = find_unread(r, &place, since);
    if (status != CHAT_OK && status != CHAT_NONE)
        return status;
    go_to(r, place);
    return CHAT_OK;
}

/* --- following ------------------------------------------------------------- */

bool room_at_end(const struct room *r)
{
    return r->sides[ALL].end && r->sides[ALONE].end;
}

enum chat_status room_look(struct room *r)
{
    const char *name = r->reader;
    struct chat_query query = query_of(r, &name);
    int64_t mark;
    enum chat_status status = chat_mark(r->spool, &query, &mark);
    if (status != CHAT_OK)
        return status;
    if (mark < r->mark)
        begin_again(r);
    r->mark = mark;
    if (room_at_end(r)) /* otherwise room_next() has not noted yet what it has returned */
        r->any = false;
    r->sides[ALL].end = r->sides[ALONE].end = mark == 0;
    return CHAT_OK;
}

/* Return whether side WHICH has its next message. The batches of the side ALONE have all unread
 * messages: skip those to all. */
static bool at_message(const struct room *r, int which)
{
    const struct side *side = &r->sides[which];
    if (side->batch == NULL || side->next >= chat_batch_count(side->batch))
        return false;
    return which == ALL || strcmp(chat_batch_message(side->batch, side->next)->room, r->name) != 0;
}

static enum chat_status fill(struct room *r, int which)
{
    struct side *side = &r->sides[which];
    const char *name = which == ALL ? r->name : r->reader;
    struct chat_query query = query_of(r, &name);
    while (!side->end && !at_message(r, which)) {
        if (side->batch != NULL && ++side->next < chat_batch_count(side->batch))
            continue;
        forget_batch(side);
        struct chat_cursor cursor = side->cursor;
        enum chat_status status = chat_walk(r->spool, &query, &cursor, &side->batch);
        if (status ==
            CHAT_NONE) { /* keep the old cursor: the new one is behind later messages, too */
            side->end = true;
            continue;
        }
        side->cursor = cursor;
        if (status != CHAT_OK) {
            side->batch = NULL;
            return status;
        }
        side->end = chat_batch_count(side->batch) == 0;
    }
    return CHAT_OK;
}

enum chat_status room_next(struct room *r, const struct chat_message **message, bool *alone)
{
    const struct chat_message *first[SIDES] = { NULL, NULL };
    for (int i = 0; i < SIDES; i++) {
        enum chat_status status = fill(r, i);
        if (status != CHAT_OK)
            return status;
        if (at_message(r, i))
            first[i] = chat_batch_message(r->sides[i].batch, r->sides[i].next);
    }
    if (first[ALL] == NULL && first[ALONE] == NULL) {
        if (r->any)
            r->shown = r->mark;
        return CHAT_NONE;
    }
    *alone = first[ALL] == NULL || (first[ALONE] != NULL && first[ALONE]->id < first[ALL]->id);
    *message = first[*alone ? ALONE : ALL];
    r->sides[*alone ? ALONE : ALL].next++;
    r->any = true;
    return CHAT_OK;
}

enum chat_status room_back(struct room *r, int64_t lines, room_show *show, void *context)
{
    const char *name = r->name;
    struct chat_query query = query_of(r, &name);
    struct chat_cursor cursor = { .place = 0 };
    chat_batch *batch;
    enum chat_status status = find_last(r, lines, &cursor.place);
    if (r->mark == 0) /* the room is empty, and for chat_query.until 0 means no bound */
        return CHAT_OK;
    while (status == CHAT_OK && (status = walk(r, &query, &cursor, &batch)) == CHAT_OK) {
        for (size_t i = 0; i < chat_batch_count(batch); i++)
            show(context, chat_batch_message(batch, i));
        chat_release(batch);
    }
    return status == CHAT_NONE ? CHAT_OK : status;
}

enum chat_status room_wait(struct room *r, int64_t timeout, const sigset_t *unblocked)
{
    const char *name = r->reader;
    struct chat_query query = query_of(r, &name);
    query.until = 0;
    query.after = r->mark;
    return chat_wait(r->spool, &query, timeout, unblocked);
}

/* --- what was read --------------------------------------------------------- */

bool room_unsaved(const struct room *r)
{
    return r->shown > r->saved;
}

enum chat_status room_save(struct room *r)
{
    struct chat_point point = { .kind = CHAT_POINT_PLACE, .value = r->shown, .forward = true };
    enum chat_status status = room_unsaved(r) ? chat_seek(r->spool, r->reader, &point) : CHAT_OK;
    if (status == CHAT_OK)
        r->saved = r->shown;
    return status;
}

/* --- sending --------------------------------------------------------------- */

static enum chat_status put(struct room *r, struct chat_message *message,
                            const struct room_body *bodies, size_t count)
{
    enum chat_status status = chat_begin(r->spool);
    if (status != CHAT_OK)
        return status;
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        message->body = bodies[i].bytes;
        message->length = bodies[i].length;
        status = chat_put(r->spool, message, NULL, NULL);
    }
    return status == CHAT_OK ? chat_commit(r->spool) : status;
}

enum chat_status room_send(struct room *r, const char *to, const struct room_body *bodies,
                           size_t count)
{
    char reader[READER_SIZE];
    struct chat_message message = { .room = r->name, .user = r->user, .host = r->host };
    if (to != NULL) {
        snprintf(reader, sizeof reader, "%s/%s", r->name, to);
        message.room = reader;
    }
    /* Repeating a commit without an answer within this time shows whether it was stored. */
    chat_set_timeout(r->spool, r->patience < 0 || r->lost ? r->patience : SEND_PATIENCE);
    enum chat_status status = put(r, &message, bodies, count);
    chat_set_timeout(r->spool, r->patience);
    return status;
}

void room_leave(struct room *r)
{
    for (int i = 0; i < SIDES; i++)
        forget_batch(&r->sides[i]);
}
