/* corrupt.c - damage a file in many ways, one after the other, and judge how a command reacts.
 *
 * corrupt [OPTION ...] HOW STEP FILE RIGHT COMMAND [ARG ...]
 *
 * HOW is flip (a bit), cut (truncate), swap (two pages), copy (one page over another) or wipe (a
 * page of zeros); every STEP-th bit, length in bytes, or pair of pages is damaged. For each, all
 * files in the directory of FILE are restored, FILE is damaged, and COMMAND is run. Each line that
 * it prints must be a line of the file RIGHT, once, and in order (a line that is late counts as
 * hidden, but with -w it is wrong). Its exit status must be one of those allowed, without a signal
 * and within the limits of time and memory. Lines on standard error must begin with "chat-".
 *
 * -f N        the first bit, length or pair
 * -k          keep the inodes of the files: the kernel's state of a file survives the damage
 * -m MB -t SECONDS -s STATUSES    the limits (default: any memory, 10, "0 1 65")
 * -u N        the size of a page (default 4096), -o N the offset of the first page
 * -x          the lines may come in any order
 * -w          with status 0 no line may be missing, unless standard error reports it
 *
 * Prints one line of counts. The first 20 wrong cases are printed on standard error, and make the
 * exit status 1. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { FILES = 16, STATUS_TIME = -1, TOLD = 20 };

struct file {
    char path[4096];
    unsigned char *bytes;
    size_t size;
};

struct lines {
    char *text; /* strings that end with NUL */
    char **line;
    size_t count;
};

static char directory[4000]; /* of FILE */
static struct file files[FILES];
static size_t file_count;
static struct file *victim;
static struct lines right;
static bool keep, whole, any_order;
static size_t page = 4096, first_page;
static long most_memory, patience = 10;
static const char *statuses = "0 1 65";
static int out, err; /* in memory: the command's output */

static struct {
    unsigned long tried, right, reported, hidden, wrong;
} counts;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(2);
}

/* --- files ------------------------------------------------------------------ */

static unsigned char *read_all(int fd, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        die("fstat");
    *size = (size_t)st.st_size;
    unsigned char *bytes = malloc(*size + 1);
    if (bytes == NULL || pread(fd, bytes, *size, 0) != (ssize_t)*size)
        die("read");
    bytes[*size] = '\0';
    return bytes;
}

static void remember(const char *name)
{
    struct stat st;
    if (file_count == FILES)
        die("too many files");
    struct file *file = &files[file_count];
    if (snprintf(file->path, sizeof file->path, "%s/%s", directory, name) >= (int)sizeof file->path)
        die("path");
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        die(file->path);
    if (S_ISREG(st.st_mode)) {
        file->bytes = read_all(fd, &file->size);
        file_count++;
    }
    close(fd);
}

static void remember_all(const char *path)
{
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        die("FILE has no directory");
    *slash = '\0';
    DIR *dir = opendir(directory);
    if (dir == NULL)
        die(directory);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_type != DT_DIR)
            remember(entry->d_name);
    closedir(dir);
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(strrchr(files[i].path, '/'), strrchr(path, '/')) == 0)
            victim = &files[i];
    if (victim == NULL)
        die("FILE");
}

/* The reserve is large, and either exists or not. */
static bool unchanged(const struct file *file)
{
    struct stat st;
    return strstr(file->path, "-reserve") != NULL && lstat(file->path, &st) == 0 &&
           (size_t)st.st_size == file->size;
}

static void lay(struct file *file, const unsigned char *bytes, size_t size)
{
    if (!keep)
        unlink(file->path);
    int fd = open(file->path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size) < 0)
        die(file->path);
    close(fd);
}

