/* schema.c - compare the schema of a spool with ours, and upgrade it. */

#include "schema.h"

#include <errno.h>
#include <string.h>

#include "bells.h"
#include "claim_lock.h"
#include "database.h"
#include "group_commit.h"
#include "lock_file.h"
#include "transaction.h"

/* Return the next CREATE statement of our schema, and store its length; NULL: there are no more. */
static const char *next_definition(const char *from, size_t *length)
{
    while (*(from += strspn(from, ";\n")) != '\0') {
        *length = strcspn(from, ";");
        if (strncmp(from, "CREATE ", 7) == 0)
            return from;
        from += *length;
    }
    return NULL;
}

/* Compare the schema of the file with OURS, letter by letter. A trigger or a view in a hostile file
 * would run with our rights. */
static int same_schema(struct sqlite_store *s, const char *ours, bool *same)
{
    *same = true;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_SCHEMA);
    if (statement == NULL)
        return sqlite3_extended_errcode(s->db);
    size_t length = 0;
    int rc;
    while ((rc = db_step(s, statement)) == SQLITE_ROW) {
        if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
            continue; /* an index that SQLite made for UNIQUE */
        const char *theirs = (const char *)sqlite3_column_text(statement, 0);
        if (theirs == NULL) {
            rc = SQLITE_NOMEM;
            break;
        }
        ours = next_definition(ours, &length);
        if (ours == NULL || strlen(theirs) != length || memcmp(ours, theirs, length) != 0) {
            *same = false;
            break;
        }
        ours += length;
    }
    if (rc == SQLITE_DONE && next_definition(ours, &length) != NULL)
        *same = false;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

enum { APPLICATION_ID = 0x63686174, SCHEMA_VERSION = 3 }; /* as in schema.sql */

static enum chat_status schema_changed(struct sqlite_store *s)
{
    return error_set(s->base.error, CHAT_DATA, "the schema of spool '%s' was changed",
                     s->location.path);
}

enum chat_status schema_check(struct sqlite_store *s, int *format)
{
    bool same;
    int rc = same_schema(s, sql_schema, &same);
    int64_t application = 0, version = 0;
    if (rc == SQLITE_DONE)
        rc = db_get_number(s, SQL_GET_APPLICATION_ID, &application);
    if (rc == SQLITE_OK)
        rc = db_get_number(s, SQL_GET_USER_VERSION, &version);
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "open");
    *format = (int)version;
    if (application == APPLICATION_ID && version >= 1 && version < SCHEMA_VERSION)
        return CHAT_OK;
    if (same && application == APPLICATION_ID && version == SCHEMA_VERSION)
        return CHAT_OK;
    if (application != APPLICATION_ID)
        return error_set(s->base.error, CHAT_DATA, "'%s' is not a spool", s->location.path);
    if (version > SCHEMA_VERSION)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' has format %d, and this program knows up to %d: install a "
                         "newer one",
                         s->location.path, *format, SCHEMA_VERSION);
    return schema_changed(s);
}

/* Check that a spool of format 2 has the tables that step 3 rebuilds: if a user has changed a
 * table, the change would be lost. */
static enum chat_status check_format_2(struct sqlite_store *s)
{
    bool same;
    int64_t next_id;
    int rc = same_schema(s, sql_earlier[2], &same);
    if (rc != SQLITE_DONE)
        return db_failed(s, rc, "upgrade");
    if (!same)
        return schema_changed(s);
    rc = db_get_number(s, SQL_GET_NEXT_ID, &next_id);
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "upgrade");
    if (next_id <= ID_MAX)
        return CHAT_OK;
    return error_set(
        s->base.error, CHAT_DATA,
        "spool '%s' has ids beyond %lld, and cannot be upgraded: send its messages to a "
        "new one ('chat-spool dump' of the older version, 'chat-send -J')",
        s->location.path, (long long)ID_MAX);
}

/* Run the upgrade steps from FORMAT on, and check the result. */
static enum chat_status run_upgrades(struct sqlite_store *s, int *format)
{
    enum chat_status status = schema_check(s, format);
    while (status == CHAT_OK && *format < SCHEMA_VERSION) {
        if (*format == 2)
            status = check_format_2(s);
        if (status != CHAT_OK)
            return status;
        int rc = sqlite3_exec(s->db, sql_upgrade[*format + 1], NULL, NULL, NULL);
        status = rc == SQLITE_OK ? schema_check(s, format) : db_failed(s, rc, "upgrade");
    }
    return status;
}

static enum chat_status upgrade_alone(struct sqlite_store *s, int format)
{
    enum chat_status status =
        claim_lock_take_all(s, "it was not upgraded to this version's format");
    if (status != CHAT_OK)
        return status;
    status = transaction_begin(s);
    if (status == CHAT_OK) {
        bells_add_all(s);
        status = run_upgrades(s, &format);
        status = group_commit_end(s, status);
    }
    claim_lock_release_all(s);
    return status;
}

/* One process at a time looks whether the spool is still to be upgraded: if a second one claimed
 * all messages after the upgrade, receivers would not find them. After 30 seconds go on: then
 * the error names who works on a message. */
enum chat_status schema_upgrade(struct sqlite_store *s, int format)
{
    if (format >= SCHEMA_VERSION)
        return CHAT_OK;
    enum chat_status status = lock_file_open(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_upgrade(s->lock, WRITE_LOCK_TIMEOUT);
    if (errnum != 0 && errnum != ETIMEDOUT)
        return lock_file_failed(s, errnum);
    status = schema_check(s, &format);
    if (status == CHAT_OK && format < SCHEMA_VERSION)
        status = upgrade_alone(s, format);
    unlock_upgrade(s->lock);
    return status;
}
