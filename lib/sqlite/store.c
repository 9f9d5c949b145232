/* store.c - the SQLite store: its verbs, opening and closing, a turn at writing. */

#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/bell.h"
#include "os/holder.h"
#include "os/lock.h"

/* Empty the log when it has so many pages. To empty it costs two syncs, within a turn, and one for
 * the header of the next, so a rare one is good; but where the index of the log is lost the next
 * process reads all of it, and the reserve must have room for it in the spool (create.c), so
 * a small one is good. Measured, sends a second of 8 senders with a disk that takes 5 ms a sync,
 * and instructions where every process builds the index: 64 pages 558 and 735 thousand; 128 pages
 * 690 and 898; 256 pages 780 and 1,141. */
enum { WAL_FRAMES = 64 };

/* A WAL that is larger than this, after a batch of a stream, gives its space back when it is
 * emptied. A smaller one keeps it: writing into blocks that are there, fdatasync() needs no journal
 * of the file system (measured on ext4, 16 KiB appended and synced 0.053 ms, p90 0.85; written in
 * place 0.021 ms, p90 0.03). */
enum { WAL_KEPT = 3 * 1024 * 1024 };

/* Without mutexes and statistics of memory a command takes 60 thousand instructions less. */
static void sqlite_alone(void)
{
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    vfs_alone();
}

static enum chat_status sqlite_open(const char *where, struct error *error, struct store **store)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, CHAT_SYSTEM, "out of memory");
    s->base.verbs = &store_sqlite;
    s->base.error = error;
    s->base.patience = -1;
    s->lock = s->log = s->all_held[0] = s->all_held[1] = -1;
    enum chat_status status = place_find(&s->place, where, error);
    if (status == CHAT_OK)
        *store = &s->base;
    else
        free(s);
    return status;
}

static void close_log(struct sqlite_store *s)
{
    if (s->log >= 0)
        close(s->log);
    s->log = -1;
}

static void disconnect(struct sqlite_store *s)
{
    db_disconnect(s);
    index_detach(s);
    close_log(s);
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (s->db != NULL)
        disconnect(s);
    if (s->lock >= 0)
        close(s->lock); /* and every claim is given up */
    place_release(&s->place);
    if (s->watch > 0)
        close(s->watch);
    free(s->bells);
    free(s->lines);
    free(s->kept);
    free(s->held);
    free(s);
}

enum chat_status store_open_lock(struct sqlite_store *s)
{
    if (s->lock >= 0)
        return CHAT_OK;
    s->lock_seen = store_now();
    return place_open(&s->place, "-lock", &s->lock);
}

/* SQLite will build the index of the log anew, in a file that it maps into memory: if the disk has
 * no blocks for it, the process is killed by SIGBUS. */
static enum chat_status check_new_index(struct sqlite_store *s)
{
    enum { INDEX = 128 * 1024 };
    enum chat_status status = place_check(&s->place, "-shm");
    if ((status == CHAT_OK || status == CHAT_NONE) && !s->reserve_given &&
        !place_has_room(&s->place, INDEX))
        return db_full(s, "open");
    return status;
}

/* Nothing can be made or locked on a read-only file system. SQLite reads a spool there, with the
 * log, if the log and its index are beside it; that others may write it elsewhere, where the same
 * file system is mounted to be written, is no matter to SQLite. */
static enum chat_status open_read_only(struct sqlite_store *s)
{
    const char *missing = NULL;
    s->read_only = true;
    enum chat_status status = CHAT_OK;
    if (s->lock < 0) /* without it nobody has a claim */
        status = place_read(&s->place, "-lock", &s->lock);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = db_recognize(s);
    if (status == CHAT_OK && s->log < 0 &&
        (status = place_read(&s->place, "-wal", &s->log)) == CHAT_NONE)
        missing = "-wal";
    if (status == CHAT_OK && (status = place_check(&s->place, "-shm")) == CHAT_NONE)
        missing = "-shm";
    if (missing == NULL)
        return status;
    return error_set(s->base.error, CHAT_IO,
                     "cannot read spool '%s': there is no '%s%s', and the file system is "
                     "read-only; copy the spool to a directory that can be written",
                     s->place.path, s->place.name, missing);
}

/* Open the lock file, and the log if there is one. Where one of them is missing, as it is beside a
 * file that is no spool, look at the spool first: beside another program's file nothing is made. */
