/* process.c - starting commands, taking times, and evaluating them. */

#include "process.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

void die(const char *what)
{
    perror(what);
    exit(70);
}

static void redirect(posix_spawn_file_actions_t *actions, int fd, int to)
{
    if (fd >= 0)
        posix_spawn_file_actions_adddup2(actions, fd, to);
    else
        posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0);
}

pid_t start(char *const argv[], int input, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t process;
    posix_spawn_file_actions_init(&actions);
    redirect(&actions, input, STDIN_FILENO);
    redirect(&actions, output, STDOUT_FILENO);
    if (posix_spawnp(&process, argv[0], &actions, NULL, argv, environ) != 0)
        die(argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    return process;
}

int finish(pid_t process, long *memory)
{
    struct rusage usage;
    int status;
    if (wait4(process, &status, 0, &usage) < 0)
        die("wait4");
    if (memory != NULL)
        *memory = usage.ru_maxrss;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

size_t split_commands(char *argv[], char **commands[], size_t size)
{
    size_t count = 0;
    while (*argv != NULL && count < size) {
        commands[count++] = argv;
        while (*argv != NULL && strcmp(*argv, NEXT_COMMAND) != 0)
            argv++;
        if (*argv != NULL)
            *argv++ = NULL;
    }
    return count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double values[], size_t count, double fraction)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * fraction + 0.5)];
}
