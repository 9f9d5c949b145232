/* lock.h - the locks of a spool, in its lock file.
 *
 * They are open-file-description locks (F_OFD_SETLK, POSIX.1-2024): the kernel drops them when the
 * process dies, and threads of one process do not share them by accident. What each byte means:
 *
 *   0           the write lock of the spool
 *   1 ...       a claim on the message at that position (sql/sqlite/schema.sql)
 *   2^62 ...    the presence of a process that has claims
 *   2^62 + 2^61 ...  the presence of a process that receives as the reader with that number
 *
 * The first bytes of the file hold a record of what is on the disk (sqlite/synced.c). */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The last position that a message can have. */
#define POSITION_MAX (((int64_t)1 << 62) - 1)

/* How long a writer waits for the write lock, in milliseconds. A write takes a few; a batch of
 * the highest size on a slow disk, seconds. */
#define WRITE_LOCK_TIMEOUT 30000

struct range {
    int64_t first, last;
};

/* Wait for the write lock in the lock file FD; the kernel serves waiters in the order they came.
 * (Measured with 8 writers: SQLite's own busy handler gave one process the lock 11,897 times and
 * another once.) Returns 0, or an errno: ETIMEDOUT after PATIENCE milliseconds. */
int lock_write(int fd, int64_t timeout);
void unlock_write(int fd);

/* Return whether another process holds the write lock. */
bool lock_write_taken(int fd);

/* Claim the positions of WANTED, all or none, without waiting. Where others have a claim on some of
 * them, returns EAGAIN and stores in *TAKEN a range of theirs. Else 0, or an errno. */
int lock_claim(int fd, struct range wanted, struct range *taken);
void unlock_claim(int fd, struct range claimed);

/* Claim all positions there can be: no new claim is granted from now on, and those of others are
 * waited for. Returns 0, or an errno: ETIMEDOUT after PATIENCE milliseconds; then some may be
 * claimed. */
int lock_all_claims(int fd, int64_t timeout);

/* Return whether another process has a claim on a position of WANTED; stores such a range in
 * *TAKEN. */
bool lock_taken(int fd, struct range wanted, struct range *taken);

/* Report each range within WANTED that another process has claimed. */
void lock_each_taken(int fd, struct range wanted, void (*report)(void *context, struct range taken),
                     void *context);

/* Make this process known as one that has claims. */
int lock_presence(int fd);

/* Make it known that a process receives as the reader NUMBER; and whether one elsewhere does. */
int lock_reader(int fd, int64_t number);
bool lock_reader_taken(int fd, int64_t number);

/* Open a pidfd, readable when the process ends, for each other process known to have
 * claims, at most SIZE of them. Returns how many. *ALL becomes false where some process
 * can't be watched (it is in another PID namespace, or there are too many). */
int lock_watch_present(int fd, int pidfds[], int size, bool *all);

#endif
