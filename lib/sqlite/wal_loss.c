/* wal_loss.c - detect that the WAL has lost data that was on disk (synced.c). */

#include "wal_loss.h"

#include <string.h>

#include "synced.h"
#include "wal.h"
#include "wal_index.h"
#include "write_lock.h"

/* Check whether the WAL whose descriptor is FD has lost data that was on disk: CHAT_DATA, and sets
 * the text. */
static enum chat_status look_for_damage(struct sqlite_store *s, int fd)
{
    struct synced synced;
    struct wal wal;
    synced_read(s, &synced); /* before the WAL, which can only grow in between */
    int errnum = wal_examine(fd, &wal);
    s->wal_damaged = errnum == 0;
    if (errnum != 0)
        return error_system(s->base.error, errnum, CHAT_IO, "cannot read spool '%s'",
                            s->location.path);
    if (wal.state == WAL_BAD_HEADER)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' is damaged: its WAL has no valid header; "
                         "use 'chat-spool check --repair'",
                         s->location.path);
    if (wal.state == WAL_CUT)
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' is damaged: a program of version 0.1.0 was killed while it "
                         "emptied the WAL; use 'chat-spool check --repair'",
                         s->location.path);
    if (wal.state == WAL_SOUND && memcmp(wal.salt, synced.salt, WAL_SALT) == 0 &&
        wal_is_broken(fd, &wal, synced.frames))
        return error_set(s->base.error, CHAT_DATA,
                         "spool '%s' is damaged: its WAL breaks off after %lld of %lld frames; "
                         "use 'chat-spool check --repair'",
                         s->location.path, (long long)wal.frames, (long long)synced.frames);
    s->wal_damaged = false;
    return CHAT_OK;
}

bool wal_loss_is_indexed(const struct sqlite_store *s)
{
    struct synced synced;
    uint8_t salt[WAL_SALT];
    int64_t frames;
    synced_read(s, &synced); /* before the index, which can only grow in between */
    return synced.frames > 0 && wal_index_frames(s, salt, &frames) && frames >= synced.frames &&
           memcmp(salt, synced.salt, WAL_SALT) == 0;
}

enum chat_status wal_loss_check(struct sqlite_store *s, int wal)
{
    enum chat_status status = wal >= 0 ? look_for_damage(s, wal) : CHAT_OK;
    if (status != CHAT_DATA)
        return status;
    /* A writer may have begun the WAL again while it was read: look again while none can. */
    status = write_lock_take(s);
    if (status != CHAT_OK)
        return status;
    status = look_for_damage(s, wal);
    write_lock_release(s);
    return status;
}
