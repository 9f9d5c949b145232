/* vfs.c - how SQLite opens, writes and syncs the files of a spool.
 *
 * A thin layer (sqlite.org/vfs.html, "VFS shims") over the system's own VFS:
 *
 * - The WAL is never opened through a symbolic link.
 * - Only the process that creates the WAL syncs its directory. SQLite would do so in every process
 * that opens the WAL with the flag to create it; so a WAL that is not empty is opened without that
 * flag.
 * - There is always a WAL, and never a rollback journal: a journal found there was planted, and
 * SQLite would write its content into the spool.
 * - A commit can be synced later, after the write lock was released (group_commit.c).
 * - A WAL that was synced after its last change is not synced again before a checkpoint.
 * - A failed sync of the WAL is remembered, and no sync succeeds until the WAL was rewritten. After
 * a failed sync of the spool itself the kernel drops the cached pages of the spool. */

#include "vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The state of a file; it follows the system's own file structure in memory. */
struct layer {
    sqlite3_io_methods methods;     /* our methods, and the system's where ours do not differ */
    const sqlite3_io_methods *base; /* the system's methods */
    uint8_t salt[WAL_SALT];         /* the salt of the frame that was last written */
    bool header;                    /* the last write was that of the WAL's header */
    bool synced;                    /* the whole file is on disk */
    bool deferring;                 /* the next commit will be synced later */
    bool pending;                   /* a commit has to be synced */
    int failed;                     /* errno of the failed sync, or 0 */
    const char *name;               /* the name of the spool's file; valid as long as it is open */
};

static int read_failed; /* errno of the last read that failed */

int vfs_read_failed(void)
{
    int errnum = read_failed;
    read_failed = 0;
    return errnum;
}

static bool disk_full; /* the last write failed for lack of space */

bool vfs_disk_full(void)
{
    return disk_full;
}

static struct layer *layer_of(sqlite3_file *file)
{
    return (struct layer *)(void *)file->pMethods; /* its first member */
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    int rc = layer_of(file)->base->xWrite(file, bytes, count, offset);
    disk_full = rc == SQLITE_FULL;
    return rc;
}

static int wal_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    struct layer *wal = layer_of(file);
    wal->synced = false;
    wal->header = count == WAL_HEADER && offset == 0;
    if (count == WAL_FRAME_HEADER) /* SQLite writes it separately from the page */
        memcpy(wal->salt, (const char *)bytes + WAL_FRAME_SALT_AT, WAL_SALT);
    return file_write(file, bytes, count, offset);
}

/* Read. After an I/O error SQLite returns IOERR_CORRUPTFS here, and then CORRUPT to us. But data
 * that cannot be read now may be sound: if the spool counted as damaged, a repair would lose this
 * data. */
static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    int rc = layer_of(file)->base->xRead(file, bytes, count, offset);
    if (rc != SQLITE_IOERR_CORRUPTFS && rc != SQLITE_IOERR_READ)
        return rc;
    read_failed = errno;
    return SQLITE_IOERR_READ;
}

/* Sync the spool. When a checkpoint's sync fails, the next checkpoint writes the same pages again.
 * But ext4 may keep new blocks marked as unwritten after the failure; then writes to their cached
 * pages are synced without an error, and the blocks are zeros after a power cut. So let the kernel
 * drop the cached pages. (The descriptor stays open for the life of the process: to close it would
 * drop SQLite's locks on the file, sqlite.org/howtocorrupt.html, "Posix advisory locks".) */
