/* process.h - starting commands, taking times, and evaluating them. */

#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* The separator of two commands in a list of arguments. */
#define NEXT_COMMAND ":::"

/* Return the milliseconds since an arbitrary moment. */
double now(void);

/* Print an error, and exit. */
_Noreturn void die(const char *what);

/* Start ARGV with INPUT and OUTPUT as its standard input and output (-1: /dev/null). */
pid_t start(char *const argv[], int input, int output);

/* Wait for the end of PROCESS, and return whether it exited with 0. Stores its maximum memory, in
 * KiB, in *MEMORY unless that is NULL. */
int finish(pid_t process, long *memory);

/* Split the list ARGV at its NEXT_COMMANDs; COMMANDS gets at most SIZE. Returns the number of
 * commands. */
size_t split_commands(char *argv[], char **commands[], size_t size);

/* Return the value below which FRACTION of the COUNT VALUES are; sorts them. */
double quantile(double values[], size_t count, double fraction);

#endif
