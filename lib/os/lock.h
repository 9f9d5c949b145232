/* lock.h - the locks of a spool, in its lock file.
 *
 * They are open-file-description locks (F_OFD_SETLK, POSIX.1-2024): the kernel drops them when the
 * process dies, and threads of one process do not share them by accident. The meaning of each byte:
 *
 *   0                   the write lock of the spool
 *   1 ...               a claim on the message at that position (sql/sqlite/schema.sql)
 *   2^62 ...            the presence of a process that has claims
 *   2^62 + 2^61 ...     the presence of a process that receives as the reader with that number
 *   2^62 + 2^61 + 2^60  the right to upgrade the spool
 *
 * The first bytes of the file hold a record of what is on the disk (sqlite/synced.c). */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The last position that a message can have. */
#define POSITION_MAX (((int64_t)1 << 62) - 1)

/* How long a writer waits for the write lock, in milliseconds. A write takes a few milliseconds; a
 * batch of the maximum size takes seconds on a slow disk. */
#define WRITE_LOCK_TIMEOUT 30000

struct range {
    int64_t first, last;
};

/* Wait for the write lock in the lock file FD. The kernel serves waiters in the order in which they
 * came. (Measured with 8 writers: SQLite's own busy handler gave one process the lock 11,897 times
 * and another once.) Returns 0, or an errno: ETIMEDOUT after TIMEOUT milliseconds. */
int lock_write(int fd, int64_t timeout);
void unlock_write(int fd);

/* Return whether another process holds the write lock. */
bool lock_write_taken(int fd);

/* Claim the positions of WANTED, all or none, without waiting. If other processes have a claim
 * on some of them, returns EAGAIN and stores such a range in *TAKEN. Otherwise returns 0 or an
 * errno. */
int lock_claim(int fd, struct range wanted, struct range *taken);
void unlock_claim(int fd, struct range claimed);

/* Claim all positions: from now on no new claim is granted, and this call waits until other
 * processes have released theirs. Returns 0, or an errno: after ETIMEDOUT, which comes after
 * TIMEOUT milliseconds, some may be claimed. */
int lock_all_claims(int fd, int64_t timeout);

/* Wait until no other process has the right to upgrade the spool, and take it. Returns 0, or an
 * errno: ETIMEDOUT after TIMEOUT milliseconds. */
int lock_upgrade(int fd, int64_t timeout);
void unlock_upgrade(int fd);

/* Return whether another process has a lock on a byte of WANTED, and store such a range in
 * *TAKEN. */
bool lock_taken(int fd, struct range wanted, struct range *taken);

/* Report each range within WANTED that another process has locked. */
void lock_each_taken(int fd, struct range wanted, void (*report)(void *context, struct range taken),
                     void *context);

/* Let other processes know that this one has claims. Returns 0 or an errno. */
int lock_presence(int fd);

/* Let other processes know that this one receives as the reader NUMBER (returns 0 or an errno); and
 * return whether another process does. */
int lock_reader(int fd, int64_t number);
bool lock_reader_taken(int fd, int64_t number);

/* Open a pidfd, readable when the process ends, for each other process that is known to have
 * claims, at most SIZE of them. Returns how many. *ALL becomes false if a process cannot be watched
 * (it is in another PID namespace, or there are too many). */
int lock_watch_present(int fd, int pidfds[], int size, bool *all);

#endif
