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

/* WHERE behind the working directory, or NULL with errno. */
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

enum chat_status place_find(struct place *place, const char *where, struct error *error)
{
    place->error = error;
    place->directory = -1;
    place->path = absolute(where);
    if (place->path == NULL)
        return error_system(error, errno, CHAT_IO, "cannot find the working directory");
    place->name = strrchr(place->path, '/') + 1;
    if (strlen(place->path) > LONGEST_PATH)
        return error_system(error, ENAMETOOLONG, CHAT_CANTCREATE, "cannot open spool '%s'",
                            place->path);
    return CHAT_OK;
}

void place_release(struct place *place)
{
    if (place->directory >= 0)
        close(place->directory);
    free(place->path);
}

/* Why what has this owner and this mode is not safe to use, or NULL. */
static const char *distrust(const struct place *place, const struct stat *st)
{
    if (place->shared && st->st_gid != place->group)
        return "it does not belong to the group that the spool is shared with";
    if (!place->shared && st->st_uid != 0 && st->st_uid != geteuid())
        return "it belongs to another user";
    if ((st->st_mode & (place->shared ? BY_OTHERS : BY_GROUP | BY_OTHERS)) != 0)
        return "other users can write to it";
    return NULL;
}

bool place_trusts(const struct place *place, const struct stat *st)
{
    return distrust(place, st) == NULL;
}

static enum chat_status unsafe(struct place *place, const char *suffix, const char *why)
{
    return error_set(place->error, CHAT_PERMISSION, "spool '%s%s' is not safe to use: %s",
                     place->path, suffix, why);
}

/* --- shared with a group --------------------------------------------------- */

static bool is_marked(const struct place *place, const struct stat *directory)
{
    char name[PLACE_NAME], text[sizeof PLACE_MARK] = "";
    struct stat st;
    place_name(place, PLACE_MARK_SUFFIX, name);
    int fd = openat(place->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool marked = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
                  st.st_uid == directory->st_uid && st.st_gid == directory->st_gid &&
                  (st.st_mode & (BY_GROUP | BY_OTHERS)) == 0 &&
                  read(fd, text, sizeof PLACE_MARK - 1) == sizeof PLACE_MARK - 1 &&
                  strcmp(text, PLACE_MARK) == 0;
    close(fd);
    return marked;
}

bool place_is_member(gid_t group)
{
    gid_t groups[NGROUPS_MAX + 1];
    int count = getgroups(NGROUPS_MAX, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return getegid() == group;
}

static enum chat_status check_directory(struct place *place)
{
    struct stat st;
    if (fstat(place->directory, &st) < 0)
        return error_system(place->error, errno, CHAT_IO, "cannot open spool '%s'", place->path);
    place->shared = (st.st_mode & (BY_GROUP | BY_OTHERS)) == BY_GROUP && is_marked(place, &st);
    place->group = st.st_gid;
    if (place->shared)
        return place_is_member(st.st_gid)
                   ? CHAT_OK
                   : unsafe(place, "",
                            "it is shared with a group that you are not a member of; "
                            "ask root to add you to it, and log in again");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return unsafe(place, "", "its directory belongs to another user");
    if ((st.st_mode & (BY_GROUP | BY_OTHERS)) != 0 && (st.st_mode & S_ISVTX) == 0)
        return unsafe(place, "", "other users can write to its directory");
    return CHAT_OK;
}

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Open the directory at PATH, which ends where the spool's name began. */
static enum chat_status enter(struct place *place, char *path, bool create)
{
    place->directory = open_directory(path);
    if (place->directory < 0 && errno == ENOENT) {
        if (!create)
            return CHAT_NONE;
        if (place_make_directory(place, path) < 0 && errno != EEXIST)
            return error_system(place->error, errno, CHAT_CANTCREATE,
                                "cannot create directory '%s'", path);
        place->directory = open_directory(path);
    }
    if (place->directory < 0)
        return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open spool '%s'",
                            place->path);
    return check_directory(place);
}

/* Whatever is there, or is not: no file can have such a name. */
static bool names_directory(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

enum chat_status place_enter(struct place *place, bool create)
{
    if (place->directory >= 0)
        return CHAT_OK;
    if (names_directory(place->name))
        return unsafe(place, "", "it is a directory");
    size_t length = (size_t)(place->name - place->path);
    char *path = strndup(place->path, length > 1 ? length - 1 : 1);
    if (path == NULL)
        return error_set(place->error, CHAT_SYSTEM, "out of memory");
    enum chat_status status = enter(place, path, create);
    free(path);
    return status;
}

static enum chat_status check_file(struct place *place, const char *suffix, const struct stat *st)
{
    if (S_ISLNK(st->st_mode))
        return unsafe(place, suffix, "it is a symbolic link");
    if (S_ISDIR(st->st_mode))
        return unsafe(place, suffix, "it is a directory");
    if (!S_ISREG(st->st_mode))
        return unsafe(place, suffix, "it is not a regular file");
    if (st->st_nlink > 1)
        return unsafe(place, suffix, "it has other hard links");
    const char *why = distrust(place, st);
    if (why != NULL)
        return unsafe(place, suffix, why);
    place->size = st->st_size;
    return CHAT_OK;
}

void place_name(const struct place *place, const char *suffix, char name[PLACE_NAME])
{
    snprintf(name, PLACE_NAME, "%s%s", place->name, suffix);
}

void place_touch(const struct place *place, const char *suffix)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    utimensat(place->directory, name, NULL, AT_SYMLINK_NOFOLLOW);
}

void place_remove(const struct place *place, const char *suffix)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    unlinkat(place->directory, name, 0);
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

/* fstatat(2), and whether the file itself is mounted there, by the same one system call. Where the
 * kernel does not know statx(2), before 4.11, or the attribute, before 5.8, MOUNTED is false. */
static int look_at(int directory, const char *name, struct stat *st, bool *mounted)
{
    struct statx stx;
    if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) == 0) {
        copy_status(st, &stx);
        *mounted = (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
        return 0;
    }
    *mounted = false;
    /* An old filter of system calls says EPERM of one that it does not know. */
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

enum chat_status place_check(struct place *place, const char *suffix)
{
    char name[PLACE_NAME];
    struct stat st;
    bool mounted;
    place_name(place, suffix, name);
    if (look_at(place->directory, name, &st, &mounted) == 0) {
        enum chat_status status = check_file(place, suffix, &st);
        /* Beside its other name there is another log, and other locks. */
        return status == CHAT_OK && mounted
                   ? unsafe(place, suffix,
                            "the file itself is a mount point; mount its directory instead")
                   : status;
    }
    if (errno == ENOENT)
        return CHAT_NONE;
    return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open spool '%s%s'",
                        place->path, suffix);
}

