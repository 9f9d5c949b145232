/* connect.c - the connection: settings, statements, errors, the schema. */

#include "internal.h"

#include "os/holder.h"
#include "os/lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The cause of an error that is not the disk's: the system's, if SQLite knows it. */
static enum chat_status system_failed(struct sqlite_store *s, int rc, const char *doing)
{
    int errnum = s->db != NULL ? sqlite3_system_errno(s->db) : 0;
    if (errnum == 0)
        errnum = errno; /* SQLite does not tell it of a commit; db_run has cleared it */
    if (errnum == 0)
        return error_set(s->base.error, CHAT_IO, "cannot %s spool '%s': %s", doing, s->place.path,
                         sqlite3_errstr(rc));
    return error_system(s->base.error, errnum, CHAT_IO, "cannot %s spool '%s'", doing,
                        s->place.path);
}

enum chat_status db_full(struct sqlite_store *s, const char *doing)
{
    s->failed_with = SQLITE_FULL;
    return error_set(s->base.error, CHAT_IO, "cannot %s spool '%s': no space left on device", doing,
                     s->place.path);
}

/* A foreign program, because ours take the write lock; or a program that builds the index of the
 * WAL. SQLite's locks are on that index or, if it does not exist, on the spool itself. */
static enum chat_status locked(struct sqlite_store *s, const char *doing)
{
    static const char *const suffixes[] = { "-shm", "" };
    char path[PLACE_NAME], holder[HOLDER_TEXT] = "another process";
    struct stat file;
    bool found = false;
    for (size_t i = 0; !found && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", s->place.path, suffixes[i]);
        if (stat(path, &file) == 0)
            found = holder_name(&file, (struct range){ 0, INT64_MAX }, holder);
    }
    return error_set(s->base.error, CHAT_BUSY, "cannot %s spool '%s': %s has locked it", doing,
                     s->place.path, holder);
}

enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing)
{
    struct error *error = s->base.error;
    const char *path = s->place.path;
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
    case SQLITE_FULL: /* also for the number of a page that no file can have */
        if (vfs_disk_full())
            return db_full(s, doing);
        return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* another process is building the index, for ten seconds */
        return locked(s, doing);
    case SQLITE_NOMEM:
        return error_set(error, CHAT_SYSTEM, "out of memory");
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        /* Its header has that number. (SQLite returns this error also for an index opened only
         * for reading.) */
        if (rc == SQLITE_READONLY && sqlite3_db_readonly(s->db, "main") == 1 &&
            place_is_writable(&s->place))
            return error_set(error, CHAT_DATA, "spool '%s' is damaged", path);
        return error_system(error, EACCES, CHAT_PERMISSION, "cannot %s spool '%s'", doing, path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
        return system_failed(s, rc, doing);
    default: /* our statements fail for no other reason than what is in the file */
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

/* A statement that fails, even one that reads, may make SQLite roll back everything that was
 * written (sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"). Later
 * writes would be committed at once, each by itself. */
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

void db_end(struct sqlite_store *s, enum sql sql)
{
    if (s->db == NULL) /* ended here before */
        return;
    /* SQLite may have rolled back by itself, after an error. */
    if (sqlite3_get_autocommit(s->db) == 0)
        db_step(s, db_statement(s, sql));
    if (s->statements[sql] != NULL)
        sqlite3_reset(s->statements[sql]);
    if (sqlite3_get_autocommit(s->db) == 0) /* no memory even for that: SQLite lets go of all */
        db_disconnect(s);
}

/* The next CREATE statement of our schema, and its length; NULL behind the last. */
static const char *next_definition(const char *from, size_t *length)
{
    while (*from != '\0') {
        *length = strcspn(from, ";");
        if (strncmp(from, "CREATE ", 7) == 0)
            return from;
        from += *length;
        from += strspn(from, ";\n");
    }
    return NULL;
}

/* Compare the schema of the file with OURS, to the letter. A trigger or a view in a
 * hostile file would run with our rights. */
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
        ours += length + 1 + strspn(ours + length + 1, "\n");
    }
    if (rc == SQLITE_DONE && next_definition(ours, &length) != NULL)
        *same = false;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

enum { APPLICATION_ID = 0x63686174, SCHEMA_VERSION = 3 }; /* as in schema.sql */
enum { APPLICATION_ID_AT = 68 };                          /* in the header of the file */

static enum chat_status schema_changed(struct sqlite_store *s)
{
    return error_set(s->base.error, CHAT_DATA, "the schema of spool '%s' was changed",
                     s->place.path);
}

/* Within a transaction. *FORMAT becomes the format of the spool: where it is an older one, the rest
 * is checked after the upgrade. */
static enum chat_status check_schema(struct sqlite_store *s, int *format)
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
        return error_set(s->base.error, CHAT_DATA, "'%s' is not a spool", s->place.path);
    if (version > SCHEMA_VERSION)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' has format %d, and this program knows up to %d: install a "
                         "newer one",
                         s->place.path, *format, SCHEMA_VERSION);
    return schema_changed(s);
}

/* Step 3 rebuilds tables that it must know: if a table was changed by hand, the change would be
 * lost. */
