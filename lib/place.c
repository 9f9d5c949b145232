/* place.c - where a spool lies, and whether that is safe. */

#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, WRITABLE_BY_OTHERS = 0022 };

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
    return CHAT_OK;
}

void place_release(struct place *place)
{
    if (place->directory >= 0)
        close(place->directory);
    free(place->path);
}

bool place_trusts(unsigned uid)
{
    return uid == 0 || uid == geteuid();
}

static enum chat_status unsafe(struct place *place, const char *suffix, const char *why)
{
    return error_set(place->error, CHAT_PERMISSION, "spool '%s%s' is not safe to use: %s",
                     place->path, suffix, why);
}

static int sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int result = fsync(directory);
    close(directory);
    return result;
}

/* Make the directory PATH and those above it that are missing, each on disk before
 * the next. PATH is changed meanwhile, and as it was afterwards. */
static int make_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) /* of the root there is nothing to make */
        return mkdir(path, DIRECTORY_MODE);
    int result = mkdir(path, DIRECTORY_MODE);
    *slash = '\0';
    if (result < 0 && errno == ENOENT && make_directory(path) == 0) {
        *slash = '/';
        result = mkdir(path, DIRECTORY_MODE);
        *slash = '\0';
    }
    if (result < 0 && errno == EEXIST)
        result = 0; /* another process was quicker, and syncs it as we do */
    if (result == 0)
        result = sync_directory(path);
    *slash = '/';
    /* The umask may have taken more away than it should. */
    return result == 0 ? chmod(path, DIRECTORY_MODE) : result;
}

static enum chat_status check_directory(struct place *place)
{
    struct stat st;
    if (fstat(place->directory, &st) < 0)
        return error_system(place->error, errno, CHAT_IO, "cannot open spool '%s'", place->path);
    if (!place_trusts(st.st_uid))
        return unsafe(place, "", "its directory belongs to another user");
    if ((st.st_mode & WRITABLE_BY_OTHERS) != 0 && (st.st_mode & S_ISVTX) == 0)
        return unsafe(place, "", "others can write to its directory");
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
        if (make_directory(path) < 0 && errno != EEXIST)
            return error_system(place->error, errno, CHAT_CANTCREATE,
                                "cannot create directory '%s'", path);
        place->directory = open_directory(path);
    }
    if (place->directory < 0)
        return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open spool '%s'",
                            place->path);
    return check_directory(place);
}

enum chat_status place_enter(struct place *place, bool create)
{
    if (place->directory >= 0)
        return CHAT_OK;
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
    if (!place_trusts(st->st_uid))
        return unsafe(place, suffix, "it belongs to another user");
    if ((st->st_mode & WRITABLE_BY_OTHERS) != 0)
        return unsafe(place, suffix, "others can write to it");
    return CHAT_OK;
}

void place_name(const struct place *place, const char *suffix, char name[PLACE_NAME])
{
    snprintf(name, PLACE_NAME, "%s%s", place->name, suffix);
}

enum chat_status place_check(struct place *place, const char *suffix, int64_t *size)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    struct stat st;
    if (place->name[0] == '\0')
        return unsafe(place, suffix, "it is a directory");
    if (fstatat(place->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (size != NULL)
            *size = st.st_size;
        return check_file(place, suffix, &st);
    }
    if (errno == ENOENT)
        return CHAT_NONE;
    return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open spool '%s%s'",
                        place->path, suffix);
}

enum chat_status place_check_beside(struct place *place)
{
    place->log_size = 0;
    enum chat_status status = place_check(place, "-wal", &place->log_size);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = place_check(place, "-shm", NULL);
    return status == CHAT_NONE ? CHAT_OK : status;
}

enum chat_status place_open(struct place *place, const char *suffix, int *descriptor)
{
    char name[PLACE_NAME];
    place_name(place, suffix, name);
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd;
    do { /* until it is there, or is made here: others may be at the same */
        fd = openat(place->directory, name, flags);
        if (fd < 0 && errno == ENOENT) {
            fd = openat(place->directory, name, flags | O_CREAT | O_EXCL, FILE_MODE);
            if (fd >= 0)
                fchmod(fd, FILE_MODE); /* whatever the umask */
        }
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return place_check(place, suffix, NULL); /* which can say what it is */
    if (fd < 0)
        return error_system(place->error, errno, CHAT_CANTCREATE, "cannot open '%s%s'", place->path,
                            suffix);
    struct stat st;
    enum chat_status status = CHAT_IO;
    if (fstat(fd, &st) == 0)
        status = check_file(place, suffix, &st);
    else
        status =
            error_system(place->error, errno, CHAT_IO, "cannot open '%s%s'", place->path, suffix);
    if (status == CHAT_OK)
        *descriptor = fd;
    else
        close(fd);
    return status;
}
