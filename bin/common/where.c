/* where.c - finding the spool and the room, and the names of this user and machine. */

#include "where.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatspool.h"
#include "cli.h"

/* Return an environment variable; an empty one counts as unset. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Root with the HOME of a user, as after sudo -E, would create directories there that the user
 * could not use. Refuse if the directory of the spool is missing and would be created below one
 * that belongs to another user. This costs other users no system call. */
static const char *check_owner(const char *spool)
{
    struct stat st;
    if (getauxval(AT_EUID) != 0)
        return spool;
    char *path = strdup(spool), *slash;
    if (path == NULL)
        cli_no_memory();
    bool missing = false;
    while ((slash = strrchr(path, '/')) != NULL && slash > path) {
        *slash = '\0';
        if (stat(path, &st) == 0) {
            if (missing && st.st_uid != 0)
                cli_fail(
                    EXIT_PERMISSION,
                    "root creates no spool in '%s', which belongs to another user; become that "
                    "user, set HOME to the home of root, or name a spool with -s",
                    path);
            break;
        }
        missing = true;
    }
    free(path);
    return spool;
}

static const char *default_spool(void)
{
    static char *path; /* until the program ends */
    if (path == NULL)
        path = chat_default_spool(NULL, getenv("XDG_STATE_HOME"), getenv("HOME"));
    if (path == NULL && errno == ENOMEM)
        cli_no_memory();
    if (path == NULL)
        cli_fail(EXIT_CANTCREATE, "cannot find a home directory for the spool: name one with -s");
    return check_owner(path);
}

const char *where_spool(const char *given)
{
    if (given != NULL && given[0] == '\0')
        cli_usage("the name of the spool is empty");
    if (given == NULL)
        given = variable("CHAT_SPOOL");
    return given != NULL ? given : default_spool();
}

const char *where_reason(const char *given)
{
    const char *state = variable("XDG_STATE_HOME");
    if (given != NULL)
        return "named by -s";
    if (variable("CHAT_SPOOL") != NULL)
        return "named by CHAT_SPOOL";
    return state != NULL && state[0] == '/' ? "the default spool, in XDG_STATE_HOME"
                                            : "the default spool, in the home directory";
}

char *where_absolute(const char *spool)
{
    char *directory = NULL, *path;
    if (spool[0] != '/' && strstr(spool, "://") == NULL)
        directory = getcwd(NULL, 0);
    if (asprintf(&path, "%s%s%s", directory != NULL ? directory : "", directory != NULL ? "/" : "",
                 spool) < 0)
        cli_no_memory();
    free(directory);
    return path;
}

bool where_missing(const char *spool)
{
    return strstr(spool, "://") == NULL && access(spool, F_OK) < 0 && errno == ENOENT;
}

static const char *watched; /* the spool did not exist before */

void where_watch(const char *spool)
{
    if (isatty(STDERR_FILENO) && where_missing(spool))
        watched = spool;
}

void where_announce(void)
{
    if (watched == NULL || where_missing(watched))
        return;
    char *path = where_absolute(watched);
    watched = NULL;
    cli_say("created spool '%s'", path);
    free(path);
}

/* Return why no room can have this name, or NULL. */
static const char *fault(const char *name)
{
    if (name[0] == '\0')
        return "it is empty";
    if (name[0] == '-' || name[0] == '.')
        return "it begins with '-' or '.'";
    if (strchr(name, '/') != NULL)
        return "it has a '/'";
    if (strlen(name) > CHAT_NAME_MAX)
        return "it is longer than 255 bytes";
    return "it has control characters, or is not UTF-8";
}

const char *where_room(const char *given)
{
    if (given == NULL)
        given = variable("CHAT_ROOM");
    if (given != NULL && !chat_room_valid(given))
        cli_usage("'%s' cannot name a room: %s", given, fault(given));
    return given;
}

const char *where_address(const char *given)
{
    if (given == NULL)
        given = variable("CHAT_ROOM");
    if (given == NULL || strchr(given, '/') == NULL)
        return where_room(given);
    const size_t length = strlen(given);
    if (length > 1 && given[length - 1] == '/') {
        char *own;
        if (asprintf(&own, "%s%s", given, where_user()) < 0)
            cli_no_memory();
        given = own;
    }
    if (!chat_reader_valid(given))
        cli_usage("'%s' cannot name a reader: use ROOM/NAME", given);
    return given;
}

/* Return the name in LINE of /etc/passwd, if its third field is UID. */
static const char *name_of(char *line, uid_t uid)
{
    char *rest = line, *name = strsep(&rest, ":");
    strsep(&rest, ":");
    const char *number = strsep(&rest, ":");
    char *end;
    return number != NULL && strtoul(number, &end, 10) == uid && end > number && *end == '\0'
               ? name
               : NULL;
}

/* Return the name of UID in /etc/passwd, or NULL. Nearly every user is in that file. The name
 * service needs 24 system calls, and a search for sockets and libraries, to find a name;
 * fgetpwent() needs one system call per line. */
static const char *name_in_file(uid_t uid)
{
    static char *line; /* static: it contains the name */
    static size_t size;
    const char *name = NULL;
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL)
        return NULL;
    while (name == NULL && getline(&line, &size, file) > 0)
        name = name_of(line, uid);
    fclose(file);
    return name;
}

const char *where_user(void)
{
    uid_t uid = geteuid();
    const char *name = name_in_file(uid);
    if (name == NULL) {
        const struct passwd *user = getpwuid(uid);
        name = user != NULL ? user->pw_name : NULL;
    }
    if (name != NULL && chat_name_valid(name))
        return name;
    static char number[24];
    snprintf(number, sizeof number, "%lu", (unsigned long)uid);
    return number;
}

const char *where_host(void)
{
    static char host[CHAT_NAME_MAX + 1];
    if (gethostname(host, sizeof host - 1) == 0 && chat_name_valid(host))
        return host;
    return "localhost";
}
