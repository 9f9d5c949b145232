/* backup.c - a whole spool in another file, and free space returned to the disk. */

#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"
#include "copy.h"
#include "database.h"
#include "due.h"
#include "group_commit.h"
#include "operations.h"
#include "os/bell.h"
#include "room.h"
#include "transaction.h"
#include "trim.h"
#include "write_lock.h"

enum { PORTION = 1024 }; /* pages, or messages, at a time */

/* --- backup ---------------------------------------------------------------- */

int copy_pages(sqlite3 *to, sqlite3 *from, chat_progress *progress, void *context)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup == NULL)
        return sqlite3_extended_errcode(to);
    int rc;
    while ((rc = sqlite3_backup_step(backup, PORTION)) == SQLITE_OK)
        if (progress != NULL) {
            int64_t total = sqlite3_backup_pagecount(backup);
            progress(context, (total - sqlite3_backup_remaining(backup)) * PAGE, total * PAGE);
        }
    int finished = sqlite3_backup_finish(backup);
    return rc != SQLITE_DONE ? rc : finished;
}

static enum chat_status cannot_write(struct sqlite_store *s, const struct location *to, int rc)
{
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        return db_failed(s, rc, "read");
    if ((rc & 0xff) == SQLITE_FULL)
        errno = ENOSPC;
    return error_system(s->base.error, errno != 0 ? errno : EIO, CHAT_IO, "cannot write '%s'",
                        to->path);
}

/* All pages as they are at this moment: a transaction that reads lets others write, and sees none
 * of it. */
int copy_snapshot(struct sqlite_store *s, sqlite3 *db, chat_progress *progress, void *context)
{
    if (db_run(s, SQL_BEGIN_READ) != CHAT_OK || spool_read(s) != CHAT_OK)
        return s->failed_with;
    errno = 0;
    int rc = copy_pages(db, s->db, progress, context);
    db_end(s, SQL_COMMIT);
    return rc;
}

int put_in_place(struct location *to, const char *suffix)
{
    char name[LOCATION_NAME];
    int fd;
    if (location_open(to, suffix, &fd) != CHAT_OK)
        return -1;
    int result = fsync(fd);
    close(fd);
    location_remove(to, "-wal"); /* empty, of what is replaced */
    location_remove(to, "-shm");
    location_name(to, suffix, name);
    if (result == 0)
        result = renameat(to->directory, name, to->directory, to->name);
    return result == 0 ? fsync(to->directory) : result;
}

static enum chat_status write_backup(struct sqlite_store *s, struct location *to,
                                     chat_progress *progress, void *context)
{
    sqlite3 *db;
    int rc = scratch_open(to, "-new", &db);
    if (rc == SQLITE_OK)
        rc = copy_snapshot(s, db, progress, context);
    sqlite3_close(db);
    errno = rc == SQLITE_OK ? 0 : errno;
    if (rc == SQLITE_OK && put_in_place(to, "-new") == 0)
        return CHAT_OK;
    enum chat_status status = cannot_write(s, to, rc);
    location_remove(to, "-new");
    return status;
}

enum chat_status check_other(struct sqlite_store *s, const struct location *to, const char *doing)
{
    static const char *const suffixes[] = { "",         "-wal",    "-shm",    "-lock",
                                            "-reserve", "-group",  "-bell",   "-gone",
                                            "-new",     "-repair", "-restore" };
    struct stat ours, theirs;
    size_t length = strlen(s->location.name);
    if (fstat(s->location.directory, &ours) < 0 || fstat(to->directory, &theirs) < 0)
        return error_system(s->base.error, errno, CHAT_IO, "cannot %s '%s'", doing, to->path);
    if (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino ||
        strncmp(to->name, s->location.name, length) != 0)
        return CHAT_OK;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcmp(to->name + length, suffixes[i]) == 0)
            return error_set(s->base.error, CHAT_CANTCREATE,
                             "cannot %s '%s': it is a file of the spool itself", doing, to->path);
    return CHAT_OK;
}

static enum chat_status in_use(struct sqlite_store *s, const struct location *to)
{
    return error_set(s->base.error, CHAT_CANTCREATE,
                     "cannot replace '%s': it is a spool in use; to put a backup in the place of a "
                     "spool use 'chat-spool restore'",
                     to->path);
}

/* Under the write lock. */
static enum chat_status empty_log_of(struct sqlite_store *old)
{
    sqlite3_busy_timeout(old->db, 0);
    int rc = sqlite3_wal_checkpoint_v2(old->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK ? CHAT_OK : db_failed(old, rc, "write");
}

/* Move the WAL of an old backup, from which messages were received, into its file: until the new
 * backup has its name the old one is whole. */
static enum chat_status empty_old_wal(struct sqlite_store *s, const struct location *to)
{
    struct store *store;
    enum chat_status status = store_sqlite.open(to->path, s->base.error, &store);
    if (status != CHAT_OK)
        return status;
    struct sqlite_store *old = (struct sqlite_store *)store;
    status = store_connect(old);
    if (status == CHAT_OK)
        status = write_lock_take(old);
    if (status == CHAT_OK) {
        status = empty_log_of(old);
        write_lock_release(old);
    }
    store_sqlite.close(store);
    return status;
}

/* A WAL that is not empty would be taken for the new file's. */
static enum chat_status check_old_wal(struct sqlite_store *s, struct location *to)
{
    enum chat_status status = location_check(to, "-wal");
    if (status == CHAT_OK && to->size > 0)
        status = empty_old_wal(s, to);
    if (status == CHAT_BUSY) /* a reader is in the way */
        return in_use(s, to);
    if (status != CHAT_DATA)
        return status == CHAT_NONE ? CHAT_OK : status;
    return error_set(s->base.error, CHAT_CANTCREATE,
                     "cannot replace '%s': it is not a readable spool; remove it, and "
                     "'%s-wal', before",
                     to->path, to->path);
}

/* A process that is connected to a spool has a lock on a byte of its index
 * (lib/sqlite/wal_index.c). */
static enum chat_status check_unused(struct sqlite_store *s, struct location *to)
{
    enum { ATTACHED_BYTE = 128 };
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = ATTACHED_BYTE, .l_len = 1
    };
    int fd;
    enum chat_status status = location_read(to, "-shm", &fd);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        status = in_use(s, to);
    close(fd);
    return status;
}

