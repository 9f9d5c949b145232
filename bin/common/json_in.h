/* json_in.h - a message read from a JSON line, as json_out.h writes it. */

#ifndef JSON_IN_H
#define JSON_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "text.h"

/* The longest line that a message with a body of this length may need: each byte as \u00XX, and
 * the other fields. */
#define JSON_IN_LINE(body)                                                                         \
    ((body) < SIZE_MAX / 8 ? (size_t)6 * (body) + (size_t)16 * 1024 : SIZE_MAX / 2)

/* All zero at first. The message stays valid until the next line is read. */
struct json_in {
    bool every;      /* read id, attempts, place, due, expires and next_id, too */
    int64_t next_id; /* of the spool that the line comes from; 0: not in the line */
    bool replace;    /* the field of the line; not read with EVERY */
    bool alone;      /* the line has that field, and no message */
    /* With EVERY, of a line without a message: */
    const char *opened;        /* the name of an open room, or NULL, */
    struct chat_bounds bounds; /* and what it keeps; */
    const char *reader;        /* the name of a reader (ROOM/NAME), or NULL, */
    int64_t place;             /* and up to which place it has seen the room */
    struct json_t *object;
    struct text decoded;
    char reason[256]; /* why the last line could not be read */
};

/* Set replace, and fill in the room, user, host, time, key, body and length of MESSAGE from the
 * SIZE bytes of LINE. Fields that are not in the line become NULL or 0; other fields of MESSAGE
 * stay as they are. Returns false if the line is neither a message nor a next id alone; reason
 * says why. */
bool json_in_read(struct json_in *in, const char *line, size_t size, struct chat_message *message);

void json_in_free(struct json_in *in);

#endif
