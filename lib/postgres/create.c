/* create.c - create the schema, and upgrade it. */

#include "create.h"

#include "connect.h"
#include "operations.h"
#include "query.h"

/* Upgrade the schema step by step, in one transaction. */
static enum chat_status upgrade(struct pg_store *s)
{
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && s->version < PG_SCHEMA_VERSION) {
        status = pg_script(s, pg_upgrade[s->version + 1], "upgrade");
        if (status == CHAT_OK)
            status = pg_read_spool(s);
    }
    return status;
}

static enum chat_status has_schema(struct pg_store *s, bool *has)
{
    size_t call = pg_call(s, PG_HAS_SCHEMA, NULL);
    enum chat_status status = pg_exchange(s, "open");
    *has = status == CHAT_OK && pg_get_number(pg_result(s, call), 0, 0) != 0;
    return status;
}

/* Create the schema, within a transaction; no other session creates it at the same time. */
static enum chat_status create(struct pg_store *s)
{
    bool has;
    enum chat_status status = has_schema(s, &has);
    if (status == CHAT_OK && !has)
        status = pg_script(s, pg_schema, "create");
    if (status == CHAT_OK)
        status = pg_read_spool(s);
    if (status == CHAT_OK)
        status = pg_not_too_new(s);
    return status == CHAT_OK ? upgrade(s) : status;
}

static enum chat_status create_locked(struct pg_store *s)
{
    struct pg_values values = { .count = 0 };
    pg_number(&values, (int64_t)LOCK_SCHEMA << 48);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_LOCK_SCHEMA, &values);
    enum chat_status status = pg_exchange(s, "create");
    if (status == CHAT_OK)
        status = create(s);
    if (s->conn == NULL)
        return status;
    enum chat_status ended = pg_do(s, status == CHAT_OK ? PG_COMMIT : PG_ROLLBACK, NULL, "create");
    return status == CHAT_OK ? ended : status;
}

enum chat_status pg_create(struct store *store, const char *group)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    if (group != NULL)
        return error_set(store->error, CHAT_USAGE,
                         "only a spool in a file can have a group; use GRANT in '%s'", s->url);
    enum chat_status status;
    s->upgrading = true;
    do {
        status = pg_connect(s, &timeout);
        if (status == CHAT_OK)
            status = create_locked(s);
    } while (pg_again(s, status, &timeout));
    s->upgrading = false;
    return status;
}
