/* group_commit.c - commits whose syncs overlap.
 *
 * The write lock is held for a third of a millisecond, and a sync takes five milliseconds on many
 * disks. So a process releases the write lock before it syncs its commit: the next processes write
 * and sync at the same time, and the system and the disk combine their syncs. A commit is on disk
 * only together with everything before it in the WAL, so a process that reports "stored" or
 * "deleted" reports it for everything that it has seen. (Measured with a disk that takes 5 ms per
 * sync, 8 senders: 158 messages per second before, 560 with it.)
 *
 * But other processes can see a commit before it is on disk. If a receiver delivered such a message
 * and then the power failed, another message would get the same id. So the lock file records up to
 * which id everything is on disk (synced.c), and a receiver of a higher id syncs first. */

#include "group_commit.h"

#include <errno.h>

#include "bells.h"
#include "database.h"
#include "synced.h"
#include "transaction.h"
#include "vfs.h"
#include "write_lock.h"

/* Sync everything that is not synced yet. */
static enum chat_status sync_all(struct sqlite_store *s)
{
    errno = 0;
    int rc = vfs_sync(s->db);
    if (rc == SQLITE_OK)
        return CHAT_OK;
    enum chat_status status = db_failed(s, rc, "write");
    struct error error = *s->base.error;
    synced_note_failure(s);
    if (write_lock_take(s) == CHAT_OK) { /* this has repaired the WAL */
        write_lock_release(s);
        return CHAT_OK;
    }
    *s->base.error = error;
    return status;
}

enum chat_status group_commit_sync(struct sqlite_store *s, int64_t id)
{
    struct synced synced;
    synced_read(s, &synced);
    if (!synced.failed && id <= synced.id)
        return CHAT_OK;
    if (synced.failed) { /* a sync that succeeds now would prove nothing */
        enum chat_status status = write_lock_take(s);
        if (status != CHAT_OK)
            return status;
        write_lock_release(s);
    }
    vfs_need_sync(s->db);
    enum chat_status status = sync_all(s);
    if (status == CHAT_OK)
        synced_write_id(s, id);
    return status;
}

enum chat_status group_commit(struct sqlite_store *s, struct range new)
{
    const bool any = new.first <= new.last;
    if (any && s->synced_id >= new.first) /* another spool has replaced this one */
        synced_write_id(s, new.first - 1);
    vfs_defer_sync(s->db, true);
    enum chat_status status = transaction_commit(s);
    if (status == CHAT_OK)
        status = sync_all(s);
    if (status == CHAT_OK)
        synced_write(s, any ? new.last : 0);
    bells_ring(s); /* the message may be stored although the sync has failed */
    return status;
}

enum chat_status group_commit_end(struct sqlite_store *s, enum chat_status status)
{
    if (status == CHAT_OK)
        return group_commit(s, (struct range){ 1, 0 });
    transaction_rollback(s);
    return s->db != NULL ? status : db_failed(s, SQLITE_NOMEM, "write");
}
