/* synced.c - a record in the lock file of what is known to be on disk.
 *
 * After each sync of the WAL the process that synced it writes a record to the lock file: the
 * highest id that is on disk, and the salt of the WAL and how many of its frames are on disk. The
 * record itself is not synced. After a power cut it may be older than the truth, but it never
 * claims too much:
 *
 * - A receiver that is about to deliver a message with a higher id syncs the WAL first. The sender
 * of the message may have been killed before it synced, and after a power cut another message would
 * get the same id.
 * - A WAL with fewer sound frames that do not end with its file is damaged; it has not just lost a
 * commit that was never acknowledged.
 *
 * A byte of the lock file records that a sync has failed. Linux considers the pages of a failed
 * sync written (lwn.net/Articles/752063): a later sync returns 0, and proves nothing. So the
 * process that sees the failure, or the next one that takes the write lock, writes the frames of
 * the WAL again and syncs them. Until that succeeds, no commit is acknowledged, and no page goes
 * from the WAL to the spool.
 *
 * (If a process is killed between a failed sync and the writing of that byte, the failure is not
 * recorded. Linux reports it to every process that had the WAL open at that time, but not to one
 * that opens it later.) */

#include "synced.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vfs.h"
#include "wal.h"
#include "wal_index.h"

/* The layout of the record in the lock file. */
struct record {
    uint8_t salt[WAL_SALT];
    uint32_t frames;
    uint32_t check; /* detects a record that is written while it is read */
    int64_t id;
    uint8_t failed;
};

enum { ID_AT = offsetof(struct record, id), FAILED_AT = offsetof(struct record, failed) };
enum { RECORD = FAILED_AT + 1 };

static uint32_t check_of(const struct record *r)
{
    uint32_t salt[2];
    memcpy(salt, r->salt, sizeof salt);
    return ~(salt[0] ^ salt[1] * 3 ^ r->frames * 5);
}

void synced_read(const struct sqlite_store *s, struct synced *synced)
{
    struct record r = { .id = 0 };
    *synced = (struct synced){ .id = 0 };
    if (pread(s->lock, &r, RECORD, 0) < ID_AT)
        return;
    if (r.id > 0 && r.id <= ID_MAX) /* else it is garbage */
        synced->id = r.id;
    synced->failed = r.failed != 0;
    if (r.check != check_of(&r))
        return;
    memcpy(synced->salt, r.salt, WAL_SALT);
    synced->frames = r.frames;
}

/* Write the record. If this fails, it stays older than the truth. */
static void write_record(const struct sqlite_store *s, const void *bytes, size_t size, off_t offset)
{
    (void)!pwrite(s->lock, bytes, size, offset);
}

void synced_write(const struct sqlite_store *s, int64_t id)
{
    struct record r = { .frames = (uint32_t)s->wal_frames, .id = id };
    memcpy(r.salt, s->wal_salt, WAL_SALT);
    r.check = check_of(&r);
    if (s->wal_frames == 0 && id > 0)
        write_record(s, &r.id, sizeof r.id, ID_AT);
    else if (s->wal_frames > 0)
        write_record(s, &r, id > 0 ? FAILED_AT : ID_AT, 0);
}

void synced_write_id(const struct sqlite_store *s, int64_t id)
{
    write_record(s, &id, sizeof id, ID_AT);
}

static void write_failed(const struct sqlite_store *s, uint8_t failed)
{
    write_record(s, &failed, sizeof failed, FAILED_AT);
}

/* --- a sync that failed ---------------------------------------------------- */

void synced_note_failure(struct sqlite_store *s)
{
    if (s->db != NULL && vfs_sync_failed(s->db) != 0)
        write_failed(s, 1);
}

/* Return whether the committed frames are in the file: the kernel may have discarded the pages that
 * it could not write. */
static bool holds_all(const struct sqlite_store *s, const struct wal *wal)
{
    uint8_t salt[WAL_SALT];
    int64_t frames;
    return !wal_index_frames(s, salt, &frames) || frames == 0 ||
           (wal->state == WAL_SOUND && memcmp(wal->salt, salt, WAL_SALT) == 0 &&
            wal->frames >= frames);
}

/* Write the frames of the WAL again, and no more: a stranger may have made the file long. If frames
 * are missing, no process can write as long as another one uses the index, which has them. The next
 * process after these builds a new index of the frames that are there. */
static int rewrite_frames(struct sqlite_store *s, int fd)
{
    struct wal wal;
    int errnum = wal_examine(fd, &wal);
    if (errnum != 0)
        return errnum;
    if (holds_all(s, &wal))
        return wal_rewrite(fd, wal.frames);
    wal_index_unmark(s);
    return EIO;
}

static enum chat_status rewrite(struct sqlite_store *s)
{
    int fd;
    enum chat_status status = location_check(&s->location, "-wal");
    if (status == CHAT_OK)
        status = location_open(&s->location, "-wal", &fd);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    int errnum = rewrite_frames(s, fd);
    if (errnum != 0) /* the sync may have reported an older failure, and Linux does so once */
        errnum = rewrite_frames(s, fd);
    close(fd);
    if (errnum == 0)
        return CHAT_OK;
    s->failed_with = SQLITE_IOERR_FSYNC;
    return error_system(s->base.error, errnum, CHAT_IO, "cannot write spool '%s'",
                        s->location.path);
}

enum chat_status synced_repair(struct sqlite_store *s)
{
    enum chat_status status = rewrite(s);
    if (status != CHAT_OK)
        return status;
    write_failed(s, 0);
    vfs_was_rewritten(s->db);
    return CHAT_OK;
}

enum chat_status synced_begin(struct sqlite_store *s)
{
    struct synced synced;
    synced_read(s, &synced);
    s->synced_id = synced.id;
    return synced.failed || vfs_sync_failed(s->db) != 0 ? synced_repair(s) : CHAT_OK;
}
