/* calls DIRECTORY trace|fail|die|unsafe: the system calls that the library itself makes for each
 * operation, in order; or what happens when one of them fails; or when the disk fails from that
 * call on, until the operation has ended; or what it does with files that are not safe to use. The
 * program is linked so that these calls come here (ld --wrap); below the library, SQLite uses a VFS
 * of this program, whose syncs count, too. The clock stands still, except in a wait. */

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* --- what is recorded, and what fails --------------------------------------- */

enum { MOST = 2000, FILES = 256 };

static bool active;            /* the calls of the library count now */
static bool tracing;           /* print them */
static int calls, failing;     /* how many there were, and the one that fails, or 0 */
static int failing_with;       /* an errno, or SHORT */
static bool dying;             /* all later calls that need the disk fail, too */
static char names[MOST][100];  /* the calls without their details */
static char files[FILES][100]; /* the names of descriptors, */
static char base[2000];        /* below this directory */
static int64_t now = INT64_C(1600000000000);
static enum condition { NORMAL, FULL, READ_ONLY } condition;
static const char *stranger; /* the file of this name belongs to another user */
static uid_t strange_user;
static bool strange_group;   /* or only its group is another one */
static void (*asleep)(void); /* what another process does during the first sleep */
static uint64_t hint;        /* of the -shm file */

static const char *failing_call; /* with FAILING below 0, that time that this call comes */
static int skipped;

enum { SHORT = -1, NO_SPACE = -2 };

static const char *file_of(int fd)
{
    return fd >= 0 && fd < FILES && files[fd][0] != '\0' ? files[fd] : "?";
}

