/* twin.c - a spool that is not a file, for programs that have libc inside.
 *
 * Its store is a library that is loaded, and that wants the libc of this machine. So the same
 * program with libc outside takes the place of this one, with the words, the environment and the
 * descriptors that this one was started with. It lies where the modules lie (lib/module.c). */

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "std.h"
#include "where.h"

static char **words;

__attribute__((constructor)) static void keep_words(int argc, char **argv)
{
    (void)argc;
    words = argv;
}

/* Whether the file or directory belongs to this user or root, and nobody else can write to it. */
static bool is_trusted(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Become the twin in DIRECTORY, or return. */
static void become(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path || !is_trusted(directory) || !is_trusted(path))
        return;
    std_unplug();
    execv(path, words);
    std_plug();
}

static void become_twin(void)
{
    char self[PATH_MAX], beside[PATH_MAX + sizeof CHAT_MODULES_BESIDE];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *name = length > 0 ? memrchr(self, '/', (size_t)length) : NULL;
    if (name == NULL)
        return;
    self[length] = *name++ = '\0';
    snprintf(beside, sizeof beside, "%s/chatspool", self);
    become(beside, name);
    snprintf(beside, sizeof beside, "%s/" CHAT_MODULES_BESIDE, self);
    become(beside, name);
    become(CHAT_MODULES, name);
}

/* In the place of where_spool() (--wrap in the Makefile). Where there is no twin, the library says
 * what is missing. */
const char *__real_where_spool(const char *given);
const char *__wrap_where_spool(const char *given);
const char *__wrap_where_spool(const char *given)
{
    const char *where = __real_where_spool(given);
    size_t scheme = strspn(where, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (scheme > 0 && strncmp(where + scheme, "://", 3) == 0)
        become_twin();
    return where;
}

/* Of what lib/module.c and SQLite would want: none here. */
#pragma GCC visibility push(hidden)
void *dlsym(void *restrict handle, const char *restrict name);
void *dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle, (void)name;
    return NULL;
}
#pragma GCC visibility pop
