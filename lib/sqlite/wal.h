/* wal.h - the file format of the write-ahead log (WAL), and what is wrong with one.
 *
 * sqlite.org/fileformat2.html, "The Write-Ahead Log": a header, then frames, each a header and a
 * page. Each frame carries the salt of the WAL's header, and a checksum over all frames up to its
 * own. When SQLite builds its index, it drops the first frame that breaks this chain, and all
 * frames behind it, without a word. */

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
        WAL_EMPTY,      /* or one whose header is all zeros */
        WAL_SOUND,      /* but its frames may be fewer than there were (synced.c) */
        WAL_BAD_HEADER, /* neither zeros nor a valid header */
        WAL_CUT         /* version 0.1.0 was killed while it emptied the WAL: the frames are older
                         * than what is in the spool already */
    } state;
    uint8_t salt[WAL_SALT];
    int64_t frames; /* up to the last commit of the unbroken chain */
    int64_t end;    /* frames in the file, whatever they are */
};

/* Read the WAL that FD is open on. Returns 0, or an errno if it cannot be read. */
int wal_examine(int fd, struct wal *wal);

/* Return whether the WAL that FD (or -1) is open on may be one of WAL_CUT, by its size. */
bool wal_has_cut_size(int fd);

/* Return whether the file has more than the sound frames of this WAL: another one of its first
 * FRAMES, or something that is not a frame. An old copy of a WAL has not. */
bool wal_is_broken(int fd, const struct wal *wal, int64_t frames);

/* Write the header and the first FRAMES frames again as they are, so that all of their pages are
 * dirty again, and sync the file. With FRAMES 0 only sync it. Returns 0, or an errno. */
int wal_rewrite(int fd, int64_t frames);

/* Give the first FRAMES frames of a broken WAL, and those behind them that have the salt SALT,
 * that salt and matching checksums: then SQLite reads all of them, and a damaged page is found
 * and repaired like one in the spool itself. A transaction ended with the last of FRAMES; then
 * the file of the spool had PAGES pages. Returns 0, or an errno. */
int wal_reseal(int fd, const uint8_t salt[WAL_SALT], int64_t frames, uint32_t pages);

#endif
