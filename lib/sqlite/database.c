/* database.c - the database of a spool: its connection, statements and errors. */

#include "database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/holder.h"
#include "vfs.h"

/* Report the cause of an error: the operating system's, if SQLite knows it. */
static enum chat_status system_failed(struct sqlite_store *s, int rc, const char *doing)
{
    int errnum = s->db != NULL ? sqlite3_system_errno(s->db) : 0;
    if (errnum == 0)
        errnum = errno; /* SQLite does not report it for a commit; db_run has cleared it */
    if (errnum == 0)
        return error_set(s->base.error, CHAT_IO, "cannot %s spool '%s': %s", doing,
                         s->location.path, sqlite3_errstr(rc));
    return error_system(s->base.error, errnum, CHAT_IO, "cannot %s spool '%s'", doing,
                        s->location.path);
}

enum chat_status db_full(struct sqlite_store *s, const char *doing)
{
    s->failed_with = SQLITE_FULL;
    return error_set(s->base.error, CHAT_IO, "cannot %s spool '%s': no space left on device", doing,
                     s->location.path);
}

/* Report which process has locked the database: a foreign program, because ours take the write
 * lock; or a program that builds the WAL index. SQLite's locks are on that index or, if it does not
 * exist, on the spool itself. */
static enum chat_status locked(struct sqlite_store *s, const char *doing)
{
    static const char *const suffixes[] = { "-shm", "" };
    char path[LOCATION_NAME], holder[HOLDER_TEXT] = "another process";
    struct stat file;
    bool found = false;
    for (size_t i = 0; !found && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", s->location.path, suffixes[i]);
        if (stat(path, &file) == 0)
            found = holder_name(&file, (struct range){ 0, INT64_MAX }, holder);
    }
    return error_set(s->base.error, CHAT_BUSY, "cannot %s spool '%s': %s has locked it", doing,
                     s->location.path, holder);
}

enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing)
{
    struct error *error = s->base.error;
    const char *path = s->location.path;
    s->failed_with = rc;
    switch (rc) {
    case SQLITE_IOERR_NOMEM:
        return error_set(error, CHAT_SYSTEM, "out of memory");
    case SQLITE_IOERR_SHORT_READ:
        return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
    default:
        break;
    }
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return error_set(error, CHAT_DATA, "'%s' is not a spool", path);
    case SQLITE_FULL: /* also for a page number that no file can have */
        if (vfs_disk_full())
            return db_full(s, doing);
        return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* another process has been building the index for ten seconds */
        return locked(s, doing);
    case SQLITE_NOMEM:
        return error_set(error, CHAT_SYSTEM, "out of memory");
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        /* The header of the file marks it as read-only. (SQLite also returns this error if it could
         * open an index only for reading.) */
        if (rc == SQLITE_READONLY && sqlite3_db_readonly(s->db, "main") == 1 &&
            location_is_writable(&s->location))
            return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
        return error_system(error, EACCES, CHAT_PERMISSION, "cannot %s spool '%s'", doing, path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
        return system_failed(s, rc, doing);
    default: /* our statements fail for no other reason than the contents of the file */
        return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
    }
}

sqlite3_stmt *db_statement(struct sqlite_store *s, enum sql sql)
{
    if (s->statements[sql] == NULL)
        sqlite3_prepare_v3(s->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[sql],
                           NULL);
    else
        sqlite3_reset(s->statements[sql]);
    return s->statements[sql];
}

/* Return whether SQLite has rolled back the transaction. A statement that fails, even one that
 * reads, may make it roll back everything that was written (sqlite.org/lang_transaction.html,
 * "Response To Errors Within A Transaction"). Later writes would be committed at once, each by
 * itself. */
static bool rolled_back(const struct sqlite_store *s)
{
    return s->writing && s->db != NULL && sqlite3_get_autocommit(s->db) != 0;
}

int db_step(struct sqlite_store *s, sqlite3_stmt *statement)
{
    errno = 0;
    if (rolled_back(s))
        return SQLITE_IOERR;
    return statement != NULL ? sqlite3_step(statement) : sqlite3_extended_errcode(s->db);
}

enum chat_status db_found(struct sqlite_store *s, sqlite3_stmt *statement, int rc)
{
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? CHAT_OK : rc == SQLITE_DONE ? CHAT_NONE : db_failed(s, rc, "read");
}

int db_get_number(struct sqlite_store *s, enum sql sql, int64_t *value)
{
    sqlite3_stmt *statement = db_statement(s, sql);
    int rc = db_step(s, statement);
    *value = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int64_t db_number(struct sqlite_store *s, enum sql sql)
{
    int64_t value;
    db_get_number(s, sql, &value);
    return value;
}

enum chat_status db_finish(struct sqlite_store *s, sqlite3_stmt *statement)
{
    int rc;
    do
        rc = db_step(s, statement);
    while (rc == SQLITE_ROW);
    enum chat_status status = rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "use");
    sqlite3_reset(statement);
    return status;
}

