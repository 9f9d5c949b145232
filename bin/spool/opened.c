/* opened.c - writing an open room with its readers. */

#include "opened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An open room that is being written. */
struct writing {
    const struct opened *to;
    const struct chat_room *room;
    struct chat_reader *readers; /* sorted by position */
    size_t count, next;
    const struct chat_reader *own; /* the reader whose own messages are being written */
};

static int compare_place(const void *a, const void *b)
{
    const struct chat_reader *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static void reader_name(const struct writing *w, const struct chat_reader *reader,
                        char name[2 * sizeof reader->name])
{
    snprintf(name, 2 * sizeof reader->name, "%s/%s", w->room->name, reader->name);
}

/* Put the readers that have not read the message at PLACE. */
static void put_readers(struct writing *w, int64_t place)
{
    char name[2 * sizeof w->readers->name];
    for (; w->next < w->count && w->readers[w->next].place < place; w->next++) {
        reader_name(w, &w->readers[w->next], name);
        w->to->put_reader(w->to->context, name, &w->readers[w->next]);
    }
}

static bool put_messages(void *context, const chat_batch *batch)
{
    struct writing *w = context;
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        put_readers(w, m->due > 0 ? INT64_MAX : m->place); /* delayed messages come last */
        w->to->put_message(w->to->context, m);
    }
    return true;
}

/* Write the unread messages that the reader does not share with other readers. */
static bool put_own(void *context, const chat_batch *batch)
{
    struct writing *w = context;
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        if (m->due > 0 || m->place <= w->own->place || strchr(m->room, '/') != NULL)
            w->to->put_message(w->to->context, m);
    }
    return true;
}

bool opened_write(chat_spool *spool, const struct chat_room *room, const struct opened *to)
{
    struct writing w = { .to = to, .room = room };
    char reader[2 * sizeof room->name];
    const char *name = room->name;
    enum chat_status status = chat_readers(spool, name, 0, &w.readers, &w.count);
    if (status != CHAT_NOUSER) { /* else the room was made plain a moment ago */
        spool_need(status, spool);
        to->put_room(to->context, room);
    }
    if (w.count > 0)
        qsort(w.readers, w.count, sizeof *w.readers, compare_place);
    bool damaged = spool_walk(spool, &name, 1, put_messages, &w);
    put_readers(&w, INT64_MAX);
    for (size_t i = 0; i < w.count; i++) {
        w.own = &w.readers[i];
        reader_name(&w, w.own, reader);
        name = reader;
        if (w.own->apart > 0)
            damaged |= spool_walk(spool, &name, 1, put_own, &w);
    }
    free(w.readers);
    return damaged;
}

static int compare_name(const void *name, const void *room)
{
    return strcmp(name, ((const struct chat_room *)room)->name);
}

const struct chat_room *opened_find(const struct chat_room *rooms, size_t count, const char *name)
{
    return count > 0 ? bsearch(name, rooms, count, sizeof *rooms, compare_name) : NULL;
}
