/* query.c - statements, their values and their results, many in one exchange.
 *
 * The connection is in libpq's pipeline mode: the server answers all calls up to a Sync together,
 * and they are one transaction, unless a transaction was begun. Each statement is prepared at its
 * first use, in the same exchange. */

#include "query.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "failed.h"

/* --- values ---------------------------------------------------------------- */

void pg_bytes(struct pg_values *values, const void *bytes, size_t size)
{
    values->value[values->count] = bytes;
    values->length[values->count++] = (int)size;
}

void pg_number(struct pg_values *values, int64_t number)
{
    int64_t *place = &values->number[values->count];
    *place = (int64_t)htobe64((uint64_t)number);
    pg_bytes(values, place, sizeof *place);
}

void pg_time(struct pg_values *values, int64_t time)
{
    if (time != 0)
        pg_number(values, time);
    else
        pg_bytes(values, NULL, 0);
}

void pg_string(struct pg_values *values, const char *text)
{
    pg_bytes(values, text, text != NULL ? strlen(text) : 0);
}

/* --- arrays ---------------------------------------------------------------- */

/* The header of an array: the number of dimensions, whether there are NULLs, the type of the
 * elements, their number, and the index of the first (src/backend/utils/adt/arrayfuncs.c,
 * array_recv). */
enum { DIMENSIONS, NULLS, TYPE, COUNT, FIRST, HEADER };

static void array_add(struct pg_array *array, const void *bytes, size_t size)
{
    if (array->size + size > array->capacity) {
        size_t capacity = 2 * array->capacity + size + 256;
        char *grown = array->failed ? NULL : realloc(array->bytes, capacity);
        if (grown == NULL) {
            array->failed = true;
            return;
        }
        array->bytes = grown;
        array->capacity = capacity;
    }
    if (size > 0)
        memcpy(array->bytes + array->size, bytes, size);
    array->size += size;
}

static void array_add_int(struct pg_array *array, int32_t number)
{
    uint32_t swapped = htobe32((uint32_t)number);
    array_add(array, &swapped, sizeof swapped);
}

void pg_array_start(struct pg_array *array, int32_t type)
{
    *array = (struct pg_array){ .count = 0 };
    for (int i = 0; i < HEADER; i++)
        array_add_int(array, i == TYPE ? type : 1);
}

void pg_array_failure(struct pg_array *array, const struct chat_message *m)
{
    if (m->failed > 0)
        pg_array_number(array, m->failure);
    else
        pg_array_time(array, 0);
}

void pg_array_bytes(struct pg_array *array, const void *bytes, size_t size)
{
    array->count++;
    array_add_int(array, bytes != NULL ? (int32_t)size : -1);
    if (bytes != NULL)
        array_add(array, bytes, size);
}

void pg_array_text(struct pg_array *array, const char *text)
{
    pg_array_bytes(array, text, text != NULL ? strlen(text) : 0);
}

void pg_array_number(struct pg_array *array, int64_t number)
{
    uint64_t swapped = htobe64((uint64_t)number);
    pg_array_bytes(array, &swapped, sizeof swapped);
}

void pg_array_time(struct pg_array *array, int64_t time)
{
    if (time != 0)
        pg_array_number(array, time);
    else
        pg_array_bytes(array, NULL, 0);
}

void pg_add_array(struct pg_values *values, struct pg_array *array)
{
    uint32_t none = 0, count = htobe32((uint32_t)array->count);
    size_t size = array->size;
    if (array->failed) { /* no statement accepts this */
        pg_bytes(values, "", 0);
        return;
    }
    if (array->count == 0) {
        memcpy(array->bytes, &none, sizeof none); /* an empty array has no dimension */
        size = DIMENSIONS + 3 * sizeof none;
    } else
        memcpy(array->bytes + COUNT * sizeof count, &count, sizeof count);
    pg_bytes(values, array->bytes, size);
}

void pg_array_free(struct pg_array *array)
{
    free(array->bytes);
    *array = (struct pg_array){ .count = 0 };
}

/* --- exchanges ------------------------------------------------------------- */

static void forget_results(struct pg_store *s)
{
    for (size_t i = 0; i < s->call_count; i++) {
        PQclear(s->calls[i].result);
        s->calls[i].result = NULL;
    }
    PQclear(s->end);
    s->end = NULL;
    s->call_count = 0;
    s->unsent = s->answered = false;
}

static void add(struct pg_store *s, enum pg sql, bool prepares, bool sent)
{
    s->calls[s->call_count++] = (struct pg_call){ .sql = sql, .prepares = prepares };
    s->unsent = s->unsent || !sent;
}

/* Return a name for each statement: a letter and its number. */
static const char *name_of(enum pg sql, char name[8])
{
    name[0] = 's';
    name[1] = (char)('0' + sql / 10);
    name[2] = (char)('0' + sql % 10);
    name[3] = '\0';
    return name;
}

/* Send nothing after a call that failed to queue: a COMMIT would commit half of the transaction. */
static bool may_send(const struct pg_store *s)
{
    return s->conn != NULL && !s->unsent;
}

size_t pg_call(struct pg_store *s, enum pg sql, const struct pg_values *values)
{
    static const struct pg_values none;
    static const int binary[VALUES] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    char name[8];
    if (s->answered)
        forget_results(s);
    if (values == NULL)
        values = &none;
    if (!s->prepared[sql])
        add(s, sql, true,
            may_send(s) && PQsendPrepare(s->conn, name_of(sql, name), pg_text[sql], 0, NULL));
    s->prepared[sql] = true;
    add(s, sql, false,
        may_send(s) && PQsendQueryPrepared(s->conn, name_of(sql, name), values->count,
                                           values->value, values->length, binary, 1));
    return s->call_count - 1;
}

