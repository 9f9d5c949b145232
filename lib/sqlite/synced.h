/* synced.h - a record in the lock file of what is known to be on disk. */

#ifndef SQLITE_SYNCED_H
#define SQLITE_SYNCED_H

#include "internal.h"

/* The record in the lock file. Zeros: no record. */
struct synced {
    int64_t id;             /* this message, and all before it, are on the disk */
    uint8_t salt[WAL_SALT]; /* the salt of a WAL, and the number of its frames on disk */
    int64_t frames;
    bool failed; /* a sync has failed, and the WAL was not rewritten since */
};
void synced_read(const struct sqlite_store *s, struct synced *synced);

/* Record that our last commit is on the disk, and the message ID with it (0: no message came); or
 * that the message ID and all messages before it are. To lower the id, the caller holds the write
 * lock. */
void synced_write(const struct sqlite_store *s, int64_t id);
void synced_write_id(const struct sqlite_store *s, int64_t id);

/* Record that a sync has failed, if one has failed in this process. */
void synced_note_failure(struct sqlite_store *s);

/* Within the write lock: write the WAL again, and sync it. synced_begin does so only if a sync has
 * failed, here or in another process. */
enum chat_status synced_repair(struct sqlite_store *s);
enum chat_status synced_begin(struct sqlite_store *s);

#endif
