/* vfs.h - how SQLite opens, writes and syncs the files of a spool. */

#ifndef SQLITE_VFS_H
#define SQLITE_VFS_H

#include "internal.h"

/* The name of our VFS, registered if need be, or NULL. */
const char *vfs_name(void);

/* Register *VFS, unless there is one with the name that OURS has: it opens files and looks for them
 * as OURS does, takes absolute names as they are, and does all else as the system's VFS, which its
 * pAppData is. Behind the system's file structure there is space for the szOsFile of OURS. SQLite
 * keeps *VFS for the life of the process. Returns the name, or NULL. */
const char *vfs_register(sqlite3_vfs *vfs, const sqlite3_vfs *ours);

/* SQLite is used only by us in this process: make it wait for no other process when it opens a
 * file. */
void vfs_single_threaded(void);

/* The write lock was taken: others may have written to the WAL. */
void vfs_begin_write(sqlite3 *db);

/* Whether the next commit is written, but not synced: vfs_sync does that later. */
void vfs_defer_sync(sqlite3 *db, bool deferring);

/* Make vfs_sync sync the WAL, even if other processes have written to it. */
void vfs_need_sync(sqlite3 *db);

/* Sync what has to be synced; returns SQLite's result code. */
int vfs_sync(sqlite3 *db);

/* errno of the sync of the WAL that failed; 0: none has since the WAL was rewritten. Until then
 * each sync fails. */
int vfs_sync_failed(sqlite3 *db);
void vfs_was_rewritten(sqlite3 *db);

/* The salt of the frame that this connection wrote last, and the size of the WAL in bytes. */
void vfs_wal_salt(sqlite3 *db, uint8_t salt[WAL_SALT]);
int64_t vfs_wal_size(sqlite3 *db);

/* errno of the last read from any file of SQLite's that failed; 0: none has since the last call. */
int vfs_read_failed(void);

/* Return whether there was no space for the last write to any file of SQLite's. */
bool vfs_disk_full(void);

#endif
