/* reader.c - readers of open rooms.
 *
 * A reader is a row of chat.room that reads another room, its source. It has seen the source up to
 * a place. It has finished no message behind that place. A message before that place is finished,
 * or has a copy in the reader's own room. A claim is an advisory lock by the numbers of the reader
 * and of the message, so that the readers of a room do not see each other's claims. */

#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failed.h"
#include "locks.h"
#include "name.h"
#include "query.h"
#include "room.h"
#include "rooms.h"

/* Add the two names that a statement about a reader takes. */
static void add_names(struct pg_values *values, const char *name, char room[CHAT_NAME_MAX + 1])
{
    pg_string(values, name);
    pg_string(values, pg_name_source(name, room));
}

/* --- a look ---------------------------------------------------------------- */

size_t pg_reader_call_look(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    add_names(&values, name, room);
    return pg_call(s, PG_LOOK_READER, &values);
}

enum chat_status pg_reader_read_look(const struct pg_store *s, size_t call, const char *name,
                                     struct pg_reader *reader)
{
    const PGresult *row = pg_result(s, call);
    if (pg_rows(s, call) == 0)
        return rooms_not_open(s->base.error, name);
    *reader = (struct pg_reader){
        .source = pg_get_number(row, 0, 0),
        .number = pg_get_number(row, 0, 1),
        .seen = pg_get_number(row, 0, 2),
        .missed = pg_get_number(row, 0, 3),
        .due = pg_get_number(row, 0, 4) != 0,
        .source_due = pg_get_number(row, 0, 5) != 0,
        .keep = pg_get_number(row, 0, 6),
        .may_delete = pg_get_number(row, 0, 7) != 0,
    };
    return CHAT_OK;
}

enum chat_status pg_reader_look(struct pg_store *s, const char *name, struct pg_reader *reader)
{
    size_t call = pg_reader_call_look(s, name);
    enum chat_status status = pg_exchange(s, "read");
    return status == CHAT_OK ? pg_reader_read_look(s, call, name, reader) : status;
}

enum chat_status pg_reader_promote(struct pg_store *s, const struct pg_reader *reader)
{
    enum chat_status status = reader->due ? pg_room_promote(s, reader->number) : CHAT_OK;
    return status == CHAT_OK && reader->source_due ? pg_room_promote(s, reader->source) : status;
}

/* --- presence -------------------------------------------------------------- */

bool pg_reader_is_here(const struct pg_store *s, const char *name)
{
    for (size_t i = 0; i < s->here_count; i++)
        if (s->here[i] == pg_name_hash(name))
            return true;
    return false;
}

size_t pg_reader_call_here(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, name);
    return pg_call(s, PG_BE_HERE, &values);
}

enum chat_status pg_reader_note_here(struct pg_store *s, const char *name)
{
    return pg_locks_remember(&s->here, &s->here_count, pg_name_hash(name)) ? CHAT_OK
                                                                           : pg_no_memory(s);
}

enum chat_status pg_reader_create(struct pg_store *s, const char *name)
{
    struct pg_values values = { .count = 0 };
    char room[CHAT_NAME_MAX + 1];
    pg_string(&values, pg_name_source(name, room));
    pg_string(&values, name);
    return pg_do(s, PG_NEED_READER, &values, "write");
}

enum chat_status pg_reader_be_here(struct pg_store *s, const char *name)
{
    enum chat_status status = CHAT_OK;
    bool made = false;
    while (status == CHAT_OK && !pg_reader_is_here(s, name)) {
        size_t call = pg_reader_call_here(s, name);
        status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return status;
        if (pg_rows(s, call) > 0)
            return pg_reader_note_here(s, name);
        if (made) /* it was deleted at once */
            return rooms_not_open(s->base.error, name);
        status = pg_reader_create(s, name);
        made = true;
    }
    return status;
}
