/* nomemory.c - a library for LD_PRELOAD: one of the allocations fails, or all from one on.
 *
 * NOMEMORY=N fails the N-th allocation of the program in $NOMEMORY_OF, NOMEMORY=N+ that one and all
 * later ones, NOMEMORY=0 no allocation. With NOMEMORY_SIZE=BYTES only allocations of exactly that
 * size are counted. At the end the number of allocations is written to the file $NOMEMORY_COUNT,
 * with a "!" if one has failed. A child of the program is not affected. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "real.h"

static long asked, first;
static size_t only; /* bytes; 0: any number */
static bool armed, on, failed;
static pid_t owner;

__attribute__((constructor)) static void arm(void)
{
    const char *when = getenv("NOMEMORY"), *program = getenv("NOMEMORY_OF");
    extern char *program_invocation_short_name;
    if (when == NULL || program == NULL || strcmp(program, program_invocation_short_name) != 0)
        return;
    first = atol(when);
    const char *size = getenv("NOMEMORY_SIZE");
    only = size != NULL ? strtoul(size, NULL, 10) : 0;
    on = strchr(when, '+') != NULL;
    owner = getpid();
    armed = true;
}

__attribute__((destructor)) static void tell(void)
{
    const char *file = getenv("NOMEMORY_COUNT");
    if (!armed || file == NULL || getpid() != owner)
        return;
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    dprintf(fd, "%ld%s\n", asked, failed ? "!" : "");
    close(fd);
}

static bool fails(size_t size)
{
    if (!armed || (only != 0 && size != only))
        return false;
    asked++;
    if (first == 0 || (on ? asked < first : asked != first))
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    static void *found;
    void *(*call)(size_t);
    *(void **)&call = real(&found, "malloc");
    return fails(size) ? NULL : call(size);
}

void *calloc(size_t count, size_t size)
{
    static void *found;
    void *(*call)(size_t, size_t);
    *(void **)&call = real(&found, "calloc");
    return fails(count * size) ? NULL : call(count, size);
}

void *realloc(void *piece, size_t size)
{
    static void *found;
    void *(*call)(void *, size_t);
    *(void **)&call = real(&found, "realloc");
    return fails(size) ? NULL : call(piece, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static void *found;
    void *(*call)(size_t, size_t);
    *(void **)&call = real(&found, "aligned_alloc");
    return fails(size) ? NULL : call(alignment, size);
}