/* Return the name of a file without the directory. */
static const char *below(const char *path)
{
    size_t length = strlen(base);
    if (strcmp(path, base) == 0)
        return ".";
    return strncmp(path, base, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

/* Write the name of NAME in a directory. */
static const char *at(int directory, const char *name, char text[200])
{
    if (directory == AT_FDCWD || name[0] == '/')
        snprintf(text, 200, "%s", below(name));
    else
        snprintf(text, 200, "%s/%s", file_of(directory), name);
    return text;
}

static bool is_system(const char *name)
{
    return strncmp(name, "/proc/", 6) == 0 || strcmp(name, "/proc") == 0;
}

/* Return whether SQLite decides about this call, below which is the VFS of scratch.c. */
static bool is_scratch(const char *call, const char *file)
{
    const char *end = strrchr(file, '-');
    return end != NULL &&
           (strcmp(end, "-new") == 0 || strcmp(end, "-restore") == 0 ||
            strcmp(end, "-repair") == 0) &&
           (strcmp(call, "pread") == 0 || strcmp(call, "pwrite") == 0 ||
            strcmp(call, "fstat") == 0 || strcmp(call, "ftruncate") == 0);
}

/* Return whether a call, with its file, needs the disk. */
static bool is_disk(const char *call)
{
    static const char *const all[] = {
        "read d",      "pread d",       "write d",       "pwrite d",    "ftruncate ", "fallocate ",
        "fsync ",      "fdatasync ",    "mkdir ",        "mkfifo ",     "rename",     "unlink ",
        "sqlite sync", "sqlite read a", "sqlite write ", "sqlite trunc"
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strncmp(call, all[i], strlen(all[i])) == 0)
            return strstr(call, "-bell/") == NULL || strncmp(call, "mkfifo ", 7) == 0;
    return false;
}

/* Count a call. Returns whether it is to fail: then errno is set. */
static bool fails(const char *call, const char *file, const char *format, ...)
{
    int saved = errno;
    if (!active || is_system(file))
        return false;
    if (calls < MOST)
        snprintf(names[calls], sizeof names[0], "%s %s", call, file);
    calls++;
    if (failing < 0 && strcmp(names[calls - 1], failing_call) == 0)
        failing = ++skipped == -failing ? calls : failing;
    if (tracing && !is_scratch(call, file)) {
        static char last[500];
        char line[500];
        va_list arguments;
        va_start(arguments, format);
        int length = snprintf(line, sizeof line, "%s %s", call, file);
        vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
        va_end(arguments);
        /* How often a WAL is read depends on its size; and a file may be extended often. */
        if (strcmp(line, last) != 0 || calls == 1 ||
            (strncmp(line, "pread", 5) != 0 && strncmp(line, "sqlite extend", 13) != 0))
            printf("    %s\n", line);
        strcpy(last, line);
    }
    errno = saved;
    const bool dead =
        dying && failing > 0 && calls > failing && calls <= MOST && is_disk(names[calls - 1]);
    if (calls != failing && !dead)
        return false;
    if (tracing)
        printf("      fails\n");
    if (failing_with > 0)
        errno = failing_with;
    return true;
}

static int opened(int fd, const char *name)
{
    if (fd >= 0 && fd < FILES)
        snprintf(files[fd], sizeof files[0], "%s", name);
    return fd;
}

/* --- calls ------------------------------------------------------------------ */

#define REAL(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

static const char *flags_text(int flags)
{
    static char text[100];
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s",
             (flags & O_PATH) != 0             ? " path"
             : (flags & O_ACCMODE) == O_RDWR   ? " rw"
             : (flags & O_ACCMODE) == O_RDONLY ? " r"
                                               : " w",
             (flags & O_CREAT) != 0 ? " create" : "", (flags & O_EXCL) != 0 ? " new" : "",
             (flags & O_DIRECTORY) != 0 ? " directory" : "",
             (flags & O_NOFOLLOW) != 0 ? " nofollow" : "",
             (flags & O_NONBLOCK) != 0 ? " nonblock" : "",
             (flags & O_CLOEXEC) != 0 ? "" : " no cloexec");
    return text;
}

int __real_openat64(int directory, const char *path, int flags, ...);
int __real_fstatat64(int directory, const char *path, struct stat64 *st, int flags);

/* Return whether only root could open the file: it is not readable. */
static bool is_closed(int directory, const char *path, int flags)
{
    struct stat64 st;
    return active && (flags & O_PATH) == 0 &&
           __real_fstatat64(directory, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (st.st_mode & 0400) == 0;
}

static int open_at(int directory, const char *path, int flags, unsigned mode)
{
    char text[200];
    const char *name = at(directory, path, text);
    if (fails("open", name, "%s", flags_text(flags)))
        return -1;
    if (active && condition == READ_ONLY && !is_system(name) &&
        (flags & (O_ACCMODE | O_CREAT)) != O_RDONLY) {
        errno = EROFS;
        return -1;
    }
    if (!is_system(name) && is_closed(directory, path, flags)) {
        errno = EACCES;
        return -1;
    }
    int fd = __real_openat64(directory, path, flags, mode);
    if (active && tracing && fd < 0 && !is_system(name))
        printf("      %s\n", strerrorname_np(errno));
    return opened(fd, name);
}

int __wrap_openat64(int directory, const char *path, int flags, ...);
int __wrap_openat64(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    return open_at(directory, path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int __wrap___openat64_2(int directory, const char *path, int flags);
int __wrap___openat64_2(int directory, const char *path, int flags)
{
    return open_at(directory, path, flags, 0);
}

int __wrap___open64_2(const char *path, int flags);
int __wrap___open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

REAL(int, close, int fd)
{
    fails("close", file_of(fd), "");
    if (fd >= 0 && fd < FILES)
        files[fd][0] = '\0';
    return __real_close(fd);
}

/* This user has the number USER, whichever it is, and so have its files. */
enum { USER = 54000, STRANGER = 54321 };

REAL(uid_t, geteuid, void)
{
    return active ? USER : __real_geteuid();
}

/* Replace the owner and the group of a file. */
static void be_owned(const char *file, uid_t *user, gid_t *group)
{
    if (!active)
        return;
    if (*user == __real_geteuid())
        *user = USER;
    if (stranger == NULL || strcmp(file, stranger) != 0)
        return;
    if (strange_group)
        *group = STRANGER;
    else
        *user = strange_user;
}

REAL(int, fstat64, int fd, struct stat64 *st)
{
    if (fails("fstat", file_of(fd), "") || __real_fstat64(fd, st) < 0)
        return -1;
    be_owned(file_of(fd), &st->st_uid, &st->st_gid);
    return 0;
}

REAL(int, fstatat64, int directory, const char *path, struct stat64 *st, int flags)
{
    char text[200];
    if (fails("fstatat", at(directory, path, text), "") ||
        __real_fstatat64(directory, path, st, flags) < 0)
        return -1;
    be_owned(text, &st->st_uid, &st->st_gid);
    return 0;
}

REAL(int, statx, int directory, const char *path, int flags, unsigned mask, struct statx *st)
{
    char text[200];
    if (fails("statx", at(directory, path, text), flags == AT_SYMLINK_NOFOLLOW ? "" : " follow") ||
        __real_statx(directory, path, flags, mask, st) < 0)
        return -1;
    be_owned(text, &st->stx_uid, &st->stx_gid);
    return 0;
}

REAL(int, faccessat, int directory, const char *path, int mode, int flags)
{
    char text[200];
    if (active && condition == READ_ONLY && mode == W_OK) {
        errno = EROFS;
        return -1;
    }
    return fails("faccessat", at(directory, path, text), "")
               ? -1
               : __real_faccessat(directory, path, mode, flags);
}

REAL(int, fstatvfs64, int fd, struct statvfs64 *st)
{
    const bool failed = fails("fstatvfs", file_of(fd), "");
    if (failed && failing_with > 0)
        return -1;
    *st = (struct statvfs64){ .f_flag = active && condition == READ_ONLY ? ST_RDONLY : 0,
                              .f_blocks = 1000000,
                              .f_bavail = failed || (active && condition == FULL) ? 0 : 1000000,
                              .f_frsize = 4096 };
    return 0;
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __real_pread64(int fd, void *bytes, size_t size, off64_t offset);

static ssize_t read_it(int fd, void *bytes, size_t size)
{
    if (fails("read", file_of(fd), ""))
        return failing_with > 0 ? -1 : 0;
    return __real_read(fd, bytes, size);
}

ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    return read_it(fd, bytes, size);
}

ssize_t __wrap___read_chk(int fd, void *bytes, size_t size, size_t most);
ssize_t __wrap___read_chk(int fd, void *bytes, size_t size, size_t most)
{
    (void)most;
    return read_it(fd, bytes, size);
}

static ssize_t read_at(int fd, void *bytes, size_t size, off64_t offset)
{
    if (fails("pread", file_of(fd), ""))
        return failing_with > 0 ? -1 : 0;
    return __real_pread64(fd, bytes, size, offset);
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off64_t offset);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off64_t offset)
{
    return read_at(fd, bytes, size, offset);
}

ssize_t __wrap___pread64_chk(int fd, void *bytes, size_t size, off64_t offset, size_t most);
ssize_t __wrap___pread64_chk(int fd, void *bytes, size_t size, off64_t offset, size_t most)
{
    (void)most;
    return read_at(fd, bytes, size, offset);
}

REAL(ssize_t, write, int fd, const void *bytes, size_t size)
{
    if (fails("write", file_of(fd), "")) {
        if (failing_with == SHORT && size > 1)
            return __real_write(fd, bytes, size / 2);
        if (failing_with == EPIPE)
            raise(SIGPIPE);
        return -1;
    }
    return __real_write(fd, bytes, size);
}

/* Print what is written into the lock file, without the salt. */
REAL(ssize_t, pwrite64, int fd, const void *bytes, size_t size, off64_t offset)
{
    char text[100] = "";
    const char *file = file_of(fd);
    int64_t id = 0;
    if (strstr(file, "-lock") != NULL) {
        uint32_t frames = 0;
        if (offset == 0)
            memcpy(&frames, (const char *)bytes + 8, sizeof frames);
        if (offset == 16 && size == sizeof id)
            memcpy(&id, bytes, sizeof id);
        else if (offset == 0 && size > 16)
            memcpy(&id, (const char *)bytes + 16, sizeof id);
        snprintf(text, sizeof text, " %zu at %lld: %s frames, id %lld%s", size, (long long)offset,
                 frames > 0 ? "some" : "no", (long long)id,
                 size == 1 ? *(const char *)bytes != 0 ? ", failed" : ", repaired" : "");
    }
    if (fails("pwrite", file, "%s", text))
        return failing_with > 0 ? -1 : 0;
    return __real_pwrite64(fd, bytes, size, offset);
}

static bool reserve_given;

REAL(int, ftruncate64, int fd, off64_t size)
{
    if (size == 0 && strstr(file_of(fd), "-reserve") != NULL)
        reserve_given = true;
    return fails("ftruncate", file_of(fd), size == 0 ? " to 0" : "") ? -1
                                                                     : __real_ftruncate64(fd, size);
}

REAL(int, posix_fallocate64, int fd, off64_t from, off64_t size)
{
    if (fails("fallocate", file_of(fd), " %lld", (long long)size))
        return errno;
    return strstr(file_of(fd), "-reserve") != NULL ? __real_ftruncate64(fd, size)
                                                   : __real_posix_fallocate64(fd, from, size);
}

REAL(int, posix_fadvise64, int fd, off64_t from, off64_t size, int advice)
{
    return fails("fadvise", file_of(fd), " %lld %lld %d", (long long)from, (long long)size, advice)
               ? errno
               : 0;
}

REAL(int, fsync, int fd)
{
    return fails("fsync", file_of(fd), "") ? -1 : 0;
}

REAL(int, fdatasync, int fd)
{
    return fails("fdatasync", file_of(fd), "") ? -1 : 0;
}

REAL(int, mkdir, const char *path, unsigned mode)
{
    return fails("mkdir", below(path), " %o", mode) ? -1 : __real_mkdir(path, mode);
}

REAL(int, mkdirat, int directory, const char *path, unsigned mode)
{
    char text[200];
    return fails("mkdir", at(directory, path, text), " %o", mode)
               ? -1
               : __real_mkdirat(directory, path, mode);
}

REAL(int, mkfifoat, int directory, const char *path, unsigned mode)
{
    char text[200];
    return fails("mkfifo", at(directory, path, text), " %o", mode)
               ? -1
               : __real_mkfifoat(directory, path, mode);
}

REAL(int, renameat, int from, const char *old, int to, const char *new)
{
    char one[200], two[200];
    return fails("rename", at(from, old, one), " to %s", at(to, new, two))
               ? -1
               : __real_renameat(from, old, to, new);
}

REAL(int, renameat2, int from, const char *old, int to, const char *new, unsigned flags)
{
    char one[200], two[200];
    return fails("rename2", at(from, old, one), " to %s %u", at(to, new, two), flags)
               ? -1
               : __real_renameat2(from, old, to, new, flags);
}

REAL(int, unlinkat, int directory, const char *path, int flags)
{
    char text[200];
    return fails("unlink", at(directory, path, text), "") ? -1
                                                          : __real_unlinkat(directory, path, flags);
}

REAL(int, utimensat, int directory, const char *path, const struct timespec *times, int flags)
{
    char text[200];
    return fails("touch", at(directory, path, text), "")
               ? -1
               : __real_utimensat(directory, path, times, flags);
}

REAL(int, futimens, int fd, const struct timespec *times)
{
    return fails("touch", file_of(fd), "") ? -1 : __real_futimens(fd, times);
}

REAL(int, fchmod, int fd, unsigned mode)
{
    return fails("fchmod", file_of(fd), " %o", mode) ? -1 : __real_fchmod(fd, mode);
}

REAL(int, chmod, const char *path, unsigned mode)
{
    return fails("chmod", "/proc/self/fd", " %o", mode) ? -1 : __real_chmod(path, mode);
}

REAL(int, fchown, int fd, uid_t user, gid_t group)
{
    return fails("fchown", file_of(fd), "") ? -1 : __real_fchown(fd, user, group);
}

REAL(char *, getcwd, char *text, size_t size)
{
    return fails("getcwd", "", "") ? NULL : __real_getcwd(text, size);
}

REAL(DIR *, fdopendir, int fd)
{
    return fails("fdopendir", file_of(fd), "") ? NULL : __real_fdopendir(fd);
}

/* The entries of a directory come by name. */
static struct dirent64 entries[200];
static size_t entry_count, entry_next;

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct dirent64 *)a)->d_name, ((const struct dirent64 *)b)->d_name);
}

REAL(struct dirent64 *, readdir64, DIR *directory)
{
    if (!active)
        return __real_readdir64(directory);
    if (entry_count == 0) {
        const struct dirent64 *entry;
        while (entry_count < 200 && (entry = __real_readdir64(directory)) != NULL)
            memcpy(&entries[entry_count++], entry, entry->d_reclen);
        qsort(entries, entry_count, sizeof entries[0], compare_entries);
        entry_next = 0;
    }
    return entry_next < entry_count ? &entries[entry_next++] : NULL;
}

REAL(int, closedir, DIR *directory)
{
    fails("closedir", file_of(dirfd(directory)), "");
    files[dirfd(directory)][0] = '\0';
    entry_count = 0;
    return __real_closedir(directory);
}

