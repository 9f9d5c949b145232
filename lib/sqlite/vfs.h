/* vfs.h - how SQLite opens, writes and syncs the files of a spool. */

#ifndef SQLITE_VFS_H
#define SQLITE_VFS_H

#include "internal.h"

/* Return the name of our VFS, which is registered if necessary, or NULL. */
const char *vfs_name(void);

/* Register *VFS, unless there is one with the name of OURS. It opens files and looks for them as
 * OURS does, takes absolute names as they are, and does everything else as the system's VFS, to
 * which its pAppData points. Behind the system's file structure there is space for the szOsFile of
 * OURS. SQLite keeps *VFS for the life of the process. Returns the name, or NULL. */
const char *vfs_register(sqlite3_vfs *vfs, const sqlite3_vfs *ours);

/* Declare that only this library uses SQLite in this process: then SQLite does not wait for another
 * process when it opens a file. */
void vfs_single_threaded(void);

/* Note that the write lock was taken: other processes may have written to the WAL. */
void vfs_begin_write(sqlite3 *db);

/* Set whether the next commit is written without a sync: vfs_sync does that later. */
void vfs_defer_sync(sqlite3 *db, bool deferring);

/* Make vfs_sync sync the WAL, even if other processes have written to it. */
void vfs_need_sync(sqlite3 *db);

/* Sync what has to be synced. Returns SQLite's result code. */
int vfs_sync(sqlite3 *db);

/* Return errno of the failed sync of the WAL; 0: none has failed since the WAL was rewritten. Until
 * then each sync fails. */
int vfs_sync_failed(sqlite3 *db);
void vfs_was_rewritten(sqlite3 *db);

/* Store the salt of the frame that this connection wrote last; and return the size of the WAL in
 * bytes. */
void vfs_wal_salt(sqlite3 *db, uint8_t salt[WAL_SALT]);
int64_t vfs_wal_size(sqlite3 *db);

/* Write zeros to FILE, the spool, from an offset to before another: then the file system has space
 * for these pages. Returns SQLite's result code. */
int vfs_extend(sqlite3_file *file, int64_t from, int64_t to);

/* Return errno of the last failed read from any file of SQLite's; 0: none has failed since the last
 * call. */
int vfs_read_failed(void);

/* Return whether the last write to any file of SQLite's failed for lack of space. */
bool vfs_disk_full(void);

#endif
