/* modes.c - the modes of the terminal while the editor has it. */

#include "modes.h"

#include <poll.h>
#include <unistd.h>

#include "caught.h"

#define PASTE_ON "\033[?2004h" /* the terminal marks what is pasted */
#define PASTE_OFF "\033[?2004l"

static struct editor *running; /* not NULL while the terminal has the modes of the editor */

void modes_begin(struct editor *e)
{
    running = e;
    el_wset(e->el, EL_PREP_TERM, 1);
    screen_command(&e->talk->screen, PASTE_ON);
}

/* A terminal that Ctrl-S has stopped takes no bytes, and waiting for it would never end. */
static bool takes_bytes(void)
{
    struct pollfd terminal = { .fd = STDOUT_FILENO, .events = POLLOUT };
    return poll(&terminal, 1, 0) == 1 && terminal.revents == POLLOUT;
}

void modes_restore(void)
{
    if (running == NULL)
        return;
    struct termios usual = running->usual;
    running = NULL;
    if (takes_bytes())
        (void)!write(STDOUT_FILENO, PASTE_OFF, sizeof PASTE_OFF - 1);
    tcsetattr(STDIN_FILENO, output_stop ? TCSANOW : TCSADRAIN, &usual);
}

void modes_end(struct editor *e)
{
    screen_leave_line(&e->talk->screen);
    screen_flush(&e->talk->screen);
    if (!output_stop) /* libedit waits until the terminal has taken all bytes */
        el_wset(e->el, EL_PREP_TERM, 0);
    modes_restore();
}

void modes_resize(struct editor *e)
{
    screen_measure(&e->talk->screen);
    el_resize(e->el);
}

void modes_suspend(struct editor *e, bool group)
{
    modes_end(e);
    caught_stop_here(group);
    modes_begin(e);
    modes_resize(e);
}

void modes_resume(struct editor *e)
{
    e->talk->screen.line.shown = false;
    el_wset(e->el, EL_PREP_TERM, 0);
    modes_begin(e);
    modes_resize(e);
}
