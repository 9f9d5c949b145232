/* bell.c - how a sender wakes the receivers that wait for a room. */

#include "bell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BELL_NAME = LOCATION_NAME + CHAT_NAME_MAX + 2 };

static enum chat_status cannot_wait(struct location *location, int errnum,
                                    enum chat_status otherwise)
{
    return error_system(location->error, errnum, otherwise, "cannot wait on spool '%s'",
                        location->path);
}

static int open_directory(const struct location *location, const char *name)
{
    return openat(location->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Return the name of the FIFO of ROOM: a reader has the FIFO of its room. */
static const char *fifo_name(const char *room, char name[CHAT_NAME_MAX + 1])
{
    const char *slash = strchr(room, '/');
    if (slash == NULL)
        return room;
    snprintf(name, CHAT_NAME_MAX + 1, "%.*s", (int)(slash - room), room);
    return name;
}

/* Open the directory of the bells; create it if it is missing. */
static enum chat_status open_bells(struct location *location, const char *bell, int *bells)
{
    char name[LOCATION_NAME];
    struct stat st;
    location_name(location, bell, name);
    *bells = location_open_directory(location, location->directory, name, &st);
    if (*bells < 0)
        return cannot_wait(location, errno,
                           errno == ELOOP || errno == ENOTDIR ? CHAT_PERMISSION : CHAT_CANTCREATE);
    if (location_trusts(location, &st))
        return CHAT_OK;
    close(*bells);
    return error_set(location->error, CHAT_PERMISSION,
                     "spool '%s%s' is not safe to use: other users can write to it", location->path,
                     bell);
}

/* Return whether FD is a FIFO that is safe to use. If this is unknown, errno has the reason, else
 * it is 0. If this user created the FIFO and was stopped before it adopted it, adopt it now. */
static bool is_bell(const struct location *location, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 ||
        (S_ISFIFO(st.st_mode) && location_adopt(location, fd, &st, FILE_MODE) < 0))
        return false;
    errno = 0;
    return S_ISFIFO(st.st_mode) && location_trusts(location, &st);
}

/* Read the bytes of earlier rings: the caller looks at the queue after this. */
static void drain(int fd)
{
    char bytes[512];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

enum chat_status bell_listen(struct location *location, const char *bell, const char *room,
                             int *descriptor)
{
    int bells;
    char name[CHAT_NAME_MAX + 1];
    enum chat_status status = open_bells(location, bell, &bells);
    if (status != CHAT_OK)
        return status;
    room = fifo_name(room, name);
    enum { TRIES = 100 }; /* bell_remove_idle() may remove it again at once */
    int fd = location_open_made(bells, room, O_RDONLY);
    for (int i = 0; i < TRIES && fd < 0 && errno == ENOENT; i++)
        if (mkfifoat(bells, room, location_mode(location, FILE_MODE)) == 0 || errno == EEXIST)
            fd = location_open_made(bells, room, O_RDONLY);
    int errnum = errno;
    close(bells);
    if (fd < 0)
        return cannot_wait(location, errnum, CHAT_CANTCREATE);
    if (!is_bell(location, fd)) {
        errnum = errno;
        close(fd);
        if (errnum != 0)
            return cannot_wait(location, errnum, CHAT_CANTCREATE);
        return error_set(location->error, CHAT_PERMISSION,
                         "spool '%s%s' is not safe to use: its '%s' is not a FIFO of ours",
                         location->path, bell, room);
    }
    drain(fd);
    *descriptor = fd;
    return CHAT_OK;
}

/* Open the directory of the bells, if it exists and is ours. Returns a descriptor, or -1. */
static int find_bells(const struct location *location, const char *bell)
{
    char name[LOCATION_NAME];
    struct stat st;
    location_name(location, bell, name);
    int bells = open_directory(location, name);
    if (bells < 0 || (fstat(bells, &st) == 0 && location_trusts(location, &st)))
        return bells;
    close(bells);
    return -1;
}

int bell_hold(const struct location *location, const char *bell, const char *room)
{
    char name[CHAT_NAME_MAX + 1];
    int bells = find_bells(location, bell);
    if (bells < 0)
        return -1;
    int fd = openat(bells, fifo_name(room, name), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    close(bells);
    if (fd < 0 || is_bell(location, fd)) /* ENOENT, ENXIO: no process listens */
        return fd;
    close(fd);
    return -1;
}

/* Write a byte, without a SIGPIPE if the last listener leaves at this moment. */
static void write_byte(int fd)
{
    sigset_t pipe_only, old;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe_only, &old);
    if (write(fd, "", 1) < 0 && errno == EPIPE) /* EAGAIN: the FIFO is full of rings */
        sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0, 0 });
    sigprocmask(SIG_SETMASK, &old, NULL);
}

void bell_ring_held(const struct location *location, const char *bell, const char *room, int held)
{
    int fd = held >= 0 ? held : bell_hold(location, bell, room);
    if (fd < 0)
        return;
    write_byte(fd);
    close(fd);
}

void bell_ring(const struct location *location, const char *bell, const char *room)
{
    bell_ring_held(location, bell, room, -1);
}

void bell_ring_all(const struct location *location, const char *bell)
{
    int bells = find_bells(location, bell);
    DIR *directory = bells >= 0 ? fdopendir(bells) : NULL;
    if (directory == NULL) {
        if (bells >= 0)
            close(bells);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (chat_room_valid(entry->d_name)) /* "." and ".." are not */
            bell_ring(location, bell, entry->d_name);
    closedir(directory);
}

/* Return whether no process has the FIFO open. */
static bool is_idle(int bells, const char *room)
{
    const int flags = O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
    int writer = openat(bells, room, O_WRONLY | flags);
    if (writer >= 0)
        close(writer);
    if (writer >= 0 || errno != ENXIO) /* a process listens */
        return false;
    char byte;
    int reader = openat(bells, room, O_RDONLY | flags);
    bool idle = reader >= 0 && read(reader, &byte, 1) == 0; /* else a process is about to ring */
    if (reader >= 0)
        close(reader);
    return idle;
}

/* Remove the FIFO of a room if it is idle. A process that opens the FIFO between the check and the
 * removal is woken: its poll() ends when the last writer closes, and that is this process. */
static bool remove_idle(const struct location *location, int bells, const char *room)
{
    if (!is_idle(bells, room))
        return false;
    int fd = openat(bells, room, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    bool removed = fd >= 0 && is_bell(location, fd) && unlinkat(bells, room, 0) == 0;
    if (fd >= 0)
        close(fd);
    return removed;
}

size_t bell_remove_idle(const struct location *location, const char *bell, size_t most)
{
    size_t count = 0;
    int bells = find_bells(location, bell);
    DIR *directory = bells >= 0 ? fdopendir(bells) : NULL;
    if (directory == NULL) {
        if (bells >= 0)
            close(bells);
        return 0;
    }
    const struct dirent *entry;
    while (count < most && (entry = readdir(directory)) != NULL)
        if (entry->d_type == DT_FIFO || entry->d_type == DT_UNKNOWN)
            count += remove_idle(location, bells, entry->d_name);
    closedir(directory);
    return count;
}
