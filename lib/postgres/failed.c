/* failed.c - the meaning of the server's errors. */

#include "failed.h"

#include <string.h>

#include "connect.h"

#define POOLER                                                                                     \
    "it is behind a connection pooler, which does not keep sessions apart: name the server itself"

/* The meaning of an SQLSTATE, or of its class, which is its first two letters
 * (postgresql.org/docs/current/errcodes-appendix.html). The first match counts. */
static const struct {
    const char *state;
    enum chat_status status;
    const char *text; /* NULL: the server's own */
} meanings[] = {
    { "57P", CHAT_UNREACHABLE, NULL },   /* it shuts down, has crashed, or is starting */
    { "08", CHAT_UNREACHABLE, NULL },    /* connection exceptions */
    { "25006", CHAT_UNREACHABLE, NULL }, /* read-only: the server is not the primary any more */
    { "25P03", CHAT_UNREACHABLE, NULL }, /* a transaction that was open for too long */
    /* Another client has prepared a statement of that name, or ours does not exist. */
    { "CH067", CHAT_NOUSER, NULL }, /* raised in sql/postgres/readers.part */
    { "42P05", CHAT_USAGE, POOLER },
    { "26000", CHAT_USAGE, POOLER },
    { "42501", CHAT_PERMISSION, NULL },
    { "28", CHAT_PERMISSION, NULL },
    { "53100", CHAT_IO, "no space left on the server's disk" },
    { "58", CHAT_IO, NULL },
    { "55P03", CHAT_BUSY, "other processes have been writing for 30 seconds" },
    { "55", CHAT_BUSY, NULL },
    { "57014", CHAT_BUSY, NULL },
    { "40", CHAT_BUSY, NULL }, /* deadlocks */
    { "53", CHAT_SYSTEM, NULL },
    { "3F", CHAT_NONE, NULL }, /* no such schema, table, column, function */
    { "42P01", CHAT_NONE, NULL },
    { "42703", CHAT_NONE, NULL },
    { "42883", CHAT_NONE, NULL },
    { "", CHAT_DATA, NULL },
};

enum chat_status pg_no_memory(const struct pg_store *s)
{
    return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
}

enum chat_status pg_no_spool(const struct pg_store *s)
{
    return error_set(s->base.error, CHAT_DATA,
                     "there is no spool in '%s' yet: create it with 'chat-spool init'", s->url);
}

void pg_clean(char *text)
{
    size_t left = strlen(text), kept = 0;
    for (const char *from = text; left > 0;) {
        uint32_t c;
        size_t length = chat_utf8(from, left, &c);
        bool good = length > 0 && c >= 0x20 && (c < 0x7f || c > 0x9f);
        if (good) {
            memmove(text + kept, from, length);
            kept += length;
        } else if (kept > 0 && text[kept - 1] != ' ')
            text[kept++] = ' ';
        from += length > 0 ? length : 1;
        left -= length > 0 ? length : 1;
    }
    while (kept > 0 && text[kept - 1] == ' ')
        kept--;
    text[kept] = '\0';
}

/* libpq has no code for this. The texts of the server itself begin differently. */
bool pg_is_short(const char *cause)
{
    return strstr(cause, "FATAL:") == NULL && (strstr(cause, "out of memory") != NULL ||
                                               strstr(cause, "cannot allocate memory") != NULL ||
                                               strstr(cause, "Too many open files") != NULL);
}

/* Without libpq's text, such as "server closed the connection unexpectedly", which adds nothing. */
enum chat_status pg_lost(struct pg_store *s)
{
    bool is_short = pg_is_short(PQerrorMessage(s->conn));
    pg_disconnect(s);
    if (is_short)
        return pg_no_memory(s);
    return error_set(s->base.error, CHAT_UNREACHABLE, "the connection to spool '%s' is lost",
                     s->url);
}

enum chat_status pg_failed(struct pg_store *s, const PGresult *result, const char *doing)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char cause[1024];
    if (state == NULL && pg_is_short(PQresultErrorMessage(result))) {
        pg_disconnect(s);
        return pg_no_memory(s);
    }
    if (state == NULL || PQstatus(s->conn) != CONNECTION_OK)
        return pg_lost(s);
    size_t i = 0;
    while (strncmp(state, meanings[i].state, strlen(meanings[i].state)) != 0)
        i++;
    enum chat_status status = meanings[i].status;
    s->deadlock = strncmp(state, "40", 2) == 0;
    if (status == CHAT_UNREACHABLE)
        return pg_lost(s);
    if (status == CHAT_NONE)
        return pg_no_spool(s);
    if (meanings[i].text != NULL)
        message = meanings[i].text;
    strncpy(cause, message != NULL ? message : state, sizeof cause - 1);
    cause[sizeof cause - 1] = '\0';
    pg_clean(cause);
    if (status == CHAT_NOUSER)
        return error_set(s->base.error, status, "%s", cause);
    return error_set(s->base.error, status, "cannot %s spool '%s': %s", doing, s->url, cause);
}
