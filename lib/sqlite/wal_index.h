/* wal_index.h - keeping the index of the WAL alive while no process is there. */

#ifndef SQLITE_WAL_INDEX_H
#define SQLITE_WAL_INDEX_H

#include "internal.h"

/* Before SQLite attaches to the index of the WAL: have it keep a good one. WAL is a descriptor of
 * the WAL, or -1. False: the index is not known to be good. */
bool wal_index_attach(struct sqlite_store *s, int wal);

/* After it has attached and read something: the index is good. */
void wal_index_mark(struct sqlite_store *s);

/* It is not: the next process builds another. */
void wal_index_unmark(struct sqlite_store *s);

/* The salt of the WAL and how many of its frames the index knows. False: that cannot be read. */
bool wal_index_frames(const struct sqlite_store *s, uint8_t salt[WAL_SALT], int64_t *frames);

/* After SQLite has closed, or was not opened. */
void wal_index_detach(struct sqlite_store *s);

#endif
