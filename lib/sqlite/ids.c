/* ids.c - the ids that are in use, for messages that bring their own.
 *
 * A spool finds a message by its position, not by its id, so to look for an id is to look at all
 * messages. Instead, they are listed once, in a table in memory that only this connection has. The
 * table takes part in the transaction: a rollback also removes ids from it. */

#include "ids.h"

#include "database.h"

static enum chat_status list_ids(struct sqlite_store *s)
{
    int64_t version;
    int rc = db_get_number(s, SQL_GET_DATA_VERSION, &version);
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "read");
    if (s->put.ids_known == version) /* no other process has changed the spool since */
        return CHAT_OK;
    rc = sqlite3_exec(s->db, sql_text[SQL_LIST_IDS], NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "read");
    s->put.ids_known = version;
    return CHAT_OK;
}

enum chat_status ids_has(struct sqlite_store *s, int64_t id, bool *used)
{
    enum chat_status status = list_ids(s);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_ID);
    sqlite3_bind_int64(statement, 1, id);
    int rc = db_step(s, statement);
    *used = rc == SQLITE_ROW;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

enum chat_status ids_add(struct sqlite_store *s, int64_t id)
{
    return db_run_for(s, SQL_ADD_ID, id);
}
