/* copy.c - put many new messages into a room with COPY.
 *
 * For each row of an INSERT the server writes a record of its WAL; for the rows of a COPY it writes
 * one for each page. The client gives the ids, which the server has drawn for it, because a default
 * that is computed for each row would prevent that. libpq has no COPY in its pipeline mode, so a
 * COPY is some exchanges of its own, in the transaction that sends. */

#include "internal.h"

#include <endian.h>
#include <string.h>

#include "failed.h"
#include "log.h"
#include "put.h"
#include "query.h"
#include "read.h"

static const char statement[] = "COPY chat.message (id, room, place, due, expires, sent, sender, "
                                "host, attempts, key, checksum, body) FROM STDIN (FORMAT binary)";

/* The format: postgresql.org/docs/current/sql-copy.html. */
static const char header[19] = "PGCOPY\n\377\r\n"; /* the rest is zero */
enum { COLUMNS = 12, END = -1 };

/* Bytes on their way to the server. */
struct pipe {
    PGconn *conn;
    bool failed; /* the connection has taken no more */
    size_t used;
    char bytes[64 * 1024];
};

static void flush(struct pipe *p)
{
    if (p->used > 0 && !p->failed)
        p->failed = PQputCopyData(p->conn, p->bytes, (int)p->used) != 1;
    p->used = 0;
}

static void add(struct pipe *p, const void *bytes, size_t size)
{
    for (const char *from = bytes; size > 0;) {
        size_t space = sizeof p->bytes - p->used, some = size < space ? size : space;
        memcpy(p->bytes + p->used, from, some);
        p->used += some;
        from += some;
        size -= some;
        if (p->used == sizeof p->bytes)
            flush(p);
    }
}

static void add_int16(struct pipe *p, int16_t number)
{
    uint16_t swapped = htobe16((uint16_t)number);
    add(p, &swapped, sizeof swapped);
}

static void add_bytes(struct pipe *p, const void *bytes, size_t size)
{
    uint32_t swapped = htobe32(bytes != NULL ? (uint32_t)size : UINT32_MAX);
    add(p, &swapped, sizeof swapped);
    if (bytes != NULL)
        add(p, bytes, size);
}

static void add_number(struct pipe *p, int64_t number)
{
    uint64_t swapped = htobe64((uint64_t)number);
    add_bytes(p, &swapped, sizeof swapped);
}

static void add_time(struct pipe *p, int64_t time)
{
    if (time != 0)
        add_number(p, time);
    else
        add_bytes(p, NULL, 0);
}

static void add_text(struct pipe *p, const char *text)
{
    add_bytes(p, text, text != NULL ? strlen(text) : 0);
}

static void add_row(struct pipe *p, const struct chat_message *m, int64_t id, int64_t room,
                    int64_t now)
{
    add_int16(p, COLUMNS);
    add_number(p, id);
    add_number(p, room);
    add_number(p, m->due == 0 ? id : 0);
    add_time(p, m->due);
    add_time(p, m->expires);
    add_number(p, m->time != 0 ? m->time : now);
    add_text(p, m->user);
    add_text(p, m->host);
    add_number(p, m->attempts);
    add_text(p, m->key);
    add_number(p, pg_read_digest(m));
    add_bytes(p, m->length > 0 ? m->body : "", m->length);
}

/* The ids are an array in PostgreSQL's binary format: five numbers, and before each element its
 * length (src/backend/utils/adt/arrayfuncs.c, array_send). */
enum { BEFORE_IDS = 20, BEFORE_ID = 4, EACH_ID = 12 };

static int64_t get_id(const char *ids, size_t i)
{
    uint64_t number;
    memcpy(&number, ids + BEFORE_IDS + i * EACH_ID + BEFORE_ID, sizeof number);
    return (int64_t)be64toh(number);
}

static void add_rows(struct pipe *p, const struct pg_log *log, const size_t *list, size_t count,
                     const PGresult *drawn)
{
    const int64_t room = pg_get_number(drawn, 0, 0), now = pg_get_number(drawn, 0, 1);
    const char *ids = PQgetvalue(drawn, 0, 2);
    add(p, header, sizeof header);
    for (size_t i = 0; i < count && !p->failed; i++) {
        const struct chat_message m = pg_log_get(log, list[i]);
        add_row(p, &m, get_id(ids, i), room, now);
    }
    add_int16(p, END);
    flush(p);
}

/* Copy COUNT messages of the log, with the ids in DRAWN. */
static enum chat_status copy(struct pg_store *s, const size_t *list, size_t count,
                             const PGresult *drawn)
{
    struct pipe pipe = { .conn = s->conn };
    if (PQexitPipelineMode(s->conn) != 1)
        return pg_lost(s);
    PGresult *result = PQexecParams(s->conn, statement, 0, NULL, NULL, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_COPY_IN) {
        PQclear(result);
        add_rows(&pipe, &s->put.log, list, count, drawn);
        if (pipe.failed || PQputCopyEnd(s->conn, NULL) != 1)
            return pg_lost(s);
        result = PQgetResult(s->conn);
    }
    enum chat_status status =
        PQresultStatus(result) == PGRES_COMMAND_OK ? CHAT_OK : pg_failed(s, result, "write");
    PQclear(result);
    while (s->conn != NULL && (result = PQgetResult(s->conn)) != NULL)
        PQclear(result);
    if (s->conn != NULL && PQenterPipelineMode(s->conn) != 1)
        return pg_lost(s);
    return status;
}

/* Draw ids for COUNT messages of ROOM, which we have entered. *CALL becomes the call with the
 * result. CHAT_NONE: this role may not copy. */
static enum chat_status draw(struct pg_store *s, const char *room, size_t count, size_t *call)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, room);
    pg_number(&values, (int64_t)count);
    *call = pg_call(s, PG_DRAW_IDS, &values);
    enum chat_status status = pg_exchange(s, "write");
    if (status != CHAT_OK)
        return status;
    s->secured = pg_rows(s, *call) != 1 ||
                 (size_t)PQgetlength(pg_result(s, *call), 0, 2) != BEFORE_IDS + count * EACH_ID;
    return s->secured ? CHAT_NONE : CHAT_OK;
}

/* Return whether message I of the log is a new one: it has no id, place or failure to keep. */
static bool is_new(const struct pg_log *log, size_t i)
{
    const struct chat_message m = pg_log_get(log, i);
    return m.id == 0 && m.place == 0 && m.failed == 0;
}

bool pg_may_copy(const struct pg_store *s, const size_t *list, size_t count)
{
    enum { LEAST = 128 }; /* fewer are not worth the exchanges */
    if (count < LEAST || s->secured || strchr(pg_log_room(&s->put.log, list[0]), '/') != NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_new(&s->put.log, list[i]))
            return false;
    return true;
}

enum chat_status pg_copy(struct pg_store *s, const size_t *list, size_t count)
{
    const char *room = pg_log_room(&s->put.log, list[0]);
    int64_t bytes = 0;
    size_t call;
    pg_put_call_enter(s, room);
    enum chat_status status = draw(s, room, count, &call);
    if (status != CHAT_OK)
        return status;
    const int64_t number = pg_get_number(pg_result(s, call), 0, 0);
    status = copy(s, list, count, pg_result(s, call));
    if (status != CHAT_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        bytes += (int64_t)pg_log_get(&s->put.log, list[i]).length;
    pg_put_call_count(s, number, (int64_t)count, bytes);
    pg_put_call_ring(s, room, (int64_t)count);
    return CHAT_OK;
}
