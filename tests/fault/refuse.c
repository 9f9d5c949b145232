/* refuse.c - a library for LD_PRELOAD: chosen calls of C library functions fail.
 *
 * REFUSE is a list of "FUNCTION[@OBJECT]:N=RESULT", separated by blanks: the N-th call of that
 * function (on that object) fails, with "N+" that one and all later ones. OBJECT is the number of a
 * descriptor, "pipe" or "memory" (from pipe2() and memfd_create()), or a path. RESULT is the name
 * of an error, SHORT (read and write only one byte), NONE (nothing is found), NAME (a name with
 * control characters), or TERM (interrupted by SIGTERM). Only the program in $REFUSE_OF is
 * affected, and not its children. Calls of SQLite count, too. */

#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "real.h"

enum { RULES = 16, SHORT = -1, NONE = -2, NAME = -3, TERM = 10000 };

static struct rule {
    char function[48], object[64];
    long first, seen;
    bool on;
    int result; /* an errno, or one of the above */
} rules[RULES];
static size_t count;
static enum { PLAIN, PIPE, MEMORY } kinds[1024];
static int refused_count;
static pid_t owner;

static const struct {
    const char *name;
    int result;
} results[] = {
    { "EIO", EIO },         { "ENOSPC", ENOSPC }, { "EPIPE", EPIPE },   { "EINTR", EINTR },
    { "EAGAIN", EAGAIN },   { "ENOMEM", ENOMEM }, { "EMFILE", EMFILE }, { "ENFILE", ENFILE },
    { "EACCES", EACCES },   { "ENOENT", ENOENT }, { "EINVAL", EINVAL }, { "ENOEXEC", ENOEXEC },
    { "ENOTDIR", ENOTDIR }, { "ECHILD", ECHILD }, { "E2BIG", E2BIG },   { "EPERM", EPERM },
    { "SHORT", SHORT },     { "NONE", NONE },     { "NAME", NAME },     { "TERM", TERM },
};

static int result_of(const char *name)
{
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (strcmp(results[i].name, name) == 0)
            return results[i].result;
    abort();
}

__attribute__((constructor)) static void arm(void)
{
    extern char *program_invocation_short_name;
    const char *text = getenv("REFUSE"), *program = getenv("REFUSE_OF");
    if (text == NULL || program == NULL || strcmp(program, program_invocation_short_name) != 0)
        return;
    owner = getpid();
    while (count < RULES && *(text += strspn(text, " ")) != '\0') {
        struct rule *rule = &rules[count++];
        char result[16], object[64] = "";
        int length = 0;
        if (sscanf(text, "%47[a-z_0-9]%n", rule->function, &length) != 1)
            abort();
        text += length;
        if (*text == '@' && sscanf(text, "@%63[^:]%n", object, &length) == 1)
            text += length;
        strcpy(rule->object, object);
        char *end;
        rule->first = strtol(text + 1, &end, 10);
        rule->on = *end == '+';
        if (sscanf(end + rule->on, "=%15[A-Z0-9]%n", result, &length) != 1)
            abort();
        rule->result = result_of(result);
        text = end + rule->on + length;
    }
}

/* Write to the file $REFUSED how many calls have failed, and how many pipes and files in memory are
 * open at the end. */
__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("REFUSED");
    if (owner == 0 || getpid() != owner || path == NULL)
        return;
    int open_now = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        open_now += kinds[i] != PLAIN;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dprintf(fd, "%d %d\n", refused_count, open_now);
    syscall(SYS_close, fd);
}

/* Return how this call ends: 0 as usual, or an errno, or SHORT, NONE or NAME. */
static int refuses(const char *function, int fd, const char *path)
{
    static const char *const names[] = { "", "pipe", "memory" };
    if (owner == 0 || getpid() != owner)
        return 0;
    int result = 0;
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    for (size_t i = 0; i < count; i++) {
        struct rule *rule = &rules[i];
        const char *kind = fd >= 0 && fd < 1024 ? names[kinds[fd]] : "";
        if (strcmp(rule->function, function) != 0)
            continue;
        if (rule->object[0] != '\0' && strcmp(rule->object, number) != 0 &&
            strcmp(rule->object, kind) != 0 && (path == NULL || strcmp(rule->object, path) != 0))
            continue;
        rule->seen++;
        if (result != 0 || (rule->on ? rule->seen < rule->first : rule->seen != rule->first))
            continue;
        refused_count++;
        if (rule->result == TERM)
            kill(owner, SIGTERM);
        result = rule->result == TERM ? EINTR : rule->result;
        if (result > 0)
            errno = result;
    }
    return result;
}

/* CALL becomes the function of that name of the C library. */
#define REAL(name)                                                                                 \
    static void *found;                                                                            \
    __typeof__(&name) call;                                                                        \
    *(void **)&call = real(&found, #name)

static int known(int fd, int kind)
{
    if (fd >= 0 && fd < 1024)
        kinds[fd] = kind;
    return fd;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write);
    int refused = refuses("write", fd, NULL);
    return refused > 0 ? -1 : call(fd, bytes, refused == SHORT && size > 1 ? 1 : size);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    REAL(read);
    int refused = refuses("read", fd, NULL);
    return refused > 0 ? -1 : call(fd, bytes, refused == SHORT && size > 1 ? 1 : size);
}

ssize_t __read_chk(int fd, void *bytes, size_t size, size_t space);
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t space)
{
    (void)space;
    return read(fd, bytes, size);
}

int poll(struct pollfd *fds, nfds_t number, int milliseconds)
{
    REAL(poll);
    return refuses("poll", number == 1 ? fds[0].fd : -1, NULL) > 0
               ? -1
               : call(fds, number, milliseconds);
}

