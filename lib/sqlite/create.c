/* create.c - create a spool, and the reserve beside it. */

#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "write_lock.h"

/* The reserve has space in the spool for the pages of a WAL that is to be emptied (transaction.c),
 * and so for the deletion of a message, which writes some pages of the WAL, or of the -shm file. */
enum { RESERVE = 1024 * 1024, NOT_RESERVED = 256 * 1024 /* that stay free for the next send */ };

/* A 2 in bytes 18 and 19 of a database means that it has a WAL (sqlite.org/fileformat2.html,
 * "File format version numbers"). An SQLite database in memory cannot set this, and setting it
 * on a file in use races between processes. */
enum { WAL_FORMAT_AT = 18, WAL_FORMAT = 2 };

/* Store the bytes of an empty spool in *IMAGE, which the caller frees with sqlite3_free(). Returns
 * SQLite's result code. */
static int new_image(unsigned char **image, sqlite3_int64 *size)
{
    sqlite3 *db;
    *image = NULL;
    int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql_schema, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        *image = sqlite3_serialize(db, "main", size, 0);
        if (*image == NULL)
            rc = SQLITE_NOMEM;
        else
            (*image)[WAL_FORMAT_AT] = (*image)[WAL_FORMAT_AT + 1] = WAL_FORMAT;
    }
    sqlite3_close(db);
    return rc;
}

static enum chat_status cannot_create(struct sqlite_store *s)
{
    return error_system(s->base.error, errno, CHAT_CANTCREATE, "cannot create spool '%s'",
                        s->location.path);
}

static int write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Give the file of the new spool its name, unless a file with that name exists. */
static int take_name(struct sqlite_store *s)
{
    char name[LOCATION_NAME];
    int directory = s->location.directory;
    location_name(&s->location, "-new", name);
#ifdef RENAME_NOREPLACE
    /* Not link(): until the old name is gone, the spool would have two names, and look unsafe. */
    int result = renameat2(directory, name, directory, s->location.name, RENAME_NOREPLACE);
    if (result == 0 || errno != EINVAL)
        return result;
#endif
    return renameat(directory, name, directory, s->location.name); /* no other process has the write
                                                                    * lock */
}

static enum chat_status write_image(struct sqlite_store *s, const unsigned char *image, size_t size)
{
    int fd;
    enum chat_status status = location_create(&s->location, "-new", &fd);
    if (status != CHAT_OK)
        return status;
    if (write_all(fd, image, size) < 0 || fsync(fd) < 0)
        status = cannot_create(s);
    close(fd);
    if (status == CHAT_OK && (take_name(s) < 0 || fsync(s->location.directory) < 0))
        status = cannot_create(s);
    return status;
}

/* Create the spool. No other process can do so, because this one holds the write lock. */
static enum chat_status create(struct sqlite_store *s)
{
    /* The files of an older spool of that name may remain if a user has removed it: its WAL would
     * be taken for the WAL of the new spool. */
    location_remove(&s->location, "-new");
    location_remove(&s->location, "-wal");
    location_remove(&s->location, "-shm");

    unsigned char *image;
    sqlite3_int64 size;
    int rc = new_image(&image, &size);
    enum chat_status status =
        rc == SQLITE_OK ? write_image(s, image, (size_t)size) : db_failed(s, rc, "create");
    sqlite3_free(image);
    if (status == CHAT_OK)
        reserve_make(s);
    else
        location_remove(&s->location, "-new");
    return status;
}

enum chat_status create_spool(struct sqlite_store *s)
{
    enum chat_status status = write_lock_take(s);
    if (status != CHAT_OK)
        return status;
    status = location_check(&s->location, "");
    if (status == CHAT_NONE)
        status = create(s);
    write_lock_release(s);
    return status;
}

void reserve_make(struct sqlite_store *s)
{
    int fd;
    if (location_open(&s->location, "-reserve", &fd) != CHAT_OK)
        return;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size < RESERVE &&
        location_has_space(&s->location, RESERVE + NOT_RESERVED) &&
        posix_fallocate(fd, 0, RESERVE) != 0)
        (void)!ftruncate(fd, 0);
    futimens(fd, NULL); /* programs that delete old files leave it alone */
    close(fd);
}

void reserve_give(struct sqlite_store *s)
{
    int fd;
    s->reserve_given = true;
    if (location_open(&s->location, "-reserve", &fd) != CHAT_OK)
        return;
    (void)!ftruncate(fd, 0);
    fsync(fd); /* until then a journaling file system gives the blocks to no file */
    close(fd);
}
