/* wal_loss.h - detect that the WAL has lost data that was on disk. */

#ifndef SQLITE_WAL_LOSS_H
#define SQLITE_WAL_LOSS_H

#include "internal.h"

/* Return whether SQLite's index knows all frames of the WAL that are on the disk. */
bool wal_loss_is_indexed(const struct sqlite_store *s);

/* Check whether the WAL whose descriptor is WAL (or -1) has lost data that was on disk: CHAT_DATA,
 * and sets the text. The caller does not hold the write lock. */
enum chat_status wal_loss_check(struct sqlite_store *s, int wal);

#endif
