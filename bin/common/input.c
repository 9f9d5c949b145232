/* input.c - reading bodies: a whole file as one, or a stream split into many. */

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum { PIECE = 64 * 1024 };

static noreturn void cannot_read(const char *name)
{
    cli_fail(EXIT_IO, "cannot read %s: %s", name, cli_cause(errno));
}

/* Wait up to MILLISECONDS (-1: forever) until FD can be read or a signal arrives. Returns 1 if FD
 * can be read, 0 if not, -1 on error. */
static int readable(int fd, int milliseconds)
{
    struct pollfd waiting = { .fd = fd, .events = POLLIN };
    int result = poll(&waiting, 1, milliseconds);
    return result < 0 && errno == EINTR ? 0 : result;
}

/* Like read(), but continues after signals and waits on a non-blocking descriptor. */
static ssize_t read_some(int fd, void *bytes, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, bytes, size);
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
            return n;
        if (errno == EAGAIN && readable(fd, -1) < 0)
            return -1;
    }
}

/* Return how many bytes to read at once: all of a large file, so that the buffer does not grow step
 * by step. */
static size_t first_piece(int fd, size_t most)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < PIECE)
        return PIECE;
    return (uint64_t)st.st_size < most ? (size_t)st.st_size + 1 : most + 1;
}

void input_read(int fd, const char *name, size_t most, struct text *body)
{
    size_t piece = first_piece(fd, most);
    for (;;) {
        size_t left = most + 1 - body->size;
        ssize_t n = read_some(fd, text_reserve(body, piece < left ? piece : left),
                              piece < left ? piece : left);
        if (n < 0)
            cannot_read(name);
        body->size += (size_t)n;
        if (n == 0 || body->size > most)
            return;
        piece = PIECE;
    }
}

void records_drop(struct records *r)
{
    if (r->used == 0)
        return;
    r->buffer.size -= r->used;
    r->searched -= r->used;
    memmove(r->buffer.bytes, r->buffer.bytes + r->used, r->buffer.size);
    r->used = 0;
}

static enum record fill(struct records *r)
{
    if (r->buffer.size - r->used > r->most)
        return RECORD_TOO_LONG;
    int ready = readable(r->fd, 0);
    if (ready <= 0)
        return ready == 0 ? RECORD_PAUSE : RECORD_FAILED;
    ssize_t n = read_some(r->fd, text_reserve(&r->buffer, PIECE), PIECE);
    if (n < 0)
        return RECORD_FAILED;
    r->buffer.size += (size_t)n;
    r->ended = n == 0;
    return RECORD_FOUND;
}

enum record records_next(struct records *r, size_t *start, size_t *size)
{
    for (;;) {
        const char *end =
            r->searched < r->buffer.size
                ? memchr(r->buffer.bytes + r->searched, r->separator, r->buffer.size - r->searched)
                : NULL;
        r->searched = end != NULL ? (size_t)(end - r->buffer.bytes) : r->buffer.size;
        if (end != NULL || (r->ended && r->searched > r->used)) {
            *start = r->used;
            *size = r->searched - r->used;
            r->searched += end != NULL;
            r->used = r->searched;
            return *size > r->most ? RECORD_TOO_LONG : RECORD_FOUND;
        }
        if (r->ended)
            return RECORD_END;
        enum record state = fill(r);
        if (state != RECORD_FOUND)
            return state;
    }
}

void records_wait(struct records *r)
{
    readable(r->fd, -1); /* if it fails, so does the next look */
}

void records_free(struct records *r)
{
    text_free(&r->buffer);
}

/* Create a file without a name, to read and write. */
static FILE *nameless_file(void)
{
    const char *directory = getenv("TMPDIR");
    if (directory == NULL || directory[0] == '\0')
        directory = "/var/tmp"; /* on a disk: it may be large */
    char path[4096];
    snprintf(path, sizeof path, "%s/chat-send-XXXXXX", directory);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;
    if (file == NULL)
        cli_fail(EXIT_IO, "cannot make a temporary file in '%s': %s", directory, cli_cause(errno));
    return file;
}

static int64_t count_bytes(const char *bytes, size_t size, char wanted)
{
    int64_t count = 0;
    const char *end = bytes + size;
    while ((bytes = memchr(bytes, wanted, (size_t)(end - bytes))) != NULL) {
        count++;
        bytes++;
    }
    return count;
}

int input_collect(int fd, char separator, void (*progress)(int64_t records))
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    static FILE *copy; /* until the program ends */
    copy = nameless_file();
    char piece[PIECE];
    int64_t records = 0;
    ssize_t n;
    while ((n = read_some(fd, piece, sizeof piece)) > 0) {
        if (fwrite(piece, 1, (size_t)n, copy) != (size_t)n)
            break;
        progress(records += count_bytes(piece, (size_t)n, separator));
    }
    if (n < 0)
        cannot_read("standard input");
    if (n > 0 || fflush(copy) != 0)
        cli_fail(EXIT_IO, "cannot write a temporary file: %s", cli_cause(errno));
    rewind(copy);
    return fileno(copy);
}
