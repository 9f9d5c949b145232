/* std.c - descriptors and signals as a program finds them. */

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
        /* The lowest free descriptor is this one; a COMMAND is to have it, too. */
        // NOLINTNEXTLINE(android-cloexec-open)
        if (closed[fd] && open("/dev/null", O_RDWR) != fd)
            exit(EXIT_SYSTEM); /* there is no place to say so */
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
