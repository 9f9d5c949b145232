/* where.c - which spool and which room, and who we are. */

#include "where.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatspool.h"
#include "cli.h"

/* An environment variable; an empty one counts as unset. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *join(const char *directory, const char *rest)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, rest) < 0)
        cli_fail(EXIT_SYSTEM, "out of memory");
    return path;
}

static const char *default_spool(void)
{
    const char *state = variable("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') /* a relative one is to be ignored, says XDG */
        return join(state, "chat/spool.db");
    const char *home = variable("HOME");
    if (home == NULL) {
        const struct passwd *user = getpwuid(geteuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    if (home == NULL)
        cli_fail(EXIT_CANTCREATE, "cannot find a home directory for the spool: name one with -s");
    return join(home, ".local/state/chat/spool.db");
}

const char *where_spool(const char *given)
{
    if (given != NULL && given[0] == '\0')
        cli_usage("the name of the spool is empty");
    if (given == NULL)
        given = variable("CHAT_SPOOL");
    return given != NULL ? given : default_spool();
}

const char *where_room(const char *given)
{
    if (given == NULL)
        given = variable("CHAT_ROOM");
    if (given == NULL)
        given = "main";
    if (!chat_room_valid(given))
        cli_usage("'%s' cannot name a room", given);
    return given;
}

const char *where_user(void)
{
    const struct passwd *user = getpwuid(geteuid());
    if (user != NULL && chat_name_valid(user->pw_name))
        return user->pw_name;
    static char number[24];
    snprintf(number, sizeof number, "%lu", (unsigned long)geteuid());
    return number;
}

const char *where_host(void)
{
    static char host[CHAT_NAME_MAX + 1];
    if (gethostname(host, sizeof host - 1) == 0 && chat_name_valid(host))
        return host;
    return "localhost";
}
