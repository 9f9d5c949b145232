/* wake.c - how long a line takes from a sender to a sleeping receiver.
 *
 * wake ROUNDS SENDER [ARG ...] ::: RECEIVER [ARG ...]
 *
 * Starts both once. The sender's standard input gets a line, and the receiver's standard output
 * must show one. The next line follows when the receiver sleeps again. Prints the median and the
 * 99th percentile of the times, in milliseconds. */

#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 10, START = 200, PATIENCE = 5000 }; /* milliseconds */

static void pause_for(long milliseconds)
{
    nanosleep(&(struct timespec){ 0, milliseconds * 1000000 }, NULL);
}

/* Wait for output, and read it. Returns whether there was some in time. */
static int receive(int fd, int patience)
{
    char bytes[4096];
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    return poll(&ready, 1, patience) == 1 && read(fd, bytes, sizeof bytes) > 0;
}

static void send_line(int fd)
{
    static const char line[] = "wake up\n";
    if (write(fd, line, strlen(line)) < 0)
        die("write");
}

/* Send until one line is received, which shows that both have started. Read the rest as well. */
static void introduce(int to_sender, int from_receiver)
{
    int tries = 0;
    do {
        if (tries++ == PATIENCE / START) {
            fputs("wake: nothing was received\n", stderr);
            exit(1);
        }
        send_line(to_sender);
    } while (!receive(from_receiver, START));
    while (receive(from_receiver, START))
        ;
}

int main(int argc, char *argv[])
{
    char **commands[2];
    int to_sender[2], from_receiver[2];
    size_t rounds = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (rounds == 0 || split_commands(argv + 2, commands, 2) != 2)
        return 64;
    double *times = calloc(rounds, sizeof *times);
    if (times == NULL || pipe2(to_sender, O_CLOEXEC) < 0 || pipe2(from_receiver, O_CLOEXEC) < 0)
        die("wake");
    signal(SIGPIPE, SIG_IGN);
    pid_t receiver = start(commands[1], -1, from_receiver[1]);
    pid_t sender = start(commands[0], to_sender[0], -1);
    introduce(to_sender[1], from_receiver[0]);

    size_t count = 0;
    while (count < rounds) {
        pause_for(PAUSE);
        double begun = now();
        send_line(to_sender[1]);
        if (!receive(from_receiver[0], PATIENCE))
            break;
        times[count++] = now() - begun;
    }
    kill(receiver, SIGTERM);
    close(to_sender[1]);
    finish(receiver, NULL);
    finish(sender, NULL);
    printf("%.3f\t%.3f\n", quantile(times, count, 0.5), quantile(times, count, 0.99));
    return count < rounds;
}
