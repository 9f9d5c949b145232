/* restore.c - replace a spool that is in use by a backup.
 *
 * SQLite copies the backup over the spool in one transaction, so every connection to the spool
 * stays valid and sees either the messages from before or those of the backup. The file is replaced
 * only if there is no spool, or one that cannot be opened; programs that have the old file open
 * notice that (lock_file.c).
 *
 * A receiver that processes a message deletes it by its id, and the backup may have another message
 * with that id. So a restore waits until no message is claimed, and claims all of them itself. */

#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bells.h"
#include "check.h"
#include "claim_lock.h"
#include "connect.h"
#include "copy.h"
#include "database.h"
#include "operations.h"
#include "room.h"
#include "salvage.h"
#include "scratch.h"
#include "synced.h"
#include "transaction.h"
#include "write_lock.h"

struct restore {
    struct sqlite_store *s;
    struct sqlite_store *from;
    sqlite3 *copy; /* a copy of the backup, beside the spool */
    int64_t next_id;
    chat_progress *progress;
    void *context;
};

static const char scratch[] = "-restore";

/* --- the place -------------------------------------------------------------- */

/* Check the file in the place of the spool, if there is one. The backup replaces it only if it is a
 * spool or, however damaged, was one: then the lock file is beside it. */
static enum chat_status check_place(struct sqlite_store *s)
{
    enum chat_status status = location_check(&s->location, "-lock");
    if (status != CHAT_NONE)
        return status;
    status = location_check(&s->location, "");
    if (status == CHAT_OK)
        status = db_recognize(s);
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* --- the backup ------------------------------------------------------------ */

static enum chat_status no_file(struct sqlite_store *s, const char *file)
{
    return error_system(s->base.error, ENOENT, CHAT_IO, "cannot open '%s'", file);
}

/* Open the backup as a spool; this upgrades one of an older format. */
static enum chat_status open_backup(struct restore *r, const char *file)
{
    struct store *store;
    enum chat_status status = store_sqlite.open(file, r->s->base.error, &store);
    if (status != CHAT_OK)
        return status;
    r->from = (struct sqlite_store *)store;
    status = connect_spool(r->from);
    if (status == CHAT_NONE)
        return no_file(r->s, file);
    if (status == CHAT_OK)
        status = copy_check_other(r->s, &r->from->location, "restore from");
    if (status == CHAT_OK)
        status = check_sound(r->from);
    if (status == CHAT_OK)
        status = room_read_spool(r->from);
    r->next_id = r->from->next_id;
    if (status == CHAT_DATA)
        error_add(r->s->base.error, "; nothing was restored");
    return status;
}

static enum chat_status cannot_copy(struct restore *r, int rc)
{
    return copy_failed(r->from, rc, &r->s->location, scratch);
}

/* In a database, a 2 in bytes 18 and 19 means that it has a WAL, and a 1 that it does not
 * (sqlite.org/fileformat2.html, "File format version numbers"). The copy can be written only
 * without a WAL; when it is copied over the spool, SQLite gives it one. */
enum { FORMAT_AT = 18, WITHOUT_WAL = 1, WITH_WAL = 2 };

static int set_format(sqlite3 *db, unsigned char format)
{
    const unsigned char bytes[] = { format, format };
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc == SQLITE_OK)
        rc = file->pMethods->xWrite(file, bytes, sizeof bytes, FORMAT_AT);
    sqlite3_db_release_memory(db); /* forget the page as it was */
    return rc;
}