static enum chat_status check_format_2(struct sqlite_store *s)
{
    bool same;
    int rc = same_schema(s, sql_earlier[2], &same);
    if (rc != SQLITE_DONE)
        return db_failed(s, rc, "upgrade");
    if (!same)
        return schema_changed(s);
    if (db_number(s, SQL_GET_NEXT_ID) <= ID_MAX)
        return CHAT_OK;
    return error_set(
        s->base.error, CHAT_DATA,
        "spool '%s' has ids beyond %lld, and cannot be upgraded: send its messages to a "
        "new one ('chat-spool dump' of the older version, 'chat-send -J')",
        s->place.path, (long long)ID_MAX);
}

/* The steps from FORMAT on, and a look at what has come of them. */
static enum chat_status run_upgrades(struct sqlite_store *s, int *format)
{
    enum chat_status status = check_schema(s, format);
    while (status == CHAT_OK && *format < SCHEMA_VERSION) {
        if (*format == 2)
            status = check_format_2(s);
        if (status != CHAT_OK)
            return status;
        int rc = sqlite3_exec(s->db, sql_upgrade[*format + 1], NULL, NULL, NULL);
        status = rc == SQLITE_OK ? check_schema(s, format) : db_failed(s, rc, "upgrade");
    }
    return status;
}

/* Upgrade a spool of an older format, in one transaction. The first program that opens it does
 * this; a spool with a foreign schema is left as it was. In formats 1 and 2 a claim locks the
 * byte of an id, and now that of a position, so no claim may exist during the upgrade. A command
 * of an older version that has the spool open fails from then on. */
static enum chat_status upgrade(struct sqlite_store *s)
{
    int format = 0;
    enum chat_status status = claim_all(s, "it was not upgraded to this version's format");
    if (status != CHAT_OK)
        return status;
    status = turn_begin(s);
    if (status == CHAT_OK) {
        bells_add_all(s);
        status = run_upgrades(s, &format);
        status = turn_end(s, status);
    }
    unclaim_all(s);
    return status;
}

static int count_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)name;
    struct sqlite_store *s = context;
    s->wal_frames = frames;
    vfs_wal_salt(db, s->wal_salt);
    return SQLITE_OK;
}

static void configure(struct sqlite_store *s)
{
    sqlite3 *db = s->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, TURN_PATIENCE); /* for other programs: ours take the write lock */
    sqlite3_wal_hook(db, count_frames, s);   /* instead of SQLite's own checkpoint */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* Set up a new connection, and read the facts about the spool. */
static enum chat_status settle_in(struct sqlite_store *s, int *format)
{
    configure(s);
    /* In one transaction: SQLite reads the schema for itself first. */
    enum chat_status status = db_run(s, SQL_BEGIN_READ);
    if (status == CHAT_OK)
        status = check_schema(s, format);
    if (status == CHAT_OK)
        status = db_run(s, SQL_COMMIT);
    if (status == CHAT_OK)
        status = db_run(s, SQL_SET_CELL_SIZE_CHECK);
    return status == CHAT_OK ? db_run(s, SQL_SET_SYNCHRONOUS) : status;
}

/* SQLite records for the process which locks it has on a file. A child made by fork() inherits
 * these records, but not the locks (fcntl(2)): a file that it opens beside a connection of its
 * parent has no lock, and the next process takes the WAL away from under it. */
static struct {
    int count;
    pid_t process;
} connections;

/* Closing any descriptor of a database drops the locks of every connection that this process has to
 * it (fcntl(2), "Record locking"). So while there are connections, these wait. */
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
    if (unclosed.count == sizeof unclosed.descriptors / sizeof(int)) /* SQLite will see it */
        return CHAT_OK;
    enum chat_status status = place_read(&s->place, "", &fd);
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

bool db_was_forked(void)
{
    return connections.count > 0 && connections.process != getpid();
}

/* SQLite may just have built a new index from the WAL, and dropped what follows a broken frame. */
static enum chat_status check_new_index(struct sqlite_store *s)
{
    if (s->index_kept || (synced_is_indexed(s) && !wal_has_cut_size(s->log)))
        return CHAT_OK;
    enum chat_status status = synced_check(s, s->log);
    if (status != CHAT_OK)
        index_unmark(s);
    return status;
}

enum chat_status db_connect(struct sqlite_store *s)
{
    const char *vfs = vfs_name();
    if (vfs == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    /* An absolute path is never taken for a URI, however SQLite was built. */
    errno = 0;
    int rc =
        sqlite3_open_v2(s->place.path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, vfs);
    if (s->db != NULL && connections.count++ == 0)
        connections.process = getpid();
    int format = 0;
    enum chat_status status = rc == SQLITE_OK ? settle_in(s, &format) : db_failed(s, rc, "open");
    if (status == CHAT_OK || status == CHAT_DATA) {
        db_end(s, SQL_COMMIT);
        enum chat_status checked = check_new_index(s);
        status = checked != CHAT_OK ? checked : status;
    }
    if (status == CHAT_OK) {
        index_mark(s);
        if (format < SCHEMA_VERSION)
            status = upgrade(s);
    }
    if (status != CHAT_OK)
        db_disconnect(s);
    return status;
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
