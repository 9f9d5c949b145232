/* typist.c - how long people at terminals wait for chat-talk.
 *
 *   typist line ROUNDS COMMAND [ARG ...] ::: COMMAND [ARG ...] [::: COMMAND [ARG ...]]
 *   typist key ROUNDS COMMAND [ARG ...]
 *
 * Each command gets a terminal of its own. "line" types lines at the first, and waits until each of
 * the others shows each line. "key" types characters at the only one, and waits until it shows
 * each: it is the last character of its line. Prints the median, the 99th percentile and the
 * longest of the times, in milliseconds. */

#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 3 };                                                /* terminals */
enum { PAUSE = 20, QUIET = 300, PATIENCE = 10000, SEEN = 65536 }; /* milliseconds, bytes */

struct terminal {
    int fd;
    pid_t process;
    char seen[SEEN];
    size_t size;
};

static struct terminal open_terminal(char *const argv[])
{
    struct terminal t = { .fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    if (t.fd < 0 || grantpt(t.fd) < 0 || unlockpt(t.fd) < 0 || ioctl(t.fd, TIOCSWINSZ, &size) < 0)
        die("terminal");
    int other = open(ptsname(t.fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0)
        die("terminal");
    setenv("TERM", "xterm", 1);
    t.process = start(argv, other, other);
    return t;
}

/* Read the terminal's output for at most PATIENCE milliseconds. Returns whether there was any. */
static int watch(struct terminal *t, int patience)
{
    struct pollfd ready = { .fd = t->fd, .events = POLLIN };
    if (t->size > SEEN / 2) {
        memmove(t->seen, t->seen + t->size - 1024, 1024);
        t->size = 1024;
    }
    if (poll(&ready, 1, patience) != 1)
        return 0;
    ssize_t n = read(t->fd, t->seen + t->size, SEEN - t->size);
    if (n > 0)
        t->size += (size_t)n;
    return n > 0;
}

static void type(const struct terminal *t, const char *text)
{
    if (write(t->fd, text, strlen(text)) < 0)
        die("write");
}

/* Wait until the terminal has shown TEXT. */
static void wait_for(struct terminal *t, const char *text)
{
    while (memmem(t->seen, t->size, text, strlen(text)) == NULL)
        if (!watch(t, PATIENCE)) {
            fprintf(stderr, "typist: '%s' was not shown\n", text);
            exit(1);
        }
}

/* Wait until the terminal shows nothing new for a moment. */
static void settle(struct terminal *t)
{
    while (watch(t, QUIET))
        ;
    t->size = 0;
}

static void rest(void)
{
    nanosleep(&(struct timespec){ 0, PAUSE * 1000000 }, NULL);
}

static double line(struct terminal *t, size_t count, size_t round)
{
    char text[32];
    snprintf(text, sizeof text, "line %zu.", round);
    type(&t[0], text);
    wait_for(&t[0], text);
    for (size_t i = 1; i < count; i++)
        t[i].size = 0;
    double begun = now();
    type(&t[0], "\r");
    for (size_t i = 1; i < count; i++)
        wait_for(&t[i], text);
    double time = now() - begun;
    while (watch(&t[0], PAUSE))
        ;
    t[0].size = 0;
    return time;
}

/* Only this line has these characters next to each other. */
static double key(struct terminal *t, size_t round)
{
    char text[] = "#0", all[] = "> #0";
    text[1] = all[3] = (char)('a' + (int)(round % 26));
    type(t, "\025#"); /* an empty line, and the first character */
    wait_for(t, "#");
    t->size = 0;
    double begun = now();
    type(t, text + 1);
    for (;;) { /* alone, or within the line when the line is drawn again */
        const char *found = memchr(t->seen, text[1], t->size);
        if (found == t->seen && t->size > 0)
            break;
        if (memmem(t->seen, t->size, all, strlen(all)) != NULL)
            break;
        if (!watch(t, PATIENCE))
            die("key");
    }
    return now() - begun;
}

int main(int argc, char *argv[])
{
    static struct terminal terminals[MOST];
    char **commands[MOST];
    size_t rounds = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (rounds == 0)
        return 64;
    size_t count = split_commands(argv + 3, commands, MOST);
    int lines = strcmp(argv[1], "line") == 0;
    if (lines ? count < 2 : count != 1)
        return 64;
    double *times = calloc(rounds, sizeof *times);
    if (times == NULL)
        die("typist");
    for (size_t i = 0; i < count; i++) {
        terminals[i] = open_terminal(commands[i]);
        wait_for(&terminals[i], "> ");
    }
    if (lines)
        for (size_t i = 0; i < count; i++)
            settle(&terminals[i]);
    for (size_t i = 0; i < rounds; i++) {
        rest();
        while (!lines && watch(terminals, 0))
            ;
        times[i] = lines ? line(terminals, count, i) : key(terminals, i);
    }
    for (size_t i = 0; i < count; i++) {
        kill(terminals[i].process, SIGTERM);
        finish(terminals[i].process, NULL);
    }
    double longest = quantile(times, rounds, 1);
    printf("%.3f\t%.3f\t%.3f\n", quantile(times, rounds, 0.5), quantile(times, rounds, 0.99),
           longest);
    return 0;
}