/* Return what a lock is for. The byte of a process depends on its number. */
static const char *range_text(const struct flock64 *lock)
{
    static char text[60];
    const long long first = lock->l_start, last = lock->l_start + lock->l_len - 1;
    const int64_t processes = INT64_C(1) << 62, here = processes + (INT64_C(1) << 61);
    if (first == 0 && last == 0)
        return "write lock";
    if (first >= here + (INT64_C(1) << 60))
        return "upgrade";
    if (first >= here)
        snprintf(text, sizeof text, "reader %lld", first - here);
    else if (first >= processes)
        return lock->l_len == 1 ? "process" : "processes";
    else if (first == 1)
        return "all claims";
    else
        snprintf(text, sizeof text, "claims %lld:%lld-%lld:%lld", first >> 40,
                 first & ((INT64_C(1) << 40) - 1), last >> 40, last & ((INT64_C(1) << 40) - 1));
    return text;
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    struct flock64 *lock = argument;
    const char *file = file_of(fd);
    char label[200];
    switch (command) {
    case F_GET_RW_HINT:
        if (fails("get hint", file, ""))
            return -1;
        *(uint64_t *)argument = hint;
        return 0;
    case F_SET_RW_HINT:
        if (fails("set hint", file, " %d", (int)*(uint64_t *)argument))
            return -1;
        hint = *(uint64_t *)argument;
        return 0;
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
    case F_OFD_GETLK:
        snprintf(label, sizeof label, "%s: %s", file, range_text(lock));
        if (fails(command == F_OFD_GETLK    ? "look"
                  : lock->l_type == F_UNLCK ? "unlock"
                  : command == F_OFD_SETLKW ? "wait for lock"
                  : lock->l_type == F_WRLCK ? "lock"
                                            : "share",
                  label, ""))
            return -1;
        return __real_fcntl64(fd, command, argument);
    case F_DUPFD_CLOEXEC:
        if (fails("dup", file, ""))
            return -1;
        return opened(__real_fcntl64(fd, command, argument), file);
    default:
        return __real_fcntl64(fd, command, argument);
    }
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    const long a = va_arg(arguments, long), b = va_arg(arguments, long),
               c = va_arg(arguments, long);
    va_end(arguments);
    if (number != SYS_pidfd_open)
        return __real_syscall(number, a, b, c);
    if (fails("pidfd_open", a == (long)getpid() ? "itself" : "another process", ""))
        return -1;
    return opened((int)__real_syscall(number, a, b), "process");
}

REAL(int, inotify_init1, int flags)
{
    return fails("inotify", "", "%s", flags == (IN_NONBLOCK | IN_CLOEXEC) ? "" : " other flags")
               ? -1
               : opened(__real_inotify_init1(flags), "inotify");
}

static int watched_before; /* this number of files was watched before */

REAL(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
    int watched = -1;
    const char *name =
        sscanf(path, "/proc/self/fd/%d", &watched) == 1 ? file_of(watched) : below(path);
    if (fails("watch", name, " %x", mask))
        return -1;
    int descriptor = __real_inotify_add_watch(fd, path, mask);
    return descriptor >= 0 ? descriptor + watched_before : -1;
}

static int timer = -1;
static int64_t timer_at;

REAL(int, timerfd_create, int clock, int flags)
{
    if (fails("timer", "", "%s%s", clock == CLOCK_REALTIME ? "" : " monotonic",
              flags == (TFD_CLOEXEC | TFD_NONBLOCK) ? "" : " other flags"))
        return -1;
    return timer = opened(__real_timerfd_create(clock, flags), "timer");
}

REAL(int, timerfd_settime, int fd, int flags, const struct itimerspec *time, struct itimerspec *old)
{
    (void)old;
    timer_at = (int64_t)time->it_value.tv_sec * 1000 + time->it_value.tv_nsec / 1000000;
    if (fails("set", file_of(fd), ": in %lld ms%s", (long long)(timer_at - now),
              flags == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ? "" : " other flags"))
        return -1;
    return 0;
}

/* A sleep takes no time: if nothing is ready, the clock goes on to the end of it. */
REAL(int, ppoll, struct pollfd *fds, nfds_t count, const struct timespec *timeout,
     const sigset_t *mask)
{
    char text[400] = "";
    const int64_t limit =
        timeout != NULL ? (int64_t)timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000 : INT64_MAX;
    for (nfds_t i = 0; i < count && strlen(text) < 300; i++)
        snprintf(text + strlen(text), 100, " %s%s", file_of(fds[i].fd),
                 fds[i].events == POLLIN ? "" : "(other events)");
    if (fails("sleep", "", "%s, %lld ms%s", text, (long long)(timeout != NULL ? limit : -1),
              mask != NULL ? ", signals" : ""))
        return -1;
    if (!active)
        return __real_ppoll(fds, count, timeout, mask);
    if (asleep != NULL) {
        void (*other)(void) = asleep;
        asleep = NULL;
        active = false;
        other();
        active = true;
    }
    int ready = __real_ppoll(fds, count, &(struct timespec){ 0, 0 }, NULL);
    for (nfds_t i = 0; i < count && ready == 0; i++)
        if (fds[i].fd == timer && timer >= 0 && strcmp(file_of(timer), "timer") == 0 &&
            timer_at - now <= limit) {
            now = timer_at > now ? timer_at : now;
            fds[i].revents = POLLIN;
            ready = 1;
        }
    for (nfds_t i = 0; i < count && tracing; i++)
        if (fds[i].revents != 0)
            printf("      %s\n", file_of(fds[i].fd));
    if (ready == 0 && limit == INT64_MAX) {
        if (tracing)
            printf("      forever\n");
        errno = EINTR;
        return -1;
    }
    if (ready == 0)
        now += limit;
    return ready;
}

int64_t __wrap_clock_now(void);
int64_t __wrap_clock_now(void)
{
    return now;
}

REAL(struct group *, getgrnam, const char *name)
{
    static struct group found;
    if (fails("getgrnam", name, ""))
        return NULL;
    errno = 0;
    if (strcmp(name, "ours") != 0 && strcmp(name, "theirs") != 0)
        return NULL;
    found = (struct group){ .gr_gid = strcmp(name, "ours") == 0 ? getegid() : 54321 };
    return &found;
}

/* --- below SQLite ----------------------------------------------------------- */

struct below {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *base;
    const char *name;
};

static sqlite3_vfs *system_vfs;

static struct below *below_of(sqlite3_file *file)
{
    return (struct below *)(void *)((char *)file + system_vfs->szOsFile);
}

static int lite_close(sqlite3_file *file)
{
    struct below *b = below_of(file);
    fails("sqlite close", b->name, "");
    return b->base->xClose(file);
}

static int lite_sync(sqlite3_file *file, int flags)
{
    const struct below *b = below_of(file);
    if (fails("sqlite sync", b->name, " %d", flags))
        return SQLITE_IOERR_FSYNC;
    return SQLITE_OK;
}

static int lite_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    const struct below *b = below_of(file);
    if (fails("sqlite truncate", b->name, size == 0 ? " to 0" : ""))
        return SQLITE_IOERR_TRUNCATE;
    return b->base->xTruncate(file, size);
}

static int lite_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    const struct below *b = below_of(file);
    if (count > 4096)
        fails("sqlite extend", b->name, count == 65536 ? " by 64 KiB" : " by the rest");
    const bool was = tracing;
    tracing = false; /* how many there are depends on SQLite */
    const bool failed = fails("sqlite write", b->name, "");
    tracing = was;
    if (failed)
        return failing_with == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (active && condition == FULL && !reserve_given) {
        errno = ENOSPC;
        return SQLITE_FULL;
    }
    return b->base->xWrite(file, bytes, count, offset);
}

static int lite_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    const struct below *b = below_of(file);
    const bool was = tracing;
    tracing = false;
    const bool failed = fails("sqlite read", "a page", "");
    tracing = was;
    if (failed)
        return SQLITE_IOERR_READ;
    return b->base->xRead(file, bytes, count, offset);
}

static int lite_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    const int known = SQLITE_OPEN_READONLY | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                      SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB;
    const char *shown = name != NULL ? below(name) : "";
    (void)vfs;
    if (name == NULL)
        return system_vfs->xOpen(system_vfs, name, file, flags, out);
    if (fails("sqlite open", shown, " %x", flags & known))
        return SQLITE_CANTOPEN;
    if (active && condition == READ_ONLY)
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    int rc = system_vfs->xOpen(system_vfs, name, file, flags, out);
    if (rc != SQLITE_OK || file->pMethods == NULL)
        return rc;
    struct below *b = below_of(file);
    *b = (struct below){ .methods = *file->pMethods, .base = file->pMethods, .name = shown };
    b->methods.xClose = lite_close;
    b->methods.xSync = lite_sync;
    b->methods.xTruncate = lite_truncate;
    b->methods.xWrite = lite_write;
    b->methods.xRead = lite_read;
    file->pMethods = &b->methods;
    return SQLITE_OK;
}

