/* fan.c - how long a line takes from a sender to the last of many receivers that sleep.
 *
 *   fan ROUNDS RECEIVERS SENDER [ARG ...] ::: RECEIVER [ARG ...]
 *
 * The sender is started once, and the receiver that many times; a "%" in its arguments is the
 * number of the receiver. The sender's standard input gets a line. The sender must print a line
 * when the message is on the disk, and each receiver must print one. The next line follows when
 * all sleep again. Prints the median and the 99th percentile of the times from the line to the
 * last receiver, then the medians of the times from what the sender printed to the last receiver,
 * and from the first receiver to the last one, in milliseconds. */

#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 30, PATIENCE = 10000, MOST = 1000, ARGS = 32, LENGTH = 256 }; /* milliseconds */

static void pause_for(long milliseconds)
{
    nanosleep(&(struct timespec){ 0, milliseconds * 1000000 }, NULL);
}

static void open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("pipe");
}

/* Start COMMAND, with NUMBER in the place of each "%". Its output comes from *OUTPUT. */
static pid_t start_one(char *const command[], int number, int *output)
{
    static char texts[ARGS][LENGTH];
    char *arguments[ARGS + 1];
    int ends[2], i;
    open_pipe(ends);
    for (i = 0; i < ARGS && command[i] != NULL; i++) {
        const char *sign = strchr(command[i], '%');
        if (sign == NULL)
            snprintf(texts[i], LENGTH, "%s", command[i]);
        else
            snprintf(texts[i], LENGTH, "%.*s%d%s", (int)(sign - command[i]), command[i], number,
                     sign + 1);
        arguments[i] = texts[i];
    }
    arguments[i] = NULL;
    pid_t process = start(arguments, -1, ends[1]);
    close(ends[1]);
    *output = ends[0];
    return process;
}

/* Send a line. Stores in TIMES when each of the COUNT processes in FDS has printed a line; the
 * sender is the last one. Returns whether all have. */
static int run_round(int to_sender, struct pollfd *fds, double *times, int count)
{
    static const char line[] = "wake up\n";
    char bytes[4096];
    int left = count;
    memset(times, 0, (size_t)count * sizeof *times);
    if (write(to_sender, line, strlen(line)) < 0)
        die("write");
    while (left > 0) {
        if (poll(fds, (nfds_t)count, PATIENCE) <= 0)
            return 0;
        const double moment = now();
        for (int i = 0; i < count; i++) {
            if (fds[i].revents == 0)
                continue;
            if (read(fds[i].fd, bytes, sizeof bytes) <= 0)
                return 0;
            left -= times[i] == 0;
            times[i] = moment;
        }
    }
    return 1;
}

int main(int argc, char *argv[])
{
    char **commands[2];
    pid_t processes[MOST];
    struct pollfd fds[MOST + 1];
    double times[MOST + 1];
    int to_sender[2], from_sender[2];
    const size_t rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
    const int receivers = argc > 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (rounds == 0 || receivers < 1 || receivers > MOST ||
        split_commands(argv + 3, commands, 2) != 2)
        return 64;
    double *from_line = calloc(rounds, sizeof *from_line);
    double *from_commit = calloc(rounds, sizeof *from_commit);
    double *from_first = calloc(rounds, sizeof *from_first);
    if (from_line == NULL || from_commit == NULL || from_first == NULL)
        die("fan");
    signal(SIGPIPE, SIG_IGN);
    open_pipe(to_sender);
    open_pipe(from_sender);
    for (int i = 0; i < receivers; i++) {
        fds[i].events = POLLIN;
        processes[i] = start_one(commands[1], i, &fds[i].fd);
    }
    pid_t sender = start(commands[0], to_sender[0], from_sender[1]);
    fds[receivers] = (struct pollfd){ .fd = from_sender[0], .events = POLLIN };

    int works = 1;
    for (int i = 0; i < 3 && works; i++) { /* until all are there */
        works = run_round(to_sender[1], fds, times, receivers + 1);
        pause_for(10 * PAUSE);
    }
    size_t count = 0;
    while (works && count < rounds) {
        pause_for(PAUSE);
        double begun = now(), first = 0, last = 0;
        works = run_round(to_sender[1], fds, times, receivers + 1);
        for (int i = 0; i < receivers; i++) {
            if (first == 0 || times[i] < first)
                first = times[i];
            if (times[i] > last)
                last = times[i];
        }
        from_first[count] = last - first;
        from_line[count] = last - begun;
        from_commit[count] = last - times[receivers];
        count += works != 0;
    }
    close(to_sender[1]);
    finish(sender, NULL);
    for (int i = 0; i < receivers; i++) {
        kill(processes[i], SIGTERM);
        finish(processes[i], NULL);
    }
    printf("%.3f\t%.3f\t%.3f\t%.3f\n", quantile(from_line, count, 0.5),
           quantile(from_line, count, 0.99), quantile(from_commit, count, 0.5),
           quantile(from_first, count, 0.5));
    return count < rounds;
}
