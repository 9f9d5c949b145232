/* frames FILE: put a write-ahead log (WAL) together, damage it in many ways, and print what the
 * functions of wal.c find in it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/sqlite/wal.h"

enum { FRAMES = 6 };

static int fd;

/* Return the result of a call; the texts of strerror() differ between C libraries. */
static const char *text_of(int errnum)
{
    return errnum == 0 ? "done" : errnum == ENODATA ? "no data" : "failed";
}

static uint8_t bytes[WAL_HEADER + FRAMES * WAL_FRAME];
static const uint8_t salt[WAL_SALT] = { 0, 0, 1, 0, 5, 6, 7, 8 };

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get(const uint8_t *at, bool big)
{
    return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void sum(uint32_t sums[2], const uint8_t *at, size_t size, bool big)
{
    for (size_t i = 0; i < size; i += 8) {
        sums[0] += get(at + i, big) + sums[1];
        sums[1] += get(at + i + 4, big) + sums[0];
    }
}

static uint8_t *frame(int number)
{
    return bytes + WAL_HEADER + (number - 1) * WAL_FRAME;
}

/* Write all checksums. */
static void seal(bool big)
{
    uint32_t sums[2] = { 0, 0 };
    put(bytes, 0x377f0682 | big);
    sum(sums, bytes, 24, big);
    put(bytes + 24, sums[0]);
    put(bytes + 28, sums[1]);
    for (int n = 1; n <= FRAMES; n++) {
        sum(sums, frame(n), 8, big);
        sum(sums, frame(n) + WAL_FRAME_HEADER, WAL_PAGE, big);
        put(frame(n) + 16, sums[0]);
        put(frame(n) + 20, sums[1]);
    }
}

static void resize(int64_t size)
{
    if (ftruncate(fd, size) < 0)
        exit(1);
}

static void save(void)
{
    resize(0);
    if (pwrite(fd, bytes, sizeof bytes, 0) != sizeof bytes)
        exit(1);
}

/* Write a sound WAL: frames 1, 2 and 5 end transactions. */
static void sound(bool big)
{
    static const uint32_t commits[FRAMES] = { 6, 7, 0, 0, 9, 0 };
    memset(bytes, 0, sizeof bytes);
    put(bytes + 4, 3007000);
    put(bytes + 8, WAL_PAGE);
    memcpy(bytes + WAL_SALT_AT, salt, WAL_SALT);
    for (int n = 1; n <= FRAMES; n++) {
        put(frame(n), (uint32_t)(n + 2));
        put(frame(n) + 4, commits[n - 1]);
        memcpy(frame(n) + WAL_FRAME_SALT_AT, salt, WAL_SALT);
        for (int i = 0; i < WAL_PAGE; i++)
            frame(n)[WAL_FRAME_HEADER + i] = (uint8_t)(i * n);
    }
    seal(big);
    save();
}

static void write_to(int64_t at, int byte)
{
    uint8_t one = (uint8_t)byte;
    if (pwrite(fd, &one, 1, at) != 1)
        exit(1);
}

static int64_t offset(int number)
{
    return WAL_HEADER + (number - 1) * WAL_FRAME;
}

/* Print WHAT, the state of the WAL, and up to which count of frames it is broken. */
static void show(const char *what)
{
    static const char *const states[] = { "empty", "sound", "bad header", "cut" };
    struct wal wal;
    int errnum = wal_examine(fd, &wal);
    printf("%s: %s", what, errnum == 0 ? states[wal.state] : text_of(errnum));
    if (wal.end > 0)
        printf(", %lld of %lld frames", (long long)wal.frames, (long long)wal.end);
    int broken = 0;
    while (broken < 9 && !wal_is_broken(fd, &wal, broken))
        broken++;
    if (wal.state == WAL_SOUND && broken < 9)
        printf(", broken for %d", broken);
    putchar('\n');
}

static void damage(const char *what, int64_t at, int byte)
{
    sound(false);
    write_to(at, byte);
    show(what);
}

static void headers(void)
{
    show("no bytes");
    sound(true);
    show("big-endian sums");
    sound(false);
    show("sound");
    damage("another magic number", 3, 0x80);
    damage("a sum in the other order", 3, 0x83);
    damage("another version", 7, 1);
    damage("another page size", 10, 8);
    damage("another salt", 16, 1);
    damage("another sum", 24, 1);
    damage("another second sum", 31, 1);
    sound(false);
    for (int i = 0; i < WAL_HEADER; i++)
        write_to(i, 0);
    show("zeros");
    write_to(WAL_HEADER - 1, 1);
    show("not all zeros");
    sound(false);
    resize(WAL_HEADER - 1);
    show("a short header");
    sound(false);
    resize(WAL_HEADER);
    show("only a header");
    sound(false);
    resize(offset(3) - 1);
    show("a short frame");
    resize(offset(6));
    show("zeros behind it");
    /* The size to which version 0.1.0 cut a WAL, within frame 764. */
    sound(false);
    resize(3 * 1024 * 1024 - 1);
    printf("%d", wal_has_cut_size(fd));
    resize(3 * 1024 * 1024);
    printf("%d%d\n", wal_has_cut_size(fd), wal_has_cut_size(-1));
    show("3 MiB, and a hole at the end");
    for (int i = 0; i < WAL_SALT; i++)
        write_to(offset(764) + WAL_FRAME_SALT_AT + i, salt[i]);
    show("3 MiB, and a frame at the end");
    resize(3 * 1024 * 1024 + 1);
    show("a byte more");
}

static void chains(void)
{
    damage("page 0", offset(4) + 3, 0);
    damage("another page", offset(4) + 3, 1);
    damage("a commit more", offset(4) + 7, 1);
    damage("another salt in a frame", offset(4) + 8, 1);
    damage("another second salt", offset(4) + 15, 1);
    damage("another sum in a frame", offset(4) + 16, 1);
    damage("another second sum in a frame", offset(4) + 23, 1);
    damage("another first byte", offset(4) + 24, 1);
    damage("another last byte", offset(5) - 1, 1);
    damage("the first frame", offset(1) + 100, 1);
    damage("the last frame", offset(6) + 100, 1);
    /* Frames of an earlier WAL have a lower first salt, by 1 or, after many restarts, by more. */
    sound(false);
    for (int n = 3; n <= 6; n++)
        put(frame(n) + WAL_FRAME_SALT_AT, 0xff);
    save();
    show("left over");
    for (int n = 3; n <= 6; n++)
        put(frame(n) + WAL_FRAME_SALT_AT, 0x100 - (1 << 24) + 1);
    save();
    show("left over for long");
    for (int n = 3; n <= 6; n++)
        put(frame(n) + WAL_FRAME_SALT_AT, 0x100 - (1 << 24));
    save();
    show("too old");
    for (int n = 3; n <= 6; n++)
        put(frame(n) + WAL_FRAME_SALT_AT, 0x101);
    save();
    show("newer");
    /* A hole in the file, and a frame behind it. */
    struct wal wal;
    sound(false);
    resize(offset(6));
    write_to(offset(400) + 9, 1);
    resize(offset(500));
    printf("a hole: %d", wal_examine(fd, &wal));
    printf(" %d%d%d\n", wal_is_broken(fd, &wal, 399), wal_is_broken(fd, &wal, 400),
           wal_is_broken(fd, &wal, 499));
    write_to(offset(400) + 9, 0);
    printf("zeros: %d\n", wal_is_broken(fd, &wal, 499));
}

/* Print the frames that were resealed: page, pages after a commit. */
static void reseal(const char *what, const uint8_t with[WAL_SALT], int64_t frames)
{
    int errnum = wal_reseal(fd, with, frames, 3);
    show(what);
    printf("  %s:", text_of(errnum));
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    for (int n = 1; offset(n + 1) <= size; n++)
        printf(" %u/%u%s", get(frame(n), true), get(frame(n) + 4, true),
               memcmp(frame(n) + WAL_FRAME_SALT_AT, with, WAL_SALT) == 0 ? "" : "-");
    putchar('\n');
}

static void repairs(void)
{
    static const uint8_t other[WAL_SALT] = { 9, 9, 9, 9, 9, 9, 9, 9 };
    sound(false);
    reseal("sound again", salt, 5);
    sound(true);
    reseal("sound again, big-endian", salt, 2);
    sound(false);
    reseal("with another salt", other, 5);
    sound(false);
    for (int n = 3; n <= 5; n++)
        memcpy(frame(n) + WAL_FRAME_SALT_AT, other, WAL_SALT);
    save();
    reseal("with the salt of later frames", other, 2);
    sound(false);
    write_to(0, 0x77);
    write_to(5, 0x77);
    write_to(9, 0x77);
    reseal("with a bad header", salt, 5);
    sound(false);
    write_to(offset(1) + 100, 1);
    reseal("the first frame", salt, 5);
    sound(false);
    write_to(offset(4) + 3, 0);
    write_to(offset(4) + 7, 88);
    reseal("without its page", salt, 5);
    sound(false);
    write_to(offset(5) + 100, 1);
    write_to(offset(5) + 7, 88);
    reseal("the last one", salt, 5);
    sound(false);
    write_to(offset(5) + 100, 1);
    reseal("one before the last", salt, 6);
    sound(false);
    write_to(offset(2) + 7, 88);
    write_to(offset(5) + 7, 88);
    reseal("both commits", salt, 5);
    sound(false);
    resize(offset(4));
    reseal("cut off", salt, 5);
    sound(false);
    put(frame(6) + WAL_FRAME_SALT_AT, 1);
    save();
    reseal("a frame with another salt behind it", salt, 5);
    resize(10);
    reseal("no header", salt, 5);
}

static void rewrites(void)
{
    static uint8_t again[sizeof bytes];
    for (int n = 0; n <= FRAMES; n++) {
        sound(false);
        int errnum = wal_rewrite(fd, n);
        struct stat st;
        if (fstat(fd, &st) < 0 || pread(fd, again, sizeof again, 0) != sizeof again)
            exit(1);
        printf("%d: %s, %s, %lld\n", n, text_of(errnum),
               memcmp(bytes, again, sizeof bytes) == 0 ? "the same" : "not the same",
               (long long)(st.st_size - (off_t)sizeof bytes));
    }
    sound(false);
    printf("behind the end: %s\n", text_of(wal_rewrite(fd, 600)));
}

int main(int argc, char **argv)
{
    if (argc != 2 || (fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0600)) < 0)
        return 64;
    headers();
    chains();
    repairs();
    rewrites();
    return 0;
}