void pg_call_text(struct pg_store *s, const char *text)
{
    if (s->answered)
        forget_results(s);
    add(s, PG_COUNT, false,
        may_send(s) && PQsendQueryParams(s->conn, text, 0, NULL, NULL, NULL, NULL, 1));
}

/* Take the answer to one call; a NULL follows it. */
static void take(struct pg_store *s, struct pg_call *call)
{
    call->result = PQgetResult(s->conn);
    for (PGresult *more;
         PQstatus(s->conn) == CONNECTION_OK && (more = PQgetResult(s->conn)) != NULL;)
        PQclear(more);
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Take the remaining answers up to that to the Sync. The Sync is the commit if no transaction was
 * begun, so an error of the commit, such as that of a deferred trigger, comes here. Returns false
 * if there is no such answer. */
static bool take_end(struct pg_store *s)
{
    for (int nothing = 0; nothing < 2 && PQstatus(s->conn) == CONNECTION_OK;) {
        PGresult *result = PQgetResult(s->conn);
        bool end = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        nothing = result == NULL ? nothing + 1 : 0;
        if (s->end == NULL && result != NULL && !end)
            s->end = result;
        else
            PQclear(result);
        if (end)
            return true;
    }
    return false;
}

/* Take all answers. *FAILED becomes the first error. Returns false if some calls got no answer. */
static bool take_all(struct pg_store *s, const PGresult **failed)
{
    bool all = true;
    for (size_t i = 0; i < s->call_count; i++) {
        struct pg_call *call = &s->calls[i];
        if (PQstatus(s->conn) == CONNECTION_OK)
            take(s, call);
        all = all && call->result != NULL;
        if (call->prepares && !is_good(call->result))
            s->prepared[call->sql] = false;
        if (*failed == NULL && call->result != NULL && !is_good(call->result) &&
            PQresultStatus(call->result) != PGRES_PIPELINE_ABORTED)
            *failed = call->result;
    }
    all = all && take_end(s);
    if (*failed == NULL)
        *failed = s->end;
    return all && PQstatus(s->conn) == CONNECTION_OK;
}

/* Wait for the standbys. A user has made the server stop waiting for a standby, and what was
 * committed is only on the disk of the server. One more commit waits for a standby, and so for all
 * earlier commits. */
static enum chat_status await_standbys(struct pg_store *s)
{
    struct pg_timeout timeout = pg_timeout(s);
    while (s->unreplicated) {
        s->unreplicated = false;
        if (PQsendQueryParams(s->conn, pg_text[PG_AWAIT_STANDBYS], 0, NULL, NULL, NULL, NULL, 1) ==
                0 ||
            PQpipelineSync(s->conn) == 0)
            return pg_lost(s);
        PGresult *result = PQgetResult(s->conn);
        bool all = take_end(s), good = is_good(result) && s->end == NULL;
        PQclear(result);
        if (!all)
            return pg_lost(s);
        s->unreplicated = s->unreplicated || !good;
        if (s->unreplicated && !pg_pause(&timeout))
            return error_set(s->base.error, CHAT_BUSY,
                             "spool '%s' has stopped waiting for its standbys, so messages "
                             "may be lost with the server",
                             s->url);
    }
    return CHAT_OK;
}

enum chat_status pg_exchange(struct pg_store *s, const char *doing)
{
    const PGresult *failed = NULL;
    if (s->answered)
        forget_results(s);
    if (s->call_count == 0)
        return CHAT_OK;
    if (s->conn == NULL || s->unsent || PQpipelineSync(s->conn) == 0) {
        forget_results(s);
        return pg_lost(s);
    }
    bool all = take_all(s, &failed);
    s->answered = true;
    if (all && failed == NULL)
        return await_standbys(s);
    enum chat_status status = failed != NULL ? pg_failed(s, failed, doing) : pg_lost(s);
    forget_results(s);
    return status;
}

enum chat_status pg_do(struct pg_store *s, enum pg sql, const struct pg_values *values,
                       const char *doing)
{
    pg_call(s, sql, values);
    return pg_exchange(s, doing);
}

enum chat_status pg_script(struct pg_store *s, const char *text, const char *doing)
{
    if (s->answered)
        forget_results(s);
    PQexitPipelineMode(s->conn);
    PGresult *result = PQexec(s->conn, text);
    enum chat_status status = is_good(result) ? CHAT_OK : pg_failed(s, result, doing);
    PQclear(result);
    if (s->conn != NULL)
        PQenterPipelineMode(s->conn);
    return status;
}

/* --- results --------------------------------------------------------------- */

PGresult *pg_result(const struct pg_store *s, size_t call)
{
    return s->calls[call].result;
}

PGresult *pg_take_result(struct pg_store *s, size_t call)
{
    PGresult *result = s->calls[call].result;
    s->calls[call].result = NULL;
    return result;
}

int pg_rows(const struct pg_store *s, size_t call)
{
    return PQntuples(pg_result(s, call));
}

int64_t pg_affected(const struct pg_store *s, size_t call)
{
    return strtoll(PQcmdTuples(pg_result(s, call)), NULL, 10);
}

int64_t pg_get_number(const PGresult *result, int row, int column)
{
    uint64_t number;
    if (PQgetlength(result, row, column) != sizeof number)
        return 0;
    memcpy(&number, PQgetvalue(result, row, column), sizeof number);
    return (int64_t)be64toh(number);
}

const char *pg_get_text(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}
