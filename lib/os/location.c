/* location.c - where a spool is, and whether that is safe. */

#include "location.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { BY_GROUP = 0020, BY_OTHERS = 0002 };

/* Return WHERE as an absolute path, relative to the working directory, or NULL with errno. */
static char *absolute(const char *where)
{
    if (where[0] == '/')
        return strdup(where);
    char *base = getcwd(NULL, 0);
    if (base == NULL)
        return NULL;
    char *path;
    int length = asprintf(&path, "%s/%s", base, where);
    free(base);
    return length < 0 ? NULL : path;
}

enum chat_status location_find(struct location *location, const char *where, struct error *error)
{
    location->error = error;
    location->directory = -1;
    location->path = absolute(where);
    if (location->path == NULL)
        return error_system(error, errno, CHAT_IO, "cannot find the working directory");
    location->name = strrchr(location->path, '/') + 1;
    if (strlen(location->path) > LONGEST_PATH)
        return error_system(error, ENAMETOOLONG, CHAT_CANTCREATE, "cannot open spool '%s'",
                            location->path);
    return CHAT_OK;
}

void location_release(struct location *location)
{
    if (location->directory >= 0)
        close(location->directory);
    free(location->path);
}

/* Return why a file with this owner and mode is not safe to use, or NULL. */
static const char *distrust(const struct location *location, const struct stat *st)
{
    if (location->shared && st->st_gid != location->group)
        return "it does not belong to the group that the spool is shared with";
    if (!location->shared && st->st_uid != 0 && st->st_uid != geteuid())
        return "it belongs to another user";
    if ((st->st_mode & (location->shared ? BY_OTHERS : BY_GROUP | BY_OTHERS)) != 0)
        return "other users can write to it";
    return NULL;
}

bool location_trusts(const struct location *location, const struct stat *st)
{
    return distrust(location, st) == NULL;
}

static enum chat_status unsafe(struct location *location, const char *suffix, const char *why)
{
    return error_set(location->error, CHAT_PERMISSION, "spool '%s%s' is not safe to use: %s",
                     location->path, suffix, why);
}

/* --- shared with a group --------------------------------------------------- */

