/* holder.c - which process holds a lock.
 *
 * For an open-file-description lock fcntl(F_OFD_GETLK) and /proc/locks report everything except
 * the process. But Linux shows the locks of each open file in /proc/PID/fdinfo/FD (proc(5)), to
 * users who may look into the process: its user, and root. So a process that holds a lock need
 * not record its id each time, for the rare day when a user asks. */

#include "holder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct search {
    struct stat file;
    struct range range;
    long long process; /* the process that is examined */
    void (*report)(void *context, int64_t process, struct range range);
    void *context;
};

enum { NUMBER = 24 }; /* the digits of one, and more */

#ifdef SYS_getdents64

/* The records of getdents64(2). (opendir() and related functions would be more symbols that the
 * loader looks up at each start of a program, and most programs never come here.) */
struct entry {
    uint64_t inode;
    int64_t next;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Return whether IS_IT returns true for a number that is a name in the directory. */
static bool any_number(const char *directory, bool (*is_it)(struct search *s, long long number),
                       struct search *s)
{
    _Alignas(struct entry) char entries[4096];
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool found = false;
    long size = 0;
    while (fd >= 0 && !found && (size = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
        for (long at = 0; !found && at < size;) {
            const struct entry *entry = (const void *)(entries + at);
            if (entry->name[0] >= '0' && entry->name[0] <= '9')
                found = is_it(s, strtoll(entry->name, NULL, 10));
            at += entry->length;
        }
    if (fd >= 0)
        close(fd);
    return found;
}

#else

static bool any_number(const char *directory, bool (*is_it)(struct search *s, long long number),
                       struct search *s)
{
    (void)directory, (void)is_it, (void)s;
    return false;
}

#endif

/* Read the beginning of a file; "" if it cannot be read. */
static void read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, size - 1) : 0;
    text[length > 0 ? length : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Return the next field of the line. */
static const char *next_field(const char *field)
{
    field += strcspn(field, " \t\n");
    return field + strspn(field, " \t");
}

/* Return whether the line describes a lock for writing, and store its bytes in *RANGE. In "lock: 1:
 * OFDLCK ADVISORY WRITE -1 fe:00:10961619 0 0" the process is -1, the file has that device and
 * number, and the last two numbers are the first byte and the last. */
static bool read_lock(const char *line, struct range *range)
{
    if (strncmp(line, "lock:", 5) != 0)
        return false;
    const char *mode = next_field(next_field(next_field(next_field(line))));
    const char *first = next_field(next_field(next_field(mode))), *last = next_field(first);
    range->first = strtoll(first, NULL, 10);
    range->last = strncmp(last, "EOF", 3) == 0 ? INT64_MAX : strtoll(last, NULL, 10);
    return strncmp(mode, "WRITE", 5) == 0;
}

static bool is_lock(const char *line, struct range range)
{
    struct range found;
    return read_lock(line, &found) && found.first <= range.last && found.last >= range.first;
}

static bool has_lock(const char *lines, struct range range)
{
    for (const char *line = lines; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (is_lock(line, range))
            return true;
    }
    return false;
}

static bool is_file(const struct search *s, long long fd)
{
    char path[sizeof "/proc//fd/" + 2 * (size_t)NUMBER];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", s->process, fd);
    return stat(path, &st) == 0 && st.st_dev == s->file.st_dev && st.st_ino == s->file.st_ino;
}

static bool is_descriptor(struct search *s, long long fd)
{
    char path[sizeof "/proc//fdinfo/" + 2 * (size_t)NUMBER], text[4096];
    snprintf(path, sizeof path, "/proc/%lld/fdinfo/%lld", s->process, fd);
    read_text(path, text, sizeof text);
    return has_lock(text, s->range) && is_file(s, fd);
}

/* Report the locks in the lines of TEXT. Returns the beginning of the last line, which may be
 * cut. */
static const char *report_lines(const struct search *s, const char *text)
{
    struct range range;
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        if (read_lock(text, &range))
            s->report(s->context, s->process, range);
    return text;
}

/* Report the locks of a descriptor; there may be thousands. Always returns false: continue. */
static bool report_descriptor(struct search *s, long long number)
{
    char path[sizeof "/proc//fdinfo/" + 2 * (size_t)NUMBER], text[4096];
    if (!is_file(s, number))
        return false;
    snprintf(path, sizeof path, "/proc/%lld/fdinfo/%lld", s->process, number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t kept = 0;
    ssize_t size;
    while (fd >= 0 && (size = read(fd, text + kept, sizeof text - 1 - kept)) > 0) {
        text[kept + (size_t)size] = '\0';
        const char *rest = report_lines(s, text);
        kept = strlen(rest);
        memmove(text, rest, kept);
    }
    if (fd >= 0)
        close(fd);
    return false;
}

static bool report_process(struct search *s, long long process)
{
    char path[sizeof "/proc//fd" + NUMBER];
    s->process = process;
    snprintf(path, sizeof path, "/proc/%lld/fd", process);
    return any_number(path, report_descriptor, s);
}

static bool is_process(struct search *s, long long process)
{
    char path[sizeof "/proc//fd" + NUMBER];
    s->process = process;
    snprintf(path, sizeof path, "/proc/%lld/fd", process);
    return any_number(path, is_descriptor, s);
}

/* Describe the process by its stat file, "1234 (chat-recv) S ...". The name of the command may
 * contain parentheses. */
static void describe(long long process, char text[HOLDER_TEXT])
{
    char path[sizeof "/proc//stat" + NUMBER], line[256];
    snprintf(path, sizeof path, "/proc/%lld/stat", process);
    read_text(path, line, sizeof line);
    const char *name = strchr(line, '('), *end = strrchr(line, ')');
    if (name == NULL || end == NULL) {
        snprintf(text, HOLDER_TEXT, "process %lld", process);
        return;
    }
    const bool stopped = strncmp(end, ") T", 3) == 0 || strncmp(end, ") t", 3) == 0;
    snprintf(text, HOLDER_TEXT, "process %lld %.*s%s", process, (int)(end + 1 - name), name,
             stopped ? ", which is stopped," : "");
}

bool holder_name(const struct stat *file, struct range range, char text[HOLDER_TEXT])
{
    struct search search = { .file = *file, .range = range };
    bool found = any_number("/proc", is_process, &search);
    snprintf(text, HOLDER_TEXT, "another process");
    if (found)
        describe(search.process, text);
    return found;
}

void holder_each(const struct stat *file,
                 void (*report)(void *context, int64_t process, struct range range), void *context)
{
    struct search search = { .file = *file, .report = report, .context = context };
    any_number("/proc", report_process, &search);
}

void holder_command(int64_t process, char *text, size_t size)
{
    char path[sizeof "/proc//comm" + NUMBER];
    snprintf(path, sizeof path, "/proc/%lld/comm", (long long)process);
    read_text(path, text, size);
    text[strcspn(text, "\n")] = '\0';
}
