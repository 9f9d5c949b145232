/* lock_file.c - open the lock file of a spool, and check that it is still the one that other
 * processes lock. */

#include "lock_file.h"

#include <errno.h>
#include <sys/stat.h>

#include "os/clock.h"

enum chat_status lock_file_open(struct sqlite_store *s)
{
    if (s->lock >= 0)
        return CHAT_OK;
    s->lock_seen = clock_now();
    return location_open(&s->location, "-lock", &s->lock);
}

enum chat_status lock_file_failed(struct sqlite_store *s, int errnum)
{
    if (errnum == EAGAIN || errnum == EACCES) /* our own locks are never in the way here */
        return error_set(s->base.error, CHAT_BUSY,
                         "spool '%s' is busy: another program has locked '%s-lock'",
                         s->location.path, s->location.path);
    return error_system(s->base.error, errnum, CHAT_SYSTEM, "cannot lock spool '%s'",
                        s->location.path);
}

/* Return whether the lock file has lost its name; looks at most once per second. Foreign programs
 * may remove the file at any moment, not only while no process holds the write lock, so it would
 * not be safer to look each time. */
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

enum chat_status lock_file_check_names(struct sqlite_store *s)
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

enum chat_status lock_file_check_names_now(struct sqlite_store *s)
{
    s->lock_seen = 0;
    return lock_file_check_names(s);
}
