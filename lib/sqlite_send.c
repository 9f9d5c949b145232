/* sqlite_send.c - putting messages into a spool file. */

#include "store_sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bell.h"
#include "digest.h"
#include "lock.h"

enum {
    PAGE = 4096,
    ROW = 64,         /* what a message takes besides its body, about */
    LARGE = 64 * 1024 /* less than this the reserve can take */
};

/* Read the row that holds for the whole spool. */
static enum chat_status read_spool(struct sqlite_store *s)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_SPOOL);
    if (statement == NULL)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        s->next_id = sqlite3_column_int64(statement, 0);
        s->max_length = sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_failed(s, rc, "read");
    if (rc == SQLITE_DONE || s->next_id < 1)
        return db_failed(s, SQLITE_CORRUPT, "read");
    return CHAT_OK;
}

enum chat_status sqlite_limit(struct store *store, int64_t *bytes)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *bytes = CHAT_LENGTH_DEFAULT;
    enum chat_status status = store_connect(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    if (status == CHAT_OK)
        status = read_spool(s);
    if (status == CHAT_OK)
        *bytes = s->max_length;
    return status;
}

enum chat_status sqlite_mark(struct store *store, int64_t *mark)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    *mark = 0;
    enum chat_status status = store_connect(s);
    if (status == CHAT_NONE)
        return CHAT_OK;
    if (status == CHAT_OK)
        status = read_spool(s);
    if (status == CHAT_OK)
        *mark = s->next_id - 1;
    return status;
}

/* Connect, and make the spool where there is none. */
static enum chat_status connect_or_create(struct sqlite_store *s)
{
    enum chat_status status = store_connect(s);
    if (status != CHAT_NONE)
        return status;
    status = place_enter(&s->place, true);
    if (status == CHAT_OK)
        status = store_open_lock(s);
    if (status == CHAT_OK)
        status = db_create(s);
    return status == CHAT_OK ? store_connect(s) : status;
}

enum chat_status sqlite_begin(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = connect_or_create(s);
    if (status == CHAT_OK)
        status = turn_begin(s);
    if (status != CHAT_OK)
        return status;
    status = read_spool(s);
    if (status != CHAT_OK)
        turn_rollback(s);
    s->tally.name[0] = '\0';
    s->rung_count = 0;
    s->put_bytes = 0;
    return status;
}

/* Bring the counters of the room that messages came to up to date. */
static enum chat_status count_room(struct sqlite_store *s)
{
    if (s->tally.name[0] == '\0')
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_COUNT_ROOM);
    sqlite3_bind_int64(statement, 1, s->tally.number);
    sqlite3_bind_int64(statement, 2, s->tally.depth);
    sqlite3_bind_int64(statement, 3, s->tally.bytes);
    return db_run(s, SQL_COUNT_ROOM);
}

/* Remember that the bell of ROOM is to be rung. */
static bool remember_bell(struct sqlite_store *s, const char *room)
{
    void *rung = realloc(s->rung, (s->rung_count + 1) * sizeof *s->rung);
    if (rung == NULL)
        return false;
    s->rung = rung;
    strcpy(s->rung[s->rung_count++], room);
    return true;
}

/* Find the number of ROOM, and make the room where there is none. */
static enum chat_status find_room(struct sqlite_store *s, const char *room, int64_t *number)
{
    sqlite3_stmt *statement = db_statement(s, SQL_GET_ROOM);
    sqlite3_bind_text(statement, 1, room, -1, SQLITE_STATIC);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (rc == SQLITE_ROW)
        return CHAT_OK;
    if (rc != SQLITE_DONE)
        return db_failed(s, rc, "read");
    statement = db_statement(s, SQL_ADD_ROOM);
    sqlite3_bind_text(statement, 1, room, -1, SQLITE_STATIC);
    enum chat_status status = db_run(s, SQL_ADD_ROOM);
    *number = sqlite3_last_insert_rowid(s->db);
    return status;
}