enum chat_status place_check_descriptor(struct place *place, const char *suffix, int fd,
                                        struct stat *st)
{
    if (fstat(fd, st) == 0)
        return check_file(place, suffix, st);
    return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open '%s%s'", place->path,
                        suffix);
}

bool place_is_writable(const struct place *place)
{
    return faccessat(place->directory, place->name, W_OK, AT_EACCESS) == 0;
}

bool place_is_read_only(const struct place *place)
{
    struct statvfs fs;
    return fstatvfs(place->directory, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

bool place_has_room(const struct place *place, int64_t bytes)
{
    struct statvfs fs;
    if (fstatvfs(place->directory, &fs) < 0 || fs.f_blocks == 0)
        return true;
    return (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)bytes;
}

/* A file that could not be opened is not a regular file: report its type. */
static enum chat_status refuse(struct place *place, const char *suffix)
{
    enum chat_status status = place_check(place, suffix);
    return status == CHAT_OK || status == CHAT_NONE
               ? unsafe(place, suffix, "it changed while it was opened")
               : status;
}

/* Store FD in *DESCRIPTOR if it is safe to use, else close it. Below 0: it could not be opened. */
static enum chat_status check_opened(struct place *place, const char *suffix, int fd,
                                     int *descriptor)
{
    struct stat st;
    if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return refuse(place, suffix);
    if (fd < 0)
        return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open '%s%s'", place->path,
                            suffix);
    enum chat_status status = place_check_descriptor(place, suffix, fd, &st);
    if (status == CHAT_OK)
        *descriptor = fd;
    else
        close(fd);
    return status;
}

enum chat_status place_read(struct place *place, const char *suffix, int *descriptor)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    int fd = openat(place->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return CHAT_NONE;
    return check_opened(place, suffix, fd, descriptor);
}

enum { FOR_WRITING = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

static int create_file(const struct place *place, const char *name)
{
    struct stat st;
    int fd = openat(place->directory, name, FOR_WRITING | O_CREAT | O_EXCL,
                    place_mode(place, FILE_MODE));
    if (fd >= 0 && fstat(fd, &st) == 0)
        place_adopt(place, fd, &st, FILE_MODE);
    return fd;
}

enum chat_status place_create(struct place *place, const char *suffix, int *descriptor)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    return check_opened(place, suffix, create_file(place, name), descriptor);
}

enum chat_status place_use(struct place *place, const char *suffix, int *descriptor)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    int fd = openat(place->directory, name, FOR_WRITING);
    if (fd < 0 && errno == ENOENT)
        return CHAT_NONE;
    return check_opened(place, suffix, fd, descriptor);
}

enum chat_status place_open(struct place *place, const char *suffix, int *descriptor)
{
    char name[PLACE_NAME];
    int fd = -1;
    place_name(place, suffix, name);
    do { /* until it is there, or is made here: others may be at the same */
        enum chat_status status = place_use(place, suffix, descriptor);
        if (status != CHAT_NONE)
            return status;
        fd = create_file(place, name);
    } while (fd < 0 && errno == EEXIST);
    return check_opened(place, suffix, fd, descriptor);
}

/* --- modes of files that SQLite has open ----------------------------------- */

enum chat_status place_narrow(struct place *place, const char *suffix, unsigned mode, bool change,
                              unsigned *found)
{
    char name[PLACE_NAME];
    struct stat st;
    place_name(place, suffix, name);
    *found = 0;
    /* Closing any other descriptor of these files would drop the locks of SQLite. */
    int fd = openat(place->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? CHAT_NONE
                               : error_system(place->error, errno, CHAT_CANTCREATE,
                                              "cannot open '%s%s'", place->path, suffix);
    enum chat_status status = place_check_descriptor(place, suffix, fd, &st);
    if (status == CHAT_OK)
        *found = st.st_mode & 07777;
    const mode_t wanted = *found & place_mode(place, mode);
    if (change && wanted != *found && place_set_mode(fd, wanted) < 0)
        status = error_system(place->error, errno, CHAT_PERMISSION,
                              "cannot change the mode of '%s%s'", place->path, suffix);
    close(fd);
    return status;
}
