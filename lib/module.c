/* module.c - a store that is not built in, but loaded where a spool's URL asks for it. */

#include "module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directories in which to look for it, each relative to the directory of the running
 * program: the same one (a program that is itself with the modules), a directory in it (a source
 * tree), where this library was installed together with the program, and where this library was
 * to be installed. No environment variable is used. */
static const char *const places[] = { ".", "chatspool", CHAT_MODULES_BESIDE, CHAT_MODULES };

/* Return whether the file or directory belongs to this user or root, and no other user can write to
 * it. */
static bool is_trusted(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The directory of the program that runs, with a slash. False: it is not known. */
static bool program_directory(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    while (length > 0 && path[length - 1] != '/')
        length--;
    path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* Store in PATH the module in the directory PLACE. CHAT_NONE: not found. */
static enum chat_status find_in(const char *place, const char *name, struct error *error,
                                char path[PATH_MAX])
{
    char directory[PATH_MAX] = "";
    struct stat st;
    if (place[0] != '/' && !program_directory(directory))
        return CHAT_NONE;
    size_t used = strlen(directory);
    int length = snprintf(directory + used, sizeof directory - used, "%s", place);
    if (length < 0 || (size_t)length >= sizeof directory - used)
        return CHAT_NONE;
    length = snprintf(path, PATH_MAX, "%s/chatspool-%s.so", directory, name);
    if (length < 0 || length >= PATH_MAX || stat(path, &st) < 0)
        return CHAT_NONE;
    if (is_trusted(directory) && is_trusted(path))
        return CHAT_OK;
    return error_set(
        error, CHAT_PERMISSION,
        "the module '%s' is not safe to load: it, or its directory, belongs to another "
        "user, or other users can write to it",
        path);
}

static enum chat_status find(const char *name, struct error *error, char path[PATH_MAX])
{
    enum chat_status status = CHAT_NONE;
    for (size_t i = 0; i < sizeof places / sizeof places[0] && status == CHAT_NONE; i++)
        status = find_in(places[i], name, error, path);
    if (status != CHAT_NONE)
        return status;
    return error_set(error, CHAT_UNREACHABLE,
                     "PostgreSQL support is not installed: 'chatspool-%s.so' is not in '%s'", name,
                     CHAT_MODULES);
}

enum chat_status module_load(const char *name, struct error *error, const struct store_ops **ops)
{
    char path[PATH_MAX];
    enum chat_status status = find(name, error, path);
    if (status != CHAT_OK)
        return status;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return error_set(error, CHAT_UNREACHABLE, "cannot load the module '%s': %s", path,
                         dlerror());
    const struct store_module *module = dlsym(handle, "chat_module");
    if (module == NULL || strcmp(module->version, CHAT_VERSION) != 0)
        return error_set(error, CHAT_UNREACHABLE, "the module '%s' is not of version %s", path,
                         CHAT_VERSION);
    *ops = module->ops;
    return CHAT_OK;
}