static enum chat_status open_beside(struct sqlite_store *s)
{
    enum chat_status lock = CHAT_OK, log = CHAT_OK;
    if (s->lock < 0) {
        lock = place_use(&s->place, "-lock", &s->lock);
        s->lock_seen = store_now();
    }
    if (lock == CHAT_OK || lock == CHAT_NONE)
        log = place_read(&s->place, "-wal", &s->log);
    if (lock == CHAT_OK && log == CHAT_OK)
        return CHAT_OK;
    if (place_is_read_only(&s->place))
        return open_read_only(s);
    if (lock != CHAT_OK && lock != CHAT_NONE)
        return lock;
    if (log != CHAT_OK && log != CHAT_NONE)
        return log;
    enum chat_status status = db_recognize(s);
    return status == CHAT_OK ? store_open_lock(s) : status;
}

/* SQLite cannot read the schema with the WAL and the index that lie beside the file. A backup that
 * was put there by hand looks like that, too. */
static void say_what_to_do(struct sqlite_store *s)
{
    static const char damaged[] = "is damaged";
    const char *end = strstr(s->base.error->text, damaged);
    if (end != NULL && end[sizeof damaged - 1] == '\0')
        error_add(s->base.error, "; use 'chat-spool check --repair', or if it is a backup, move it "
                                 "away and use 'chat-spool restore'");
}

enum chat_status store_connect(struct sqlite_store *s)
{
    if (s->db != NULL)
        return CHAT_OK;
    enum chat_status status = place_enter(&s->place, false);
    if (status == CHAT_OK)
        status = place_check(&s->place, "");
    if (status != CHAT_OK)
        return status;                   /* CHAT_NONE where there is no spool */
    if (s->place.size < DATABASE_HEADER) /* SQLite would begin a database there */
        return db_failed(s, SQLITE_NOTADB, "open");
    if (db_was_forked())
        return error_set(s->base.error, CHAT_USAGE,
                         "cannot open spool '%s': this process was forked while one was open",
                         s->place.path);
    status = open_beside(s);
    if (status != CHAT_OK) {
        close_log(s);
        return status;
    }
    if (!index_attach(s, s->log) && !s->read_only)
        status = check_new_index(s);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = db_connect(s);
    if (status == CHAT_DATA)
        say_what_to_do(s);
    if (status != CHAT_OK)
        disconnect(s);
    return status;
}

enum chat_status store_connect_on_full_disk(struct sqlite_store *s)
{
    enum chat_status status = store_connect(s);
    if (status == CHAT_IO && s->lock >= 0 && !s->read_only) { /* the -shm file wants some blocks */
        reserve_give(s);
        status = store_connect(s);
    }
    return status;
}

enum chat_status store_connect_or_create(struct sqlite_store *s)
{
    enum chat_status status = store_connect(s);
    if (status != CHAT_NONE)
        return status;
    status = place_enter(&s->place, true);
    if (status == CHAT_OK)
        status = store_open_lock(s);
    if (status == CHAT_OK)
        status = db_create(s);
    return status == CHAT_OK ? store_connect(s) : status;
}

enum chat_status store_cannot_lock(struct sqlite_store *s, int errnum)
{
    if (errnum == EAGAIN || errnum == EACCES) /* our own locks are never in the way here */
        return error_set(s->base.error, CHAT_BUSY,
                         "spool '%s' is busy: another program has locked '%s-lock'", s->place.path,
                         s->place.path);
    return error_system(s->base.error, errnum, CHAT_SYSTEM, "cannot lock spool '%s'",
                        s->place.path);
}

/* --- turns ----------------------------------------------------------------- */

static enum chat_status held_too_long(struct sqlite_store *s)
{
    char holder[HOLDER_TEXT];
    struct stat lock;
    fstat(s->lock, &lock);
    holder_name(&lock, (struct range){ 0, 0 }, holder);
    return error_set(s->base.error, CHAT_BUSY,
                     "spool '%s' is busy: %s has been writing for %d seconds", s->place.path,
                     holder, TURN_PATIENCE / 1000);
}

/* Programs that are not ours may remove the lock file, and not within the write lock: to look at
 * each turn would not be surer. */
