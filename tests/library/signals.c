/* signals SPOOL: send a message from a program that has handlers for SIGALRM and SIGPIPE, and has
 * blocked SIGALRM. Prints how often each handler was called, and whether both and the mask are
 * unchanged. */

#include "common.h"

#include <signal.h>

static volatile sig_atomic_t alarms, pipes;

static void count_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void count_pipe(int signal)
{
    (void)signal;
    pipes++;
}

static void catch (int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigaction(number, &action, NULL);
}

static bool still_caught(int number, void (*handler)(int))
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == handler &&
           (action.sa_flags & SA_RESTART) != 0;
}

int main(int argc, char **argv)
{
    sigset_t mine, now;
    (void)argc;
    catch (SIGALRM, count_alarm);
    catch (SIGPIPE, count_pipe);
    sigemptyset(&mine);
    sigaddset(&mine, SIGALRM);
    sigprocmask(SIG_SETMASK, &mine, NULL);
    chat_spool *spool = open_spool(argv[1]);
    send_text(spool, "hello");
    chat_close(spool);
    sigprocmask(SIG_SETMASK, NULL, &now);
    bool kept = still_caught(SIGALRM, count_alarm) && still_caught(SIGPIPE, count_pipe) &&
                sigismember(&now, SIGALRM) == 1 && sigismember(&now, SIGPIPE) == 0;
    raise(SIGALRM);
    sigemptyset(&mine);
    sigprocmask(SIG_SETMASK, &mine, NULL);
    raise(SIGPIPE);
    printf("%d alarm, %d pipe, %s\n", (int)alarms, (int)pipes, kept ? "kept" : "changed");
    return 0;
}
