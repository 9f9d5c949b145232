/* wal.c - the file format of the write-ahead log (WAL), and the ways in which a WAL can be
 * damaged. */

#include "wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAGIC_AT = 0,
    VERSION_AT = 4,
    PAGE_SIZE_AT = 8,
    HEADER_SUM_AT = 24,
    HEADER_SUMMED = 24,  /* the part of the header that its checksum covers, in bytes */
    FRAME_PAGE_AT = 0,   /* the page number; 0 means no page */
    FRAME_COMMIT_AT = 4, /* pages of the spool after a commit; 0: the frame ends no transaction */
    FRAME_SUM_AT = 16,
    FRAME_SUMMED = 8 /* bytes of the frame header that its checksum covers, besides the page */
};

/* The lowest bit of the magic number shows whether the checksums are over big-endian integers. */
static const uint32_t MAGIC = 0x377f0682, WAL_VERSION = 3007000;

/* Version 0.1.0 emptied a large WAL in two steps: it cut the file to this size, then wiped its
 * header. */
enum { CUT_SIZE = 3 * 1024 * 1024 };

static uint32_t get(const uint8_t *at, bool big)
{
    return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct sum {
    uint32_t one, two;
    bool big; /* the integers that are summed are big-endian */
};

static void add(struct sum *sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        sum->one += get(bytes + i, sum->big) + sum->two;
        sum->two += get(bytes + i + 4, sum->big) + sum->one;
    }
}

static bool is_sum(const struct sum *sum, const uint8_t *at)
{
    return sum->one == get(at, true) && sum->two == get(at + 4, true);
}

static void put_sum(const struct sum *sum, uint8_t *at)
{
    put(at, sum->one);
    put(at + 4, sum->two);
}

static void add_frame(struct sum *sum, const uint8_t frame[WAL_FRAME])
{
    add(sum, frame, FRAME_SUMMED);
    add(sum, frame + WAL_FRAME_HEADER, WAL_PAGE);
}

static int64_t frame_offset(int64_t number)
{
    return WAL_HEADER + (number - 1) * WAL_FRAME;
}

