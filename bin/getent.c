/* getent.c - who a user is, for programs that have libc inside.
 *
 * libc finds users who are in no file by libraries that /etc/nsswitch.conf names (LDAP, systemd and
 * others), and those want the libc of this machine. A program that has another one inside must not
 * load them; so it asks getent(1), which is that libc's. This takes the place of getpwuid(). */

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether LINE, as in passwd(5), is about UID; then *USER has its name and home. */
static bool parse(char *line, uid_t uid, struct passwd *user)
{
    char *field[7], *end;
    for (int i = 0; i < 7; i++)
        field[i] = strsep(&line, ":");
    if (field[6] == NULL || strtoul(field[2], &end, 10) != uid || end == field[2] || *end != '\0')
        return false;
    user->pw_uid = uid;
    user->pw_name = field[0];
    user->pw_dir = field[5];
    return true;
}

static struct passwd *find(FILE *users, uid_t uid)
{
    static struct passwd user;
    static char *line; /* holds what USER says */
    static size_t size;
    while (getline(&line, &size, users) > 0)
        if (parse(line, uid, &user))
            return &user;
    return NULL;
}

static struct passwd *in_file(uid_t uid)
{
    FILE *users = fopen("/etc/passwd", "re");
    struct passwd *user = users != NULL ? find(users, uid) : NULL;
    if (users != NULL)
        fclose(users);
    return user;
}

struct passwd *getpwuid(uid_t uid)
{
    struct passwd *user = in_file(uid);
    if (user != NULL)
        return user;
    char command[64];
    snprintf(command, sizeof command, "exec getent passwd %lu 2>/dev/null", (unsigned long)uid);
    FILE *users =
        popen(command, "re"); // NOLINT(cert-env33-c): but for a number it is always the same
    if (users == NULL)
        return NULL;
    user = find(users, uid);
    pclose(users);
    return user;
}
