/* backup.c - copy a whole spool to another file. */

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
#include "operations.h"
#include "room.h"
#include "scratch.h"
#include "write_lock.h"

static enum chat_status write_backup(struct sqlite_store *s, struct location *to,
                                     chat_progress *progress, void *context)
{
    sqlite3 *db;
    int rc = scratch_open(to, "-new", &db);
    if (rc == SQLITE_OK)
        rc = copy_snapshot(s, db, progress, context);
    sqlite3_close(db);
    errno = rc == SQLITE_OK ? 0 : errno;
    if (rc == SQLITE_OK && copy_put_in_place(to, "-new") == 0)
        return CHAT_OK;
    enum chat_status status = copy_failed(s, rc, to, "");
    location_remove(to, "-new");
    return status;
}

static enum chat_status in_use(struct sqlite_store *s, const struct location *to)
{
    return error_set(s->base.error, CHAT_CANTCREATE,
                     "cannot replace '%s': it is a spool in use; to put a backup in the place of a "
                     "spool use 'chat-spool restore'",
                     to->path);
}

/* Check that the backup would not be a file beside another spool that belongs to it. */
static enum chat_status check_name(struct sqlite_store *s, const struct location *to)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-lock", "-reserve" };
    char spool[LOCATION_NAME];
    struct stat st;
    const size_t length = strlen(to->name);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const size_t end = strlen(suffixes[i]);
        if (length <= end || strcmp(to->name + length - end, suffixes[i]) != 0)
            continue;
        snprintf(spool, sizeof spool, "%.*s", (int)(length - end), to->name);
        if (fstatat(to->directory, spool, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return error_set(s->base.error, CHAT_CANTCREATE,
                             "cannot write '%s': it would be a file of the spool '%.*s'", to->path,
                             (int)(strlen(to->path) - end), to->path);
    }
    return CHAT_OK;
}

/* Within the write lock: empty the WAL of an old backup. */
static enum chat_status empty_log_of(struct sqlite_store *old)
{
    sqlite3_busy_timeout(old->db, 0);
    int rc = sqlite3_wal_checkpoint_v2(old->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK ? CHAT_OK : db_failed(old, rc, "write");
}

/* Move the WAL of an old backup, from which messages were received, into its file: so the old
 * backup is whole until the new one has its name. */
static enum chat_status empty_old_wal(struct sqlite_store *s, const struct location *to)
{
    struct store *store;
    enum chat_status status = store_sqlite.open(to->path, s->base.error, &store);
    if (status != CHAT_OK)
        return status;
    struct sqlite_store *old = (struct sqlite_store *)store;
    status = connect_spool(old);
    if (status == CHAT_OK)
        status = write_lock_take(old);
    if (status == CHAT_OK) {
        status = empty_log_of(old);
        write_lock_release(old);
    }
    store_sqlite.close(store);
    return status;
}

/* Check the WAL of an old backup: one that is not empty would be taken for the WAL of the new
 * file. */
static enum chat_status check_old_wal(struct sqlite_store *s, struct location *to)
{
    enum chat_status status = location_check(to, "-wal");
    if (status == CHAT_OK && to->size > 0)
        status = empty_old_wal(s, to);
    if (status == CHAT_BUSY) /* another process is reading */
        return in_use(s, to);
    if (status != CHAT_DATA)
        return status == CHAT_NONE ? CHAT_OK : status;
    return error_set(s->base.error, CHAT_CANTCREATE,
                     "cannot replace '%s': it is not a readable spool; remove it, and "
                     "'%s-wal', before",
                     to->path, to->path);
}

/* Check that no process is connected to the old backup: it would have a lock on a byte of the WAL
 * index (lib/sqlite/wal_index.c). */
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

/* Check that the file that the backup replaces, if there is one, may be replaced. */
static enum chat_status check_target(struct sqlite_store *s, struct location *to)
{
    enum chat_status status = location_enter(to, false);
    if (status == CHAT_NONE)
        return error_system(s->base.error, ENOENT, CHAT_CANTCREATE, "cannot write '%s'", to->path);
    if (status == CHAT_OK)
        status = copy_check_other(s, to, "write");
    if (status == CHAT_OK)
        status = check_name(s, to);
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
    enum chat_status status = connect_on_full_disk(s);
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
