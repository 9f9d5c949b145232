/* scratch.c - a database that is being written: a backup, or a spool that is repaired.
 *
 * It has a name in a directory where other members of a group can exchange names, and SQLite opens
 * files by their names. SQLite would take a file that a member put there for the database, and roll
 * back a journal beside it. Such a journal can name any file, which SQLite then deletes
 * (sqlite.org/atomiccommit.html, "Multi-file Commit"). So the database is a descriptor that was
 * opened here, and there is no journal. No other process uses it, so it has no locks. */

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfs.h"

struct scratch {
    sqlite3_file base;
    int fd;
};

static int descriptor(sqlite3_file *file)
{
    return ((struct scratch *)file)->fd;
}

static int scratch_close(sqlite3_file *file)
{
    close(descriptor(file));
    return SQLITE_OK;
}

static int scratch_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    char *to = bytes;
    while (count > 0) {
        ssize_t n = pread(descriptor(file), to, (size_t)count, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SQLITE_IOERR_READ;
        if (n == 0) {
            memset(to, 0, (size_t)count); /* SQLite requires zeros behind the end */
            return SQLITE_IOERR_SHORT_READ;
        }
        to += n;
        count -= (int)n;
        offset += n;
    }
    return SQLITE_OK;
}

static int scratch_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    const char *from = bytes;
    while (count > 0) {
        ssize_t n = pwrite(descriptor(file), from, (size_t)count, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        from += n;
        count -= (int)n;
        offset += n;
    }
    return SQLITE_OK;
}

static int scratch_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return ftruncate(descriptor(file), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int scratch_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    return fsync(descriptor(file)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int scratch_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct stat st;
    if (fstat(descriptor(file), &st) < 0)
        return SQLITE_IOERR_FSTAT;
    *size = st.st_size;
    return SQLITE_OK;
}

static int scratch_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int scratch_reserved(sqlite3_file *file, int *reserved)
{
    (void)file;
    *reserved = 0;
    return SQLITE_OK;
}

static int scratch_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

static int scratch_sector(sqlite3_file *file)
{
    (void)file;
    return PAGE;
}

static int scratch_device(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = scratch_close,
    .xRead = scratch_read,
    .xWrite = scratch_write,
    .xTruncate = scratch_truncate,
    .xSync = scratch_sync,
    .xFileSize = scratch_size,
    .xLock = scratch_lock,
    .xUnlock = scratch_lock,
    .xCheckReservedLock = scratch_reserved,
    .xFileControl = scratch_control,
    .xSectorSize = scratch_sector,
    .xDeviceCharacteristics = scratch_device,
};

/* Open the database, whose name is the number of its descriptor; or a file without a name, which a
 * sort may need. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    file->pMethods = NULL;
    if (name == NULL)
        return base->xOpen(base, name, file, flags, out);
    int fd = (flags & SQLITE_OPEN_MAIN_DB) != 0
                 ? fcntl((int)strtol(name, NULL, 10), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                 : -1;
    if (fd < 0)
        return SQLITE_CANTOPEN;
    *(struct scratch *)file = (struct scratch){ .base.pMethods = &methods, .fd = fd };
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs, (void)name, (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static const char *scratch_vfs(void)
{
    static sqlite3_vfs vfs;
    static const sqlite3_vfs ours = {
        .zName = "chatspool-scratch",
        .szOsFile = (int)sizeof(struct scratch),
        .xOpen = vfs_open,
        .xAccess = vfs_access,
    };
    return vfs_register(&vfs, &ours);
}

int scratch_open(struct location *location, const char *suffix, sqlite3 **db)
{
    int fd;
    char name[16];
    const char *vfs = scratch_vfs();
    *db = NULL;
    location_remove(location, suffix);
    if (vfs == NULL || location_create(location, suffix, &fd) != CHAT_OK)
        return vfs == NULL ? SQLITE_NOMEM : SQLITE_CANTOPEN;
    snprintf(name, sizeof name, "%d", fd);
    int rc = sqlite3_open_v2(name, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
    close(fd);
    /* No process waits for it: it is synced once, at the end. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                          NULL);
    return rc;
}
