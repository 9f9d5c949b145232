/* signals.h - the signals that ask a program to stop: INT, TERM and HUP.
 *
 * A program may have been started with these signals blocked; then they would never arrive. A
 * signal that was ignored at the start (nohup) stays ignored. */

#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

/* Let these signals end the program, as they do by default. The kernel drops a signal without a
 * handler for the first process of a container (PID 1), so there the program exits with 128 plus
 * the number of the signal. */
void signals_end_program(void);

/* Catch these signals with HANDLER. From now on they are blocked; the mask *UNBLOCKED lets them
 * in. */
void signals_catch_stop(void (*handler)(int), sigset_t *unblocked);

/* Catch the signal NUMBER as well. *UNBLOCKED is from signals_catch_stop. */
void signals_catch(int number, void (*handler)(int), sigset_t *unblocked);

#endif
