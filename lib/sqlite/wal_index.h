/* wal_index.h - keep the index of the WAL alive while no process has it open. */

#ifndef SQLITE_WAL_INDEX_H
#define SQLITE_WAL_INDEX_H

#include "internal.h"

/* Before SQLite attaches to the index of the WAL: let it keep a good index. WAL is a descriptor of
 * the WAL, or -1. Returns false if the index is not known to be good. */
bool wal_index_attach(struct sqlite_store *s, int wal);

/* After SQLite has attached and read something: mark the index as good. */
void wal_index_mark(struct sqlite_store *s);

/* Remove the mark: the next process builds another index. */
void wal_index_unmark(struct sqlite_store *s);

/* Store the salt of the WAL and the number of its frames that the index knows. Returns false if
 * this cannot be read. */
bool wal_index_frames(const struct sqlite_store *s, uint8_t salt[WAL_SALT], int64_t *frames);

/* Release the index, after SQLite has closed the spool or did not open it. */
void wal_index_detach(struct sqlite_store *s);

#endif
