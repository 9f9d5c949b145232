/* connect.c - connect a handle to its spool: open and check the files, configure the connection. */

#include "connect.h"

#include <string.h>
#include <unistd.h>

#include "create.h"
#include "database.h"
#include "lock_file.h"
#include "os/clock.h"
#include "os/lock.h"
#include "schema.h"
#include "transaction.h"
#include "vfs.h"
#include "wal.h"
#include "wal_index.h"
#include "wal_loss.h"

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
    sqlite3_busy_timeout(
        db, WRITE_LOCK_TIMEOUT);           /* for other programs: ours take the write lock first */
    sqlite3_wal_hook(db, count_frames, s); /* instead of SQLite's own checkpoint */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* Set up a new connection, and read the row of the spool. */
static enum chat_status set_up(struct sqlite_store *s, int *format)
{
    configure(s);
    /* All in one transaction: otherwise SQLite reads the schema in a transaction of its own. */
    enum chat_status status = db_run(s, SQL_BEGIN_READ);
    if (status == CHAT_OK)
        status = schema_check(s, format);
    if (status == CHAT_OK)
        status = db_run(s, SQL_COMMIT);
    if (status == CHAT_OK)
        status = db_run(s, SQL_SET_CELL_SIZE_CHECK);
    return status == CHAT_OK ? db_run(s, SQL_SET_SYNCHRONOUS) : status;
}

/* If SQLite has just built a new index from the WAL, it may have dropped frames behind a broken
 * one: check this. */
static enum chat_status check_new_index(struct sqlite_store *s)
{
    if (s->wal_index_kept || (wal_loss_is_indexed(s) && !wal_has_cut_size(s->wal)))
        return CHAT_OK;
    enum chat_status status = wal_loss_check(s, s->wal);
    if (status != CHAT_OK)
        wal_index_unmark(s);
    return status;
}