static bool is_marked(const struct location *location, const struct stat *directory)
{
    char name[LOCATION_NAME], text[sizeof LOCATION_MARK] = "";
    struct stat st;
    location_name(location, LOCATION_MARK_SUFFIX, name);
    int fd = openat(location->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool marked = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
                  st.st_uid == directory->st_uid && st.st_gid == directory->st_gid &&
                  (st.st_mode & (BY_GROUP | BY_OTHERS)) == 0 &&
                  read(fd, text, sizeof LOCATION_MARK - 1) == sizeof LOCATION_MARK - 1 &&
                  strcmp(text, LOCATION_MARK) == 0;
    close(fd);
    return marked;
}

bool location_is_member(gid_t group)
{
    gid_t groups[NGROUPS_MAX + 1];
    int count = getgroups(NGROUPS_MAX, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return getegid() == group;
}

static enum chat_status check_directory(struct location *location)
{
    struct stat st;
    if (fstat(location->directory, &st) < 0)
        return error_system(location->error, errno, CHAT_IO, "cannot open spool '%s'",
                            location->path);
    location->shared =
        (st.st_mode & (BY_GROUP | BY_OTHERS)) == BY_GROUP && is_marked(location, &st);
    location->group = st.st_gid;
    if (location->shared)
        return location_is_member(st.st_gid)
                   ? CHAT_OK
                   : unsafe(location, "",
                            "it is shared with a group that you are not a member of; "
                            "ask root to add you to it, and log in again");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return unsafe(location, "", "its directory belongs to another user");
    if ((st.st_mode & (BY_GROUP | BY_OTHERS)) != 0 && (st.st_mode & S_ISVTX) == 0)
        return unsafe(location, "", "other users can write to its directory");
    return CHAT_OK;
}

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Open the directory at PATH, which is cut where the name of the spool begins. */
static enum chat_status enter(struct location *location, char *path, bool create)
{
    location->directory = open_directory(path);
    if (location->directory < 0 && errno == ENOENT) {
        if (!create)
            return CHAT_NONE;
        if (location_make_directory(location, path) < 0 && errno != EEXIST)
            return error_system(location->error, errno, CHAT_CANTCREATE,
                                "cannot create directory '%s'", path);
        location->directory = open_directory(path);
    }
    if (location->directory < 0)
        return error_system(location->error, errno, CHAT_CANTCREATE, "cannot open spool '%s'",
                            location->path);
    return check_directory(location);
}

/* Return whether NAME can only name a directory: no file can have such a name. */
static bool names_directory(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

enum chat_status location_enter(struct location *location, bool create)
{
    if (location->directory >= 0)
        return CHAT_OK;
    if (names_directory(location->name))
        return unsafe(location, "", "it is a directory");
    size_t length = (size_t)(location->name - location->path);
    char *path = strndup(location->path, length > 1 ? length - 1 : 1);
    if (path == NULL)
        return error_set(location->error, CHAT_SYSTEM, "out of memory");
    enum chat_status status = enter(location, path, create);
    free(path);
    return status;
}

static enum chat_status check_file(struct location *location, const char *suffix,
                                   const struct stat *st)
{
    if (S_ISLNK(st->st_mode))
        return unsafe(location, suffix, "it is a symbolic link");
    if (S_ISDIR(st->st_mode))
        return unsafe(location, suffix, "it is a directory");
    if (!S_ISREG(st->st_mode))
        return unsafe(location, suffix, "it is not a regular file");
    if (st->st_nlink > 1)
        return unsafe(location, suffix, "it has other hard links");
    const char *why = distrust(location, st);
    if (why != NULL)
        return unsafe(location, suffix, why);
    location->size = st->st_size;
    return CHAT_OK;
}

void location_name(const struct location *location, const char *suffix, char name[LOCATION_NAME])
{
    snprintf(name, LOCATION_NAME, "%s%s", location->name, suffix);
}

void location_touch(const struct location *location, const char *suffix)
{
    char name[LOCATION_NAME];
    location_name(location, suffix, name);
    utimensat(location->directory, name, NULL, AT_SYMLINK_NOFOLLOW);
}

void location_remove(const struct location *location, const char *suffix)
{
    char name[LOCATION_NAME];
    location_name(location, suffix, name);
    unlinkat(location->directory, name, 0);
}

#ifdef STATX_ATTR_MOUNT_ROOT

static void copy_status(struct stat *st, const struct statx *stx)
{
    *st = (struct stat){ .st_dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
                         .st_ino = stx->stx_ino,
                         .st_mode = stx->stx_mode,
                         .st_nlink = stx->stx_nlink,
                         .st_uid = stx->stx_uid,
                         .st_gid = stx->stx_gid,
                         .st_size = (off_t)stx->stx_size };
}

/* Call fstatat(2), and find out with the same system call whether the file itself is a mount point.
 * Where the kernel does not know statx(2), before 4.11, or the attribute, before 5.8, MOUNTED is
 * false. */
static int look_at(int directory, const char *name, struct stat *st, bool *mounted)
{
    struct statx stx;
    if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) == 0) {
        copy_status(st, &stx);
        *mounted = (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
        return 0;
    }
    *mounted = false;
    /* An old system call filter answers EPERM for a call that it does not know. */
    return errno == ENOSYS || errno == EPERM ? fstatat(directory, name, st, AT_SYMLINK_NOFOLLOW)
                                             : -1;
}

#else /* musl before 1.2.4 */

static int look_at(int directory, const char *name, struct stat *st, bool *mounted)
{
    *mounted = false;
    return fstatat(directory, name, st, AT_SYMLINK_NOFOLLOW);
}

#endif

enum chat_status location_check(struct location *location, const char *suffix)
{
    char name[LOCATION_NAME];
    struct stat st;
    bool mounted;
    location_name(location, suffix, name);
    if (look_at(location->directory, name, &st, &mounted) == 0) {
        enum chat_status status = check_file(location, suffix, &st);
        /* By its other name the file has another WAL, and other locks. */
        return status == CHAT_OK && mounted
                   ? unsafe(location, suffix,
                            "the file itself is a mount point; mount its directory instead")
                   : status;
    }
    if (errno == ENOENT)
        return CHAT_NONE;
    return error_system(location->error, errno, CHAT_CANTCREATE, "cannot open spool '%s%s'",
                        location->path, suffix);
}

/* Check the descriptor FD of the spool's file that ends in SUFFIX, and store the result of
 * fstat(2). */
static enum chat_status check_descriptor(struct location *location, const char *suffix, int fd,
                                         struct stat *st)
{
    if (fstat(fd, st) == 0)
        return check_file(location, suffix, st);
    return error_system(location->error, errno, CHAT_CANTCREATE, "cannot open '%s%s'",
                        location->path, suffix);
}

bool location_is_writable(const struct location *location)
{
    return faccessat(location->directory, location->name, W_OK, AT_EACCESS) == 0;
}

bool location_is_read_only(const struct location *location)
{
    struct statvfs fs;
    return fstatvfs(location->directory, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

bool location_has_space(const struct location *location, int64_t bytes)
{
    struct statvfs fs;
    if (fstatvfs(location->directory, &fs) < 0 || fs.f_blocks == 0)
        return true;
    return (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)bytes;
}

/* Report the type of a file that could not be opened: it is not a regular file. */
static enum chat_status refuse(struct location *location, const char *suffix)
{
    enum chat_status status = location_check(location, suffix);
    return status == CHAT_OK || status == CHAT_NONE
               ? unsafe(location, suffix, "it changed while it was opened")
               : status;
}

/* Store FD in *DESCRIPTOR if it is safe to use, else close it. FD below 0: it could not be
 * opened. */
static enum chat_status check_opened(struct location *location, const char *suffix, int fd,
                                     int *descriptor)
{
    struct stat st;
    if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return refuse(location, suffix);
    if (fd < 0)
        return error_system(location->error, errno, CHAT_CANTCREATE, "cannot open '%s%s'",
                            location->path, suffix);
    enum chat_status status = check_descriptor(location, suffix, fd, &st);
    if (status == CHAT_OK)
        *descriptor = fd;
    else
        close(fd);
    return status;
}

enum chat_status location_read(struct location *location, const char *suffix, int *descriptor)
{
    char name[LOCATION_NAME];
    location_name(location, suffix, name);
    int fd = openat(location->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return CHAT_NONE;
    return check_opened(location, suffix, fd, descriptor);
}

enum { FOR_WRITING = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

static int create_file(const struct location *location, const char *name)
{
    struct stat st;
    int fd = openat(location->directory, name, FOR_WRITING | O_CREAT | O_EXCL,
                    location_mode(location, FILE_MODE));
    if (fd >= 0 && fstat(fd, &st) == 0)
        location_adopt(location, fd, &st, FILE_MODE);
    return fd;
}

enum chat_status location_create(struct location *location, const char *suffix, int *descriptor)
{
    char name[LOCATION_NAME];
    location_name(location, suffix, name);
    return check_opened(location, suffix, create_file(location, name), descriptor);
}

enum chat_status location_use(struct location *location, const char *suffix, int *descriptor)
{
    char name[LOCATION_NAME];
    location_name(location, suffix, name);
    int fd = openat(location->directory, name, FOR_WRITING);
    if (fd < 0 && errno == ENOENT)
        return CHAT_NONE;
    return check_opened(location, suffix, fd, descriptor);
}

enum chat_status location_open(struct location *location, const char *suffix, int *descriptor)
{
    char name[LOCATION_NAME];
    int fd = -1;
    location_name(location, suffix, name);
    do { /* until it exists, or is created here: other processes may do the same */
        enum chat_status status = location_use(location, suffix, descriptor);
        if (status != CHAT_NONE)
            return status;
        fd = create_file(location, name);
    } while (fd < 0 && errno == EEXIST);
    return check_opened(location, suffix, fd, descriptor);
}

/* --- modes of files that SQLite has open ----------------------------------- */

enum chat_status location_narrow(struct location *location, const char *suffix, unsigned mode,
                                 bool change, unsigned *found)
{
    char name[LOCATION_NAME];
    struct stat st;
    location_name(location, suffix, name);
    *found = 0;
    /* To close any other descriptor of these files would drop the locks of SQLite. */
    int fd = openat(location->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? CHAT_NONE
                               : error_system(location->error, errno, CHAT_CANTCREATE,
                                              "cannot open '%s%s'", location->path, suffix);
    enum chat_status status = check_descriptor(location, suffix, fd, &st);
    if (status == CHAT_OK)
        *found = st.st_mode & 07777;
    const mode_t wanted = *found & location_mode(location, mode);
    if (change && wanted != *found && location_set_mode(fd, wanted) < 0)
        status = error_system(location->error, errno, CHAT_PERMISSION,
                              "cannot change the mode of '%s%s'", location->path, suffix);
    close(fd);
    return status;
}
