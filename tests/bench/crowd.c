/* crowd.c - many processes that each run a command again and again.
 *
 *   crowd PROCESSES SECONDS COMMAND [ARG ...]
 *
 * Prints the commands a second of all together, the median time of one in milliseconds, the 99th
 * percentile of the process that fared worst, and how many commands failed. */

#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TIMES_MAX = 16384 };

/* The results of a process, shared with its parent. */
struct report {
    size_t count, failures;
    double times[TIMES_MAX];
};

static void work(struct report *report, char *const command[], double end)
{
    while (now() < end && report->count < TIMES_MAX) {
        double begun = now();
        report->failures += !finish(start(command, -1, -1), NULL);
        report->times[report->count++] = now() - begun;
    }
}

static struct report *share(size_t count)
{
    void *memory = mmap(NULL, count * sizeof(struct report), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

static void print(struct report reports[], size_t processes, double elapsed)
{
    double *all = calloc(processes * TIMES_MAX, sizeof *all), slowest = 0;
    size_t count = 0, failures = 0;
    if (all == NULL)
        die("crowd");
    for (size_t i = 0; i < processes; i++) {
        struct report *report = &reports[i];
        for (size_t j = 0; j < report->count; j++)
            all[count++] = report->times[j];
        failures += report->failures;
        double p99 = quantile(report->times, report->count, 0.99);
        if (p99 > slowest)
            slowest = p99;
    }
    printf("%.1f\t%.3f\t%.3f\t%zu\n", (double)count / elapsed * 1e3, quantile(all, count, 0.5),
           slowest, failures);
    free(all);
}

int main(int argc, char *argv[])
{
    if (argc < 4)
        return 64;
    size_t processes = strtoul(argv[1], NULL, 10);
    struct report *reports = share(processes);
    double begun = now(), end = begun + strtod(argv[2], NULL) * 1e3;
    for (size_t i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            work(&reports[i], argv + 3, end);
            _exit(0);
        }
    }
    for (size_t i = 0; i < processes; i++)
        finish(-1, NULL);
    print(reports, processes, now() - begun);
    return 0;
}