static enum chat_status connect_database(struct sqlite_store *s)
{
    const char *vfs = vfs_name();
    if (vfs == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    int rc = db_open(s, vfs), format = 0;
    enum chat_status status = rc == SQLITE_OK ? set_up(s, &format) : db_failed(s, rc, "open");
    if (status == CHAT_OK || status == CHAT_DATA) {
        status = db_end_read(s, status);
        enum chat_status checked = check_new_index(s);
        status = checked != CHAT_OK ? checked : status;
    }
    if (status == CHAT_OK) {
        wal_index_mark(s);
        status = schema_upgrade(s, format);
    }
    if (status != CHAT_OK)
        db_disconnect(s);
    return status;
}

static void close_wal(struct sqlite_store *s)
{
    if (s->wal >= 0)
        close(s->wal);
    s->wal = -1;
}

void connect_close(struct sqlite_store *s)
{
    db_disconnect(s);
    wal_index_detach(s);
    close_wal(s);
    s->attached = false;
}

/* SQLite will rebuild the index of the WAL, in a file that it maps into memory. Check that the disk
 * has blocks for it: without them, SIGBUS would kill the process. */
static enum chat_status check_space_for_index(struct sqlite_store *s)
{
    enum { INDEX = 128 * 1024 };
    enum chat_status status = location_check(&s->location, "-shm");
    if ((status == CHAT_OK || status == CHAT_NONE) && !s->reserve_given &&
        !location_has_space(&s->location, INDEX))
        return db_full(s, "open");
    return status;
}

/* Open a spool on a read-only file system, where no file can be created or locked. SQLite can read
 * it, with the WAL, if the WAL and its index exist. SQLite does not check whether other processes
 * write the spool through another mount of the same file system. */
static enum chat_status open_read_only(struct sqlite_store *s)
{
    const char *missing = NULL;
    s->read_only = true;
    enum chat_status status = CHAT_OK;
    if (s->lock < 0) /* without a lock file no process has a claim */
        status = location_read(&s->location, "-lock", &s->lock);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = db_recognize(s);
    if (status == CHAT_OK && s->wal < 0 &&
        (status = location_read(&s->location, "-wal", &s->wal)) == CHAT_NONE)
        missing = "-wal";
    if (status == CHAT_OK && (status = location_check(&s->location, "-shm")) == CHAT_NONE)
        missing = "-shm";
    if (missing == NULL)
        return status;
    return error_set(s->base.error, CHAT_IO,
                     "cannot read spool '%s': there is no '%s%s', and the file system is "
                     "read-only; copy the spool to a directory that can be written",
                     s->location.path, s->location.name, missing);
}

/* Open the lock file, and the WAL if it exists. If one of them is missing, examine the spool first:
 * it may be a file of another program, and no file may be created beside it. */
static enum chat_status open_beside(struct sqlite_store *s)
{
    enum chat_status lock = CHAT_OK, wal = CHAT_OK;
    if (s->lock < 0) {
        lock = location_use(&s->location, "-lock", &s->lock);
        s->lock_seen = clock_now();
    }
    if (lock == CHAT_OK || lock == CHAT_NONE)
        wal = location_read(&s->location, "-wal", &s->wal);
    if (lock == CHAT_OK && wal == CHAT_OK)
        return CHAT_OK;
    if (location_is_read_only(&s->location))
        return open_read_only(s);
    if (lock != CHAT_OK && lock != CHAT_NONE)
        return lock;
    if (wal != CHAT_OK && wal != CHAT_NONE)
        return wal;
    enum chat_status status = db_recognize(s);
    return status == CHAT_OK ? lock_file_open(s) : status;
}

/* Explain how to repair a spool whose schema SQLite cannot read with the WAL and the index beside
 * the file. A backup that a user has copied there looks like that, too. */
static void explain(struct sqlite_store *s)
{
    static const char damaged[] = "is damaged";
    const char *end = strstr(s->base.error->text, damaged);
    if (end != NULL && end[sizeof damaged - 1] == '\0')
        error_add(s->base.error, "; use 'chat-spool check --repair', or if it is a backup, move it "
                                 "away and use 'chat-spool restore'");
}

enum chat_status connect_spool(struct sqlite_store *s)
{
    if (s->db != NULL)
        return CHAT_OK;
    if (s->attached) /* the database was closed to end a transaction without memory */
        connect_close(s);
    enum chat_status status = location_enter(&s->location, false);
    if (status == CHAT_OK)
        status = location_check(&s->location, "");
    if (status != CHAT_OK)
        return status;                      /* CHAT_NONE if there is no spool */
    if (s->location.size < DATABASE_HEADER) /* SQLite would create a database there */
        return db_failed(s, SQLITE_NOTADB, "open");
    if (db_was_forked())
        return error_set(s->base.error, CHAT_USAGE,
                         "cannot open spool '%s': this process was forked while one was open",
                         s->location.path);
    status = open_beside(s);
    if (status != CHAT_OK) {
        close_wal(s);
        return status;
    }
    s->attached = true;
    if (!wal_index_attach(s, s->wal) && !s->read_only)
        status = check_space_for_index(s);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = connect_database(s);
    if (status == CHAT_DATA)
        explain(s);
    if (status != CHAT_OK)
        connect_close(s);
    return status;
}

enum chat_status connect_on_full_disk(struct sqlite_store *s)
{
    enum chat_status status = connect_spool(s);
    if (status == CHAT_IO && s->lock >= 0 && !s->read_only) { /* the -shm file needs some blocks */
        reserve_give(s);
        status = connect_spool(s);
    }
    return status;
}

enum chat_status connect_or_create(struct sqlite_store *s)
{
    enum chat_status status = connect_spool(s);
    if (status != CHAT_NONE)
        return status;
    status = location_enter(&s->location, true);
    if (status == CHAT_OK)
        status = lock_file_open(s);
    if (status == CHAT_OK)
        status = create_spool(s);
    return status == CHAT_OK ? connect_spool(s) : status;
}

enum chat_status connect_and_begin(struct sqlite_store *s)
{
    enum chat_status status = connect_or_create(s);
    return status == CHAT_OK ? transaction_begin(s) : status;
}
