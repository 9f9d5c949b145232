/* signals.c - the signals that ask a program to stop: INT, TERM and HUP. */

#include "signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP };
enum { STOPPING = sizeof stopping / sizeof stopping[0] };

static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };
    sigfillset(&action.sa_mask); /* one handler at a time */
    sigaction(number, &action, NULL);
}

static void exit_at_once(int number)
{
    _exit(128 + number);
}

void signals_end_program(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    for (size_t i = 0; i < STOPPING; i++) {
        sigaddset(&mask, stopping[i]);
        if (getpid() == 1 && !is_ignored(stopping[i]))
            set_handler(stopping[i], exit_at_once);
    }
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

void signals_catch_stop(void (*handler)(int), sigset_t *unblocked)
{
    sigprocmask(SIG_BLOCK, NULL, unblocked);
    for (size_t i = 0; i < STOPPING; i++)
        if (!is_ignored(stopping[i]))
            signals_catch(stopping[i], handler, unblocked);
}

void signals_catch(int number, void (*handler)(int), sigset_t *unblocked)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, number);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    sigdelset(unblocked, number);
    set_handler(number, handler);
}
