/* caught.c - the signals that chat-talk catches. */

#include "caught.h"

#include <stddef.h>
#include <unistd.h>

#include "common/output.h"
#include "common/signals.h"

volatile sig_atomic_t caught_resize, caught_interrupt, caught_suspend, caught_continue;

/* The alarm ends a write to a terminal that takes no bytes. */
static void stop(int number)
{
    (void)number;
    output_stop = 1;
    alarm(1);
}

static void note(int number)
{
    switch (number) {
    case SIGWINCH:
        caught_resize = 1;
        break;
    case SIGINT:
        caught_interrupt = 1;
        break;
    case SIGTSTP:
        caught_suspend = 1;
        break;
    default:
        caught_continue = 1;
    }
}

static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static sigset_t ending; /* the signals that end the program */

static void find_ending(bool typist)
{
    sigemptyset(&ending);
    sigaddset(&ending, SIGALRM);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    if (!typist)
        sigaddset(&ending, SIGINT);
}

void caught_unblock(void)
{
    sigprocmask(SIG_UNBLOCK, &ending, NULL);
}

void caught_block(void)
{
    sigprocmask(SIG_BLOCK, &ending, NULL);
}

void caught_start(bool typist, sigset_t *unblocked)
{
    find_ending(typist);
    signals_catch_stop(stop, unblocked);
    signals_catch(SIGALRM, stop, unblocked);
    signals_catch(SIGWINCH, note, unblocked);
    if (!typist)
        return;
    signals_catch(SIGCONT, note, unblocked);
    if (!is_ignored(SIGINT))
        signals_catch(SIGINT, note, unblocked);
    if (!is_ignored(SIGTSTP))
        signals_catch(SIGTSTP, note, unblocked);
}

void caught_stop_here(bool group)
{
    struct sigaction usual = { .sa_handler = SIG_DFL }, ours;
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTSTP);
    sigaddset(&stopping, SIGCONT);
    sigaction(SIGTSTP, &usual, &ours);
    if (group)
        kill(0, SIGTSTP);
    else
        raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stopping, NULL); /* the process stops here */
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    caught_continue = 0;
}