/* Delete files that did not exist at first. */
static void clear(void)
{
    DIR *dir = opendir(directory);
    if (dir == NULL)
        die(directory);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        bool known = entry->d_type == DT_DIR;
        for (size_t i = 0; i < file_count && !known; i++)
            known = strcmp(strrchr(files[i].path, '/') + 1, entry->d_name) == 0;
        if (!known)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

/* Restore all files except the victim. */
static void lay_others(void)
{
    clear();
    for (size_t i = 0; i < file_count; i++)
        if (&files[i] != victim && !unchanged(&files[i]))
            lay(&files[i], files[i].bytes, files[i].size);
}

/* --- damage ----------------------------------------------------------------- */

static size_t page_count(void)
{
    return victim->size > first_page ? (victim->size - first_page) / page : 0;
}

static size_t case_count(const char *how)
{
    size_t pages = page_count();
    if (strcmp(how, "flip") == 0)
        return victim->size * 8;
    if (strcmp(how, "cut") == 0)
        return victim->size;
    if (strcmp(how, "wipe") == 0)
        return pages;
    return pages * pages;
}

/* Change BYTES and return their size; return 0 and set *NONE if the case does not exist. */
static size_t damage(const char *how, size_t n, unsigned char *bytes, bool *none)
{
    size_t pages = page_count(), a = pages > 0 ? n / pages : 0, b = pages > 0 ? n % pages : 0;
    unsigned char *from = bytes + first_page + a * page, *to = bytes + first_page + b * page;
    *none = false;
    if (strcmp(how, "flip") == 0)
        bytes[n / 8] ^= (unsigned char)(1 << n % 8);
    else if (strcmp(how, "cut") == 0)
        return n;
    else if (strcmp(how, "wipe") == 0)
        memset(bytes + first_page + n * page, 0, page);
    else if (strcmp(how, "copy") == 0 && a != b)
        memcpy(to, from, page);
    else if (strcmp(how, "swap") == 0 && a < b)
        for (size_t i = 0; i < page; i++) {
            unsigned char byte = from[i];
            from[i] = to[i];
            to[i] = byte;
        }
    else
        *none = true;
    if (victim->size > 0 && memcmp(bytes, victim->bytes, victim->size) == 0)
        *none = true; /* the pages are the same */
    return victim->size;
}

/* --- the command ------------------------------------------------------------ */

struct result {
    int status; /* from waitpid(), or STATUS_TIME */
    long memory;
};

static void run(char **command, struct result *result)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t child;
    pid_t pid;
    struct rusage usage = { .ru_maxrss = 0 };
    if (ftruncate(out, 0) < 0 || ftruncate(err, 0) < 0)
        die("ftruncate");
    lseek(out, 0, SEEK_SET);
    lseek(err, 0, SEEK_SET);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawnattr_init(&attributes);
    sigemptyset(&child);
    posix_spawnattr_setsigmask(&attributes, &child);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    if (posix_spawnp(&pid, command[0], &actions, &attributes, command, environ) != 0)
        die(command[0]);
    sigaddset(&child, SIGCHLD);
    struct timespec most = { .tv_sec = patience };
    result->status = STATUS_TIME;
    if (sigtimedwait(&child, NULL, &most) < 0)
        kill(-pid, SIGKILL);
    else
        result->status = 0;
    int status;
    if (wait4(pid, &status, 0, &usage) != pid)
        die("wait4");
    if (result->status == 0)
        result->status = status;
    result->memory = usage.ru_maxrss / 1024;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
}

/* --- the verdict ------------------------------------------------------------ */

static void split(struct lines *lines, char *text)
{
    lines->text = text;
    lines->line = NULL;
    lines->count = 0;
    for (char *next; *text != '\0'; text = next) {
        char *end = strchrnul(text, '\n');
        next = end + (*end == '\n');
        *end = '\0';
        lines->line = realloc(lines->line, (lines->count + 1) * sizeof *lines->line);
        if (lines->line == NULL)
            die("realloc");
        lines->line[lines->count++] = text;
    }
}

static void forget(struct lines *lines)
{
    free(lines->line);
    free(lines->text);
}

static bool is_allowed(int status)
{
    char wanted[16];
    const char *found;
    int length = snprintf(wanted, sizeof wanted, "%d", status);
    for (const char *at = statuses; (found = strstr(at, wanted)) != NULL; at = found + length)
        if ((found == statuses || found[-1] == ' ') &&
            (found[length] == ' ' || found[length] == '\0'))
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Return whether all lines are right, and no line is printed twice, in any order. */
static bool only_late(const struct lines *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        size_t times = 0, at = 0;
        for (size_t j = 0; j < seen->count; j++)
            times += strcmp(seen->line[i], seen->line[j]) == 0;
        while (at < right.count && strcmp(right.line[at], seen->line[i]) != 0)
            at++;
        if (times > 1 || at == right.count)
            return false;
    }
    return true;
}

