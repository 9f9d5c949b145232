/* race.c - run several commands alternately, so that a disturbance affects all of them alike.
 *
 * race ROUNDS COMMAND [ARG ...] ::: COMMAND [ARG ...] ::: ...
 *
 * Prints one line per command: the median of its times in milliseconds, the 99th percentile, the
 * median of its ratios to the first command in the same round, its maximum memory (KiB), and how
 * often it failed. The first round does not count. */

#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COMMANDS_MAX = 32, PATIENCE = 60 }; /* seconds */

struct runner {
    char **argv;
    double *times, *ratios;
    long memory;
    int failures;
};

static double run(struct runner *runner)
{
    long memory;
    alarm(PATIENCE); /* the end of the list, instead of an empty one */
    double begun = now();
    int good = finish(start(runner->argv, -1, -1), &memory);
    double time = now() - begun;
    runner->failures += !good;
    if (memory > runner->memory)
        runner->memory = memory;
    return time;
}

/* Every second round has the opposite order. */
static void run_round(struct runner runners[], size_t count, size_t round)
{
    for (size_t i = 0; i < count; i++) {
        struct runner *runner = &runners[round % 2 == 0 ? i : count - 1 - i];
        runner->times[round] = run(runner);
    }
    for (size_t i = 0; i < count; i++)
        runners[i].ratios[round] = runners[i].times[round] / runners[0].times[round];
}

int main(int argc, char *argv[])
{
    char **commands[COMMANDS_MAX];
    struct runner runners[COMMANDS_MAX];
    size_t rounds = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (rounds == 0)
        return 64;
    size_t count = split_commands(argv + 2, commands, COMMANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        runners[i] = (struct runner){ .argv = commands[i] };
        runners[i].times = calloc(rounds, sizeof(double));
        runners[i].ratios = calloc(rounds, sizeof(double));
        if (runners[i].times == NULL || runners[i].ratios == NULL)
            die("race");
    }
    run_round(runners, count, 0);
    for (size_t round = 0; round < rounds; round++)
        run_round(runners, count, round);
    for (size_t i = 0; i < count; i++) {
        struct runner *r = &runners[i];
        printf("%.3f\t%.3f\t%.2f\t%ld\t%d\n", quantile(r->times, rounds, 0.5),
               quantile(r->times, rounds, 0.99), quantile(r->ratios, rounds, 0.5), r->memory,
               r->failures);
    }
    return 0;
}
