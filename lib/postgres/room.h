/* room.h - the row of a room; messages whose time has come, or is over. */

#ifndef POSTGRES_ROOM_H
#define POSTGRES_ROOM_H

#include "internal.h"

struct pg_room {
    int64_t number; /* 0: no such room */
    char name[CHAT_NAME_MAX + 1];
    int64_t returned, first; /* see schema.sql; FIRST is the place of the first message */
    bool due, expired;       /* some messages are due; some have expired */
    bool may_delete;         /* this role may delete messages */
    bool open;               /* only readers receive from it */
};

/* Read the row of a room in one exchange; or add the call to the exchange, and read the row after
 * it. */
enum chat_status pg_room_look(struct pg_store *s, const char *name, struct pg_room *room);
size_t pg_room_call_look(struct pg_store *s, const char *name);
void pg_room_read_look(const struct pg_store *s, size_t call, struct pg_room *room);

/* Make the due messages of a room ready. If this role may not do that, or other sessions delay it,
 * messages that are ready are still available. */
enum chat_status pg_room_promote(struct pg_store *s, int64_t room);

/* Delete all expired messages of a room. */
enum chat_status pg_room_sweep(struct pg_store *s, int64_t room);

/* Replace the counts of a room by their sum, and delete rows that no longer count. A failure does
 * no harm. */
void pg_room_tidy(struct pg_store *s, int64_t room);

/* Return NAME, or the default room if it is NULL; owned by S. */
const char *pg_room_name(const struct pg_store *s, const char *name);

/* Return true for about one id in EVERY, by the bits of ID. */
bool pg_room_is_sampled(int64_t id, int64_t every);

/* Add a call that announces a deletion from the room with that number: a sender that begins to wait
 * for space waits for our commit first. */
void pg_room_call_settling(struct pg_store *s, int64_t room);

/* Add a call that deletes some expired messages of the room, for one BATCH in some. */
void pg_room_call_sweep(struct pg_store *s, const struct chat_batch *batch, int64_t room);

#endif
