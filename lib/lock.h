/* lock.h - the locks of a spool, in its lock file.
 *
 * They are open-file-description locks (F_OFD_SETLK, POSIX.1-2024): the kernel drops them when the
 * process dies, and threads of one process do not share them by accident. What each byte means:
 *
 *   0           the turnstile: whoever writes to the spool holds it
 *   1 ...       a claim on the message with that id
 *   2^62 ...    the presence of a process that has claims
 *   3 * 2^61 ...  that the message with that id, modulo 2^60, is not on the disk yet
 *
 * No byte is ever written: the file stays empty. */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The highest id that a message can have. */
#define ID_MAX (((int64_t)1 << 62) - 1)

/* Where the bytes are that say that a message is not on the disk, and how many. */
#define UNSYNCED ((int64_t)3 << 61)
#define UNSYNCED_SIZE ((int64_t)1 << 60)

/* How long a writer waits for its turn, in milliseconds. One turn takes a few;
 * a batch of the highest size on a slow disk, seconds. */
#define TURN_PATIENCE 30000

struct range {
    int64_t first, last;
};

/* Wait for the turnstile of the lock file FD; the kernel lets waiters in in the order they
 * came. (Measured with 8 writers: SQLite's own busy handler gave one process 11,897
 * turns and another 1.) Returns 0, or an errno: ETIMEDOUT after PATIENCE milliseconds. */
int lock_turn(int fd, int64_t patience);
void unlock_turn(int fd);

/* Claim the ids of WANTED, all or none, without waiting. Where others have a claim on some of
 * them, returns EAGAIN and stores in *TAKEN a range of theirs. Else 0, or an errno. */
int lock_claim(int fd, struct range wanted, struct range *taken);
void unlock_claim(int fd, struct range claimed);

/* Whether somebody else has a claim on an id of WANTED; stores such a range in *TAKEN. */
bool claim_taken(int fd, struct range wanted, struct range *taken);

/* Tell each range within WANTED that somebody else has a claim on. */
void each_taken(int fd, struct range wanted, void (*tell)(void *context, struct range taken),
                void *context);

/* Say that the messages with the ids of NEW are not on the disk, before anybody can see them; and
 * say so no more. Returns 0, or an errno. */
int lock_unsynced(int fd, struct range new);
void unlock_unsynced(int fd, struct range new);

/* Whether somebody else says so of an id of RANGE. */
bool is_unsynced(int fd, struct range range);

/* Make this process known as one that has claims. */
int lock_presence(int fd);

/* Open a pidfd, readable when the process ends, for each other process known to have
 * claims, at most SIZE of them. Returns how many. *ALL becomes false where some process
 * can't be watched (it is in another PID namespace, or there are too many). */
int watch_present(int fd, int pidfds[], int size, bool *all);

#endif
