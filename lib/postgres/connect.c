/* connect.c - make the connection, and the session in it. */

#include "connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "create.h"
#include "failed.h"
#include "query.h"

enum { CAUSE = 2048 }; /* bytes of an error text of libpq */

/* Defaults for libpq where the URL sets nothing. Both sides notice a lost host after 10 + 3 * 5
 * seconds. With one host or several, connect to the primary. */
enum { TIMEOUT, IDLE, INTERVAL, PROBES, UNSEEN, ATTRIBUTES, DATABASE, ENCODING, NAME, KEYWORDS };
static const char *const keywords[KEYWORDS + 1] = {
    "connect_timeout",  "keepalives_idle",  "keepalives_interval",
    "keepalives_count", "tcp_user_timeout", "target_session_attrs",
    "dbname",           "client_encoding",  "fallback_application_name",
};
static const char *const defaults[KEYWORDS + 1] = {
    "5", "10", "5", "3", "25000", "read-write", NULL, "UTF8", "chatspool",
};

/* --- an attempt ------------------------------------------------------------ */

/* Copy libpq's text for each host that it has tried, without the lines of advice. */
static void copy_cause(const PGconn *conn, char cause[CAUSE])
{
    const char *text = conn != NULL ? PQerrorMessage(conn) : "out of memory";
    size_t used = 0;
    for (size_t length; *text != '\0' && used < CAUSE - 1;
         text += length + (text[length] != '\0')) {
        length = strcspn(text, "\n");
        if (text[0] == '\t')
            continue;
        int n =
            snprintf(cause + used, CAUSE - used, "%s%.*s", used > 0 ? "; " : "", (int)length, text);
        used += n > 0 ? (size_t)n : 0;
    }
    cause[used < CAUSE ? used : CAUSE - 1] = '\0';
    pg_clean(cause);
}

/* Return whether the server has no free connection at this moment. */
static bool is_crowded(const char *cause)
{
    return strstr(cause, "too many") != NULL || strstr(cause, "connection slots") != NULL;
}

/* Return the status of an error that would occur again, or CHAT_OK. Before libpq 17 the SQLSTATE of
 * a failed connection is not available, but libpq does not translate its own texts in a program
 * that has not asked for it. */
static enum chat_status permanent(struct pg_store *s, const char *const *values, const char *cause)
{
    static const char *const refusals[] = {
        "authentication failed", "no password supplied", "pg_hba.conf",
        "permission denied",     "certificate",          "SSL was required",
        "does not support SSL",  "private key",
    };
    if (pg_is_short(cause))
        return CHAT_SYSTEM;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strstr(cause, refusals[i]) != NULL)
            return CHAT_PERMISSION;
    if (PQconnectionNeedsPassword(s->conn))
        return CHAT_PERMISSION;
    /* Only standbys answer, and one of them is about to be promoted. */
    if (strstr(cause, "read-only") != NULL || strstr(cause, "hot standby") != NULL)
        return CHAT_OK;
    if (strstr(cause, "Name or service not known") != NULL)
        return CHAT_UNREACHABLE;
    if (is_crowded(cause))
        return CHAT_OK;
    /* the server answers, but refuses */
    return PQpingParams(keywords, values, 1) == PQPING_OK ? CHAT_UNREACHABLE : CHAT_OK;
}

/* Receive a notice of the server, such as the reason why it ends a session; libpq would print it.
 * One notice matters: that a commit no longer waits for a standby. It has no SQLSTATE of its own,
 * and its text may be translated, but the function that reports it has a name
 * (src/backend/replication/syncrep.c). */
static void hear(void *context, const PGresult *result)
{
    struct pg_store *s = context;
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0)
        s->unreplicated = true;
}

/* Try to connect. CHAT_OK: connected. CHAT_BUSY: try again. */
static enum chat_status attempt(struct pg_store *s)
{
    const char *values[KEYWORDS + 1];
    char cause[CAUSE];
    memcpy(values, defaults, sizeof values);
    values[DATABASE] = s->url;
    s->conn = PQconnectdbParams(keywords, values, 1);
    PQsetNoticeReceiver(s->conn, hear, s);
    if (PQstatus(s->conn) == CONNECTION_OK)
        return CHAT_OK;
    copy_cause(s->conn, cause);
    enum chat_status status = permanent(s, values, cause);
    pg_disconnect(s);
    s->crowded = is_crowded(cause);
    error_set(s->base.error, CHAT_UNREACHABLE, "cannot reach spool '%s': %s", s->url, cause);
    return status == CHAT_OK ? CHAT_BUSY : status;
}

/* --- a session ------------------------------------------------------------- */

/* Add a parameter that libpq uses, from the URL, a service file or our defaults. */
static void add_option(struct pg_values *values, const PQconninfoOption *options,
                       const char *keyword, const char *otherwise)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
            otherwise = options->val;
    pg_string(values, otherwise);
}

