/* wal.h - the file format of the write-ahead log (WAL), and the ways in which a WAL can be damaged.
 *
 * sqlite.org/fileformat2.html, "The Write-Ahead Log": a WAL is a header, then frames; each frame is
 * a header and a page. Each frame carries the salt of the WAL's header, and a checksum over all
 * frames up to this one. When SQLite builds its index, it silently drops the first frame that
 * breaks this chain, and all frames behind it. */

#ifndef SQLITE_WAL_H
#define SQLITE_WAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WAL_HEADER = 32,
    WAL_SALT = 8,
    WAL_SALT_AT = 16, /* in the header */
    WAL_FRAME_HEADER = 24,
    WAL_FRAME_SALT_AT = 8,
    WAL_PAGE = 4096,
    WAL_FRAME = WAL_FRAME_HEADER + WAL_PAGE
};

struct wal {
    enum {
        WAL_EMPTY,      /* also a WAL whose header is all zeros */
        WAL_SOUND,      /* but some frames may be lost (wal_loss.c) */
        WAL_BAD_HEADER, /* the header is neither zeros nor valid */
        WAL_CUT         /* version 0.1.0 was killed while it emptied the WAL: the frames are older
                         * than what is in the spool already */
    } state;
    uint8_t salt[WAL_SALT];
    int64_t frames; /* frames up to the last commit of the unbroken chain */
    int64_t end;    /* frames in the file, whatever they are */
};

/* Examine the WAL whose descriptor is FD. Returns 0, or an errno if it cannot be read. */
int wal_examine(int fd, struct wal *wal);

/* Return whether the WAL whose descriptor is FD (or -1) may be one of WAL_CUT, by its size. */
bool wal_has_cut_size(int fd);

/* Return whether the file has more than the sound frames of this WAL: another copy of its first
 * FRAMES, or something that is not a frame. An old copy of a WAL has not. */
bool wal_is_broken(int fd, const struct wal *wal, int64_t frames);

/* Write the header and the first FRAMES frames again as they are, so that all of their pages are
 * dirty again, and sync the file. With FRAMES 0, only sync it. Returns 0, or an errno. */
int wal_rewrite(int fd, int64_t frames);

/* Give the first FRAMES frames of a broken WAL, and those behind them that have the salt SALT, this
 * salt and matching checksums: then SQLite reads all of them, and a damaged page is found and
 * repaired like a damaged page of the spool itself. The last of the first FRAMES frames ended a
 * transaction, after which the file of the spool had PAGES pages. Returns 0, or an errno. */
int wal_reseal(int fd, const uint8_t salt[WAL_SALT], int64_t frames, uint32_t pages);

#endif
