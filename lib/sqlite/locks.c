/* locks.c - the write lock and the claims, on the lock file of a spool. */

#include "locks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "os/clock.h"
#include "os/holder.h"
#include "os/lock.h"
#include "synced.h"
#include "vfs.h"

enum chat_status store_open_lock(struct sqlite_store *s)
{
    if (s->lock >= 0)
        return CHAT_OK;
    s->lock_seen = clock_now();
    return location_open(&s->location, "-lock", &s->lock);
}

enum chat_status store_cannot_lock(struct sqlite_store *s, int errnum)
{
    if (errnum == EAGAIN || errnum == EACCES) /* our own locks are never in the way here */
        return error_set(s->base.error, CHAT_BUSY,
                         "spool '%s' is busy: another program has locked '%s-lock'",
                         s->location.path, s->location.path);
    return error_system(s->base.error, errnum, CHAT_SYSTEM, "cannot lock spool '%s'",
                        s->location.path);
}

/* --- the write lock -------------------------------------------------------- */

static enum chat_status held_too_long(struct sqlite_store *s)
{
    char holder[HOLDER_TEXT];
    struct stat lock;
    fstat(s->lock, &lock);
    holder_name(&lock, (struct range){ 0, 0 }, holder);
    return error_set(s->base.error, CHAT_BUSY,
                     "spool '%s' is busy: %s has been writing for %d seconds", s->location.path,
                     holder, TURN_PATIENCE / 1000);
}

/* Programs that are not ours may remove the lock file, and not within the write lock: to look at
 * each turn would not be surer. */
static bool lock_is_gone(struct sqlite_store *s)
{
    enum { EVERY = 1000 }; /* milliseconds */
    struct stat lock;
    int64_t now = clock_now();
    if (now >= s->lock_seen && now < s->lock_seen + EVERY)
        return false;
    s->lock_seen = now;
    return fstat(s->lock, &lock) == 0 && lock.st_nlink == 0;
}

/* Whether the lock file and the spool that are open still have their names. A commit to a file
 * without a name is lost, and a lock on one excludes no other process. */
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
                     s->location.path);
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
    return error_system(s->base.error, EROFS, CHAT_IO, "cannot write spool '%s'", s->location.path);
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

void claim_end_turn(struct sqlite_store *s)
{
    for (size_t i = 0; i < s->held_count; i++)
        unlock_claim(s->lock, s->held[i]);
    s->held_count = 0;
}

void turn_leave(struct sqlite_store *s)
{
    s->writing = false;
    claim_end_turn(s);
    unlock_turn(s->lock);
}

/* --- claims ---------------------------------------------------------------- */

enum chat_status be_present(struct sqlite_store *s)
{
    int errnum = s->present ? 0 : lock_presence(s->lock);
    s->present = errnum == 0;
    return errnum == 0 ? CHAT_OK : store_cannot_lock(s, errnum);
}

int64_t claim_first_held(const struct sqlite_store *s, struct range range)
{
    int64_t first = range.last + 1;
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (b->positions[i] >= range.first && b->positions[i] < first)
                first = b->positions[i];
    size_t low = 0, high = s->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->kept[middle] < range.first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->kept_count && s->kept[low] < first ? s->kept[low] : first;
}

bool holds_claim(const struct sqlite_store *s, int64_t position)
{
    return claim_first_held(s, (struct range){ position, position }) == position;
}

enum chat_status claim_hold(struct sqlite_store *s, struct range claimed)
{
    struct range *held = realloc(s->held, (s->held_count + 1) * sizeof *held);
    if (held == NULL) {
        unlock_claim(s->lock, claimed);
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    }
    s->held = held;
    held[s->held_count++] = claimed;
    return CHAT_OK;
}

enum chat_status claim_for_turn(struct sqlite_store *s, int64_t position)
{
    struct range taken, one = { position, position };
    if (holds_claim(s, position))
        return CHAT_NONE;
    enum chat_status status = be_present(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_claim(s->lock, one, &taken);
    if (errnum == EAGAIN)
        return CHAT_NONE;
    return errnum == 0 ? claim_hold(s, one) : store_cannot_lock(s, errnum);
}

static const struct range all = { 1, POSITION_MAX };

void unclaim_all(struct sqlite_store *s)
{
    unlock_claim(s->lock, all);
}

enum chat_status claim_all(struct sqlite_store *s, const char *otherwise)
{
    char holder[HOLDER_TEXT];
    struct range taken;
    struct stat lock;
    enum chat_status status = store_open_lock(s);
    if (status == CHAT_OK)
        status = be_present(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_all_claims(s->lock, TURN_PATIENCE);
    if (errnum == 0)
        return CHAT_OK;
    bool claimed = errnum == ETIMEDOUT && claim_taken(s->lock, all, &taken);
    unclaim_all(s);
    if (!claimed)
        return store_cannot_lock(s, errnum == ETIMEDOUT ? EAGAIN : errnum);
    fstat(s->lock, &lock);
    holder_name(&lock, taken, holder);
    return error_set(s->base.error, CHAT_BUSY,
                     "spool '%s' is busy: %s has been working on a message for %d seconds; %s",
                     s->location.path, holder, TURN_PATIENCE / 1000, otherwise);
}