/* Add a call that sets the same keepalives on the side of the server. */
static size_t call_session(struct pg_store *s, const PQconninfoOption *options)
{
    struct pg_values values = { .count = 0 };
    for (int i = IDLE; i <= UNSEEN; i++)
        add_option(&values, options, keywords[i], "0");
    size_t call = pg_call(s, PG_SESSION, &values);
    if (PQserverVersion(s->conn) >= 170000)
        pg_call(s, PG_SESSION_17, NULL);
    return call;
}

static enum chat_status read_spool(struct pg_store *s, size_t call)
{
    if (pg_rows(s, call) != 1)
        return pg_no_spool(s);
    const PGresult *row = pg_result(s, call);
    s->version = pg_get_number(row, 0, 0);
    s->max_length = pg_get_number(row, 0, 1);
    const char *room = pg_get_text(row, 0, 2);
    snprintf(s->default_room, sizeof s->default_room, "%s",
             room != NULL && chat_room_valid(room) ? room : CHAT_ROOM_DEFAULT);
    s->next_id = pg_get_number(row, 0, 3);
    pg_set_time(s, pg_get_number(row, 0, 4));
    s->fresh = true;
    return CHAT_OK;
}

enum chat_status pg_read_spool(struct pg_store *s)
{
    size_t call = pg_call(s, PG_GET_SPOOL, NULL);
    enum chat_status status = pg_exchange(s, "read");
    return status == CHAT_OK ? read_spool(s, call) : status;
}

enum chat_status pg_not_too_new(const struct pg_store *s)
{
    if (s->version <= PG_SCHEMA_VERSION)
        return CHAT_OK;
    return error_set(s->base.error, CHAT_DATA,
                     "spool '%s' has format %lld, and this program knows up to %d: install a "
                     "newer one",
                     s->url, (long long)s->version, PG_SCHEMA_VERSION);
}

static enum chat_status check_version(const struct pg_store *s)
{
    if (s->version < PG_SCHEMA_VERSION)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' has format %lld, which is older than %d: upgrade it with "
                         "'chat-spool init'",
                         s->url, (long long)s->version, PG_SCHEMA_VERSION);
    return pg_not_too_new(s);
}

/* Check that no connection pooler is between this process and the server: a pooler reports a
 * made-up process id. A pooler that gives each transaction to another session would lose claims, or
 * never release them. */
static enum chat_status check_server(struct pg_store *s, int64_t pid)
{
    enum { LEAST = 140000 };
    s->pid = pid;
    if (pid != PQbackendPID(s->conn))
        return error_set(s->base.error, CHAT_USAGE,
                         "spool '%s' is behind a connection pooler, which does not keep sessions "
                         "apart: name the server itself",
                         s->url);
    if (PQserverVersion(s->conn) < LEAST)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' needs PostgreSQL 14 or newer",
                         s->url);
    const char *encoding = PQparameterStatus(s->conn, "server_encoding");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
        return error_set(s->base.error, CHAT_DATA, "the database of spool '%s' is not in UTF-8",
                         s->url);
    return CHAT_OK;
}

/* Begin a session on a new connection, and read the row of the spool, in one exchange. */
static enum chat_status begin_session(struct pg_store *s)
{
    PQconninfoOption *options = PQconninfo(s->conn);
    s->session++;
    PQenterPipelineMode(s->conn);
    size_t session = call_session(s, options), spool = 0;
    if (!s->upgrading)
        spool = pg_call(s, PG_GET_SPOOL, NULL);
    enum chat_status status = pg_exchange(s, "open");
    PQconninfoFree(options);
    if (status == CHAT_OK) {
        pg_set_time(s, pg_get_number(pg_result(s, session), 0, 1));
        status = check_server(s, pg_get_number(pg_result(s, session), 0, 0));
    }
    if (status == CHAT_OK && !s->upgrading) {
        status = read_spool(s, spool);
        if (status == CHAT_OK)
            status = check_version(s);
    }
    if (status != CHAT_OK)
        pg_disconnect(s);
    return status;
}

enum chat_status pg_connect(struct pg_store *s, struct pg_timeout *timeout)
{
    enum chat_status status = CHAT_OK;
    while (s->conn == NULL) {
        status = attempt(s);
        if (status == CHAT_OK)
            status = begin_session(s);
        else if (status == CHAT_BUSY && pg_pause(timeout))
            continue;
        else if (timeout->interrupted)
            return CHAT_INTERRUPTED;
        else
            return status == CHAT_BUSY && !s->crowded ? CHAT_UNREACHABLE : status;
        if (!pg_again(s, status, timeout))
            break;
    }
    return status;
}

enum chat_status pg_know_spool(struct pg_store *s)
{
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK && !s->fresh)
            status = pg_read_spool(s);
    } while (pg_again(s, status, &timeout));
    return status;
}
