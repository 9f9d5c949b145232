/* transaction.c - a transaction that writes, within the write lock; and emptying the WAL after
 * it. */

#include "transaction.h"

#include "bells.h"
#include "create.h"
#include "database.h"
#include "os/bell.h"
#include "os/lock.h"
#include "synced.h"
#include "vfs.h"
#include "write_lock.h"

/* Empty the WAL when it has this number of pages. To empty it costs two syncs within the write
 * lock, and one for the header of the next WAL: a large number is good. But if the index of the WAL
 * is lost, the next process reads all of the WAL, and the reserve must have space for it in the
 * spool (create.c): a small number is good. Measured, sends per second of 8 senders with a disk
 * that takes 5 ms per sync, with the index kept between commands: 64 pages 546, 256 pages 694; if
 * every process builds the index: 64 pages 524, 256 pages 618. */
enum { WAL_FRAMES = 256 };

/* A WAL that is larger than this, after a batch of a stream, returns its space when it is emptied.
 * A smaller WAL keeps its blocks: when data is written into existing blocks, fdatasync() needs no
 * journal of the file system (measured on ext4: 16 KiB appended and synced 0.053 ms, p90 0.85;
 * written in place 0.021 ms, p90 0.03). */
enum { WAL_KEPT = 3 * 1024 * 1024 };

enum chat_status transaction_begin(struct sqlite_store *s)
{
    enum chat_status status = write_lock_take(s);
    if (status != CHAT_OK)
        return status;
    status = db_run(s, SQL_BEGIN_WRITE);
    if (status == CHAT_OK)
        s->writing = true;
    else
        write_lock_release(s);
    return status;
}

/* Move the pages of the WAL to the spool, so that the WAL does not grow without bound. With
 * NO_CKPT_ON_CLOSE SQLite does not do this, and it forgets the checkpoint when the last process
 * leaves. The caller holds the write lock: before 3.51.3 SQLite loses commits if a checkpoint and a
 * writer race (sqlite.org/wal.html, "the WAL-reset bug").
 *
 * With the MODE SQLITE_CHECKPOINT_RESTART the next writer begins the WAL again, and until its
 * header is on disk the old frames are valid. The other MODE is SQLITE_CHECKPOINT_TRUNCATE. Both
 * are one step. */
static void empty_wal(struct sqlite_store *s, int mode)
{
    sqlite3_busy_handler(s->db, NULL, NULL);
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, NULL, NULL);
    sqlite3_busy_timeout(s->db, WRITE_LOCK_TIMEOUT);
    /* If a reader is in the way, try again after the WAL has grown. */
    s->wal_tried = rc == SQLITE_OK ? 0 : s->wal_frames;
    if (rc == SQLITE_OK) {
        reserve_make(s);
        s->reserve_given = s->shrunk = false;
        location_touch(&s->location, BELL_CAME);
        location_touch(&s->location, BELL_GONE);
        location_touch(&s->location, LOCATION_MARK_SUFFIX);
    } else if (vfs_sync_failed(s->db) != 0) {
        synced_note_failure(s);
        synced_repair(s); /* if this fails, the next writer does it */
    }
}

static void empty_grown_wal(struct sqlite_store *s)
{
    if (synced_begin(s) != CHAT_OK) /* a sync has failed since then */
        return;
    /* Only the index shows that all pages of the WAL are in the spool. */
    const bool keep = s->wal_index_kept && vfs_wal_size(s->db) <= WAL_KEPT;
    empty_wal(s, keep ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_TRUNCATE);
}

enum chat_status transaction_empty_wal(struct sqlite_store *s)
{
    enum chat_status status = write_lock_take(s);
    if (status == CHAT_OK) {
        empty_wal(s, SQLITE_CHECKPOINT_TRUNCATE);
        write_lock_release(s);
    }
    return status;
}

enum chat_status transaction_make_space(struct sqlite_store *s)
{
    enum chat_status status = write_lock_take(s);
    if (status != CHAT_OK)
        return status;
    reserve_give(s);
    empty_grown_wal(s);
    write_lock_release(s);
    return CHAT_OK;
}

/* Return whether the WAL is so large that only a transaction that was rolled back, or whose process
 * was killed, can have left it: pages that do not fit into SQLite's cache are written before the
 * commit. */
static bool wal_is_left(struct sqlite_store *s)
{
    return s->wal_tried == 0 && vfs_wal_size(s->db) > WAL_KEPT;
}

/* Cut the file to its former size: it was made larger for a transaction that was rolled back. This
 * takes place in a transaction, in which the committed size is known, and no other process commits
 * a larger one. */
static void cut_file(struct sqlite_store *s)
{
    struct error error = *s->base.error;
    int failed_with = s->failed_with;
    s->writing = false; /* the previous transaction has ended */
    if (db_run(s, SQL_BEGIN_WRITE) == CHAT_OK) {
        sqlite3_int64 size;
        sqlite3_file *file = db_file(s, &size);
        int64_t committed = db_number(s, SQL_GET_PAGES) * PAGE;
        int64_t least = committed > s->promised_from ? committed : s->promised_from;
        if (committed > 0 && file != NULL && size > least)
            file->pMethods->xTruncate(file, least);
        db_rollback(s);
    }
    s->writing = true;
    s->promised_from = 0;
    s->failed_with = failed_with;
    *s->base.error = error;
}

/* Return the space of a WAL that a rolled back transaction has made large. It may be the last space
 * of the disk. */
static void empty_left_wal(struct sqlite_store *s)
{
    struct error error = *s->base.error;
    int failed_with = s->failed_with;
    /* Pages of the WAL may need blocks in the spool; the reserve is made again later. */
    reserve_give(s);
    empty_grown_wal(s);
    s->failed_with = failed_with;
    *s->base.error = error;
}

void transaction_undo(struct sqlite_store *s)
{
    db_rollback(s);
    s->put.ids_known = 0;
    if (s->db == NULL)
        return;
    vfs_defer_sync(s->db, false);
    if (s->writing && s->promised_from > 0)
        cut_file(s);
    if (s->db != NULL && s->writing && wal_is_left(s))
        empty_left_wal(s);
}

void transaction_rollback(struct sqlite_store *s)
{
    bool claims = s->held_count > 0;
    transaction_undo(s);
    write_lock_release(s);
    if (claims) /* a receiver may have passed the messages, and now sleep */
        bells_ring(s);
    else
        bells_forget(s);
}

enum chat_status transaction_commit(struct sqlite_store *s)
{
    bells_hold(s);
    enum chat_status status = db_run(s, SQL_COMMIT);
    vfs_defer_sync(s->db, false); /* the sync of a checkpoint is not deferred */
    synced_note_failure(s);
    if (status == CHAT_OK) {
        s->promised_from = 0;
        if (s->reserve_given || s->wal_frames >= s->wal_tried + WAL_FRAMES || wal_is_left(s) ||
            (s->shrunk && s->wal_tried == 0))
            empty_grown_wal(s);
        write_lock_release(s);
    } else
        transaction_rollback(s);
    return status;
}
