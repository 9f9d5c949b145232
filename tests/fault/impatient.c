/* impatient.c - linked with --wrap=lock_write,--wrap=sqlite3_busy_timeout: a process that waits for
 * a lock gives up after a hundredth of the time. */

#include <sqlite3.h>

#include "os/lock.h"

enum { SHARE = 100 };

int __real_lock_write(int fd, int64_t timeout);
int __wrap_lock_write(int fd, int64_t timeout);
int __real_sqlite3_busy_timeout(sqlite3 *db, int milliseconds);
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int milliseconds);

int __wrap_lock_write(int fd, int64_t timeout)
{
    return __real_lock_write(fd, timeout / SHARE);
}

int __wrap_sqlite3_busy_timeout(sqlite3 *db, int milliseconds)
{
    return __real_sqlite3_busy_timeout(db, milliseconds / SHARE);
}