/* Return a line that is not right, or NULL. */
static const char *wrong_line(const struct lines *seen)
{
    size_t at = 0;
    for (size_t i = 0; i < seen->count; i++) {
        while (at < right.count && strcmp(right.line[at], seen->line[i]) != 0)
            at++;
        if (at++ >= right.count)
            return seen->line[i];
    }
    return NULL;
}

/* Return the problem, or NULL. */
static const char *judge(const struct result *result, const struct lines *seen,
                         const struct lines *said)
{
    static char text[512];
    int status = WEXITSTATUS(result->status);
    if (result->status == STATUS_TIME)
        return "it hung";
    if (!WIFEXITED(result->status)) {
        snprintf(text, sizeof text, "signal %d", WTERMSIG(result->status));
        return text;
    }
    const char *line = wrong_line(seen);
    const bool late = line != NULL && !whole && only_late(seen);
    if (late)
        line = NULL;
    snprintf(text, sizeof text, "status %d: %.300s", status,
             line != NULL      ? line
             : said->count > 0 ? said->line[0]
                               : "nothing said");
    if (line != NULL || !is_allowed(status))
        return text;
    for (size_t i = 0; i < said->count; i++)
        if (strncmp(said->line[i], "chat-", 5) != 0)
            return said->line[i];
    if (status == 65 && said->count == 0 && !whole)
        return "65, and nothing said";
    if (most_memory > 0 && result->memory > most_memory) {
        snprintf(text, sizeof text, "it took %ld MB", result->memory);
        return text;
    }
    if (late)
        counts.hidden++;
    else if (seen->count == right.count)
        counts.right++;
    else if (status == 65 || (said->count > 0 && status == 0))
        counts.reported++;
    else {
        counts.hidden++;
        if (whole)
            return "a message is missing, and nothing said";
    }
    return NULL;
}

static void try(const char *how, size_t n, char **command)
{
    bool none;
    struct result result;
    struct lines seen, said;
    size_t ignored;
    unsigned char *bytes = malloc(victim->size + 1);
    if (bytes == NULL)
        die("malloc");
    memcpy(bytes, victim->bytes, victim->size);
    size_t size = damage(how, n, bytes, &none);
    if (!none) {
        lay_others();
        lay(victim, bytes, size);
        run(command, &result);
        split(&seen, (char *)read_all(out, &ignored));
        if (any_order && seen.count > 1)
            qsort(seen.line, seen.count, sizeof *seen.line, compare);
        split(&said, (char *)read_all(err, &ignored));
        counts.tried++;
        const char *why = judge(&result, &seen, &said);
        if (why != NULL && counts.wrong++ < TOLD)
            fprintf(stderr, "%s %zu of %s: %s\n", how, n, strrchr(victim->path, '/') + 1, why);
        forget(&seen);
        forget(&said);
    }
    free(bytes);
}

int main(int count, char **words)
{
    size_t first = 0;
    int option;
    while ((option = getopt(count, words, "+f:km:o:s:t:u:wx")) >= 0)
        switch (option) {
        case 'f':
            first = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            keep = true;
            break;
        case 'm':
            most_memory = strtol(optarg, NULL, 10);
            break;
        case 'o':
            first_page = strtoul(optarg, NULL, 10);
            break;
        case 's':
            statuses = optarg;
            break;
        case 't':
            patience = strtol(optarg, NULL, 10);
            break;
        case 'u':
            page = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            whole = true;
            break;
        case 'x':
            any_order = true;
            break;
        default:
            return 2;
        }
    words += optind;
    if (count - optind < 5)
        return 2;
    const char *how = words[0];
    size_t step = strtoul(words[1], NULL, 10), ignored;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    out = memfd_create("out", MFD_CLOEXEC);
    err = memfd_create("err", MFD_CLOEXEC);
    remember_all(words[2]);
    int fd = open(words[3], O_RDONLY);
    if (fd < 0 || step == 0)
        die(words[3]);
    split(&right, (char *)read_all(fd, &ignored));
    close(fd);
    if (any_order && right.count > 1)
        qsort(right.line, right.count, sizeof *right.line, compare);
    size_t all = case_count(how);
    for (size_t n = first; n < all; n += step)
        try(how, n, words + 4);
    lay_others();
    lay(victim, victim->bytes, victim->size);
    printf("%s: %lu tried, %lu right, %lu reported, %lu hidden, %lu wrong\n", how, counts.tried,
           counts.right, counts.reported, counts.hidden, counts.wrong);
    return counts.wrong > 0;
}
