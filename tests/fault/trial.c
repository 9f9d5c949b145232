/* trial.c - the steps of one trial, for tests/torture.
 *
 * trial STEP ; STEP ; ...        (each ";" an argument)
 *
 * renew FROM TO                  make TO a copy of the directory FROM
 * run NAME COMMAND [ARG ...]     run it, from the file "in" to the files NAME.out and NAME.err
 * kill N NAME COMMAND [ARG ...]  as run, and kill -9 it before its N-th system call
 * count NAME COMMAND [ARG ...]   as run, and count its system calls
 *
 * Prints one line for each step that runs a command: NAME, the exit status, and for count the
 * number of its calls, and how many of them were made before its loader was finished (it unmaps its
 * cache then). A step ends when all processes that it has started have ended. After 20 seconds they
 * are killed, and the status is 124.
 *
 * cp, strace and timeout could do all of this, but a trial takes a fifth of their time, and there
 * are many trials. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYSCALL_STOP = SIGTRAP | 0x80, PATIENCE = 20 /* seconds */, FAILED = 125, LATE = 124 };

static void give_up(const char *what)
{
    perror(what);
    exit(FAILED);
}

/* --- renewing -------------------------------------------------------------- */

static const char *copy_from, *copy_to;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void copy_file(const char *from, const char *to, const struct stat *st)
{
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (in < 0 || out < 0)
        give_up(to);
    for (ssize_t n = 1; n > 0;)
        if ((n = sendfile(out, in, NULL, (size_t)INT_MAX)) < 0)
            give_up(to);
    if (fchmod(out, st->st_mode & 07777) < 0 || close(in) < 0 || close(out) < 0)
        give_up(to);
}

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    static char to[PATH_MAX];
    (void)at;
    snprintf(to, sizeof to, "%s%s", copy_to, path + strlen(copy_from));
    if (type == FTW_D && (mkdir(to, 0700) < 0 || chmod(to, st->st_mode & 07777) < 0))
        give_up(to);
    if (type == FTW_F)
        copy_file(path, to, st);
    return 0;
}

static void renew(const char *from, const char *to)
{
    if (nftw(to, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        give_up(to);
    copy_from = from;
    copy_to = to;
    if (nftw(from, copy_one, 16, FTW_PHYS) < 0)
        give_up(from);
}

/* --- running --------------------------------------------------------------- */

/* A traced process stops before and after each system call. */
struct traced {
    pid_t pid;
    int status;    /* from waitpid() */
    int signal;    /* to deliver to it */
    long fatal;    /* it dies before this call; 0: before no call */
    long calls;    /* begun so far, without its execve() */
    long loader;   /* its loader's calls among them */
    int began, in; /* it has reached its execve(); it is in a call */
};

static pid_t running;
static volatile sig_atomic_t late;

static void out_of_patience(int signal)
{
    (void)signal;
    late = 1;
    kill(-running, SIGKILL);
}

static void redirect(const char *name, const char *suffix, int to)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", name, suffix);
    int fd = open(path, to == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) < 0)
        give_up(path);
    close(fd);
}

static pid_t start(const char *name, char **words, int traced)
{
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid > 0)
        return pid;
    setpgid(0, 0);
    redirect("in", "", 0);
    redirect(name, ".out", 1);
    redirect(name, ".err", 2);
    if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0))
        give_up("ptrace");
    execvp(words[0], words);
    give_up(words[0]);
    return -1;
}

static void wait_for(struct traced *t)
{
    while (waitpid(t->pid, &t->status, 0) < 0)
        if (errno != EINTR)
            give_up("waitpid");
}

static void go_on(struct traced *t)
{
    /* A dying process may be unreachable. */
    if (ptrace(PTRACE_SYSCALL, t->pid, NULL, (void *)(intptr_t)t->signal) < 0 && errno != ESRCH)
        give_up("ptrace");
    t->signal = 0;
    wait_for(t);
}

static void call_begins(struct traced *t)
{
    struct __ptrace_syscall_info info;
    t->calls++;
    if (t->calls == t->fatal)
        kill(t->pid, SIGKILL); /* it is before the call, which it does not reach */
    else if (t->fatal == 0 && t->loader == 0 &&
             ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) > 0 &&
             info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_munmap)
        t->loader = t->calls;
}

static void stopped(struct traced *t)
{
    int signal = WSTOPSIG(t->status);
    if (signal == SYSCALL_STOP) {
        t->in = !t->in;
        if (t->began && t->in)
            call_begins(t);
    } else if (signal == SIGTRAP && t->status >> 16 == PTRACE_EVENT_EXEC)
        t->began = t->in = 1; /* in its execve() */
    else
        t->signal = signal;
}

static void trace(struct traced *t)
{
    const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    wait_for(t);
    if (!WIFSTOPPED(t->status) ||
        ptrace(PTRACE_SETOPTIONS, t->pid, NULL, (void *)(intptr_t)options) < 0)
        give_up("ptrace");
    go_on(t);
    while (WIFSTOPPED(t->status)) {
        stopped(t);
        go_on(t);
    }
}

/* How to trace: N for kill, 0 to count; negative: not at all. */
static void run(const char *name, char **words, long n)
{
    struct traced t = { .fatal = n };
    running = t.pid = start(name, words, n >= 0);
    late = 0;
    alarm(PATIENCE);
    if (n >= 0)
        trace(&t);
    else
        wait_for(&t);
    while (wait(NULL) >= 0 || errno == EINTR)
        continue; /* adopt the orphaned children */
    alarm(0);
    int status = WIFSIGNALED(t.status) ? 128 + WTERMSIG(t.status) : WEXITSTATUS(t.status);
    printf("%s %d", name, late ? LATE : status);
    if (n == 0)
        printf(" %ld %ld", t.calls, t.loader);
    printf("\n");
    fflush(stdout);
}

static void step(int count, char **words)
{
    if (count == 3 && strcmp(words[0], "renew") == 0)
        renew(words[1], words[2]);
    else if (count >= 3 && strcmp(words[0], "run") == 0)
        run(words[1], words + 2, -1);
    else if (count >= 3 && strcmp(words[0], "count") == 0)
        run(words[1], words + 2, 0);
    else if (count >= 4 && strcmp(words[0], "kill") == 0)
        run(words[2], words + 3, atol(words[1]));
    else {
        fprintf(stderr, "trial: no such step: %s\n", words[0]);
        exit(FAILED);
    }
}

int main(int count, char **words)
{
    const struct sigaction action = { .sa_handler = out_of_patience };
    sigaction(SIGALRM, &action, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    umask(077);
    for (int from = 1, to; from < count; from = to + 1) {
        for (to = from; to < count && strcmp(words[to], ";") != 0;)
            to++;
        words[to] = NULL;
        if (to > from)
            step(to - from, words + from);
    }
    return 0;
}