/* A file in the place of the new one must be one that may be replaced. */
static enum chat_status check_target(struct sqlite_store *s, struct location *to)
{
    enum chat_status status = location_enter(to, false);
    if (status == CHAT_NONE)
        return error_system(s->base.error, ENOENT, CHAT_CANTCREATE, "cannot write '%s'", to->path);
    if (status == CHAT_OK)
        status = check_other(s, to, "write");
    if (status == CHAT_OK)
        status = location_check(to, "");
    if (status == CHAT_OK)
        status = check_unused(s, to);
    if (status == CHAT_OK)
        status = check_old_wal(s, to);
    return status == CHAT_NONE ? CHAT_OK : status;
}

enum chat_status sqlite_backup(struct store *store, const char *file, chat_progress *progress,
                               void *context)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct location to;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status;
    status = location_find(&to, file, s->base.error);
    if (status == CHAT_OK)
        status = check_target(s, &to);
    if (status == CHAT_OK)
        status = write_backup(s, &to, progress, context);
    location_release(&to);
    return status;
}

/* --- compact --------------------------------------------------------------- */

/* Delete what all readers of an open room are done with, and what it does not keep. */
static enum chat_status trim_room(struct sqlite_store *s, const struct room *room)
{
    enum chat_status status = transaction_begin(s);
    return status == CHAT_OK ? group_commit_end(s, trim(s, room->number, room->depth)) : status;
}

static enum chat_status sweep_rooms(struct sqlite_store *s)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    enum chat_status status = sqlite_list(&s->base, &rooms, &count);
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        struct room room;
        status = room_get(s, rooms[i].name, &room);
        if (status == CHAT_NONE) {
            status = CHAT_OK;
            continue;
        }
        if (status == CHAT_OK)
            status = sweep_while_idle(s, &room);
        if (status == CHAT_OK && is_open(&room))
            status = trim_room(s, &room);
    }
    free(rooms);
    return status;
}

/* Delete the rows of rooms that hold no message, some per transaction. */
static enum chat_status delete_rooms(struct sqlite_store *s)
{
    enum chat_status status = CHAT_OK;
    int64_t last = db_number(s, SQL_GET_LAST_ROOM);
    for (int64_t from = 0; from < last && status == CHAT_OK; from += PORTION) {
        status = transaction_begin(s);
        if (status != CHAT_OK)
            return status;
        sqlite3_stmt *statement = db_statement(s, SQL_DELETE_ROOMS);
        sqlite3_bind_int64(statement, 1, from);
        sqlite3_bind_int64(statement, 2, from + PORTION - 1);
        status = group_commit_end(s, db_finish(s, statement));
    }
    return status;
}

/* Remove the FIFOs that no process uses, some each time under the write lock. */
static enum chat_status remove_bells(struct sqlite_store *s, const char *bell)
{
    size_t count = PORTION;
    while (count == PORTION) {
        enum chat_status status = write_lock_take(s);
        if (status != CHAT_OK)
            return status;
        count = bell_remove_idle(&s->location, bell, PORTION);
        write_lock_release(s);
    }
    return CHAT_OK;
}

static enum chat_status remove_unused(struct sqlite_store *s)
{
    enum chat_status status = delete_rooms(s);
    if (status == CHAT_OK)
        status = remove_bells(s, BELL_CAME);
    return status == CHAT_OK ? remove_bells(s, BELL_GONE) : status;
}

/* Give some pages back, in one transaction. */
static enum chat_status shrink(struct sqlite_store *s)
{
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    int rc = SQLITE_ROW;
    sqlite3_stmt *statement = db_statement(s, SQL_SHRINK);
    for (int n = 0; n < PORTION && rc == SQLITE_ROW; n++)
        rc = db_step(s, statement);
    sqlite3_reset(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = db_failed(s, rc, "write");
    return group_commit_end(s, status);
}

enum chat_status sqlite_compact(struct store *store, chat_progress *progress, void *context,
                                int64_t *freed)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum chat_status status = store_connect_on_full_disk(s);
    if (status == CHAT_OK)
        status = sweep_rooms(s);
    if (status == CHAT_OK)
        status = remove_unused(s);
    if (status != CHAT_OK)
        return status;
    int64_t before = db_number(s, SQL_GET_PAGES), spare = db_number(s, SQL_GET_FREE_PAGES), left;
    while ((left = db_number(s, SQL_GET_FREE_PAGES)) > 0 && status == CHAT_OK) {
        status = shrink(s);
        if (progress != NULL && spare >= left)
            progress(context, spare - left, spare);
    }
    *freed = (before - db_number(s, SQL_GET_PAGES)) * PAGE;
    return status == CHAT_OK ? transaction_empty_wal(s) : status;
}