/* From now on the tally is of ROOM. */
static enum chat_status enter_room(struct sqlite_store *s, const char *room)
{
    if (strcmp(s->tally.name, room) == 0)
        return CHAT_OK;
    enum chat_status status = count_room(s);
    if (status != CHAT_OK)
        return status;
    s->tally = (struct tally){ .depth = 0 };
    status = find_room(s, room, &s->tally.number);
    if (status != CHAT_OK)
        return status;
    if (!remember_bell(s, room))
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    strcpy(s->tally.name, room); /* spool.c has checked its length */
    return CHAT_OK;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static enum chat_status add_message(struct sqlite_store *s, const struct chat_message *m)
{
    sqlite3_stmt *statement = db_statement(s, SQL_ADD_MESSAGE);
    sqlite3_bind_int64(statement, 1, m->id);
    sqlite3_bind_int64(statement, 2, s->tally.number);
    sqlite3_bind_int64(statement, 3, m->id);
    sqlite3_bind_int64(statement, 4, m->time);
    sqlite3_bind_text(statement, 5, m->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 6, m->host, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 7, m->attempts);
    if (m->key != NULL)
        sqlite3_bind_text(statement, 8, m->key, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 8);
    sqlite3_bind_int64(statement, 9, message_digest(m));
    /* A zero pointer would be an SQL NULL. */
    sqlite3_bind_blob64(statement, 10, m->length > 0 ? m->body : "", m->length, SQLITE_STATIC);
    return db_run(s, SQL_ADD_MESSAGE);
}

enum chat_status sqlite_put(struct store *store, const struct chat_message *message, int64_t *id)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if ((int64_t)message->length > s->max_length)
        return error_set(s->base.error, CHAT_DATA, "the message is longer than %lld bytes",
                         (long long)s->max_length);
    if (s->next_id > ID_MAX)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' has used up its ids", s->place.path);
    enum chat_status status = enter_room(s, message->room);
    if (status != CHAT_OK)
        return status;
    struct chat_message m = *message;
    m.id = s->next_id;
    if (m.time == 0)
        m.time = now();
    status = add_message(s, &m);
    if (status != CHAT_OK)
        return status;
    *id = s->next_id++;
    s->tally.depth++;
    s->tally.bytes += (int64_t)m.length;
    s->put_bytes += (int64_t)m.length + ROW;
    return CHAT_OK;
}

static enum chat_status set_next_id(struct sqlite_store *s)
{
    sqlite3_bind_int64(db_statement(s, SQL_SET_NEXT_ID), 1, s->next_id);
    return db_run(s, SQL_SET_NEXT_ID);
}

/* Have the file system promise room for a large transaction in the database too: it is in the log
 * first, and a log that can't be emptied would leave no room to delete anything. */
static enum chat_status promise_room(struct sqlite_store *s)
{
    if (s->put_bytes < LARGE)
        return CHAT_OK;
    sqlite3_stmt *statement = db_statement(s, SQL_GET_PAGES);
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
        return db_failed(s, sqlite3_extended_errcode(s->db), "read");
    sqlite3_int64 size = sqlite3_column_int64(statement, 0) * PAGE;
    sqlite3_reset(statement);
    int chunk = PAGE;
    sqlite3_file_control(s->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    errno = 0;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_SIZE_HINT, &size);
    if (rc == SQLITE_OK)
        return CHAT_OK;
    if (errno == 0) /* posix_fallocate() returns its error */
        rc = SQLITE_FULL;
    return db_failed(s, rc, "write");
}

/* Whether a commit that failed with RC has surely stored nothing: the frame that says "commit" is
 * the last to be written. A sync that failed leaves a whole transaction in the log,
 * and who recovers the log may find it. */
static bool surely_not_stored(int rc)
{
    return (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_BUSY || rc == SQLITE_IOERR_WRITE;
}

enum chat_status sqlite_commit(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (sqlite3_get_autocommit(s->db) != 0) { /* SQLite gave up already, at a put that failed */
        turn_leave(s);
        return error_set(s->base.error, CHAT_IO, "cannot write spool '%s'", s->place.path);
    }
    enum chat_status status = set_next_id(s);
    if (status == CHAT_OK)
        status = count_room(s);
    if (status == CHAT_OK)
        status = promise_room(s);
    if (status != CHAT_OK) {
        turn_rollback(s);
        return status;
    }
    status = turn_commit(s);
    if (status == CHAT_OK) {
        for (size_t i = 0; i < s->rung_count; i++)
            bell_ring(&s->place, s->rung[i]);
    } else if (!surely_not_stored(sqlite3_extended_errcode(s->db)))
        error_add(s->base.error, "; the message may be stored");
    return status;
}

void sqlite_rollback(struct store *store)
{
    turn_rollback((struct sqlite_store *)store);
}
