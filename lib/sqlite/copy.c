/* copy.c - copies of a database, and a file that replaces a spool. */

#include "copy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "room.h"

enum { PORTION = 1024 }; /* pages at a time */

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

/* All pages are as they are at this moment: a transaction that reads lets other processes write,
 * and does not see their changes. */
int copy_snapshot(struct sqlite_store *s, sqlite3 *db, chat_progress *progress, void *context)
{
    enum chat_status status = db_run(s, SQL_BEGIN_READ);
    if (status == CHAT_OK)
        status = room_read_spool(s);
    errno = 0;
    int rc = status == CHAT_OK ? copy_pages(db, s->db, progress, context) : s->failed_with;
    return db_end_read(s, status) == CHAT_OK ? rc : s->failed_with;
}

enum chat_status copy_failed(struct sqlite_store *s, int rc, const struct location *to,
                             const char *suffix)
{
    switch (rc == SQLITE_IOERR_NOMEM ? SQLITE_NOMEM : rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return db_failed(s, rc, "read");
    case SQLITE_FULL:
        errno = ENOSPC;
    }
    return error_system(s->base.error, errno != 0 ? errno : EIO, CHAT_IO, "cannot write '%s%s'",
                        to->path, suffix);
}

int copy_put_in_place(struct location *to, const char *suffix)
{
    char name[LOCATION_NAME];
    int fd;
    if (location_open(to, suffix, &fd) != CHAT_OK)
        return -1;
    int result = fsync(fd);
    close(fd);
    if (result < 0)
        return result;
    location_remove(to, "-wal"); /* the WAL of the former file, which is empty */
    location_remove(to, "-shm");
    location_name(to, suffix, name);
    result = renameat(to->directory, name, to->directory, to->name);
    return result == 0 ? fsync(to->directory) : result;
}

enum chat_status copy_check_other(struct sqlite_store *s, const struct location *to,
                                  const char *doing)
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
