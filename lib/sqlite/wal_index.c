/* wal_index.c - keep the index of the WAL alive while no process has it open.
 *
 * SQLite keeps an index of the WAL in the -shm file. The first process that attaches to it discards
 * it and reads the whole WAL to build another one. Right after a crash of the machine this is
 * necessary, but between commands that do not overlap it costs each of them some 40 system calls
 * and 140 thousand instructions. A process counts as attached while it has a lock on one byte of
 * that file (sqlite.org/walformat.html, "The WAL-Index File Format"). So a process that knows that
 * the index is good can take such a lock first; then SQLite uses the index as it does beside a
 * living process. SQLite is prepared for the death of another process.
 *
 * The index is good as long as the kernel has kept it: after a crash, or an unclean unmount, the
 * disk may hold older pages of the index than of the WAL. So a process that attached properly
 * leaves a mark that is never written to any disk and disappears with the kernel's inode: a
 * life-time hint (F_SET_RW_HINT, fcntl(2)). And the index must belong to this WAL, and be complete:
 * the last frame that it knows must be in the WAL, as a checksum over all frames up to it shows,
 * and be the last one; otherwise another WAL has replaced it. Without such hints, SQLite does what
 * it always does. */

#include "wal_index.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef F_SET_RW_HINT

enum {
    HINT = 5,           /* RWH_WRITE_LIFE_EXTREME: no other program would set it on this file */
    ATTACHED_BYTE = 128 /* UNIX_SHM_DMS in SQLite's os_unix.c */
};

/* The beginning of the index, and of the WAL (sqlite.org/walformat.html, fileformat2.html). */
struct index_header {
    uint32_t version, unused, changes;
    uint8_t is_init, big_endian;
    uint16_t page_size;
    uint32_t frames, pages;
    uint32_t checksum[2]; /* the checksum of the last frame, in this machine's byte order */
    uint8_t salt[8];
    uint32_t own_checksum[2];
};
struct frame_header {
    uint8_t page[4], pages[4], salt[8], checksum[2][4]; /* big-endian */
};
enum {
    REGION = 32768,      /* the first part of the index, */
    REGION_FRAMES = 4062 /* and the number of frames that it describes */
};

static uint32_t big_endian(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Return whether the frame that HEADER names as the last one is in the WAL, and no frame follows
 * it. */
static bool ends_with(int wal, const struct index_header *header)
{
    uint8_t bytes[WAL_FRAME + sizeof(struct frame_header)] = { 0 };
    struct frame_header last, next;
    if (pread(wal, bytes, sizeof bytes, WAL_HEADER + ((off_t)header->frames - 1) * WAL_FRAME) <
        WAL_FRAME)
        return false;
    memcpy(&last, bytes, sizeof last);
    memcpy(&next, bytes + WAL_FRAME, sizeof next);
    return memcmp(last.salt, header->salt, sizeof last.salt) == 0 &&
           memcmp(next.salt, header->salt, sizeof next.salt) != 0 &&
           big_endian(last.checksum[0]) == header->checksum[0] &&
           big_endian(last.checksum[1]) == header->checksum[1];
}

/* Return whether both copies of the header of the index were written completely. */
static bool is_complete(const struct index_header header[2])
{
    return header[0].is_init != 0 && memcmp(&header[0], &header[1], sizeof header[0]) == 0;
}

/* Read the first part of the INDEX whole, so that an error of the disk is seen here, and not as a
 * SIGBUS. The memory is returned at once, and SQLite uses it next: no page of it is new then. */
static bool read_headers(int index, struct index_header header[2])
{
    void *region = malloc(REGION);
    bool whole = region != NULL && pread(index, region, REGION, 0) == REGION;
    if (whole)
        memcpy(header, region, 2 * sizeof header[0]);
    free(region);
    return whole;
}

static bool is_index_of(int index, int wal)
{
    struct index_header header[2];
    uint8_t magic[4];
    if (!read_headers(index, header) || !is_complete(header) || header[0].frames > REGION_FRAMES)
        return false;
    if (header[0].frames > 0)
        return ends_with(wal, &header[0]);
    /* If there is no frame, the WAL was truncated, or version 0.1.0 wiped its header. */
    ssize_t size = pread(wal, magic, sizeof magic, 0);
    return size == 0 || (size == sizeof magic && big_endian(magic) == 0);
}

bool wal_index_frames(const struct sqlite_store *s, uint8_t salt[WAL_SALT], int64_t *frames)
{
    struct index_header header[2];
    if (s->wal_index < 0 || pread(s->wal_index, header, sizeof header, 0) != sizeof header ||
        !is_complete(header))
        return false;
    memcpy(salt, header[0].salt, WAL_SALT);
    *frames = header[0].frames;
    return true;
}

/* To close a descriptor of the -shm file drops the locks of every connection of this process
 * to it (fcntl(2), "Record locking"). So these descriptors are closed together with the last
 * connection. */
static struct {
    int users;
    int waiting[16], count; /* descriptors to be closed then */
} process;

bool wal_index_attach(struct sqlite_store *s, int wal)
{
    char name[LOCATION_NAME];
    location_name(&s->location, "-shm", name);
    s->wal_index_kept = false;
    s->wal_index = -1;
    if (process.users++ > 0)
        return false;
    s->wal_index =
        openat(s->location.directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint64_t hint = 0;
    if (s->wal_index < 0 || wal < 0 || fcntl(s->wal_index, F_GET_RW_HINT, &hint) < 0 ||
        hint != HINT || !is_index_of(s->wal_index, wal))
        return false;
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ATTACHED_BYTE, .l_len = 1
    };
    fcntl(s->wal_index, F_OFD_SETLK, &lock); /* refused while another process builds the index */
    return s->wal_index_kept = true;
}

void wal_index_mark(struct sqlite_store *s)
{
    const uint64_t hint = HINT;
    /* SQLite has written one byte of each 4096. If blocks are smaller than that, a process that
     * used the other blocks on a full disk would be killed by SIGBUS. */
    if (!s->wal_index_kept && s->wal_index >= 0 && posix_fallocate(s->wal_index, 0, REGION) == 0)
        s->wal_index_kept = fcntl(s->wal_index, F_SET_RW_HINT, &hint) == 0;
}

void wal_index_unmark(struct sqlite_store *s)
{
    const uint64_t none = 0; /* RWH_WRITE_LIFE_NOT_SET */
    if (s->wal_index >= 0)
        fcntl(s->wal_index, F_SET_RW_HINT, &none);
}

void wal_index_detach(struct sqlite_store *s)
{
    if (s->wal_index >= 0 && process.count < 16)
        process.waiting[process.count++] = s->wal_index;
    s->wal_index = -1;
    if (--process.users > 0)
        return;
    while (process.count > 0)
        close(process.waiting[--process.count]);
}

#else

bool wal_index_frames(const struct sqlite_store *s, uint8_t salt[WAL_SALT], int64_t *frames)
{
    (void)s, (void)salt, (void)frames;
    return false;
}

bool wal_index_attach(struct sqlite_store *s, int wal)
{
    (void)wal;
    s->wal_index = -1;
    return false;
}

void wal_index_mark(struct sqlite_store *s)
{
    (void)s;
}

void wal_index_unmark(struct sqlite_store *s)
{
    (void)s;
}

void wal_index_detach(struct sqlite_store *s)
{
    (void)s;
}

#endif
