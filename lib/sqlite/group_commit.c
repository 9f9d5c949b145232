/* group_commit.c - commits whose syncs overlap.
 *
 * A turn takes a third of a millisecond, and a sync on many disks five. So a turn is left before
 * what was committed in it is synced: those behind write and sync meanwhile, and the
 * system and the disk do at once what several ask for. What comes later in the log is on the disk
 * only together with what is before it, so whoever says "stored" or "gone" says so of all that he
 * has seen. (Measured with a disk that takes 5 ms a sync, 8 senders: 158 messages a second before,
 * 560 so.)
 *
 * But a commit can be seen before it is on the disk. If a receiver handed such a message over, and
 * the power failed, the id would be given out again. So the lock file says up to which id all
 * is on the disk (synced.c), and a receiver of a higher one syncs first. */

#include "internal.h"

#include <errno.h>

enum chat_status group_sync(struct sqlite_store *s)
{
    errno = 0;
    int rc = vfs_sync(s->db);
    if (rc == SQLITE_OK)
        return CHAT_OK;
    enum chat_status status = db_failed(s, rc, "write");
    struct error error = *s->base.error;
    synced_note_failure(s);
    if (turn_take(s) == CHAT_OK) { /* which has repaired it */
        turn_leave(s);
        return CHAT_OK;
    }
    *s->base.error = error;
    return status;
}

enum chat_status group_sync_message(struct sqlite_store *s, int64_t id)
{
    struct synced synced;
    synced_read(s, &synced);
    if (!synced.failed && id <= synced.id)
        return CHAT_OK;
    if (synced.failed) { /* a sync that works now would prove nothing */
        enum chat_status status = turn_take(s);
        if (status != CHAT_OK)
            return status;
        turn_leave(s);
    }
    vfs_need_sync(s->db);
    enum chat_status status = group_sync(s);
    if (status == CHAT_OK)
        synced_write_id(s, id);
    return status;
}

enum chat_status group_commit(struct sqlite_store *s, struct range new)
{
    const bool any = new.first <= new.last;
    if (any && s->synced_id >= new.first) /* another spool was put in the place of this one */
        synced_write_id(s, new.first - 1);
    vfs_defer_sync(s->db, true);
    enum chat_status status = turn_commit(s);
    if (status == CHAT_OK)
        status = group_sync(s);
    if (status == CHAT_OK)
        synced_write(s, any ? new.last : 0);
    bells_ring(s); /* it may be stored where the sync has failed */
    return status;
}
