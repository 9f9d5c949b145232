/* command.c - running COMMAND for one message or for several. */

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/format.h"
#include "common/where.h"

/* --- environment -----------------------------------------------------------
 *
 * COMMAND has a separate environment: this process has to keep the secrets in its own, to reconnect
 * when a connection is lost. */

enum variable { ROOM, ATTEMPT, READER, MISSED, ID, USER, HOST, TIME, KEY, COUNT, VARIABLES };

static const char *const names[VARIABLES] = {
    "CHAT_MESSAGE_ROOM", "CHAT_ATTEMPT", "CHAT_READER", "CHAT_MISSED", "CHAT_ID",
    "CHAT_USER",         "CHAT_HOST",    "CHAT_TIME",   "CHAT_KEY",    "CHAT_COUNT",
};

static char variables[VARIABLES][32 + CHAT_NAME_MAX]; /* the message's fields, as "NAME=value" */
static char **environment;                            /* for COMMAND; begins with these */
static const struct format *layout; /* the format of a batch; NULL: one message each */
static bool reading;                /* CHAT_READER and CHAT_MISSED */

/* Return whether COMMAND gets this variable: for a batch only the variables that all messages
 * share. */
static bool is_told(enum variable variable)
{
    if (variable == COUNT)
        return layout != NULL;
    if (variable == READER || variable == MISSED)
        return reading;
    return variable < ID || layout == NULL;
}

__attribute__((format(printf, 2, 3))) static void set(enum variable variable, const char *format,
                                                      ...)
{
    char *text = variables[variable];
    va_list arguments;
    int length = snprintf(text, sizeof variables[0], "%s=", names[variable]);
    va_start(arguments, format);
    vsnprintf(text + length, sizeof variables[0] - (size_t)length, format, arguments);
    va_end(arguments);
}

static void set_environment(const chat_batch *batch)
{
    const struct chat_message *m = chat_batch_message(batch, 0);
    char iso[FORMAT_TIME];
    set(COUNT, "%zu", chat_batch_count(batch));
    set(ID, "%lld", (long long)m->id);
    set(ROOM, "%s", m->room);
    set(USER, "%s", m->user);
    set(HOST, "%s", m->host);
    set(TIME, "%s", format_time_text(m->time, iso));
    set(ATTEMPT, "%lld", (long long)m->attempts + 1);
    set(KEY, "%s", m->key != NULL ? m->key : "");
    set(READER, "%s", m->reader != NULL ? m->reader : "");
    set(MISSED, "%lld", (long long)chat_batch_missed(batch));
}

/* Return whether VARIABLE, as "NAME=value", has the name NAME. */
static bool is_called(const char *variable, const char *name)
{
    size_t length = strlen(name);
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static bool is_any(const char *variable, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_called(variable, list[i]))
            return true;
    return false;
}

/* Return a new string. */
static char *spool_variable(const char *where)
{
    char *path = where_absolute(where), *variable;
    if (asprintf(&variable, "CHAT_SPOOL=%s", path) < 0)
        cli_no_memory();
    free(path);
    return variable;
}

static bool is_one_of(const char *room, const char *const *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rooms[i] != NULL && strcmp(rooms[i], room) == 0)
            return true;
    return false;
}

void command_prepare(const char *where, const char *const *rooms, size_t room_count,
                     const char *const *secrets, const struct format *of_batches)
{
    size_t inherited = 0, secret_count = 0, count = 0;
    layout = of_batches;
    for (size_t i = 0; i < room_count; i++)
        reading = reading || (rooms[i] != NULL && strchr(rooms[i], '/') != NULL);
    const char *room = getenv("CHAT_ROOM"); /* the first one, if there are several */
    if (room != NULL && is_one_of(room, rooms, room_count))
        room = NULL;
    while (environ[inherited] != NULL)
        inherited++;
    while (secrets[secret_count] != NULL)
        secret_count++;
    environment = calloc(VARIABLES + 1 + inherited + 1, sizeof *environment);
    if (environment == NULL)
        cli_no_memory();
    for (enum variable i = 0; i < VARIABLES; i++)
        if (is_told(i))
            environment[count++] = variables[i];
    environment[count++] = spool_variable(where);
    for (size_t i = 0; i < inherited; i++) {
        char *variable = environ[i];
        if (!is_any(variable, names, VARIABLES) && !is_any(variable, secrets, secret_count) &&
            !is_called(variable, "CHAT_SPOOL") &&
            (!is_called(variable, "CHAT_ROOM") || variable + strlen("CHAT_ROOM=") == room))
            environment[count++] = variable;
    }
}

/* --- standard input -------------------------------------------------------- */

enum { PIPE_CAPACITY = 64 * 1024 };

/* Return a pipe that already contains the body, so that no process has to feed the command; or -1
 * if the body does not fit. (A user with many pipes gets smaller ones: pipe(7).) */
