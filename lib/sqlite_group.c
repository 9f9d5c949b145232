/* sqlite_group.c - commits whose syncs overlap.
 *
 * A turn takes a third of a millisecond, and a sync on many disks five. So a turn is left before
 * what was committed in it is synced: those behind write and sync meanwhile, and the
 * system and the disk do at once what several ask for. What comes later in the log is on the disk
 * only together with what is before it, so whoever says "stored" or "gone" says so of all that he
 * has seen. (Measured with a disk that takes 5 ms a sync, 8 senders: 158 messages a second before,
 * 560 so.)
 *
 * But what was committed can be seen, and could still be lost. If somebody had received it by then,
 * its id would come again for another. So a sender says which messages are not on the disk yet, and
 * who is to receive such a one syncs it himself. A sender that is killed says so no more, nor has
 * it said that they are stored; the next sync of anybody brings them to the disk. */

#include "store_sqlite.h"

#include <errno.h>

/* After a sync that failed the system takes its pages for written (lwn.net/Articles/752063), so
 * nobody's sync writes them again; but they are still in its memory, and can be brought to where
 * they belong. */
enum chat_status group_sync(struct sqlite_store *s)
{
    errno = 0;
    int rc = vfs_sync(s->db);
    if (rc == SQLITE_OK)
        return CHAT_OK;
    enum chat_status status = db_failed(s, rc, "write");
    struct error error = *s->base.error;
    turn_empty_log(s);
    *s->base.error = error;
    return status;
}

enum chat_status group_sync_messages(struct sqlite_store *s, struct range ids)
{
    if (!is_unsynced(s->lock, ids))
        return CHAT_OK;
    vfs_owe_sync(s->db);
    return group_sync(s);
}

enum chat_status group_commit(struct sqlite_store *s, struct range new)
{
    const bool any = new.first <= new.last;
    if (any && lock_unsynced(s->lock, new) != 0)
        return turn_commit(s);
    vfs_defer_sync(s->db);
    enum chat_status status = turn_commit(s);
    if (status == CHAT_OK)
        status = group_sync(s);
    if (any)
        unlock_unsynced(s->lock, new);
    return status;
}
