/* json_in.h - reading a message from a JSON line, as json_out.h writes it. */

#ifndef JSON_IN_H
#define JSON_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "text.h"

/* The longest line that a message with a body of this length may need: each byte as \u00XX, plus
 * the other fields. */
#define JSON_IN_LINE(body)                                                                         \
    ((body) < SIZE_MAX / 8 ? (size_t)6 * (body) + (size_t)16 * 1024 : SIZE_MAX / 2)

/* Initialize with zeros. The message is valid until the next line is read. */
struct json_in {
    bool every;      /* read id, attempts, place, due, expires and next_id as well */
    int64_t next_id; /* next id of the spool that wrote the line; 0: not in the line */
    bool replace;    /* the field "replace"; not read with EVERY */
    bool alone;      /* the line has only a next id, and no message */
    /* With EVERY, from a line without a message: */
    const char *opened;        /* the name of an open room, or NULL, */
    struct chat_bounds bounds; /* and its limits; */
    const char *reader;        /* the name of a reader (ROOM/NAME), or NULL, */
    int64_t place, missed;     /* the position up to which it has read the room; lost messages */
    struct json_t *object;
    struct text decoded;
    char reason[256]; /* why the last line could not be read */
};

/* Set replace, and fill in the room, user, host, time, key, body and length of MESSAGE from the
 * SIZE bytes of LINE. Fields missing from the line become NULL or 0; other fields of MESSAGE do not
 * change. Returns false if the line contains neither a message nor a next id alone; then "reason"
 * explains why. */
bool json_in_read(struct json_in *in, const char *line, size_t size, struct chat_message *message);

void json_in_free(struct json_in *in);

#endif
