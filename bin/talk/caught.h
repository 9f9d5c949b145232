/* caught.h - the signals that chat-talk catches.
 *
 * SIGINT, SIGTERM and SIGHUP end the program by output_stop (common/output.h), unless a person
 * types: then SIGINT drops the line. Each of the others sets a flag, which the loop that reads the
 * input clears when it has acted on it. All of them are blocked except while the program sleeps. */

#ifndef CAUGHT_H
#define CAUGHT_H

#include <signal.h>
#include <stdbool.h>

extern volatile sig_atomic_t caught_resize, caught_interrupt, caught_suspend, caught_continue;

/* Catch the signals; those of the keys Ctrl-C and Ctrl-Z only if a person types. *UNBLOCKED becomes
 * the mask that lets them in. */
void caught_start(bool typist, sigset_t *unblocked);

/* Let the signals in that end the program, for a write that may block, and block them again. */
void caught_unblock(void);
void caught_block(void);

/* Stop this process as SIGTSTP does, with GROUP its whole process group, and return when it
 * continues. */
void caught_stop_here(bool group);

#endif