/* Read SIZE bytes. Returns 0, or an errno: ENODATA if the file ends before. */
static int read_at(int fd, void *bytes, size_t size, int64_t offset)
{
    for (char *to = bytes; size > 0;) {
        ssize_t n = pread(fd, to, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENODATA;
        to += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_at(int fd, const void *bytes, size_t size, int64_t offset)
{
    for (const char *from = bytes; size > 0;) {
        ssize_t n = pwrite(fd, from, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        from += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Return whether the header is valid, and store the checksum from which the first frame
 * continues. */
static bool header_valid(const uint8_t header[WAL_HEADER], struct sum *sum)
{
    uint32_t magic = get(header + MAGIC_AT, true);
    *sum = (struct sum){ .big = (magic & 1) != 0 };
    add(sum, header, HEADER_SUMMED);
    return (magic | 1) == (MAGIC | 1) && get(header + VERSION_AT, true) == WAL_VERSION &&
           get(header + PAGE_SIZE_AT, true) == WAL_PAGE && is_sum(sum, header + HEADER_SUM_AT);
}

static bool is_zero(const uint8_t header[WAL_HEADER])
{
    static const uint8_t zeros[WAL_HEADER];
    return memcmp(header, zeros, WAL_HEADER) == 0;
}

/* Return whether FRAME is the next one of the chain whose checksum is SUM. */
static bool continues(const struct wal *wal, struct sum *sum, const uint8_t frame[WAL_FRAME])
{
    if (memcmp(frame + WAL_FRAME_SALT_AT, wal->salt, WAL_SALT) != 0 ||
        get(frame + FRAME_PAGE_AT, true) == 0)
        return false;
    add_frame(sum, frame);
    return is_sum(sum, frame + FRAME_SUM_AT);
}

static int follow_chain(int fd, struct wal *wal, struct sum *sum)
{
    uint8_t frame[WAL_FRAME];
    int errnum = 0;
    for (int64_t number = 1; number <= wal->end; number++) {
        errnum = read_at(fd, frame, sizeof frame, frame_offset(number));
        if (errnum != 0 || !continues(wal, sum, frame))
            break;
        if (get(frame + FRAME_COMMIT_AT, true) != 0)
            wal->frames = number;
    }
    return errnum == ENODATA ? 0 : errnum; /* truncated in the meantime */
}

/* Return whether the file ends within a frame of this WAL, at the size to which version 0.1.0 cut
 * it. A WAL that grew to that size later has a frame of an older WAL there. */
static bool was_cut(int fd, const struct wal *wal, int64_t size)
{
    uint8_t header[WAL_FRAME_HEADER];
    return size == CUT_SIZE &&
           read_at(fd, header, sizeof header, frame_offset(wal->end + 1)) == 0 &&
           memcmp(header + WAL_FRAME_SALT_AT, wal->salt, WAL_SALT) == 0;
}

bool wal_has_cut_size(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_size == CUT_SIZE;
}

int wal_examine(int fd, struct wal *wal)
{
    struct stat st;
    struct sum sum;
    uint8_t header[WAL_HEADER];
    *wal = (struct wal){ .state = WAL_EMPTY };
    if (fstat(fd, &st) < 0)
        return errno;
    int errnum = read_at(fd, header, sizeof header, 0);
    if (errnum != 0)
        return errnum == ENODATA ? 0 : errnum;
    wal->end = ((int64_t)st.st_size - WAL_HEADER) / WAL_FRAME;
    if (is_zero(header))
        return 0;
    memcpy(wal->salt, header + WAL_SALT_AT, WAL_SALT);
    if (!header_valid(header, &sum)) {
        wal->state = WAL_BAD_HEADER;
        return 0;
    }
    wal->state = was_cut(fd, wal, st.st_size) ? WAL_CUT : WAL_SOUND;
    return follow_chain(fd, wal, &sum);
}

/* Return whether the frame was left by an earlier WAL in the same file: SQLite adds 1 to the first
 * half of the salt each time it restarts the WAL. Zeros count as well. */
static bool is_left_over(const uint8_t header[WAL_FRAME_HEADER], const struct wal *wal)
{
    enum { OFTEN = 1 << 24 };
    static const uint8_t zeros[WAL_FRAME_HEADER];
    uint32_t age = get(wal->salt, true) - get(header + WAL_FRAME_SALT_AT, true);
    return (age > 0 && age < OFTEN) || memcmp(header, zeros, sizeof zeros) == 0;
}

/* Return the first frame from NUMBER on that is not entirely in a hole of the file; or the number
 * behind the last frame. A file from a stranger may contain a hole of many TiB. */
static int64_t skip_hole(int fd, const struct wal *wal, int64_t number)
{
    off_t at = lseek(fd, (off_t)frame_offset(number), SEEK_DATA);
    if (at < 0)
        return errno == ENXIO ? wal->end + 1 : number;
    return ((int64_t)at - WAL_HEADER) / WAL_FRAME + 1;
}

bool wal_is_broken(int fd, const struct wal *wal, int64_t frames)
{
    uint8_t header[WAL_FRAME_HEADER];
    const int64_t last = frames < wal->end ? frames : wal->end;
    for (int64_t number = wal->frames + 1; number <= last; number++) {
        number = skip_hole(fd, wal, number);
        if (number <= last && read_at(fd, header, sizeof header, frame_offset(number)) == 0 &&
            !is_left_over(header, wal))
            return true;
    }
    return false;
}

/* Return whether the file has these bytes. After a write past the page cache: whether the disk has
 * them. */
static bool reads_back(int fd, const char *bytes, size_t size, int64_t offset)
{
    char block[4096];
    for (size_t at = 0; at < size; at += sizeof block)
        if (read_at(fd, block, sizeof block, offset + (int64_t)at) != 0 ||
            memcmp(block, bytes + at, sizeof block) != 0)
            return false;
    return true;
}

/* Write past the page cache: if a write has failed, ext4 may keep the new blocks of the file marked
 * as unwritten. Later writes to their cached pages are synced without an error, and the blocks are
 * zeros after a power cut. If this write fails, too, put the bytes back into the page cache, from
 * which the next attempt takes them. Without O_DIRECT, write as usual. Returns 0, or an errno. */
static int write_directly(int fd, const char *bytes, size_t size, int64_t offset)
{
    int flags = fcntl(fd, F_GETFL);
    bool direct = flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
    int errnum = write_at(fd, bytes, size, offset);
    if (!direct)
        return errnum;
    fcntl(fd, F_SETFL, flags);
    if (errnum == 0 && reads_back(fd, bytes, size, offset))
        return 0;
    int cached = write_at(fd, bytes, size, offset);
    if (errnum == EINVAL) /* the blocks have another size */
        return cached;
    return errnum != 0 ? errnum : EIO;
}

int wal_rewrite(int fd, int64_t frames)
{
    enum { CHUNK = 1024 * 1024, BLOCK = 4096 }; /* O_DIRECT requires whole blocks */
    char *bytes = aligned_alloc(BLOCK, CHUNK);
    int errnum = bytes == NULL ? ENOMEM : 0;
    const int64_t end = frames > 0 ? frame_offset(frames + 1) : 0;
    for (int64_t offset = 0; offset < end && errnum == 0; offset += CHUNK) {
        size_t size = end - offset < CHUNK ? (size_t)(end - offset) : CHUNK;
        size = (size + BLOCK - 1) / BLOCK * BLOCK;
        ssize_t n = pread(fd, bytes, size, (off_t)offset);
        if (n <= 0) {
            errnum = n < 0 ? errno : ENODATA;
            break;
        }
        memset(bytes + n, 0, size - (size_t)n); /* behind the file: no frame */
        errnum = write_directly(fd, bytes, size, offset);
    }
    free(bytes);
    return errnum == 0 && fdatasync(fd) < 0 ? errno : errnum;
}

/* --- repair ---------------------------------------------------------------- */

struct reseal {
    int fd;
    struct sum stored; /* the checksum in the last frame, or in the header */
    struct sum sealed; /* and the one that is there now */
    uint32_t pages;    /* the spool has at least these: by a commit, or a page number */
};

static int write_header(struct reseal *r, const uint8_t salt[WAL_SALT])
{
    uint8_t header[WAL_HEADER] = { 0 };
    int errnum = read_at(r->fd, header, sizeof header, 0);
    if (errnum != 0)
        return errnum;
    r->stored =
        (struct sum){ get(header + HEADER_SUM_AT, true), get(header + HEADER_SUM_AT + 4, true),
                      (get(header + MAGIC_AT, true) & 1) != 0 };
    r->sealed = (struct sum){ .big = r->stored.big };
    put(header + MAGIC_AT, MAGIC | r->stored.big);
    put(header + VERSION_AT, WAL_VERSION);
    put(header + PAGE_SIZE_AT, WAL_PAGE);
    memcpy(header + WAL_SALT_AT, salt, WAL_SALT);
    add(&r->sealed, header, HEADER_SUMMED);
    put_sum(&r->sealed, header + HEADER_SUM_AT);
    return write_at(r->fd, header, sizeof header, 0);
}

/* Return whether the frame continued the one before it when it was written. */
static bool was_written_so(struct reseal *r, const uint8_t frame[WAL_FRAME])
{
    add_frame(&r->stored, frame);
    bool fits = is_sum(&r->stored, frame + FRAME_SUM_AT);
    r->stored.one = get(frame + FRAME_SUM_AT, true);
    r->stored.two = get(frame + FRAME_SUM_AT + 4, true);
    return fits;
}

/* Change a damaged frame that may have lost the number of its page, or has a wrong number of pages:
 * SQLite would cut the file to that. ENDS: a transaction ended with this frame. */
static void make_harmless(const struct reseal *r, uint8_t frame[WAL_FRAME], bool ends)
{
    if (get(frame + FRAME_PAGE_AT, true) == 0)
        put(frame + FRAME_PAGE_AT, UINT32_MAX - 1); /* a page that SQLite ignores */
    put(frame + FRAME_COMMIT_AT, ends ? r->pages : 0);
}

static void note_pages(struct reseal *r, const uint8_t frame[WAL_FRAME])
{
    uint32_t page = get(frame + FRAME_PAGE_AT, true), commit = get(frame + FRAME_COMMIT_AT, true);
    if (commit != 0)
        r->pages = commit;
    else if (page > r->pages)
        r->pages = page;
}

static int reseal_frame(struct reseal *r, int64_t number, const uint8_t salt[WAL_SALT], bool ends)
{
    uint8_t frame[WAL_FRAME];
    int errnum = read_at(r->fd, frame, sizeof frame, frame_offset(number));
    if (errnum != 0)
        return errnum;
    if (was_written_so(r, frame))
        note_pages(r, frame);
    else
        make_harmless(r, frame, ends);
    memcpy(frame + WAL_FRAME_SALT_AT, salt, WAL_SALT);
    add_frame(&r->sealed, frame);
    put_sum(&r->sealed, frame + FRAME_SUM_AT);
    return write_at(r->fd, frame, WAL_FRAME_HEADER, frame_offset(number));
}

/* Return how many frames behind the first AFTER have the salt. */
static int64_t count_salted(int fd, const uint8_t salt[WAL_SALT], int64_t after)
{
    uint8_t header[WAL_FRAME_HEADER];
    int64_t count = 0;
    while (read_at(fd, header, sizeof header, frame_offset(after + count + 1)) == 0 &&
           memcmp(header + WAL_FRAME_SALT_AT, salt, WAL_SALT) == 0)
        count++;
    return count;
}

int wal_reseal(int fd, const uint8_t salt[WAL_SALT], int64_t frames, uint32_t pages)
{
    struct reseal r = { .fd = fd, .pages = pages };
    int64_t end = frames + count_salted(fd, salt, frames);
    int errnum = write_header(&r, salt);
    for (int64_t number = 1; number <= end && errnum == 0; number++)
        errnum = reseal_frame(&r, number, salt, number == frames);
    if (errnum == 0 || errnum == ENODATA) /* the file ends before */
        errnum = fdatasync(fd) < 0 ? errno : 0;
    return errnum;
}