enum chat_status db_run(struct sqlite_store *s, enum sql sql)
{
    return db_finish(s, db_statement(s, sql));
}

sqlite3_file *db_file(struct sqlite_store *s, sqlite3_int64 *size)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    bool known = file != NULL && file->pMethods->xFileSize(file, size) == SQLITE_OK;
    return known ? file : NULL;
}

/* --- the connection -------------------------------------------------------- */

/* SQLite records which locks this process has on a file. A child made by fork() inherits these
 * records, but not the locks (fcntl(2)). If it opened a file beside a connection of its parent, it
 * would have no lock, and the next process would empty the WAL while the child reads it. */
static struct {
    int count;
    pid_t process;
} connections;

/* To close any descriptor of a database drops the locks of every connection that this process
 * has to it (fcntl(2), "Record locking"). So these descriptors stay open while there are
 * connections. */
static struct {
    int descriptors[16];
    size_t count;
} unclosed;

static void close_what_waits(void)
{
    while (connections.count == 0 && unclosed.count > 0)
        close(unclosed.descriptors[--unclosed.count]);
}

static void close_later(int fd)
{
    unclosed.descriptors[unclosed.count++] = fd;
    close_what_waits();
}

int db_open(struct sqlite_store *s, const char *vfs)
{
    /* SQLite never takes an absolute path for a URI, however it was built. */
    errno = 0;
    int rc =
        sqlite3_open_v2(s->location.path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, vfs);
    if (s->db != NULL && connections.count++ == 0)
        connections.process = getpid();
    return rc;
}

bool db_was_forked(void)
{
    return connections.count > 0 && connections.process != getpid();
}

void db_disconnect(struct sqlite_store *s)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    const bool connected = s->db != NULL;
    sqlite3_close(s->db);
    s->db = NULL;
    if (connected)
        connections.count--;
    close_what_waits();
}

enum chat_status db_run_for(struct sqlite_store *s, enum sql sql, int64_t number)
{
    sqlite3_stmt *statement = db_statement(s, sql);
    sqlite3_bind_int64(statement, 1, number);
    return db_finish(s, statement);
}

static void end(struct sqlite_store *s, enum sql sql)
{
    if (s->db == NULL) /* the transaction was ended here before */
        return;
    /* SQLite may have rolled back by itself, after an error. */
    if (sqlite3_get_autocommit(s->db) == 0)
        db_step(s, db_statement(s, sql));
    if (s->statements[sql] != NULL)
        sqlite3_reset(s->statements[sql]);
    if (sqlite3_get_autocommit(s->db) == 0)
        db_disconnect(s); /* this ends the transaction, without memory */
}

enum chat_status db_end_read(struct sqlite_store *s, enum chat_status status)
{
    end(s, SQL_COMMIT);
    return s->db != NULL ? status : db_failed(s, SQLITE_NOMEM, "read");
}

void db_rollback(struct sqlite_store *s)
{
    end(s, SQL_ROLLBACK);
}

enum { APPLICATION_ID_AT = 68 }; /* in the header of the file */

static bool is_our_header(const unsigned char header[DATABASE_HEADER])
{
    static const unsigned char format[16] = "SQLite format 3";
    static const unsigned char application[4] = { 'c', 'h', 'a', 't' }; /* as in schema.sql */
    return memcmp(header, format, sizeof format) == 0 &&
           memcmp(header + APPLICATION_ID_AT, application, sizeof application) == 0;
}

enum chat_status db_recognize(struct sqlite_store *s)
{
    unsigned char header[DATABASE_HEADER];
    int fd;
    if (unclosed.count ==
        sizeof unclosed.descriptors / sizeof(int)) /* then SQLite will examine the file */
        return CHAT_OK;
    enum chat_status status = location_read(&s->location, "", &fd);
    if (status != CHAT_OK)
        return status;
    ssize_t size = pread(fd, header, sizeof header, 0);
    if (size < 0)
        status = system_failed(s, SQLITE_IOERR, "read");
    else if (size < DATABASE_HEADER || !is_our_header(header))
        status = db_failed(s, SQLITE_NOTADB, "open");
    close_later(fd);
    return status;
}

void db_bind_number(sqlite3_stmt *statement, int parameter, int64_t number, bool there)
{
    if (there)
        sqlite3_bind_int64(statement, parameter, number);
    else
        sqlite3_bind_null(statement, parameter);
}

void db_copy_name(char name[CHAT_NAME_MAX + 1], const unsigned char *text)
{
    snprintf(name, CHAT_NAME_MAX + 1, "%s", text != NULL ? (const char *)text : "");
}