static bool lock_is_gone(struct sqlite_store *s)
{
    enum { EVERY = 1000 }; /* milliseconds */
    struct stat lock;
    int64_t now = store_now();
    if (now >= s->lock_seen && now < s->lock_seen + EVERY)
        return false;
    s->lock_seen = now;
    return fstat(s->lock, &lock) == 0 && lock.st_nlink == 0;
}

/* Whether the lock file and the spool that are open still have their names. A commit to a file
 * without a name is lost, and a lock on one excludes nobody. */
static enum chat_status check_in_place(struct sqlite_store *s)
{
    int moved = 0;
    if (s->db != NULL)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved == 0 && !lock_is_gone(s))
        return CHAT_OK;
    return error_set(s->base.error, CHAT_IO,
                     "spool '%s' was removed or replaced while it was in use; start the command "
                     "again",
                     s->place.path);
}

enum chat_status store_in_place(struct sqlite_store *s)
{
    s->lock_seen = 0;
    return check_in_place(s);
}

enum chat_status store_can_write(struct sqlite_store *s)
{
    if (!s->read_only)
        return CHAT_OK;
    return error_system(s->base.error, EROFS, CHAT_IO, "cannot write spool '%s'", s->place.path);
}

enum chat_status turn_take(struct sqlite_store *s)
{
    if (store_can_write(s) != CHAT_OK)
        return CHAT_IO;
    int errnum = lock_turn(s->lock, TURN_PATIENCE);
    if (errnum == ETIMEDOUT)
        return held_too_long(s);
    if (errnum != 0)
        return store_cannot_lock(s, errnum);
    enum chat_status status = check_in_place(s);
    if (status == CHAT_OK && s->db != NULL) {
        vfs_begin_turn(s->db);
        status = synced_begin(s);
    }
    if (status != CHAT_OK)
        unlock_turn(s->lock);
    return status;
}

void turn_leave(struct sqlite_store *s)
{
    s->writing = false;
    claim_end_turn(s);
    unlock_turn(s->lock);
}

enum chat_status turn_begin(struct sqlite_store *s)
{
    enum chat_status status = turn_take(s);
    if (status != CHAT_OK)
        return status;
    status = db_run(s, SQL_BEGIN_WRITE);
    if (status == CHAT_OK)
        s->writing = true;
    else
        turn_leave(s);
    return status;
}

enum chat_status turn_begin_or_create(struct sqlite_store *s)
{
    enum chat_status status = store_connect_or_create(s);
    return status == CHAT_OK ? turn_begin(s) : status;
}

/* Move the pages of the WAL to the spool, so that the WAL does not grow without bound. With
 * NO_CKPT_ON_CLOSE nothing else does, and SQLite forgets what was checkpointed when the last
 * process leaves. We hold the turnstile: before 3.51.3 SQLite loses commits where a checkpoint and
 * a writer race (sqlite.org/wal.html, "the WAL-reset bug").
 *
 * MODE is SQLITE_CHECKPOINT_RESTART: the next writer begins the WAL again, and until its header is
 * on the disk the old frames are valid. Or SQLITE_CHECKPOINT_TRUNCATE. Either is one step. */
static void empty_wal(struct sqlite_store *s, int mode)
{
    sqlite3_busy_handler(s->db, NULL, NULL);
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, NULL, NULL);
    sqlite3_busy_timeout(s->db, TURN_PATIENCE);
    /* A reader in our way is met again when the WAL has grown once more. */
    s->wal_tried = rc == SQLITE_OK ? 0 : s->wal_frames;
    if (rc == SQLITE_OK) {
        reserve_make(s);
        s->reserve_given = false;
        place_touch(&s->place, BELL_CAME);
        place_touch(&s->place, BELL_GONE);
        place_touch(&s->place, PLACE_MARK_SUFFIX);
    } else if (vfs_sync_failed(s->db) != 0) {
        synced_note_failure(s);
        synced_repair(s); /* or whoever takes the next turn */
    }
}

static void empty_grown_wal(struct sqlite_store *s)
{
    if (synced_begin(s) != CHAT_OK) /* a sync has failed since */
        return;
    /* That all is in the spool is known from the index alone. */
    const bool keep = s->index_kept && vfs_wal_size(s->db) <= WAL_KEPT;
    empty_wal(s, keep ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_TRUNCATE);
}

enum chat_status turn_empty_wal(struct sqlite_store *s)
{
    enum chat_status status = turn_take(s);
    if (status == CHAT_OK) {
        empty_wal(s, SQLITE_CHECKPOINT_TRUNCATE);
        turn_leave(s);
    }
    return status;
}