static void be_below(void)
{
    static sqlite3_vfs vfs;
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = "below";
    vfs.szOsFile = system_vfs->szOsFile + (int)sizeof(struct below);
    vfs.xOpen = lite_open;
    sqlite3_vfs_register(&vfs, 1);
}

/* --- operations ------------------------------------------------------------- */

static chat_spool *spool;
static char where[2100], copy_path[2100];

static enum chat_status claim_from(chat_spool *from, const char *room, size_t count,
                                   chat_batch **batch)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = count };
    return chat_claim(from, &query, batch);
}

static enum chat_status put(struct chat_message m, const struct chat_terms *terms)
{
    m.user = "u";
    m.host = "h";
    if (m.body == NULL) {
        m.body = "sent";
        m.length = 4;
    }
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK && (status = chat_put(spool, &m, terms, NULL)) == CHAT_OK)
        return chat_commit(spool);
    if (status != CHAT_OK) {
        static char text[1000];
        snprintf(text, sizeof text, "%s", chat_error(spool));
        chat_rollback(spool);
    }
    return status;
}

static enum chat_status do_send(void)
{
    return put((struct chat_message){ .room = "jobs" }, NULL);
}

/* The process that created the WAL died before it wrote anything. */
/* A SIGPIPE of this program is not the library's. */
static enum chat_status do_send_with_signal(void)
{
    sigset_t pipe_only, now_pending, old;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe_only, &old);
    raise(SIGPIPE);
    enum chat_status status = do_send();
    sigpending(&now_pending);
    if (tracing)
        printf("    SIGPIPE is %spending\n", sigismember(&now_pending, SIGPIPE) ? "" : "not ");
    sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0, 0 });
    sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}

static enum chat_status do_send_empty_wal(void)
{
    char path[2200];
    snprintf(path, sizeof path, "%s-wal", where);
    active = false;
    close(open(path, O_WRONLY | O_CREAT, 0600));
    active = true;
    return do_send();
}

static enum chat_status do_send_two_rooms(void)
{
    const struct chat_message m = { .room = "jobs", .user = "u", .host = "h" },
                              n = { .room = "tea", .user = "u", .host = "h" };
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK)
        status = chat_put(spool, &m, NULL, NULL);
    if (status == CHAT_OK)
        status = chat_put(spool, &n, NULL, NULL);
    return status == CHAT_OK ? chat_commit(spool) : status;
}

static enum chat_status do_send_much(void)
{
    static char body[200000];
    return put((struct chat_message){ .room = "jobs", .body = body, .length = sizeof body }, NULL);
}

static enum chat_status do_once(void)
{
    return put((struct chat_message){ .room = "jobs", .key = "key" },
               &(struct chat_terms){ .once = true });
}

static enum chat_status do_replace(void)
{
    return put((struct chat_message){ .room = "jobs", .key = "key" },
               &(struct chat_terms){ .replace = true });
}

static enum chat_status do_drop(void)
{
    return put((struct chat_message){ .room = "jobs" },
               &(struct chat_terms){ .max = 2, .drop = true });
}

static enum chat_status do_rollback(void)
{
    const struct chat_message m = { .room = "jobs", .user = "u", .host = "h", .key = "key" };
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK)
        status = chat_put(spool, &m, &(struct chat_terms){ .replace = true }, NULL);
    if (status == CHAT_OK)
        chat_rollback(spool);
    return status;
}

static enum chat_status do_claim(void)
{
    chat_batch *batch;
    enum chat_status status = claim_from(spool, "jobs", 2, &batch);
    if (status == CHAT_OK)
        chat_release(batch);
    return status;
}

static enum chat_status do_claim_last(void)
{
    chat_batch *batch;
    enum chat_status status = claim_from(spool, "other", 1, &batch);
    if (status == CHAT_OK)
        status = chat_keep(batch);
    return status;
}

static enum chat_status do_claim_none(void)
{
    chat_batch *batch;
    return claim_from(spool, "empty", 1, &batch);
}

static enum chat_status do_claim_id(void)
{
    const struct chat_query query = { .id = 3 };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    if (status == CHAT_OK)
        status = chat_keep(batch);
    return status;
}

static enum chat_status finish(const char *room, enum chat_status (*how)(chat_batch *batch))
{
    chat_batch *batch;
    enum chat_status status = claim_from(spool, room, 2, &batch);
    if (status != CHAT_OK)
        return status;
    status = how(batch);
    static char text[500];
    snprintf(text, sizeof text, "%s", chat_error(spool));
    chat_release(batch);
    return status;
}

static enum chat_status settle(chat_batch *batch)
{
    return chat_settle(batch, chat_batch_count(batch));
}

static enum chat_status hold(chat_batch *batch)
{
    return chat_fail(batch, &(struct chat_failure){ .counted = true, .status = 5, .hold = 7000 });
}

static enum chat_status bury(chat_batch *batch)
{
    return chat_fail(batch, &(struct chat_failure){ .counted = true, .dead = "dead" });
}

static enum chat_status move_first(chat_batch *batch)
{
    return chat_move_first(batch, "main");
}

static enum chat_status do_settle(void)
{
    return finish("jobs", settle);
}

static enum chat_status do_hold(void)
{
    return finish("jobs", hold);
}

static enum chat_status do_bury(void)
{
    return finish("jobs", bury);
}

static enum chat_status do_move(void)
{
    return finish("jobs", move_first);
}

static enum chat_status do_read(void)
{
    return finish("tea/bob", settle);
}

static enum chat_status do_new_reader(void)
{
    return finish("tea/eve", settle);
}

static enum chat_status do_reader_fails(void)
{
    return finish("tea/bob", hold);
}

static enum chat_status wait_for(const char *room, int64_t timeout)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1 };
    return chat_wait(spool, &query, timeout, NULL);
}

static enum chat_status do_wait(void)
{
    return wait_for("empty", 1000);
}

static enum chat_status do_wait_late(void)
{
    return wait_for("late", -1);
}

static enum chat_status do_wait_reader(void)
{
    return wait_for("tea/carol", 50);
}

static enum chat_status do_wait_room(void)
{
    return chat_wait_room(spool, "jobs", 2, 150, NULL);
}

static enum chat_status do_watch(void)
{
    enum chat_status status = chat_watch(spool, 0, NULL);
    return status == CHAT_OK ? chat_watch(spool, 20, NULL) : status;
}

static enum chat_status do_list(void)
{
    return list_rooms(spool);
}

/* The root directory has no name before its slash. */
static enum chat_status do_list_root(void)
{
    chat_spool *ours = spool;
    enum chat_status status = chat_open("/no-such-spool.db", &spool);
    if (status == CHAT_OK)
        status = do_list();
    chat_close(spool);
    spool = ours;
    return status;
}

static enum chat_status do_open_room(void)
{
    return chat_open_room(spool, "main", NULL);
}

static enum chat_status do_forget(void)
{
    return chat_forget(spool, "tea/bob");
}

static enum chat_status do_check(void)
{
    return chat_check(spool, false, NULL, NULL);
}

static enum chat_status do_repair(void)
{
    return chat_check(spool, true, NULL, NULL);
}

static enum chat_status do_compact(void)
{
    return chat_compact(spool, NULL, NULL, NULL);
}

static enum chat_status do_backup(void)
{
    return chat_backup(spool, copy_path, NULL, NULL);
}

static enum chat_status do_restore(void)
{
    return chat_restore(spool, copy_path, NULL, NULL);
}

static enum chat_status do_settings(void)
{
    return chat_set_settings(spool, &(struct chat_settings){ .max_length = 500, .room = "jobs" });
}

static enum chat_status do_skip(void)
{
    return chat_skip_ids(spool, 1000, NULL);
}

static enum chat_status do_share(void)
{
    return chat_create(spool, "ours");
}

static enum chat_status do_share_other(void)
{
    return chat_create(spool, "theirs");
}

static enum chat_status do_share_none(void)
{
    return chat_create(spool, "none");
}

/* --- with other processes, which are handles here ---------------------------- */

static chat_spool *other;
static chat_batch *claimed;

/* Do something without a record of it. */
static void other_claims(const char *room, size_t count)
{
    active = false;
    chat_close(other);
    other = open_spool(where);
    must(claim_from(other, room, count, &claimed), other, "claim");
    active = true;
}

static void other_sends(void)
{
    chat_close(other);
    other = open_spool(where);
    send_to(other, "jobs", "at last");
}

static void other_sends_elsewhere(void)
{
    chat_close(other);
    other = open_spool(where);
    send_to(other, "tea", "more");
}

static void other_settles(void)
{
    must(chat_settle(claimed, chat_batch_count(claimed)), other, "acknowledge");
}

static void other_releases(void)
{
    chat_release(claimed);
}

