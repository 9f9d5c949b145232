/* reseal.c - repair a damaged WAL, so that SQLite can read it again.
 *
 * SQLite silently drops everything behind a broken frame. So a spool whose WAL has lost something
 * that was on the disk is not opened (wal_loss.c). To repair it, the frames get matching checksums;
 * then a damaged page of the WAL is found and repaired like a damaged page of the spool itself. */

#include "reseal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "synced.h"
#include "transaction.h"
#include "wal.h"
#include "wal_loss.h"
#include "write_lock.h"

enum { COPIES = 99, SUFFIX = 32 };

/* Copy the content of FROM to TO, without its holes: a file from a stranger may contain a hole of
 * many TiB. Returns 0, or an errno. */
static int copy_content(int from, int to)
{
    char bytes[64 * 1024];
    struct stat st;
    off_t at = 0;
    if (fstat(from, &st) < 0)
        return errno;
    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        ssize_t n = pread(from, bytes, sizeof bytes, at);
        if (n < 0)
            return errno;
        errno = ENOSPC; /* for the case that less is written */
        if (pwrite(to, bytes, (size_t)n, at) != n)
            return errno;
        at += n;
    }
    if (errno != ENXIO) /* there is no more data */
        return errno;
    return ftruncate(to, st.st_size) < 0 || fsync(to) < 0 ? errno : 0;
}

/* Copy the WAL, whose descriptor is FROM, to a new file beside the spool, and store the suffix of
 * its name in SUFFIX. Returns 0, or an errno. */
static int keep_copy(struct sqlite_store *s, int from, char suffix[SUFFIX])
{
    int to;
    snprintf(suffix, SUFFIX, "-wal-damaged");
    for (int n = 2; n <= COPIES && location_check(&s->location, suffix) == CHAT_OK; n++)
        snprintf(suffix, SUFFIX, "-wal-damaged-%d", n);
    if (location_open(&s->location, suffix, &to) != CHAT_OK)
        return EIO;
    int errnum = copy_content(from, to);
    close(to);
    return errnum;
}

/* Make the WAL readable. Returns 0, or an errno. */
static int repair(struct sqlite_store *s, int fd, const struct wal *wal)
{
    struct synced synced;
    synced_read(s, &synced);
    const uint8_t *salt = wal->salt;
    if (wal->state == WAL_CUT) /* everything is in the spool already */
        return ftruncate(fd, 0) < 0 || fsync(fd) < 0 ? errno : 0;
    if (wal->state == WAL_BAD_HEADER && synced.frames > 0)
        salt = synced.salt;
    const bool known = memcmp(salt, synced.salt, WAL_SALT) == 0;
    if (location_check(&s->location, "") != CHAT_OK)
        return EIO;
    return wal_reseal(fd, salt, known ? synced.frames : wal->frames,
                      (uint32_t)(s->location.size / PAGE));
}

/* Return whether another process is attached to the index of the WAL, and would continue with the
 * WAL as it is. (This process has no connection, so to close the file drops no lock of its own.) */
static bool in_use(struct sqlite_store *s)
{
    enum { ATTACHED_BYTE = 128 }; /* UNIX_SHM_DMS in SQLite's os_unix.c */
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = ATTACHED_BYTE, .l_len = 1
    };
    int fd;
    if (location_check(&s->location, "-shm") != CHAT_OK ||
        location_open(&s->location, "-shm", &fd) != CHAT_OK)
        return false;
    bool used = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return used;
}

static enum chat_status reseal(struct sqlite_store *s, int fd, struct report *report)
{
    struct wal wal;
    char suffix[SUFFIX];
    int errnum = wal_examine(fd, &wal);
    if (in_use(s))
        return error_set(s->base.error, CHAT_BUSY,
                         "cannot repair spool '%s': another process has it open", s->location.path);
    if (errnum == 0)
        errnum = keep_copy(s, fd, suffix);
    if (errnum == 0)
        errnum = repair(s, fd, &wal);
    if (errnum != 0)
        return error_system(s->base.error, errnum, CHAT_IO, "cannot repair spool '%s'",
                            s->location.path);
    report_repair(report, "the WAL was repaired; a copy of the damaged one is '%s%s'",
                  s->location.path, suffix);
    return CHAT_OK;
}

/* Keep a copy of the WAL, and empty it into the spool. The index still knows where each page is,
 * and the pages are checked in the spool. */
static enum chat_status empty(struct sqlite_store *s, int fd, struct report *report)
{
    char suffix[SUFFIX];
    int errnum = keep_copy(s, fd, suffix);
    if (errnum != 0)
        return error_system(s->base.error, errnum, CHAT_IO, "cannot repair spool '%s'",
                            s->location.path);
    enum chat_status status = transaction_empty_wal(s);
    if (status == CHAT_OK)
        report_repair(report, "the WAL was emptied; a copy of the damaged one is '%s%s'",
                      s->location.path, suffix);
    return status;
}

enum chat_status reseal_check(struct sqlite_store *s, bool repair_it, struct report *report)
{
    enum chat_status status = wal_loss_check(s, s->wal);
    if (status != CHAT_DATA)
        return status;
    report_fault(report, "%s", s->base.error->text);
    return repair_it ? empty(s, s->wal, report) : CHAT_OK;
}

enum chat_status reseal_wal(struct sqlite_store *s, struct report *report)
{
    int fd;
    struct error error = *s->base.error;
    if (s->lock < 0 || location_check(&s->location, "-wal") != CHAT_OK ||
        write_lock_take(s) != CHAT_OK) {
        *s->base.error = error;
        return CHAT_DATA;
    }
    enum chat_status status = location_open(&s->location, "-wal", &fd);
    if (status == CHAT_OK) {
        report_fault(report, "%s", error.text);
        status = reseal(s, fd, report);
        close(fd);
    }
    write_lock_release(s);
    return status;
}
