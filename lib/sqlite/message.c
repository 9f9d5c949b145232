/* message.c - write and delete the row of a message. */

#include "message.h"

#include "database.h"
#include "room.h"

enum { FIRST = 1 }; /* the parameter of the first column */

void message_bind_state(sqlite3_stmt *statement, const struct chat_message *m, int64_t number,
                        int64_t waits_at, int64_t checksum)
{
    const bool waits = m->due > 0;
    const int64_t position = waits ? waits_at : position_of(number, m->place);
    sqlite3_bind_int64(statement, FIRST + COLUMN_POSITION, position);
    db_bind_number(statement, FIRST + COLUMN_ID, m->id, m->id != position_place(position));
    db_bind_number(statement, FIRST + COLUMN_ROOM, number, waits);
    db_bind_number(statement, FIRST + COLUMN_PLACE, m->place, waits);
    db_bind_number(statement, FIRST + COLUMN_DUE, m->due, waits);
    db_bind_number(statement, FIRST + COLUMN_EXPIRES, m->expires, m->expires > 0);
    sqlite3_bind_int64(statement, FIRST + COLUMN_ATTEMPTS, m->attempts);
    db_bind_number(statement, FIRST + COLUMN_FAILED, m->failed, m->failed > 0);
    db_bind_number(statement, FIRST + COLUMN_FAILURE, m->failure, m->failed > 0);
    sqlite3_bind_int64(statement, FIRST + COLUMN_CHECKSUM, checksum);
}

void message_bind(sqlite3_stmt *statement, const struct chat_message *m, int64_t number,
                  int64_t waits_at, int64_t checksum)
{
    message_bind_state(statement, m, number, waits_at, checksum);
    sqlite3_bind_int64(statement, FIRST + COLUMN_SENT, m->time);
    sqlite3_bind_text(statement, FIRST + COLUMN_SENDER, m->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, FIRST + COLUMN_HOST, m->host, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, FIRST + COLUMN_KEY, m->key, -1, SQLITE_STATIC); /* or NULL */
    /* A NULL pointer would be stored as an SQL NULL. */
    sqlite3_bind_blob64(statement, FIRST + COLUMN_BODY, m->length > 0 ? m->body : "", m->length,
                        SQLITE_STATIC);
}

enum chat_status message_insert(struct sqlite_store *s, const struct chat_message *m,
                                int64_t checksum)
{
    sqlite3_stmt *statement = db_statement(s, SQL_ADD_MESSAGE);
    int64_t waits_at = m->id;
    if (m->due > 0 && s->put.tally.reader &&
        s->put.ids_wanted) /* other readers hold the message back, too */
        waits_at = s->next_id++;
    message_bind(statement, m, s->put.tally.number, waits_at, checksum);
    enum chat_status status = db_finish(s, statement);
    if (status == CHAT_DATA && s->failed_with == SQLITE_CONSTRAINT_PRIMARYKEY)
        return error_set(s->base.error, CHAT_DATA,
                         "room '%s' already has a message at position %lld", s->put.tally.name,
                         (long long)m->place);
    return status;
}

enum chat_status message_delete(struct sqlite_store *s, int64_t position)
{
    return db_run_for(s, SQL_DELETE_MESSAGE, position);
}

enum chat_status message_delete_without_zeros(struct sqlite_store *s)
{
    return s->statements[SQL_SET_SECURE_DELETE] == NULL ? db_run(s, SQL_SET_SECURE_DELETE)
                                                        : CHAT_OK;
}