/* Copy the backup. All of it is read before the spool is touched. */
static enum chat_status copy_backup(struct restore *r)
{
    int rc = scratch_open(&r->s->location, scratch, &r->copy);
    if (rc == SQLITE_OK)
        rc = copy_snapshot(r->from, r->copy, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = set_format(r->copy, WITHOUT_WAL);
    return rc == SQLITE_OK ? CHAT_OK : cannot_copy(r, rc);
}

/* --- the spool ------------------------------------------------------------- */

/* Set the next id of the copy, so that no id that the spool or the backup has given is given again.
 * If the ids of the lost spool are unknown, new ids start far above those of the backup. */
static enum chat_status set_next_id(struct restore *r)
{
    struct sqlite_store *s = r->s;
    struct synced synced;
    bool known = s->db != NULL && room_read_spool(s) == CHAT_OK;
    synced_read(s, &synced);
    if (!known && r->next_id <= synced.id)
        r->next_id = synced.id + 1;
    if (known && s->next_id > r->next_id)
        r->next_id = s->next_id;
    else if (!known && r->next_id <= ID_MAX - LOST_IDS)
        r->next_id += LOST_IDS;
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(r->copy, sql_text[SQL_COUNT_ROOM], -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        room_bind_count(statement, 0, 0, 0);
        sqlite3_bind_int64(statement, 4, r->next_id);
        sqlite3_step(statement);
        rc = sqlite3_finalize(statement);
    }
    return rc == SQLITE_OK ? CHAT_OK : cannot_copy(r, rc);
}

/* Replace the contents of the spool, which is connected, within the write lock. */
static enum chat_status replace_content(struct restore *r)
{
    errno = 0;
    int rc = copy_pages(r->s->db, r->copy, r->progress, r->context);
    return rc == SQLITE_OK ? CHAT_OK : db_failed(r->s, rc, "restore");
}

/* Replace the file, if there is no spool, or only one that cannot be opened. The files beside it
 * belong to the lost spool. */
static enum chat_status replace_file(struct restore *r)
{
    struct sqlite_store *s = r->s;
    int rc = set_format(r->copy, WITH_WAL);
    sqlite3_close(r->copy);
    r->copy = NULL;
    if (rc != SQLITE_OK)
        return cannot_copy(r, rc);
    if (copy_put_in_place(&s->location, scratch) == 0)
        return CHAT_OK;
    return copy_failed(r->from, SQLITE_OK, &s->location, "");
}

/* Replace the spool. Waiting processes are woken even if this process is killed. */
static enum chat_status replace_held(struct restore *r, enum chat_status connected)
{
    bells_add_all(r->s);
    bells_hold(r->s);
    return connected == CHAT_OK ? replace_content(r) : replace_file(r);
}

/* Replace the spool within the write lock. CONNECTED is CHAT_NONE or CHAT_DATA if there is no spool
 * that could be connected to. */
static enum chat_status replace(struct restore *r, enum chat_status connected)
{
    enum chat_status status = write_lock_take(r->s);
    if (status != CHAT_OK)
        return status;
    status = set_next_id(r);
    if (status == CHAT_OK)
        status = replace_held(r, connected);
    write_lock_release(r->s);
    bells_ring(r->s);
    return status;
}

static enum chat_status restore_into(struct restore *r)
{
    struct sqlite_store *s = r->s;
    enum chat_status connected = connect_on_full_disk(s);
    if (connected != CHAT_OK && connected != CHAT_NONE && connected != CHAT_DATA)
        return connected;
    enum chat_status status = claim_lock_take_all(s, "nothing was restored");
    if (status != CHAT_OK)
        return status;
    status = replace(r, connected);
    claim_lock_release_all(s);
    if (status != CHAT_OK)
        return status;
    if (connected == CHAT_OK)
        transaction_empty_wal(s);
    return CHAT_OK;
}

enum chat_status sqlite_restore(struct store *store, const char *file, chat_progress *progress,
                                void *context)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct restore r = { .s = s, .progress = progress, .context = context };
    if (store->claimed != NULL || s->kept_count > 0)
        return error_set(store->error, CHAT_USAGE, "cannot restore with messages claimed");
    enum chat_status status = location_enter(&s->location, true);
    if (status == CHAT_OK)
        status = check_place(s);
    if (status == CHAT_OK)
        status = open_backup(&r, file);
    if (status == CHAT_OK)
        status = copy_backup(&r);
    if (status == CHAT_OK)
        status = restore_into(&r);
    sqlite3_close(r.copy);
    if (r.from != NULL)
        store_sqlite.close(&r.from->base);
    if (s->location.directory >= 0)
        location_remove(&s->location, scratch);
    return status;
}
