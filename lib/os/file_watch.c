/* file_watch.c - learn that a file was removed or replaced. */

#include "file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

/* FIFOs of rooms that the caller no longer waits for stay watched: open another instance after this
 * number. */
enum { WATCHES = 1024 };

int file_watch_begin(struct file_watch *watch)
{
    char events[4096];
    if (watch->last >= WATCHES)
        file_watch_end(watch);
    if (watch->fd < 0)
        *watch = (struct file_watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
    else
        while (read(watch->fd, events, sizeof events) > 0)
            ;
    return watch->fd;
}

bool file_watch_add(struct file_watch *watch, const char *path, uint32_t flags)
{
    const uint32_t removed = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF; /* IN_ATTRIB: unlinked */
    int descriptor = inotify_add_watch(watch->fd, path, removed | flags);
    if (descriptor > watch->last)
        watch->last = descriptor;
    return descriptor >= 0;
}

void file_watch_end(struct file_watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    *watch = (struct file_watch){ .fd = -1 };
}
