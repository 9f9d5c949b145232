/* rooms.c - what both stores share about rooms: errors with the same texts, and numbers of open
 * rooms. */

#include "rooms.h"

#include <string.h>

/* Return the length of the room in NAME, which may be a reader's. */
static int room_length(const char *name)
{
    return (int)strcspn(name, "/");
}

enum chat_status rooms_not_open(struct error *error, const char *name)
{
    return error_set(error, CHAT_NOUSER, "room '%.*s' is not open", room_length(name), name);
}

enum chat_status rooms_no_reader(struct error *error, const char *name)
{
    return error_set(error, CHAT_NOUSER, "room '%.*s' has no reader '%s'", room_length(name), name,
                     strchr(name, '/') + 1);
}

enum chat_status rooms_no_message(struct error *error, const char *name, int64_t id)
{
    return error_set(error, CHAT_NONE, "room '%.*s' does not keep message %lld", room_length(name),
                     name, (long long)id);
}

enum chat_status rooms_need_reader(struct error *error, const char *room)
{
    return error_set(error, CHAT_USAGE, "room '%s' is open: name a reader, as in '%s/NAME'", room,
                     room);
}

enum chat_status rooms_full(struct error *error, const char *room, int64_t depth, bool open)
{
    return error_set(error, CHAT_BUSY,
                     open ? "room '%s' is full: its slowest reader has not read %lld message%s"
                          : "room '%s' is full: it holds %lld message%s",
                     room, (long long)depth, depth == 1 ? "" : "s");
}

struct chat_bounds rooms_bounds(int64_t keep, int64_t most)
{
    return (struct chat_bounds){
        .keep = keep > 0 ? keep : 0,
        .keep_time = keep < 0 ? -keep : 0,
        .most = most > 0 ? most : 0,
        .most_time = most < 0 ? -most : 0,
    };
}

int64_t rooms_missed(const struct store *store, int64_t reader, int64_t missed)
{
    for (const struct chat_batch *b = store->claimed; b != NULL && missed > 0; b = b->next)
        if (b->room == reader)
            missed -= b->missed;
    return missed > 0 ? missed : 0;
}