enum chat_status turn_make_room(struct sqlite_store *s)
{
    enum chat_status status = turn_take(s);
    if (status != CHAT_OK)
        return status;
    reserve_give(s);
    empty_grown_wal(s);
    turn_leave(s);
    return CHAT_OK;
}

/* Whether the WAL is as large as only a transaction can have left it that was rolled back, or whose
 * process was killed: what SQLite's cache can't hold is there before the commit. */
static bool wal_is_left(struct sqlite_store *s)
{
    return s->wal_tried == 0 && vfs_wal_size(s->db) > WAL_KEPT;
}

/* The file was made larger for a transaction that was rolled back: cut it to the size that it had.
 * In a transaction, where the committed size is known, and nobody commits a larger one. */
static void cut_file(struct sqlite_store *s)
{
    struct error error = *s->base.error;
    int failed_with = s->failed_with;
    s->writing = false; /* the transaction from before has ended */
    if (db_run(s, SQL_BEGIN_WRITE) == CHAT_OK) {
        sqlite3_int64 size;
        sqlite3_file *file = db_file(s, &size);
        int64_t committed = db_number(s, SQL_GET_PAGES) * PAGE;
        int64_t least = committed > s->promised_from ? committed : s->promised_from;
        if (committed > 0 && file != NULL && size > least)
            file->pMethods->xTruncate(file, least);
        db_end(s, SQL_ROLLBACK);
    }
    s->writing = true;
    s->promised_from = 0;
    s->failed_with = failed_with;
    *s->base.error = error;
}

/* A transaction that was rolled back has left the WAL large: give the space back. It may be the
 * last that the disk had. */
static void empty_left_wal(struct sqlite_store *s)
{
    struct error error = *s->base.error;
    int failed_with = s->failed_with;
    reserve_give(s); /* what is in the WAL may need blocks in the spool; it is made again then */
    empty_grown_wal(s);
    s->failed_with = failed_with;
    *s->base.error = error;
}

enum chat_status turn_commit(struct sqlite_store *s)
{
    bells_hold(s);
    enum chat_status status = db_run(s, SQL_COMMIT);
    vfs_defer_sync(s->db, false); /* a checkpoint's sync is not deferred */
    synced_note_failure(s);
    if (status == CHAT_OK) {
        s->promised_from = 0;
        if (s->reserve_given || s->wal_frames >= s->wal_tried + WAL_FRAMES || wal_is_left(s))
            empty_grown_wal(s);
        turn_leave(s);
    } else
        turn_rollback(s);
    return status;
}

void turn_undo(struct sqlite_store *s)
{
    db_end(s, SQL_ROLLBACK);
    s->ids_known = 0;
    if (s->db == NULL)
        return;
    vfs_defer_sync(s->db, false);
    if (s->writing && s->promised_from > 0)
        cut_file(s);
    if (s->db != NULL && s->writing && wal_is_left(s))
        empty_left_wal(s);
}

void turn_rollback(struct sqlite_store *s)
{
    bool claims = s->held_count > 0;
    turn_undo(s);
    turn_leave(s);
    if (claims) /* a receiver may have passed the messages, and sleep */
        bells_ring(s);
    else
        bells_forget(s);
}

enum chat_status turn_end(struct sqlite_store *s, enum chat_status status)
{
    if (status == CHAT_OK)
        return group_commit(s, (struct range){ 1, 0 });
    turn_rollback(s);
    return status;
}

static int64_t sqlite_time(const struct store *store)
{
    (void)store;
    return store_now();
}

static const char *const no_secrets[] = { NULL };

const struct store_verbs store_sqlite = {
    .secrets = no_secrets,
    .alone = sqlite_alone,
    .open = sqlite_open,
    .close = sqlite_close,
    .time = sqlite_time,
    .settings = sqlite_settings,
    .begin = sqlite_begin,
    .put = sqlite_put,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .mark = sqlite_mark,
    .claim = sqlite_claim,
    .walk = sqlite_walk,
    .settle = sqlite_settle,
    .fail = sqlite_fail,
    .move = sqlite_move,
    .keep = sqlite_keep,
    .release = sqlite_release,
    .wait = sqlite_wait,
    .wait_room = sqlite_wait_room,
};
