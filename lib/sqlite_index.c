/* sqlite_index.c - keeping the index of the log alive while no process is there.
 *
 * SQLite keeps an index of the log in the -shm file. The first process that attaches to it throws
 * it away and reads the whole log to build another: right after a crash of the machine,
 * but between commands that do not overlap it costs each of them some 40 system calls and
 * 140 thousand instructions. A process counts as attached while it has a lock on one byte of
 * that file (sqlite.org/walformat.html, "The WAL-Index File Format"), so whoever knows that the
 * index is good can take such a lock first, and SQLite uses it as it does beside a
 * living process. That another one died, anywhere, is nothing new to it.
 *
 * The index is good as long as the kernel has not let go of it: after a crash, or an unclean
 * unmount, the disk may hold older pages of it than of the log. So whoever attached to it
 * properly leaves a mark that is never written to any disk and goes with the kernel's
 * inode: a life-time hint (F_SET_RW_HINT, fcntl(2)). Where there are no such hints, SQLite
 * does what it always does. */

#include "store_sqlite.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#ifdef F_SET_RW_HINT

enum {
    HINT = 5,           /* RWH_WRITE_LIFE_EXTREME: nobody else would say so of this file */
    ATTACHED_BYTE = 128 /* UNIX_SHM_DMS in SQLite's os_unix.c */
};

/* Closing a descriptor of the -shm file drops the locks of every connection of this process to it
 * (fcntl(2), "Record locking"). So it is only closed together with the last one. */
static atomic_int users;

void index_attach(struct sqlite_store *s)
{
    char name[PLACE_NAME];
    place_name(&s->place, "-shm", name);
    s->index_marked = false;
    s->index = -1;
    if (atomic_fetch_add(&users, 1) > 0)
        return;
    s->index = openat(s->place.directory, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    uint64_t hint = 0;
    if (s->index < 0 || fcntl(s->index, F_GET_RW_HINT, &hint) < 0 || hint != HINT ||
        s->place.log_size == 0)
        return;
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ATTACHED_BYTE, .l_len = 1
    };
    fcntl(s->index, F_OFD_SETLK, &lock); /* refused while another process builds the index */
    s->index_marked = true;
}

void index_mark(struct sqlite_store *s)
{
    const uint64_t hint = HINT;
    if (!s->index_marked && s->index >= 0)
        fcntl(s->index, F_SET_RW_HINT, &hint);
    s->index_marked = true;
}

void index_detach(struct sqlite_store *s)
{
    if (atomic_fetch_sub(&users, 1) == 1 && s->index >= 0)
        close(s->index);
    s->index = -1;
}

#else

void index_attach(struct sqlite_store *s)
{
    s->index = -1;
}

void index_mark(struct sqlite_store *s)
{
    (void)s;
}

void index_detach(struct sqlite_store *s)
{
    (void)s;
}

#endif