int ppoll(struct pollfd *fds, nfds_t number, const struct timespec *time, const sigset_t *mask)
{
    REAL(ppoll);
    int refused = refuses("ppoll", -1, NULL);
    return refused > 0 ? -1 : refused == NONE ? 0 : call(fds, number, time, mask);
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return refuses("open", -1, path) > 0 ? -1 : call(path, flags, mode);
}

int fsync(int fd)
{
    REAL(fsync);
    return refuses("fsync", fd, NULL) > 0 ? -1 : call(fd);
}

int close(int fd)
{
    REAL(close);
    bool ours = known(fd, PLAIN) >= 0 && fd < 1024 && owner != 0;
    int result = call(fd);
    if (ours && result == 0)
        errno = ENOTTY; /* a call that succeeds may change it */
    return result;
}

int pipe2(int ends[2], int flags)
{
    REAL(pipe2);
    int refused = refuses("pipe2", -1, NULL);
    if (refused > 0 || call(ends, flags) < 0)
        return -1;
    if (refused == SHORT)
        fcntl(ends[1], F_SETPIPE_SZ, 1);
    known(ends[0], PIPE);
    known(ends[1], PIPE);
    return 0;
}

int memfd_create(const char *name, unsigned flags);
int memfd_create(const char *name, unsigned flags)
{
    REAL(memfd_create);
    return refuses("memfd_create", -1, name) > 0 ? -1 : known(call(name, flags), MEMORY);
}

off_t lseek(int fd, off_t offset, int whence)
{
    REAL(lseek);
    return refuses("lseek", fd, NULL) > 0 ? -1 : call(fd, offset, whence);
}

int fcntl(int fd, int command, ...)
{
    REAL(fcntl);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return refuses("fcntl", fd, NULL) > 0 ? -1 : call(fd, command, argument);
}

int mkostemp(char *path, int flags)
{
    REAL(mkostemp);
    return refuses("mkostemp", -1, NULL) > 0 ? -1 : call(path, flags);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    return refuses("fopen", -1, path) > 0 ? NULL : call(path, mode);
}

FILE *fdopen(int fd, const char *mode)
{
    REAL(fdopen);
    return refuses("fdopen", fd, NULL) > 0 ? NULL : call(fd, mode);
}

size_t fwrite(const void *bytes, size_t size, size_t number, FILE *file)
{
    REAL(fwrite);
    return refuses("fwrite", -1, NULL) > 0 ? 0 : call(bytes, size, number, file);
}

int fflush(FILE *file)
{
    REAL(fflush);
    return refuses("fflush", -1, NULL) > 0 ? EOF : call(file);
}

char *getcwd(char *path, size_t size)
{
    REAL(getcwd);
    return refuses("getcwd", -1, NULL) > 0 ? NULL : call(path, size);
}

int gethostname(char *name, size_t size)
{
    REAL(gethostname);
    int refused = refuses("gethostname", -1, NULL);
    if (refused == NAME)
        return snprintf(name, size, "a\001b") < 0;
    return refused > 0 ? -1 : call(name, size);
}

struct passwd *getpwuid(uid_t uid)
{
    REAL(getpwuid);
    static char name[] = "a\001b", other[] = "from-the-service";
    static struct passwd found_user = { .pw_name = other };
    int refused = refuses("getpwuid", -1, NULL);
    if (refused == NAME)
        found_user.pw_name = name;
    return refused == NONE || refused > 0 ? NULL : refused != 0 ? &found_user : call(uid);
}

char *strdup(const char *text)
{
    REAL(strdup);
    return refuses("strdup", -1, text) > 0 ? NULL : call(text);
}

pid_t waitpid(pid_t pid, int *status, int flags)
{
    REAL(waitpid);
    return refuses("waitpid", -1, NULL) > 0 ? -1 : call(pid, status, flags);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
    REAL(posix_spawnp);
    int refused = refuses("posix_spawnp", -1, file);
    return refused != 0 ? refused : call(pid, file, actions, attributes, argv, environment);
}

int posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
    REAL(posix_spawn);
    int refused = refuses("posix_spawn", -1, file);
    return refused != 0 ? refused : call(pid, file, actions, attributes, argv, environment);
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from, int to)
{
    REAL(posix_spawn_file_actions_adddup2);
    int refused = refuses("adddup2", -1, NULL);
    return refused != 0 ? refused : call(actions, from, to);
}

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from)
{
    REAL(posix_spawn_file_actions_addclosefrom_np);
    int refused = refuses("addclosefrom", -1, NULL);
    return refused != 0 ? refused : call(actions, from);
}

int posix_spawnattr_setflags(posix_spawnattr_t *attributes, short flags)
{
    REAL(posix_spawnattr_setflags);
    int refused = refuses("setflags", -1, NULL);
    return refused != 0 ? refused : call(attributes, flags);
}

static int print(const char *function, char **text, const char *format, va_list arguments)
{
    REAL(vasprintf);
    return refuses(function, -1, NULL) > 0 ? -1 : call(text, format, arguments);
}

int vasprintf(char **text, const char *format, va_list arguments)
{
    return print("vasprintf", text, format, arguments);
}

int __vasprintf_chk(char **text, int flag, const char *format, va_list arguments);
int __vasprintf_chk(char **text, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return print("vasprintf", text, format, arguments);
}

int asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = print("asprintf", text, format, arguments);
    va_end(arguments);
    return length;
}

int __asprintf_chk(char **text, int flag, const char *format, ...);
int __asprintf_chk(char **text, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int length = print("asprintf", text, format, arguments);
    va_end(arguments);
    return length;
}
