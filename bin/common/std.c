/* std.c - the descriptors and signals that a program inherits. */

#include "std.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

static bool closed[3];

void std_prepare(void)
{
    struct pollfd fds[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
    bool told = poll(fds, 3, 0) >= 0;
    for (int fd = 0; fd < 3; fd++)
        closed[fd] = told ? (fds[fd].revents & POLLNVAL) != 0 : fcntl(fd, F_GETFD) < 0;
    for (int fd = 0; fd < 3; fd++)
        /* This is the lowest free descriptor. A COMMAND inherits it, too.
         * NOLINTNEXTLINE(android-cloexec-open) */
        // NOLINTNEXTLINE(android-cloexec-open)
        if (closed[fd] && open("/dev/null", O_RDWR) != fd)
            exit(EXIT_SYSTEM); /* there is no place for an error message */
#ifdef M_TOP_PAD
    mallopt(M_TOP_PAD, 1024 * 1024); /* ask the kernel for memory once, not four times */
#endif
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void std_need(int descriptor)
{
    if (closed[descriptor] && descriptor == STDIN_FILENO)
        cli_fail(EXIT_IO, "cannot read standard input: it is closed");
    if (closed[descriptor] && descriptor == STDOUT_FILENO)
        cli_fail(EXIT_IO, "cannot write standard output: it is closed");
}
