/* output.c - writing in a way that shows whether the output arrived. */

#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PENDING_MOST = 64 * 1024 };

volatile sig_atomic_t output_stop;

void output_open(struct output *out, int fd)
{
    struct stat st;
    bool known = fstat(fd, &st) == 0;
    *out = (struct output){
        .fd = fd,
        .terminal = known && S_ISCHR(st.st_mode) && isatty(fd),
        .file = known && S_ISREG(st.st_mode),
    };
}

/* Wait until FD can be written or a signal arrives. Returns false if waiting fails. */
static bool wait_until_writable(int fd)
{
    struct pollfd waiting = { .fd = fd, .events = POLLOUT };
    return poll(&waiting, 1, -1) >= 0 || errno == EINTR;
}

/* Decide what to do after a failed write: with a pipe that another process made non-blocking, try
 * later. */
static bool try_again(int fd)
{
    return errno == EINTR || (errno == EAGAIN && wait_until_writable(fd));
}

static void write_all(struct output *out, const char *bytes, size_t size)
{
    while (size > 0 && out->failed == 0) {
        ssize_t n = write(out->fd, bytes, size);
        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
            out->written += (uint64_t)n;
        } else if (output_stop && (errno == EAGAIN || errno == EINTR))
            out->failed = EINTR;
        else if (!try_again(out->fd))
            out->failed = errno;
    }
}

static void write_pending(struct output *out)
{
    write_all(out, out->pending.bytes, out->pending.size);
    out->pending.size = 0;
}

void output_put(struct output *out, const void *bytes, size_t size)
{
    out->put += size;
    if (out->pending.size + size > PENDING_MOST)
        write_pending(out);
    if (size > PENDING_MOST)
        write_all(out, bytes, size); /* large data is written without a copy */
    else
        text_add(&out->pending, bytes, size);
}

void output_put_string(struct output *out, const char *string)
{
    output_put(out, string, strlen(string));
}

/* Data in a regular file counts as delivered only when it is on disk. */
static void sync_file(struct output *out)
{
    while (out->failed == 0 && fsync(out->fd) < 0)
        if (errno == EINVAL)
            return; /* a file system without fsync() */
        else if (errno != EINTR || output_stop)
            out->failed = errno;
}

bool output_flush(struct output *out)
{
    write_pending(out);
    if (out->file)
        sync_file(out);
    return out->failed == 0;
}
