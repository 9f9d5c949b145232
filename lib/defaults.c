/* defaults.c - the defaults of what a caller leaves out: the spool, the sender and the host. */

#include "defaults.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_given(const char *value)
{
    return value != NULL && value[0] != '\0';
}

char *chat_default_spool(const char *spool, const char *state_home, const char *home)
{
    char *path;
    if (is_given(spool))
        return strdup(spool);
    if (is_given(state_home) &&
        state_home[0] == '/') /* the XDG specification says to ignore a relative path */
        return asprintf(&path, "%s/chat/spool.db", state_home) < 0 ? NULL : path;
    if (!is_given(home)) {
        errno = 0;
        const struct passwd *user = getpwuid(geteuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    if (home == NULL) {
        if (errno != ENOMEM)
            errno = ENOENT; /* getpwuid has many errors for an unknown user, or none */
        return NULL;
    }
    return asprintf(&path, "%s/.local/state/chat/spool.db", home) < 0 ? NULL : path;
}

void defaults_fill_sender(struct chat_message *message, struct sender *sender)
{
    if (message->user == NULL) {
        const struct passwd *user = getpwuid(geteuid());
        if (user != NULL && chat_name_valid(user->pw_name))
            snprintf(sender->user, sizeof sender->user, "%s", user->pw_name);
        else
            snprintf(sender->user, sizeof sender->user, "%lu", (unsigned long)geteuid());
        message->user = sender->user;
    }
    if (message->host == NULL) {
        bool known = gethostname(sender->host, sizeof sender->host - 1) == 0 &&
                     chat_name_valid(sender->host);
        message->host = known ? sender->host : "localhost";
    }
}

void defaults_fill_query(struct chat_query *query)
{
    static const char *const default_room[] = { NULL };
    if (query->rooms == NULL) {
        query->rooms = default_room;
        query->room_count = query->id == 0;
    }
    if (query->max_messages == 0)
        query->max_messages = 1;
    if (query->max_bytes == 0)
        query->max_bytes = SIZE_MAX;
}
