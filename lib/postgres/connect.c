/* connect.c - make the connection, and the session in it. */

#include "connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "create.h"
#include "failed.h"
#include "name.h"
#include "query.h"

enum { CAUSE = 2048 }; /* bytes of an error text of libpq */

/* Defaults for libpq where the URL sets nothing. Both sides notice a lost host after 10 + 3 * 5
 * seconds. With one host or several, connect to the primary. */
enum {
    TIMEOUT,
    IDLE,
    INTERVAL,
    PROBES,
    UNSEEN,
    ATTRIBUTES,
    DATABASE,
    ENCODING,
    NAME,
    OPTIONS,
    KEYWORDS
};
static const char *const keywords[KEYWORDS + 1] = {
    "connect_timeout",  "keepalives_idle",  "keepalives_interval",
    "keepalives_count", "tcp_user_timeout", "target_session_attrs",
    "dbname",           "client_encoding",  "fallback_application_name",
    "options",
};
static const char *const defaults[KEYWORDS + 1] = {
    "5", "10", "5", "3", "25000", "read-write", NULL, "UTF8", "chatspool", NULL,
};

/* --- settings that come with the connection -------------------------------- */

/* The settings of the statement "session" (sql/postgres/connection.sql), except synchronous_commit,
 * which depends on the server's. They override those of the role and of the database, and cost
 * less than the statement. */
#define SETTINGS                                                                                   \
    "-c search_path=pg_catalog -c default_transaction_isolation=read\\ committed"                  \
    " -c lock_timeout=30s -c statement_timeout=0 -c idle_session_timeout=0"                        \
    " -c idle_in_transaction_session_timeout=60s -c client_connection_check_interval=5s"           \
    " -c enable_seqscan=off -c enable_bitmapscan=off -c plan_cache_mode=force_generic_plan"        \
    " -c jit=off -c tcp_keepalives_idle=%s -c tcp_keepalives_interval=%s"                          \
    " -c tcp_keepalives_count=%s -c tcp_user_timeout=%s"

/* Return the value of a parameter of the URL, or OTHERWISE. */
static const char *find_option(const PQconninfoOption *options, const char *keyword,
                               const char *otherwise)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
            return options->val;
    return otherwise;
}

/* Write the settings to TEXT. Returns false if they cannot come with the connection: the user has
 * settings of another origin, or uses a service file, which may contain some. */
static bool write_settings(const struct pg_store *s, char *text, size_t size)
{
    PQconninfoOption *url = PQconninfoParse(s->url, NULL), *others = PQconndefaults();
    const char *numbers[4];
    bool own = url == NULL || others == NULL;
    for (int i = 0; i < 2; i++) {
        const PQconninfoOption *list = i == 0 ? url : others;
        own = own || find_option(list, "options", "")[0] != '\0' ||
              find_option(list, "service", "")[0] != '\0';
    }
    for (int i = IDLE; i <= UNSEEN; i++) {
        const char *number = numbers[i - IDLE] = find_option(url, keywords[i], defaults[i]);
        own = own || number[strspn(number, "0123456789")] != '\0' || number[0] == '\0';
    }
    int length =
        own ? -1 : snprintf(text, size, SETTINGS, numbers[0], numbers[1], numbers[2], numbers[3]);
    PQconninfoFree(url);
    PQconninfoFree(others);
    return length > 0 && (size_t)length < size;
}

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

/* Return whether a server or a pooler refuses our settings. Without them the statement sets them,
 * or there is a better error. */
static bool refuses_settings(const char *cause)
{
    return strstr(cause, "parameter") != NULL || strstr(cause, "options") != NULL;
}

/* Try to connect. CHAT_OK: connected. CHAT_BUSY: try again. */
// NOLINTNEXTLINE(misc-no-recursion): once, without our settings
static enum chat_status attempt(struct pg_store *s)
{
    const char *values[KEYWORDS + 1];
    char cause[CAUSE], settings[1024];
    memcpy(values, defaults, sizeof values);
    values[DATABASE] = s->url;
    s->plain = s->plain || s->upgrading || !write_settings(s, settings, sizeof settings);
    if (!s->plain)
        values[OPTIONS] = settings;
    s->conn = PQconnectdbParams(keywords, values, 1);
    PQsetNoticeReceiver(s->conn, hear, s);
    if (PQstatus(s->conn) == CONNECTION_OK)
        return CHAT_OK;
    copy_cause(s->conn, cause);
    enum chat_status status = permanent(s, values, cause);
    pg_disconnect(s);
    if (status != CHAT_OK && !s->plain && refuses_settings(cause)) {
        s->plain = true;
        return attempt(s);
    }
    s->crowded = is_crowded(cause);
    error_set(s->base.error, CHAT_UNREACHABLE, "cannot reach spool '%s': %s", s->url, cause);
    return status == CHAT_OK ? CHAT_BUSY : status;
}

