/* read.c - the contents of messages. */

#include "internal.h"

#include "digest.h"

int64_t pg_digest(const struct chat_message *message)
{
    struct chat_message m = *message;
    m.id = m.time = 0;
    return message_digest(&m);
}

enum chat_status pg_read_row(struct pg_store *s, const PGresult *result, int row, bool every,
                             struct chat_message *m)
{
    m->id = pg_get_number(result, row, ID);
    m->time = pg_get_number(result, row, SENT);
    m->user = pg_get_text(result, row, SENDER);
    m->host = pg_get_text(result, row, HOST);
    m->attempts = pg_get_number(result, row, ATTEMPTS);
    m->key = pg_get_text(result, row, KEY);
    m->body = PQgetvalue(result, row, BODY);
    m->length = (size_t)PQgetlength(result, row, BODY);
    if (every) {
        m->place = pg_get_number(result, row, PLACE);
        m->due = pg_get_number(result, row, DUE);
        m->expires = pg_get_number(result, row, EXPIRES);
    }
    m->failed = pg_get_number(result, row, FAILED);
    m->failure = (int)pg_get_number(result, row, FAILURE);
    if (m->user != NULL && m->host != NULL && pg_get_number(result, row, CHECKSUM) == pg_digest(m))
        return CHAT_OK;
    s->damaged = m->id;
    return error_set(s->base.error, CHAT_DAMAGED,
                     "message %lld in room '%s' of spool '%s' is damaged", (long long)m->id,
                     m->room, s->url);
}