static int fill_pipe(const struct chat_message *m)
{
    int ends[2];
    if (m->length > PIPE_CAPACITY || pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    bool filled = m->length == 0 || write(ends[1], m->body, m->length) == (ssize_t)m->length;
    close(ends[1]);
    if (filled)
        return ends[0];
    close(ends[0]);
    return -1;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* Create a file in memory without a name. */
static int fill_file(const struct chat_message *m)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (fd >= 0 && write_all(fd, m->body, m->length) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return -1;
}

/* Return a descriptor of a file in memory that contains all messages of BATCH in the chosen format,
 * or -1. */
static int fill_batch(const chat_batch *batch)
{
    struct output out = { .fd = memfd_create("messages", MFD_CLOEXEC) };
    if (out.fd < 0)
        return -1;
    for (size_t i = 0; i < chat_batch_count(batch); i++)
        format_message(layout, chat_batch_message(batch, i), &out);
    bool filled = output_flush(&out) && lseek(out.fd, 0, SEEK_SET) == 0;
    text_free(&out.pending);
    if (filled)
        return out.fd;
    close(out.fd);
    errno = out.failed != 0 ? out.failed : EIO;
    return -1;
}

static int open_input(const chat_batch *batch)
{
    const struct chat_message *m = chat_batch_message(batch, 0);
    if (layout != NULL)
        return fill_batch(batch);
    int fd = fill_pipe(m);
    return fd >= 0 ? fd : fill_file(m);
}

/* --- start and end --------------------------------------------------------- */

/* Store in PATH the file that execvp() would run for NAME. Returns false if there is no such
 * file. */
static bool find_program(const char *name, char path[PATH_MAX])
{
    const char *from = getenv("PATH"), *end;
    if (strchr(name, '/') != NULL || from == NULL)
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    for (;; from = end + 1) {
        end = strchrnul(from, ':');
        int length = end > from ? (int)(end - from) : 1;
        snprintf(path, PATH_MAX, "%.*s/%s", length, end > from ? from : ".", name);
        if (access(path, X_OK) == 0)
            return true;
        if (*end == '\0')
            return false;
    }
}

/* Let the shell run a script without a #! line, as execvp() does and posix_spawnp() does not. */
static int spawn_script(const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], pid_t *pid)
{
    static char shell[] = "/bin/sh", path[PATH_MAX];
    size_t count = 1;
    while (argv[count] != NULL)
        count++;
    char **words = calloc(count + 2, sizeof *words);
    if (words == NULL)
        return ENOMEM;
    words[0] = shell;
    words[1] = path;
    memcpy(words + 2, argv + 1, (count - 1) * sizeof *words);
    int errnum = find_program(argv[0], path)
                     ? posix_spawn(pid, shell, actions, attributes, words, environment)
                     : ENOEXEC;
    free(words);
    return errnum;
}

/* Set the signals as a shell would: default actions, none blocked. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    /* sigfillset() omits glibc's internal signals, and the child would ignore them. */
    memset(&all, 0xff, sizeof all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETPGROUP);
}

/* Return an errno, or 0. */
static int spawn_in(posix_spawn_file_actions_t *actions, char *const argv[], pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    int errnum = set_attributes(&attributes);
    if (errnum == 0)
        errnum = posix_spawnp(pid, argv[0], actions, &attributes, argv, environment);
    if (errnum == ENOEXEC)
        errnum = spawn_script(actions, &attributes, argv, pid);
    posix_spawnattr_destroy(&attributes);
    return errnum;
}

/* COMMAND inherits descriptors 0 to 2 and no others. */
static int close_others(posix_spawn_file_actions_t *actions)
{
#ifdef __GLIBC__
    return posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
    /* musl has no such action. This process uses none of the other descriptors that it inherited,
     * so all of them may be closed on exec (close_range(2), since Linux 5.11). */
    enum { CLOEXEC = 4 };
    (void)actions;
    return syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOEXEC) == 0 ? 0 : errno;
#endif
}

static int spawn(char *const argv[], int input, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int errnum = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (errnum == 0)
        errnum = close_others(&actions);
    if (errnum == 0)
        errnum = spawn_in(&actions, argv, pid);
    posix_spawn_file_actions_destroy(&actions);
    return errnum;
}

static int exit_status(int errnum)
{
    switch (errnum) {
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return EXIT_SYSTEM;
    case ENOENT:
        return EXIT_NOTFOUND;
    default:
        return EXIT_CANTRUN;
    }
}

int command_start(char *const argv[], const chat_batch *batch, const char *after, pid_t *pid)
{
    int input = open_input(batch);
    if (input < 0) {
        if (after != NULL)
            cli_say("cannot pass message %lld to '%s': %s%s",
                    (long long)chat_batch_message(batch, 0)->id, argv[0], cli_cause(errno), after);
        return EXIT_SYSTEM;
    }
    set_environment(batch);
    int errnum = spawn(argv, input, pid);
    close(input);
    if (errnum == 0)
        return 0;
    int status = exit_status(errnum);
    if (status != EXIT_SYSTEM)
        after = "";
    /* A hint if ARGV[0] is a whole shell command line. */
    if (status == EXIT_NOTFOUND && argv[1] == NULL && strpbrk(argv[0], " \t|;&<>") != NULL)
        after = " (for a shell command line: -- sh -c LINE)";
    if (after != NULL)
        cli_say("cannot run '%s': %s%s", argv[0], cli_cause(errnum), after);
    return status;
}

enum command_end command_end(int status)
{
    if (!WIFEXITED(status))
        return COMMAND_FAILED;
    switch (WEXITSTATUS(status)) {
    case 0:
        return COMMAND_DONE;
    case 99:
        return COMMAND_DONE_LAST;
    case 75:
    case 111:
        return COMMAND_LATER;
    case 65:
    case 100:
        return COMMAND_NEVER;
    default:
        return COMMAND_FAILED;
    }
}