static void other_removes(void)
{
    unlink(where);
}

static enum chat_status do_wait_claimed(void)
{
    other_claims("jobs", 3);
    asleep = other_releases;
    return wait_for("jobs", 5000);
}

static enum chat_status do_wait_long(void)
{
    other_claims("jobs", 3);
    return wait_for("jobs", 2500);
}

static enum chat_status do_wait_sent(void)
{
    asleep = other_sends;
    return wait_for("jobs", -1);
}

static enum chat_status do_wait_writer(void)
{
    active = false;
    chat_close(other);
    other = open_spool(where);
    must(chat_begin(other), other, "begin");
    active = true;
    return wait_for("empty", -1);
}

static enum chat_status do_wait_removed(void)
{
    asleep = other_removes;
    return wait_for("empty", -1);
}

static enum chat_status do_wait_two(void)
{
    static const char *const two[] = { "empty", "tea/bob", "jobs" };
    const struct chat_query query = { .rooms = two, .room_count = 2 };
    struct pollfd fds[] = { { .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLOUT } };
    chat_set_descriptors(spool, fds, 2);
    enum chat_status status = chat_wait(spool, &query, 30, NULL);
    if (status == CHAT_OK)
        status = finish("tea/bob", settle);
    if (status == CHAT_OK)
        status = chat_wait(spool, &query, 30, NULL);
    chat_set_descriptors(spool, NULL, 0);
    return status;
}

static enum chat_status do_wait_space(void)
{
    other_claims("jobs", 2);
    asleep = other_settles;
    return chat_wait_room(spool, "jobs", 3, -1, NULL);
}

static enum chat_status do_wait_expiry(void)
{
    return chat_wait_room(spool, "main", 3, -1, NULL);
}

static enum chat_status do_watch_sent(void)
{
    enum chat_status status = chat_watch(spool, 0, NULL);
    asleep = other_sends_elsewhere;
    return status == CHAT_OK ? chat_watch(spool, -1, NULL) : status;
}

static enum chat_status do_claim_claimed(void)
{
    chat_batch *batch;
    other_claims("jobs", 1);
    enum chat_status status = claim_from(spool, "jobs", 9, &batch);
    if (status == CHAT_OK)
        status = chat_settle(batch, 1);
    chat_release(batch);
    return status;
}

static enum chat_status do_claim_id_claimed(void)
{
    const struct chat_query query = { .id = 1 };
    chat_batch *batch;
    other_claims("jobs", 1);
    return chat_claim(spool, &query, &batch);
}

static enum chat_status do_replace_claimed(void)
{
    other_claims("jobs", 3);
    return do_replace();
}

static enum chat_status do_drop_claimed(void)
{
    other_claims("jobs", 1);
    return do_drop();
}

/* Keep claims in another order than they come, and meet them again. */
static enum chat_status do_keep(void)
{
    static const int64_t ids[] = { 5, 2, 7, 1, 4 };
    chat_batch *batch;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct chat_query query = { .id = ids[i] };
        enum chat_status status = chat_claim(spool, &query, &batch);
        if (status == CHAT_OK && i != 2)
            status = chat_keep(batch);
        if (status != CHAT_OK)
            return status;
    }
    for (int64_t id = 1; id <= 8; id++) {
        const struct chat_query query = { .id = id };
        enum chat_status status = chat_claim(spool, &query, &batch);
        if (tracing)
            printf("    %lld: %s\n", (long long)id, chat_status_string(status));
    }
    enum chat_status status = do_replace();
    return status == CHAT_OK ? do_drop() : status;
}

/* --- large, or on a full disk ----------------------------------------------- */

enum { BODY = 200000 }; /* some 50 pages */

static enum chat_status send_large(size_t length)
{
    static char body[5000000];
    return put((struct chat_message){ .room = "large", .body = body, .length = length }, NULL);
}

static enum chat_status do_fill_wal(void)
{
    active = false;
    for (int i = 0; i < 4; i++)
        must(send_large(BODY), spool, "send");
    active = true;
    return send_large(BODY);
}

static enum chat_status do_send_huge(void)
{
    return send_large(4000000);
}

static enum chat_status do_roll_back_huge(void)
{
    static char body[10000000];
    const struct chat_message m = {
        .room = "large", .user = "u", .host = "h", .body = body, .length = sizeof body
    };
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK)
        status = chat_put(spool, &m, NULL, NULL);
    chat_rollback(spool);
    return status;
}

/* Commit although a message could not be put. */
static enum chat_status do_commit_anyway(void)
{
    static char body[10000000];
    const struct chat_message small = { .room = "large", .user = "u", .host = "h" };
    const struct chat_message huge = {
        .room = "large", .user = "u", .host = "h", .body = body, .length = sizeof body
    };
    enum chat_status status = chat_begin(spool);
    if (status == CHAT_OK)
        status = chat_put(spool, &small, NULL, NULL);
    if (status == CHAT_OK)
        status = chat_put(spool, &huge, NULL, NULL);
    if (tracing)
        printf("    put: %s\n", chat_status_string(status));
    return chat_commit(spool);
}

/* A reader is in the way of a checkpoint. */
static enum chat_status do_fill_wal_read(void)
{
    sqlite3 *db;
    active = false;
    sqlite3_open_v2(where, &db, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_exec(db, "BEGIN; SELECT * FROM room", NULL, NULL, NULL);
    for (int i = 0; i < 4; i++)
        must(send_large(BODY), spool, "send");
    active = true;
    enum chat_status status = send_large(BODY);
    if (status == CHAT_OK)
        status = send_large(100);
    active = false;
    sqlite3_close(db);
    active = true;
    return status == CHAT_OK ? send_large(100) : status;
}

static enum chat_status do_empty_large(void)
{
    active = false;
    for (int i = 0; i < 12; i++)
        must(send_large(BODY), spool, "send");
    active = true;
    return finish("large", settle);
}

static enum chat_status send_to_rooms(int count)
{
    enum chat_status status = chat_begin(spool);
    for (int i = 0; i < count && status == CHAT_OK; i++) {
        char name[20];
        snprintf(name, sizeof name, "r%d", i);
        const struct chat_message m = { .room = i == count - 1 ? "jobs" : name,
                                        .user = "u",
                                        .host = "h" };
        status = chat_put(spool, &m, NULL, NULL);
    }
    return status == CHAT_OK ? chat_commit(spool) : status;
}

static enum chat_status do_64_rooms(void)
{
    const bool was = tracing;
    tracing = false; /* which bells rang shows enough */
    enum chat_status status = send_to_rooms(64);
    tracing = was;
    return status;
}

static enum chat_status do_65_rooms(void)
{
    return send_to_rooms(65);
}

/* Wait twice. The last file that is watched the first time has the number LAST. */
static enum chat_status wait_after(int last)
{
    watched_before = last - 4;
    enum chat_status status = wait_for("empty", 150);
    if (status == CHAT_NONE)
        status = wait_for("empty", 150);
    watched_before = 0;
    return status;
}

static enum chat_status do_watch_1023(void)
{
    return wait_after(1023);
}

static enum chat_status do_watch_1024(void)
{
    return wait_after(1024);
}

static void print_finding(void *context, const char *text)
{
    const char *directory = strstr(text, base);
    (void)context;
    if (directory != NULL)
        printf("    %.*s%s\n", (int)(directory - text), text, directory + strlen(base) + 1);
    else
        printf("    %s\n", text);
}

/* Check, and repair, files that others can read. */
static enum chat_status do_repair_modes(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-lock", "-reserve" };
    char path[2200];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s%s", where, suffixes[i]);
        __real_chmod(path, 0644);
    }
    chat_check(spool, false, print_finding, NULL);
    enum chat_status status = chat_check(spool, true, print_finding, NULL);
    for (size_t i = 0; i < 5; i++) {
        struct stat64 st = { .st_mode = 0 };
        snprintf(path, sizeof path, "%s%s", where, suffixes[i]);
        __real_fstatat64(AT_FDCWD, path, &st, 0);
        printf("    %s: %o\n", suffixes[i], st.st_mode);
    }
    return status;
}

/* --- the runs --------------------------------------------------------------- */

static void remove_all(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        unlink(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char name[4096];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        remove_all(name);
    }
    closedir(entries);
    rmdir(path);
}

enum { TEMPLATE_MOST = 1 << 20 };
static char template[TEMPLATE_MOST];
static ssize_t template_size;

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, template, (size_t)template_size) != template_size)
        exit(1);
    close(fd);
}

