/* module.c - load a store that is not built in, if the URL of a spool asks for it. */

#include "module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directories in which the module is searched, each relative to the directory of the running
 * program: that directory itself (for a program installed beside the modules), a directory in it (a
 * source tree), the directory where this library was installed together with the program, and the
 * directory where this library was to be installed. No environment variable is used. */
static const char *const candidates[] = { ".", "chatspool", CHAT_MODULES_BESIDE, CHAT_MODULES };

/* Return whether the file or directory belongs to this user or to root, and no other user can write
 * to it. */
static bool is_trusted(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Store the directory of the running program, with a slash. Returns false if it is unknown. */
static bool program_directory(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    while (length > 0 && path[length - 1] != '/')
        length--;
    path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* Store in PATH the file name of the module in the directory CANDIDATE. CHAT_NONE: not found. */
static enum chat_status find_in(const char *candidate, const char *name, struct error *error,
                                char path[PATH_MAX])
{
    char directory[PATH_MAX] = "";
    struct stat st;
    if (candidate[0] != '/' && !program_directory(directory))
        return CHAT_NONE;
    size_t used = strlen(directory);
    int length = snprintf(directory + used, sizeof directory - used, "%s", candidate);
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
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0] && status == CHAT_NONE; i++)
        status = find_in(candidates[i], name, error, path);
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