static int spool_sync(sqlite3_file *file, int flags)
{
    const struct layer *layer = layer_of(file);
    int rc = layer->base->xSync(file, flags);
    if (rc == SQLITE_OK)
        return rc;
    int errnum = errno, fd = open(layer->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    errno = errnum;
    return rc;
}

/* Sync the WAL. SQLite syncs a new header before it writes the frames that follow it: this sync
 * does not belong to a commit, and cannot be deferred. */
static int wal_sync(sqlite3_file *file, int flags)
{
    struct layer *wal = layer_of(file);
    if (wal->synced)
        return SQLITE_OK;
    if (wal->failed != 0) { /* a later fdatasync() that returns 0 would prove nothing */
        errno = wal->failed;
        return SQLITE_IOERR_FSYNC;
    }
    if (wal->deferring && !wal->header) {
        wal->deferring = false;
        wal->pending = true;
        return SQLITE_OK;
    }
    errno = 0;
    int rc = wal->base->xSync(file, flags);
    wal->synced = rc == SQLITE_OK;
    if (rc == SQLITE_OK)
        wal->pending = false;
    else
        wal->failed = errno != 0 ? errno : EIO;
    return rc;
}

/* Return the WAL of a connection, or NULL if it is not open. */
static sqlite3_file *wal_file(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    bool is_wal = file != NULL && file->pMethods != NULL && file->pMethods->xSync == wal_sync;
    return is_wal ? file : NULL;
}

static struct layer *wal_of(sqlite3 *db)
{
    sqlite3_file *file = wal_file(db);
    return file != NULL ? layer_of(file) : NULL;
}

void vfs_defer_sync(sqlite3 *db, bool deferring)
{
    struct layer *wal = wal_of(db);
    if (wal != NULL)
        wal->deferring = deferring;
}

void vfs_need_sync(sqlite3 *db)
{
    struct layer *wal = wal_of(db);
    if (wal == NULL)
        return;
    wal->pending = true;
    wal->synced = false;
}

int vfs_sync(sqlite3 *db)
{
    sqlite3_file *file = wal_file(db);
    if (file == NULL)
        return SQLITE_OK;
    struct layer *wal = layer_of(file);
    wal->deferring = false;
    return wal->pending ? wal_sync(file, SQLITE_SYNC_NORMAL) : SQLITE_OK;
}

int vfs_sync_failed(sqlite3 *db)
{
    const struct layer *wal = wal_of(db);
    return wal != NULL ? wal->failed : 0;
}

void vfs_was_rewritten(sqlite3 *db)
{
    struct layer *wal = wal_of(db);
    if (wal == NULL)
        return;
    wal->failed = 0;
    wal->pending = false;
}

void vfs_begin_write(sqlite3 *db)
{
    struct layer *wal = wal_of(db);
    if (wal != NULL)
        wal->synced = false;
}

void vfs_wal_salt(sqlite3 *db, uint8_t salt[WAL_SALT])
{
    const struct layer *wal = wal_of(db);
    if (wal != NULL)
        memcpy(salt, wal->salt, WAL_SALT);
    else
        memset(salt, 0, WAL_SALT);
}

int64_t vfs_wal_size(sqlite3 *db)
{
    sqlite3_file *file = wal_file(db);
    sqlite3_int64 size = 0;
    return file != NULL && file->pMethods->xFileSize(file, &size) == SQLITE_OK ? size : 0;
}

/* SQLite itself (SQLITE_FCNTL_SIZE_HINT) would write one byte to each page: 600 calls for a batch
 * of chat-send -l. */
int vfs_extend(sqlite3_file *file, int64_t from, int64_t to)
{
    static const char zeros[64 * 1024];
    int rc = SQLITE_OK;
    for (int64_t count; from < to && rc == SQLITE_OK; from += count) {
        count = to - from < (int64_t)sizeof zeros ? to - from : (int64_t)sizeof zeros;
        rc = file->pMethods->xWrite(file, zeros, (int)count, from);
    }
    return rc;
}

/* Sync the directory of the file NAME, which is absolute. */
static int sync_directory(const char *name)
{
    char directory[4096];
    sqlite3_snprintf(sizeof directory, directory, "%s", name);
    char *slash = strrchr(directory, '/');
    slash[slash == directory] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0)
        close(fd);
    return result == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

static int open_wal(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags, int *out)
{
    flags |= SQLITE_OPEN_NOFOLLOW;
    const int there = flags & ~SQLITE_OPEN_CREATE;
    sqlite3_int64 size = 0;
    int rc = base->xOpen(base, name, file, there, out);
    if (rc == SQLITE_OK) {
        rc = file->pMethods->xFileSize(file, &size);
        if (rc == SQLITE_OK && size > 0)
            return rc;
        file->pMethods->xClose(file);
    }
    /* The WAL does not exist or is empty, and the process that created it may have died before
     * it synced the directory. SQLite would sync the directory, too, but would not notice a
     * failure. */
    rc = base->xOpen(base, name, file, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    file->pMethods->xClose(file);
    rc = sync_directory(name);
    return rc == SQLITE_OK ? base->xOpen(base, name, file, there, out) : rc;
}

/* Return whether SQLite has opened the file only for reading although it may be written. If a file
 * cannot be opened for writing, SQLite opens it for reading, whatever the reason is. */
static bool read_only_by_accident(const char *name, int flags, const int *out)
{
    return (flags & SQLITE_OPEN_READWRITE) != 0 && out != NULL &&
           (*out & SQLITE_OPEN_READONLY) != 0 && faccessat(AT_FDCWD, name, W_OK, AT_EACCESS) == 0;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0)
        return SQLITE_CANTOPEN;
    const bool is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    int rc =
        is_wal ? open_wal(base, name, file, flags, out) : base->xOpen(base, name, file, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    if (read_only_by_accident(name, flags, out)) {
        int errnum = errno;
        file->pMethods->xClose(file);
        errno = errnum;
        return SQLITE_CANTOPEN;
    }
    struct layer *layer = (void *)((char *)file + base->szOsFile);
    *layer = (struct layer){ .methods = *file->pMethods, .base = file->pMethods, .name = name };
    file->pMethods = &layer->methods;
    layer->methods.xRead = file_read;
    layer->methods.xWrite = is_wal ? wal_write : file_write;
    if (is_wal)
        layer->methods.xSync = wal_sync;
    else if ((flags & SQLITE_OPEN_MAIN_DB) != 0)
        layer->methods.xSync = spool_sync;
    return SQLITE_OK;
}

/* Answer whether there is a journal or a WAL. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs, (void)flags;
    size_t length = strlen(name);
    *result = length > 4 && strcmp(name + length - 4, "-wal") == 0;
    return SQLITE_OK;
}

/* Copy the name, which is absolute already. The system's function would look at each directory on
 * the way, and with SQLITE_OPEN_NOFOLLOW refuse a directory that is a link. */
static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int size, char *full)
{
    (void)vfs;
    sqlite3_snprintf(size, full, "%s", path);
    return strlen(path) < (size_t)size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* Open without waiting. If SQLite cannot open a file for writing, it opens the file for reading; if
 * a FIFO has been put there since, it would wait for a writer. For files it makes no difference. */
static int open_at_once(const char *name, int flags, int mode)
{
    return open(name, flags | O_NONBLOCK, mode);
}

void vfs_single_threaded(void)
{
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    if (base != NULL)
        base->xSetSystemCall(base, "open", (sqlite3_syscall_ptr)open_at_once);
}

const char *vfs_register(sqlite3_vfs *vfs, const sqlite3_vfs *ours)
{
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    if (sqlite3_vfs_find(ours->zName) != NULL)
        return ours->zName;
    if (base == NULL)
        return NULL;
    *vfs = *base;
    vfs->zName = ours->zName;
    vfs->pAppData = base;
    vfs->pNext = NULL;
    vfs->szOsFile = base->szOsFile + ours->szOsFile;
    vfs->xOpen = ours->xOpen;
    vfs->xAccess = ours->xAccess;
    vfs->xFullPathname = vfs_full_pathname;
    return sqlite3_vfs_register(vfs, 0) == SQLITE_OK ? vfs->zName : NULL;
}

const char *vfs_name(void)
{
    static sqlite3_vfs vfs;
    static const sqlite3_vfs ours = {
        .zName = "chatspool",
        .szOsFile = (int)sizeof(struct layer),
        .xOpen = vfs_open,
        .xAccess = vfs_access,
    };
    return vfs_register(&vfs, &ours);
}