/* Remember a spool as one file. */
static void make_template(void)
{
    sqlite3 *db;
    spool = open_spool(where);
    for (int i = 0; i < 2; i++) {
        send_to(spool, "jobs", i == 0 ? "one" : "two");
        send_to(spool, "main", "hello");
        send_to(spool, "tea", "cup");
    }
    must(put((struct chat_message){ .room = "jobs", .key = "key" }, NULL), spool, "put");
    must(put((struct chat_message){ .room = "late", .due = now + 5000 }, NULL), spool, "put");
    must(put((struct chat_message){ .room = "main", .expires = now + 5000 }, NULL), spool, "put");
    must(chat_open_room(spool, "tea", NULL), spool, "open");
    must(chat_seek(spool, "tea/bob", NULL), spool, "seek");
    must(chat_seek(spool, "tea/carol", &(struct chat_point){ .kind = CHAT_POINT_END }), spool,
         "seek");
    chat_close(spool);
    sqlite3_open(where, &db);
    sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_close(db);
    int fd = open(where, O_RDONLY);
    template_size = read(fd, template, sizeof template);
    close(fd);
}

/* Begin with a directory that has what an operation needs: no spool, a spool as one file, or one in
 * use. */
enum start { NOTHING, EMPTY, ONE_FILE, USED, IN_USE, LISTENING };

static int listeners[6];
static const char *const listened[6] = { "s.db-bell/jobs", "s.db-gone/jobs", "s.db-bell/tea",
                                         "s.db-bell/.all", "s.db-gone/.all", "s.db-bell/main" };

static void start_with(enum start start)
{
    char directory[2100];
    hint = 0;
    now = INT64_C(1600000000000);
    snprintf(directory, sizeof directory, "%s/d", base);
    remove_all(directory);
    if (start == NOTHING)
        return;
    mkdir(directory, 0700);
    if (start == EMPTY)
        return;
    write_file(where);
    write_file(copy_path);
    if (start == ONE_FILE)
        return;
    spool = open_spool(where);
    send_to(spool, "other", "in the WAL");
    if (start == LISTENING) {
        char path[2200];
        for (size_t i = 0; i < 6; i++) {
            snprintf(path, sizeof path, "%s/d/s.db-%s", base, i % 2 == 0 ? "bell" : "gone");
            mkdir(path, 0700);
        }
        for (size_t i = 0; i < 6; i++) {
            snprintf(path, sizeof path, "%s/d/%s", base, listened[i]);
            mkfifo(path, 0600);
            listeners[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        }
        static const char *const idle[] = { "bell/idle", "bell/old", "gone/idle" };
        for (size_t i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "%s/d/s.db-%s", base, idle[i]);
            mkfifo(path, 0600);
        }
        snprintf(path, sizeof path, "%s/d/s.db-bell/file", base);
        close(open(path, O_WRONLY | O_CREAT, 0600));
    }
    chat_close(spool);
}

/* Print which bells have rung. */
static void heard(enum start start, char text[200])
{
    strcpy(text, start == LISTENING ? "; rang" : "");
    for (size_t i = 0; i < 6 && start == LISTENING; i++) {
        char bytes[100];
        ssize_t count = read(listeners[i], bytes, sizeof bytes);
        if (count > 0)
            snprintf(text + strlen(text), 60, " %s", listened[i] + 5);
        close(listeners[i]);
    }
}

static int descriptors(void)
{
    int count = 0;
    DIR *entries = opendir("/proc/self/fd");
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count;
}

/* Write what the spool holds. */
static void contents(char text[600])
{
    struct chat_room *list;
    struct chat_settings settings;
    size_t count;
    text[0] = '\0';
    spool = open_spool(where);
    enum chat_status status = chat_list(spool, &list, &count);
    if (status != CHAT_OK) {
        snprintf(text, 600, "%s", status == CHAT_NONE ? "no spool" : chat_error(spool));
        chat_close(spool);
        return;
    }
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), 300, "%s %lld/%lld ", list[i].name, (long long)list[i].depth,
                 (long long)list[i].bytes);
    free(list);
    must(chat_settings(spool, &settings), spool, "settings");
    snprintf(text + strlen(text), 50, "next %lld", (long long)settings.next_id);
    if (chat_check(spool, false, NULL, NULL) != CHAT_OK)
        strcat(text, " NOT SOUND");
    chat_close(spool);
}

struct operation {
    const char *name;
    enum start start;
    enum chat_status (*run)(void);
    enum condition condition;
    const char *failing; /* only in the trace: this call fails with ERRNUM */
    int errnum, time;
    bool large; /* a disk that dies is tried, too */
};

static void describe(enum chat_status status, char *text, size_t size)
{
    const char *reason = status > CHAT_INTERRUPTED ? chat_error(spool) : "", *directory;
    snprintf(text, size, "%s%s", chat_status_string(status), status > CHAT_INTERRUPTED ? ": " : "");
    for (; (directory = strstr(reason, base)) != NULL; reason = directory + strlen(base) + 1)
        snprintf(text + strlen(text), size - strlen(text), "%.*s", (int)(directory - reason),
                 reason);
    snprintf(text + strlen(text), size - strlen(text), "%s", reason);
}

/* Run an operation, in which call N fails with an errno; then again, with the same handle. */
static void run(const struct operation *o, int n, int errnum, char line[2000])
{
    static char sound[800];
    char first[600], again[600], left[800], bells[200];
    start_with(o->start);
    const int before = descriptors();
    condition = o->condition;
    reserve_given = false;
    calls = 0;
    failing = n;
    failing_with = errnum;
    active = o->start < IN_USE; /* else the handle is connected already */
    enum chat_status status = chat_open(where, &spool);
    if (!active)
        must(chat_settings(spool, &(struct chat_settings){ .next_id = 0 }), spool, "settings");
    active = true;
    if (status == CHAT_OK)
        status = o->run();
    failing = 0;
    describe(status, first, sizeof first);
    chat_rollback(spool);
    asleep = NULL;
    const int needed = calls;
    strcpy(again, "");
    if (n != 0 && status > CHAT_INTERRUPTED) {
        chat_rollback(spool);
        if (tracing)
            printf("  again:\n");
        describe(o->run(), again, sizeof again);
        chat_rollback(spool);
    }
    chat_close(spool);
    active = false;
    condition = NORMAL;
    chat_close(other);
    other = NULL;
    calls = needed;
    const int after = descriptors();
    contents(left);
    heard(o->start, bells);
    strcat(left, bells);
    snprintf(line, 2000, "%s%s%s", first, again[0] != '\0' ? "; again " : "", again);
    if (n == 0 || strcmp(left, sound) != 0) /* else it is as without a failure */
        snprintf(line + strlen(line), 2000 - strlen(line), "; %s", left);
    if (after != before)
        strcat(line, "; A DESCRIPTOR IS OPEN");
    if (n == 0)
        strcpy(sound, left);
}

/* Return what the call number K fails with in round I, or 0. */
static int error_of(const char *call, int i)
{
    static const struct {
        const char *call;
        int errors[5];
    } table[] = {
        { "open ", { EIO, ENOENT, ELOOP, EACCES, EEXIST } },
        { "statx ", { EIO, ENOSYS, EPERM, ENOENT } },
        { "fstatvfs ", { EIO, NO_SPACE } },
        { "read ", { EIO, SHORT } },
        { "pread d/s.db-lock", { EIO, SHORT } },
        { "pread d/s.db-wal", { EIO, SHORT } },
        { "write ", { ENOSPC, EINTR, SHORT } },
        { "lock ", { ENOLCK, EAGAIN, EACCES } },
        { "share ", { ENOLCK } },
        { "fchmod ", { EPERM, EBADF } },
        { "mkdir ", { EACCES, EEXIST } },
        { "mkfifo ", { EACCES, EEXIST } },
        { "rename2 ", { EEXIST, EINVAL } },
        { "sleep ", { EINTR, EINVAL } },
        { "inotify ", { EMFILE } },
        { "watch ", { ENOSPC } },
        { "sqlite write ", { EIO, ENOSPC } },
        { "close ", { 0 } },
        { "unlock ", { 0 } },
        { "closedir ", { 0 } },
        { "sqlite close ", { 0 } },
    };
    if (dying)
        return i == 0 && is_disk(call) ? EIO : 0;
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
        if (strncmp(call, table[k].call, strlen(table[k].call)) == 0)
            return i < 5 ? table[k].errors[i] : 0;
    return i == 0 ? EIO : 0;
}

static const char *error_name(int errnum)
{
    return errnum == SHORT ? "short" : errnum == NO_SPACE ? "full" : strerrorname_np(errnum);
}

/* Return whether ERRNUM was tried for this call in an earlier operation; the first errno of a call
 * is always tried. */
static bool was_tried(const char *call, int i, int errnum)
{
    static struct {
        char call[100];
        int errnum;
    } tried[500];
    static size_t count;
    if (i == 0)
        return false;
    for (size_t k = 0; k < count; k++)
        if (tried[k].errnum == errnum && strcmp(tried[k].call, call) == 0)
            return true;
    if (count < 500) {
        strcpy(tried[count].call, call);
        tried[count++].errnum = errnum;
    }
    return false;
}

