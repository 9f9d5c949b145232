/* write_lock.c - the write lock of a spool. */

#include "write_lock.h"

#include <errno.h>
#include <sys/stat.h>

#include "claim_lock.h"
#include "lock_file.h"
#include "os/holder.h"
#include "os/lock.h"
#include "synced.h"
#include "vfs.h"

static enum chat_status held_too_long(struct sqlite_store *s)
{
    char holder[HOLDER_TEXT];
    struct stat lock;
    fstat(s->lock, &lock);
    holder_name(&lock, (struct range){ 0, 0 }, holder);
    return error_set(s->base.error, CHAT_BUSY,
                     "spool '%s' is busy: %s has been writing for %d seconds", s->location.path,
                     holder, WRITE_LOCK_TIMEOUT / 1000);
}

enum chat_status write_lock_check_writable(struct sqlite_store *s)
{
    if (!s->read_only)
        return CHAT_OK;
    return error_system(s->base.error, EROFS, CHAT_IO, "cannot write spool '%s'", s->location.path);
}

enum chat_status write_lock_take(struct sqlite_store *s)
{
    if (write_lock_check_writable(s) != CHAT_OK)
        return CHAT_IO;
    int errnum = lock_write(s->lock, WRITE_LOCK_TIMEOUT);
    if (errnum == ETIMEDOUT)
        return held_too_long(s);
    if (errnum != 0)
        return lock_file_failed(s, errnum);
    enum chat_status status = lock_file_check_names(s);
    if (status == CHAT_OK && s->db != NULL) {
        vfs_begin_write(s->db);
        status = synced_begin(s);
    }
    if (status != CHAT_OK)
        unlock_write(s->lock);
    return status;
}

void write_lock_release(struct sqlite_store *s)
{
    s->writing = false;
    claim_lock_end(s);
    unlock_write(s->lock);
}
