/* process.h - to start a command and to tell the time, and what becomes of the times. */

#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* The separator of two commands in a list of arguments. */
#define NEXT_COMMAND ":::"

/* Milliseconds since some moment. */
double now(void);

/* Say what is wrong, and exit. */
_Noreturn void die(const char *what);

/* Start ARGV with INPUT and OUTPUT as its standard input and output (-1: /dev/null). */
pid_t start(char *const argv[], int input, int output);

/* Wait for the end of PROCESS: whether it exited with 0. Stores the most memory it had, in KiB, in
 * *MEMORY unless that is NULL. */
int finish(pid_t process, long *memory);

/* Cut the list ARGV at its NEXT_COMMANDs; COMMANDS gets at most SIZE. Returns how many there are.
 */
size_t split_commands(char *argv[], char **commands[], size_t size);

/* The value below which FRACTION of the COUNT ones in VALUES lie; sorts them. */
double quantile(double values[], size_t count, double fraction);

#endif