static void each_fails(const struct operation *o)
{
    static char kept[MOST][100], lines[500][2400];
    char sound[2000];
    size_t seen = 0;
    run(o, 0, 0, sound);
    printf("%s: %s\n", o->name, sound);
    const int count = calls;
    memcpy(kept, names, sizeof kept);
    for (int n = 1; n <= count; n++) {
        const char *call = kept[n - 1];
        char found[5][2000], errors[5][100] = { "" };
        int results = 0, r;
        /* How often SQLite reads and writes depends on its version: take the first and the last
         * time. */
        char verb[20];
        snprintf(verb, sizeof verb, "%.*s", (int)strcspn(call, " "), call);
        const bool lite = strncmp(call, "sqlite r", 8) == 0 || strncmp(call, "sqlite w", 8) == 0 ||
                          is_scratch(verb, call) || strncmp(call, "pread d/s.db-wal", 16) == 0;
        bool first = true, last = true;
        for (int k = 1; k <= count && lite; k++)
            if (k != n && strcmp(kept[k - 1], call) == 0)
                *(k < n ? &first : &last) = false;
        char time[20] = "";
        int before = 1;
        for (int k = 1; k < n; k++)
            before += strcmp(kept[k - 1], call) == 0;
        if (lite)
            snprintf(time, sizeof time, "%s", first && last ? "" : first ? " (first)" : " (last)");
        else if (before > 3) /* three times are enough */
            continue;
        else if (before > 1)
            snprintf(time, sizeof time, " (%d)", before);
        for (int i = 0, errnum; (first || last) && (errnum = error_of(call, i)) != 0; i++) {
            if (was_tried(call, i, errnum))
                continue;
            run(o, n, errnum, found[results]);
            if (strncmp(sound, found[results], strlen(found[results])) == 0)
                continue;
            for (r = 0; strcmp(found[r], found[results]) != 0;)
                r++;
            snprintf(errors[r] + strlen(errors[r]), 20, " %s", error_name(errnum));
            results += r == results;
        }
        for (r = 0; r < results; r++) {
            char shown[2400];
            bool new = true;
            snprintf(shown, sizeof shown, "%s%s%s: %s", call, time, errors[r], found[r]);
            for (size_t k = 0; k < seen && new; k++)
                new = strcmp(lines[k], shown) != 0;
            if (new &&seen < 500)
                strcpy(lines[seen++], shown);
            if (new)
                printf("    %s\n", shown);
        }
    }
}

static const struct operation operations[] = {
    { "create and send", NOTHING, do_send },
    { "share", NOTHING, do_share },
    { "share with another group", NOTHING, do_share_other },
    { "share with no group", NOTHING, do_share_none },
    { "share a used directory", ONE_FILE, do_share },
    { "open one file and send", ONE_FILE, do_send },
    { "open and send", USED, do_send },
    { "send", LISTENING, do_send },
    { "send much", IN_USE, do_send_much },
    { "send once", LISTENING, do_once },
    { "replace", LISTENING, do_replace },
    { "drop", LISTENING, do_drop },
    { "roll back", LISTENING, do_rollback },
    { "claim and release", LISTENING, do_claim },
    { "claim nothing", IN_USE, do_claim_none },
    { "claim an id", IN_USE, do_claim_id },
    { "acknowledge", LISTENING, do_settle },
    { "hold back", LISTENING, do_hold },
    { "to dead", LISTENING, do_bury },
    { "move first", LISTENING, do_move },
    { "read", LISTENING, do_read },
    { "be a new reader", IN_USE, do_new_reader },
    { "fail as a reader", LISTENING, do_reader_fails },
    { "wait", IN_USE, do_wait },
    { "wait for a delayed message", IN_USE, do_wait_late },
    { "wait as a reader", IN_USE, do_wait_reader },
    { "wait for space", IN_USE, do_wait_room },
    { "wait without a spool", EMPTY, do_wait },
    { "claim beside another receiver", IN_USE, do_claim_claimed },
    { "claim a claimed id", IN_USE, do_claim_id_claimed },
    { "watch", IN_USE, do_watch },
    { "list", IN_USE, do_list },
    { "open a room", LISTENING, do_open_room },
    { "forget", LISTENING, do_forget },
    { "settings", IN_USE, do_settings },
    { "skip ids", IN_USE, do_skip },
    { "check", IN_USE, do_check },
    { "repair", IN_USE, do_repair },
    { "compact", LISTENING, do_compact },
    { "back up", IN_USE, do_backup },
    { "restore", LISTENING, do_restore },
    { "claim on a full disk", IN_USE, do_claim, FULL },
    { "acknowledge on a full disk", IN_USE, do_settle, FULL },
    { "hold back on a full disk", IN_USE, do_hold, FULL },
    { "send on a full disk", IN_USE, do_send, FULL },
    { "open and claim on a full disk", ONE_FILE, do_claim, FULL },
    { "list without write access", USED, do_list, READ_ONLY },
    { "list one file without write access", ONE_FILE, do_list, READ_ONLY },
    { "claim without write access", USED, do_claim, READ_ONLY },
};

/* Longer operations, and those with a failure of their own: only a record of the calls. */
static const struct operation others[] = {
    { "open and claim", USED, do_claim },
    { "list in the root directory", IN_USE, do_list_root },
    { "send to two rooms", LISTENING, do_send_two_rooms },
    { "wait for a claimed message", IN_USE, do_wait_claimed },
    { "replace a claimed message", LISTENING, do_replace_claimed },
    { "drop beside a claimed message", LISTENING, do_drop_claimed },
    { "compact on a full disk", IN_USE, do_compact, FULL },
    { "send without write access", USED, do_send, READ_ONLY },
    { "wait without write access", USED, do_wait, READ_ONLY },
    { "check without write access", USED, do_check, READ_ONLY },
    { "back up without write access", USED, do_backup, READ_ONLY },
    { "wait long for a claimed message", IN_USE, do_wait_long },
    { "wait for what is sent", IN_USE, do_wait_sent },
    { "wait while another process writes", IN_USE, do_wait_writer },
    { "wait until the spool is removed", IN_USE, do_wait_removed },
    { "wait with two rooms and descriptors", IN_USE, do_wait_two },
    { "wait for space that comes", IN_USE, do_wait_space },
    { "wait for space that expires", IN_USE, do_wait_expiry },
    { "watch what is sent", IN_USE, do_watch_sent },
    { "keep claims", IN_USE, do_keep },
    { "claim the last message", IN_USE, do_claim_last },
    { "send to 64 rooms", LISTENING, do_64_rooms },
    { "send to 65 rooms", LISTENING, do_65_rooms },
    { "watch 1023 files", IN_USE, do_watch_1023 },
    { "watch 1024 files", IN_USE, do_watch_1024 },
    { "repair modes", LISTENING, do_repair_modes },
    { "fill the WAL", IN_USE, do_fill_wal, .large = true },
    { "fill the WAL beside a reader", IN_USE, do_fill_wal_read, .large = true },
    { "send a huge message", IN_USE, do_send_huge, .large = true },
    { "roll back a huge message", IN_USE, do_roll_back_huge, .large = true },
    { "acknowledge a large message", IN_USE, do_empty_large, .large = true },
    { "a sync fails", LISTENING, do_send, NORMAL, "sqlite sync d/s.db-wal", EIO, 1 },
    { "the sync of a new WAL fails", ONE_FILE, do_send, NORMAL, "sqlite sync d/s.db-wal", EIO, 1 },
    { "the sync of a message in a new WAL fails", ONE_FILE, do_send, NORMAL,
      "sqlite sync d/s.db-wal", EIO, 2 },
    { "the sync of a deletion fails", LISTENING, do_settle, NORMAL, "sqlite sync d/s.db-wal", EIO,
      1 },
    { "the sync of a full WAL fails", IN_USE, do_fill_wal, NORMAL, "sqlite sync d/s.db-wal", EIO,
      1 },
    { "the sync of the spool fails", IN_USE, do_fill_wal, NORMAL, "sqlite sync d/s.db", EIO, 1 },
    { "the first write fails", LISTENING, do_send_much, NORMAL, "sqlite write d/s.db-wal", ENOSPC,
      1 },
    { "a write for a huge message fails", IN_USE, do_send_huge, NORMAL, "sqlite write d/s.db-wal",
      ENOSPC, 1000 },
    { "a put fails, and a commit follows", IN_USE, do_commit_anyway, NORMAL,
      "sqlite write d/s.db-wal", ENOSPC, 1 },
    { "send with an empty WAL", ONE_FILE, do_send_empty_wal },
    { "the second lock fails", LISTENING, do_settle, NORMAL, "lock d/s.db-lock: write lock", ENOLCK,
      1 },
    { "a bell is full", LISTENING, do_send, NORMAL, "write d/s.db-bell/jobs", EAGAIN, 1 },
    { "a bell is full, and a signal waits", LISTENING, do_send_with_signal, NORMAL,
      "write d/s.db-bell/jobs", EAGAIN, 1 },
    { "a listener leaves", LISTENING, do_send, NORMAL, "write d/s.db-bell/jobs", EPIPE, 1 },
};

