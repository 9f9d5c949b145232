/* store.c - the PostgreSQL store: its operations; opening and closing. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "failed.h"
#include "log.h"
#include "module.h"
#include "operations.h"

static void pg_single_threaded(void)
{
}

/* Report that libpq cannot read the URL. Its text may contain all of the URL. Without a text it had
 * no memory. */
static enum chat_status unreadable(struct error *error, const char *url, char *cause)
{
    if (cause == NULL || pg_is_short(cause))
        return error_set(error, CHAT_SYSTEM, "out of memory");
    if (strchr(url, '@') != NULL || strstr(url, "password") != NULL)
        return error_set(error, CHAT_USAGE, "the URL of the spool cannot be read");
    pg_clean(cause);
    return error_set(error, CHAT_USAGE, "the URL of the spool cannot be read: %s", cause);
}

/* Return whether the URL contains a password: any user can see the arguments of a process, and
 * COMMAND inherits its environment. */
static bool has_secret(const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++)
        if (options->val != NULL && options->val[0] != '\0' &&
            (strcmp(options->keyword, "password") == 0 ||
             strcmp(options->keyword, "sslpassword") == 0))
            return true;
    return false;
}

enum { DEFAULT_TIMEOUT = 30000 }; /* milliseconds */

/* Return how long to try, in milliseconds: the time that the URL allows for one attempt. */
static int64_t find_timeout(const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, "connect_timeout") == 0 && options->val != NULL) {
            long long seconds = strtoll(options->val, NULL, 10);
            return seconds > 0 ? seconds * 1000 : -1;
        }
    return DEFAULT_TIMEOUT;
}

static enum chat_status check_url(struct error *error, const char *url, int64_t *timeout)
{
    char *cause = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &cause);
    enum chat_status status = CHAT_OK;
    if (options == NULL)
        status = unreadable(error, url, cause);
    else if (has_secret(options))
        status = error_set(
            error, CHAT_USAGE,
            "the URL of the spool contains a password, which other users could see: keep it "
            "in ~/.pgpass or in a service file");
    else
        *timeout = find_timeout(options);
    PQfreemem(cause);
    PQconninfoFree(options);
    return status;
}

static enum chat_status pg_open(const char *where, struct error *error, struct store **store)
{
    int64_t timeout = 0;
    enum chat_status status = check_url(error, where, &timeout);
    if (status != CHAT_OK)
        return status;
    struct pg_store *s = calloc(1, sizeof *s);
    char *url = strdup(where);
    if (s == NULL || url == NULL) {
        free(s);
        free(url);
        return error_set(error, CHAT_SYSTEM, "out of memory");
    }
    s->base = (struct store){ .ops = &store_pg, .admin = &admin_pg, .error = error, .timeout = -1 };
    s->url = url;
    s->timeout = timeout;
    *store = &s->base;
    return CHAT_OK;
}

static void pg_close(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    for (size_t i = 0; i < s->call_count; i++)
        PQclear(s->calls[i].result);
    PQfinish(s->conn); /* this releases every claim */
    pg_log_free(&s->put.log);
    free(s->passed);
    free(s->done);
    free(s->done_keys);
    free(s->here);
    free(s->listened);
    free(s->bells);
    free(s->url);
    free(s);
}

/* The variables from which libpq takes a password, besides files. */
static const char *const secrets[] = { "PGPASSWORD", NULL };

const struct store_ops store_pg = {
    .secrets = secrets,
    .single_threaded = pg_single_threaded,
    .open = pg_open,
    .close = pg_close,
    .time = pg_spool_time,
    .settings = pg_settings,
    .begin = pg_begin,
    .put = pg_put,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .mark = pg_mark,
    .claim = pg_claim,
    .walk = pg_walk,
    .settle = pg_settle,
    .fail = pg_fail,
    .move = pg_move,
    .keep = pg_keep,
    .release = pg_release,
    .wait = pg_wait,
    .wait_room = pg_wait_room,
};

const struct store_module chat_module = {
    .version = CHAT_VERSION,
    .ops = &store_pg,
};
