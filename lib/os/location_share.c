/* location_share.c - share a directory with a group on purpose. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "location.h"

enum { MARK_MODE = 0440 };

static bool write_mark(int fd, const char *group, gid_t gid)
{
    return dprintf(fd, "%s%s\n", LOCATION_MARK, group) > 0 && fchown(fd, (uid_t)-1, gid) == 0 &&
           fchmod(fd, MARK_MODE) == 0 && fsync(fd) == 0;
}

/* Create the mark, and let the group in. If the process dies in between, the directory is still its
 * own. */
static int share(const struct location *location, const char *group, gid_t gid)
{
    char name[LOCATION_NAME];
    location_name(location, LOCATION_MARK_SUFFIX, name);
    unlinkat(location->directory, name, 0);
    int fd = openat(location->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MARK_MODE);
    if (fd < 0)
        return -1;
    bool written = write_mark(fd, group, gid);
    int errnum = errno;
    close(fd);
    errno = errnum;
    struct location shared = *location;
    shared.shared = true;
    shared.group = gid;
    struct stat st;
    return written && fstat(location->directory, &st) == 0 &&
                   location_adopt(&shared, location->directory, &st, DIRECTORY_MODE) == 0
               ? fsync(location->directory)
               : -1;
}

/* Open and check the directory again. */
static enum chat_status enter_again(struct location *location)
{
    close(location->directory);
    location->directory = -1;
    return location_enter(location, false);
}

enum chat_status location_share(struct location *location, const char *group)
{
    errno = 0;
    const struct group *found = getgrnam(group);
    if (found == NULL && errno != 0)
        return error_system(location->error, errno, CHAT_SYSTEM, "cannot look up group '%s'",
                            group);
    if (found == NULL)
        return error_set(location->error, CHAT_USAGE,
                         "there is no group '%s'; 'getent group' lists all groups", group);
    gid_t gid = found->gr_gid;
    if (!location_is_member(gid)) /* then this user could not use the directory either */
        return error_set(
            location->error, CHAT_PERMISSION,
            "cannot share spool '%s': you are not a member of group '%s'; ask root to add "
            "you to it, and log in again",
            location->path, group);
    char mark[LOCATION_NAME];
    location_name(location, LOCATION_MARK_SUFFIX, mark);
    enum chat_status status = location_enter(location, true);
    if (status != CHAT_OK || (location->shared && location->group == gid))
        return status;
    if (location->shared)
        return error_set(location->error, CHAT_CANTCREATE,
                         "cannot share spool '%s': it is shared with another group; name a spool "
                         "in a new directory",
                         location->path);
    if (!location_holds(location->directory, mark))
        return error_set(
            location->error, CHAT_CANTCREATE,
            "cannot share spool '%s': its directory is not empty; name a spool in a new "
            "directory with -s, and copy the messages to it with 'chat-spool copy'",
            location->path);
    if (share(location, group, gid) < 0)
        return error_system(location->error, errno, CHAT_CANTCREATE,
                            "cannot share spool '%s' with group '%s'", location->path, group);
    return enter_again(location);
}