/* --- files that are not safe ------------------------------------------------ */

static const char *evil_file; /* below the directory */

static const char *evil_path(void)
{
    static char path[2200];
    snprintf(path, sizeof path, "%s/%s", base, evil_file);
    return path;
}

static void be_link(void)
{
    char moved[2300];
    snprintf(moved, sizeof moved, "%s/elsewhere", base);
    remove_all(moved);
    rename(evil_path(), moved);
    (void)!symlink(moved, evil_path());
}

static void be_directory(void)
{
    remove_all(evil_path());
    mkdir(evil_path(), 0700);
}

static void be_fifo(void)
{
    remove_all(evil_path());
    mkfifo(evil_path(), 0600);
}

static void be_file(void)
{
    remove_all(evil_path());
    close(open(evil_path(), O_WRONLY | O_CREAT, 0600));
}

static void be_gone(void)
{
    remove_all(evil_path());
}

static void be_hard_link(void)
{
    char more[2300];
    snprintf(more, sizeof more, "%s/elsewhere", base);
    unlink(more);
    (void)!link(evil_path(), more);
}

static void add_mode(mode_t mode)
{
    struct stat64 st;
    if (__real_fstatat64(AT_FDCWD, evil_path(), &st, 0) == 0)
        __real_chmod(evil_path(), (st.st_mode & 07777) | mode);
}

static void be_for_group(void)
{
    add_mode(0020);
}

static void be_for_all(void)
{
    add_mode(0002);
}

static void be_closed(void)
{
    __real_chmod(evil_path(), 0);
}

static void be_sticky(void)
{
    add_mode(01022);
}

static void be_strange(void)
{
    stranger = evil_file;
    strange_user = STRANGER;
}

static void be_of_root(void)
{
    stranger = evil_file;
    strange_user = 0;
}

static void be_of_another_group(void)
{
    stranger = evil_file;
    strange_group = true;
}

/* Change a file that may not be writable. */
static void be_changed(const char *text)
{
    struct stat64 st;
    if (__real_fstatat64(AT_FDCWD, evil_path(), &st, 0) < 0 || !S_ISREG(st.st_mode))
        return;
    __real_chmod(evil_path(), 0600);
    int fd = open(evil_path(), O_WRONLY);
    if (text != NULL)
        (void)!write(fd, text, strlen(text));
    else
        (void)!ftruncate(fd, 12);
    close(fd);
    __real_chmod(evil_path(), st.st_mode & 07777);
}

static void be_without_end(void)
{
    be_changed(NULL);
}

static void be_other_text(void)
{
    be_changed("chat-spool init --Group");
}

static const struct {
    const char *name;
    void (*make)(void);
} evils[] = {
    { "a link", be_link },
    { "a directory", be_directory },
    { "a FIFO", be_fifo },
    { "a file", be_file },
    { "gone", be_gone },
    { "with another name", be_hard_link },
    { "writable for a group", be_for_group },
    { "writable for all", be_for_all },
    { "closed", be_closed },
    { "sticky", be_sticky },
    { "a stranger's", be_strange },
    { "root's", be_of_root },
    { "of another group", be_of_another_group },
    { "cut", be_without_end },
    { "another text", be_other_text },
};

/* Make a spool in which everything exists; with SHARED, one of a group. */
static void start_whole(bool shared)
{
    start_with(NOTHING);
    spool = open_spool(where);
    if (shared) {
        active = true; /* with the groups of this program */
        must(chat_create(spool, "ours"), spool, "create");
        active = false;
    }
    send_to(spool, "jobs", "one");
    must(chat_wait_room(spool, "jobs", 1, 0, NULL) == CHAT_NONE ? CHAT_OK : CHAT_IO, spool, "wait");
    chat_batch *batch;
    must(claim_from(spool, "jobs", 1, &batch), spool, "claim");
    must(wait_for("jobs", 0) == CHAT_NONE ? CHAT_OK : CHAT_IO, spool, "wait");
    chat_release(batch);
    chat_close(spool);
}

static unsigned evil_mode(void)
{
    struct stat64 st = { .st_mode = 0 };
    __real_fstatat64(AT_FDCWD, evil_path(), &st, AT_SYMLINK_NOFOLLOW);
    return st.st_mode;
}

static void each_evil(bool shared)
{
    static const struct {
        const char *file, *runs;
    } evil_files[] = {
        { "d", "sw" },           { "d/s.db", "s" },           { "d/s.db-wal", "s" },
        { "d/s.db-shm", "s" },   { "d/s.db-lock", "sw" },     { "d/s.db-reserve", "s" },
        { "d/s.db-bell", "w" },  { "d/s.db-gone", "r" },      { "d/s.db-gone/jobs", "r" },
        { "d/s.db-group", "s" }, { "d/s.db-bell/.all", "w" },
    };
    static const struct {
        const char *name;
        enum chat_status (*run)(void);
    } runs[] = { { "send", do_send }, { "wait", do_wait }, { "room", do_wait_room } };
    for (size_t f = 0; f < sizeof evil_files / sizeof evil_files[0]; f++)
        for (size_t e = 0; e < sizeof evils / sizeof evils[0]; e++) {
            char line[2000], before[2000] = "";
            evil_file = evil_files[f].file;
            for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
                /* SQLite opens some files itself, and root can open all. */
                const bool own =
                    strlen(evil_file) > strlen("d/s.db") && strstr(evil_file, "-shm") == NULL;
                if (strchr(evil_files[f].runs, runs[r].name[0]) == NULL ||
                    (evils[e].make == be_closed && !own))
                    continue;
                stranger = NULL;
                strange_group = false;
                start_whole(shared);
                evils[e].make();
                const unsigned mode = evil_mode();
                const int open_before = descriptors();
                active = true;
                enum chat_status status = chat_open(where, &spool);
                if (status == CHAT_OK)
                    status = runs[r].run();
                describe(status, line, sizeof line);
                chat_close(spool);
                active = false;
                if (evil_mode() != mode)
                    snprintf(line + strlen(line), 50, "; mode %o", evil_mode());
                if (descriptors() != open_before)
                    strcat(line, "; A DESCRIPTOR IS OPEN");
                if (strcmp(line, before) != 0 && strchr(line, ' ') != NULL &&
                    strcmp(line, "no such message") != 0)
                    printf("%s %s: %s: %s\n", evil_file, evils[e].name, runs[r].name, line);
                strcpy(before, line);
            }
            stranger = NULL;
        }
}

static void record(const struct operation *o)
{
    char line[2000];
    printf("%s:\n", o->name);
    tracing = true;
    failing_call = o->failing;
    skipped = 0;
    run(o, o->failing != NULL ? -o->time : 0, o->errnum, line);
    tracing = false;
    printf("  %s\n", line);
}

/* A path has a limit. */
static void long_paths(void)
{
    for (int length = 499; length <= 501; length++) {
        char path[600];
        snprintf(path, sizeof path, "/%s/", "nowhere");
        for (int i = (int)strlen(path); i < length; i++)
            path[i] = i % 100 == 0 && i < length - 1 ? '/' : 'x';
        path[length] = '\0';
        enum chat_status status = chat_open(path, &spool);
        if (status == CHAT_OK)
            status = do_list();
        printf("a path of %d bytes: %s\n", length, chat_status_string(status));
        chat_close(spool);
    }
}

int main(int argc, char **argv)

{
    if (argc != 3)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    snprintf(base, sizeof base, "%s", argv[1]);
    snprintf(where, sizeof where, "%s/d/s.db", base);
    snprintf(copy_path, sizeof copy_path, "%s/d/copy.db", base);
    be_below();
    if (strcmp(argv[2], "unsafe") == 0) {
        long_paths();
        each_evil(false);
        printf("--- of a group\n");
        each_evil(true);
        return 0;
    }
    start_with(EMPTY);
    make_template();
    dying = strcmp(argv[2], "die") == 0;
    const bool trace = strcmp(argv[2], "trace") == 0;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        (trace ? record : each_fails)(&operations[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (trace)
            record(&others[i]);
        else if (dying && others[i].large)
            each_fails(&others[i]);
    return 0;
}