/* --- a session ------------------------------------------------------------- */

/* Add a call that sets the same keepalives on the side of the server. */
static size_t call_session(struct pg_store *s, const PQconninfoOption *options)
{
    struct pg_values values = { .count = 0 };
    for (int i = IDLE; i <= UNSEEN; i++)
        pg_string(&values, find_option(options, keywords[i], "0"));
    size_t call = pg_call(s, PG_SESSION, &values);
    if (PQserverVersion(s->conn) >= 170000)
        pg_call(s, PG_SESSION_17, NULL);
    return call;
}

/* The server has space for max_locks_per_transaction * max_connections locks, which are in the
 * result of CALL from column COLUMN on, and each claim takes one. A receiver may take 2 of 25 of
 * them: 512 by default, so that twelve receivers may do so at once. */
static void set_claims(struct pg_store *s, size_t call, int column)
{
    const double least = 512, most = CLAIMS;
    const PGresult *row = pg_result(s, call);
    const char *locks = pg_get_text(row, 0, column);
    const char *connections = pg_get_text(row, 0, column + 1);
    double claims = 0;
    if (locks != NULL && connections != NULL)
        claims = strtod(locks, NULL) * strtod(connections, NULL) * 2 / 25;
    s->claims = (size_t)(claims > most ? most : claims > least ? claims : least);
}

/* Read the row of the spool from the result of CALL: the columns of get_spool, the first of which
 * is column FIRST. */
static enum chat_status read_spool(struct pg_store *s, size_t call, int first)
{
    if (pg_rows(s, call) != 1)
        return pg_no_spool(s);
    const PGresult *row = pg_result(s, call);
    s->version = pg_get_number(row, 0, first);
    s->max_length = pg_get_number(row, 0, first + 1);
    const char *room = pg_get_text(row, 0, first + 2);
    snprintf(s->default_room, sizeof s->default_room, "%s",
             room != NULL && chat_room_valid(room) ? room : CHAT_ROOM_DEFAULT);
    s->next_id = pg_get_number(row, 0, first + 3);
    pg_set_time(s, pg_get_number(row, 0, first + 4));
    s->fresh = true;
    s->room_number = 0;
    return CHAT_OK;
}

enum chat_status pg_read_spool(struct pg_store *s)
{
    size_t call = pg_call(s, PG_GET_SPOOL, NULL);
    enum chat_status status = pg_exchange(s, "read");
    return status == CHAT_OK ? read_spool(s, call, 0) : status;
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

/* Begin a session with all its settings, and read the row of the spool, in one exchange. */
static enum chat_status set_session(struct pg_store *s)
{
    PQconninfoOption *options = PQconninfo(s->conn);
    size_t session = call_session(s, options), spool = 0;
    if (!s->upgrading)
        spool = pg_call(s, PG_GET_SPOOL, NULL);
    enum chat_status status = pg_exchange(s, "open");
    PQconninfoFree(options);
    if (status != CHAT_OK)
        return status;
    pg_set_time(s, pg_get_number(pg_result(s, session), 0, 1));
    set_claims(s, session, 2);
    status = check_server(s, pg_get_number(pg_result(s, session), 0, 0));
    if (status != CHAT_OK || s->upgrading)
        return status;
    status = read_spool(s, spool, 0);
    return status == CHAT_OK ? check_version(s) : status;
}

/* Likewise, where the settings came with the connection, and look up the wanted room. */
static enum chat_status start_session(struct pg_store *s)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, s->wanted);
    size_t call = pg_call(s, PG_START, &values);
    if (PQserverVersion(s->conn) >= 170000)
        pg_call(s, PG_SESSION_17, NULL);
    enum chat_status status = pg_exchange(s, "open");
    if (status == CHAT_OK)
        status = check_server(s, pg_get_number(pg_result(s, call), 0, 0));
    if (status == CHAT_OK)
        status = read_spool(s, call, 1);
    if (status != CHAT_OK)
        return status;
    set_claims(s, call, 6);
    s->room_number = pg_get_number(pg_result(s, call), 0, 8);
    s->room_hash = pg_name_hash(s->wanted != NULL ? s->wanted : s->default_room);
    return check_version(s);
}

/* Begin a session on a new connection. An error of the one statement may come from an older schema,
 * which the other statements know. */
static enum chat_status begin_session(struct pg_store *s)
{
    s->session++;
    PQenterPipelineMode(s->conn);
    enum chat_status status = s->plain ? set_session(s) : start_session(s);
    if (status == CHAT_DATA && s->conn != NULL && !s->plain)
        status = set_session(s);
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
