/* location_make.c - files and directories that the spool creates, and their modes and groups.
 *
 * In a directory that is shared with a group, another member can exchange any name between any two
 * system calls. To change a mode by name would follow a link that this member put there, to a file
 * elsewhere. So modes and groups are changed on descriptors only, after a check of what was
 * opened. */

#include "location.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_MODES = 07777, OWNER_OF_FIFO = 0600, OWNER_OF_DIRECTORY = 0700 };
enum { SHARED_DIRECTORY_MODE = 02770, SHARED_FILE_MODE = 0660 };

unsigned location_mode(const struct location *location, unsigned mode)
{
    if (!location->shared)
        return mode;
    return mode == DIRECTORY_MODE ? SHARED_DIRECTORY_MODE : SHARED_FILE_MODE;
}

/* Change the mode of the file that FD refers to. fchmod(2) refuses a descriptor that was opened
 * with O_PATH. Its name in /proc leads to the same file, whichever file has the name now. */
int location_set_mode(int fd, mode_t mode)
{
    char link[32];
    if (fchmod(fd, mode) == 0)
        return 0;
    if (errno != EBADF)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return chmod(link, mode); /* lint: the name of a descriptor */
}

static bool is_right(const struct location *location, const struct stat *st, unsigned mode)
{
    return (st->st_mode & ALL_MODES) == location_mode(location, mode) &&
           (!location->shared || st->st_gid == location->group);
}

int location_adopt(const struct location *location, int fd, struct stat *st, unsigned mode)
{
    if (is_right(location, st, mode) || st->st_uid != geteuid() ||
        (st->st_nlink > 1 && !S_ISDIR(st->st_mode)))
        return 0;
    if (location->shared && st->st_gid != location->group &&
        fchown(fd, (uid_t)-1, location->group) < 0)
        return -1;
    return fchmod(fd, location_mode(location, mode)) < 0 ? -1 : fstat(fd, st);
}

bool location_holds(int directory, const char *only)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool holds = true;
    for (const struct dirent *entry; holds && (entry = readdir(entries)) != NULL;)
        holds = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                strcmp(entry->d_name, only) == 0;
    closedir(entries);
    return holds;
}

/* Make a FIFO or directory that this user created openable: a umask can take away this right from
 * its creator. Give no right to other users. Returns whether NAME can be opened now. */
static bool give_back(int directory, const char *name)
{
    struct stat st;
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool given = false;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
        mode_t mode = S_ISDIR(st.st_mode) ? OWNER_OF_DIRECTORY : OWNER_OF_FIFO;
        if (S_ISDIR(st.st_mode) || (S_ISFIFO(st.st_mode) && st.st_nlink == 1))
            given = (st.st_mode & mode) != mode &&
                    location_set_mode(fd, (st.st_mode & ALL_MODES) | mode) == 0;
    }
    close(fd);
    return given;
}

int location_open_made(int directory, const char *name, int flags)
{
    flags |= O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(directory, name, flags);
    if (fd >= 0 || errno != EACCES)
        return fd;
    if (give_back(directory, name))
        return openat(directory, name, flags);
    errno = EACCES;
    return -1;
}

/* Adopt a directory if it is empty. A directory that holds something may be another directory of
 * ours, which was renamed. */
static int adopt_directory(const struct location *location, int fd, struct stat *st)
{
    if (fstat(fd, st) < 0)
        return -1;
    if (is_right(location, st, DIRECTORY_MODE) || !location_holds(fd, ""))
        return 0;
    return location_adopt(location, fd, st, DIRECTORY_MODE);
}

static int close_with_errno(int fd)
{
    int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

int location_open_directory(const struct location *location, int directory, const char *name,
                            struct stat *st)
{
    /* The set-group-ID bit comes from the directory above. */
    const mode_t mode = location_mode(location, DIRECTORY_MODE) & 0777;
    int fd = location_open_made(directory, name, O_RDONLY | O_DIRECTORY);
    if (fd < 0 && errno == ENOENT && (mkdirat(directory, name, mode) == 0 || errno == EEXIST))
        fd = location_open_made(directory, name, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || adopt_directory(location, fd, st) == 0)
        return fd;
    return close_with_errno(fd);
}

/* --- the directory itself -------------------------------------------------- */

static int sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int result = fsync(directory);
    close(directory);
    return result;
}

/* Create one directory, with its mode whatever the umask, and sync its entry to the disk. */
static int make_one(const struct location *location, const char *path, const char *parent)
{
    struct stat st;
    if (mkdir(path, DIRECTORY_MODE) < 0)
        return -1;
    int fd = location_open_made(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return -1;
    if (adopt_directory(location, fd, &st) < 0)
        return close_with_errno(fd);
    close(fd);
    return sync_directory(parent);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as a path can be, half of LONGEST_PATH
int location_make_directory(const struct location *location, const char *path)
{
    char *slash = strrchr(path, '/');
    char parent[LONGEST_PATH + 1];
    snprintf(parent, sizeof parent, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    int result = make_one(location, path, parent);
    if (result < 0 && errno == ENOENT && slash > path &&
        location_make_directory(location, parent) == 0)
        result = make_one(location, path, parent);
    if (result < 0 && errno == EEXIST)
        result = sync_directory(parent); /* the process that created it may have died before this */
    return result;
}
