/* edit.c - the editor at the bottom of the terminal.
 *
 * libedit turns keys into a line: it knows the keys of terminals, the key bindings of the user
 * (editrc(5)), the history and the search in it. It does not draw the line. Its output goes to
 * /dev/null, and screen_line() draws the line each time before the program sleeps. So messages can
 * appear above the line, and combining characters are drawn where they belong, which libedit 3.1
 * gets wrong (its refresh.c gives each of them the cell of the next character). */

#include "edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caught.h"
#include "common/cli.h"
#include "editor.h"
#include "keys.h"
#include "modes.h"

enum { HISTORY = 1000, INTERRUPT = 3 };

/* --- what is typed --------------------------------------------------------- */

/* Take the next character of the input, and skip bytes that are not UTF-8. False: the input has no
 * whole character. */
static bool take(struct editor *e, wchar_t *c)
{
    while (e->begin < e->size) {
        uint32_t code_point;
        size_t left = e->size - e->begin;
        const unsigned char *bytes = (const unsigned char *)e->input + e->begin;
        size_t length = chat_utf8(bytes, left, &code_point);
        size_t whole = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 1;
        if (length == 0 && left < whole)
            return false; /* read its last bytes first */
        e->begin += length > 0 ? length : 1;
        *c = (wchar_t)code_point;
        if (length > 0 && code_point != 0)
            return true;
    }
    return false;
}

static void fill(struct editor *e)
{
    memmove(e->input, e->input + e->begin, e->size - e->begin);
    e->size -= e->begin;
    e->begin = 0;
    ssize_t n = read(STDIN_FILENO, e->input + e->size, sizeof e->input - e->size);
    if (n > 0)
        e->size += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        e->end = true;
}

static void show_line(struct editor *e)
{
    const LineInfoW *line = el_wline(e->el);
    screen_line(&e->talk->screen, line->buffer, (size_t)(line->lastchar - line->buffer),
                (size_t)(line->cursor - line->buffer));
    screen_flush(&e->talk->screen);
}

/* Act on the signals that were caught. True: *C is the key that a signal replaces. */
static bool handle_signals(struct editor *e, wchar_t *c)
{
    if (caught_suspend) {
        caught_suspend = 0;
        modes_suspend(e, false);
    }
    if (caught_continue) {
        caught_continue = 0;
        modes_resume(e);
    }
    if (caught_resize) {
        caught_resize = 0;
        modes_resize(e);
    }
    if (!caught_interrupt)
        return false;
    caught_interrupt = 0;
    *c = INTERRUPT;
    return true;
}

/* Wait for the next character, for libedit, and show the messages that come until then. Returns 0
 * if the terminal is gone or the program is to end. */
static int next(EditLine *el, wchar_t *c)
{
    struct editor *e = edit_of(el);
    for (;;) {
        if (take(e, c))
            return 1;
        if (e->end || output_stop)
            return 0;
        show_line(e);
        talk_step(e->talk);
        if (handle_signals(e, c))
            return 1;
        if (e->talk->fds[0].revents != 0)
            fill(e);
    }
}

/* --- setting up ------------------------------------------------------------ */

/* Return whether the terminal understands the few sequences of ECMA-48 that this program sends. */
static bool is_capable(EditLine *el)
{
    char *clear_below = NULL;
    return el_get(el, EL_GETTC, "cd", &clear_below) == 0 && clear_below != NULL &&
           strncmp(clear_below, "\033[J", 3) == 0;
}

static bool set_up(struct editor *e, struct talk *t)
{
    HistEventW event;
    e->talk = t;
    if (tcgetattr(STDIN_FILENO, &e->usual) < 0)
        return false;
    e->nowhere = fopen("/dev/null", "we");
    if (e->nowhere == NULL)
        return false;
    e->el = el_init_fd("chat-talk", stdin, e->nowhere, e->nowhere, STDIN_FILENO, STDOUT_FILENO,
                       STDERR_FILENO);
    if (e->el == NULL || !is_capable(e->el))
        return false;
    e->history = history_winit();
    if (e->history == NULL)
        cli_no_memory();
    history_w(e->history, &event, H_SETSIZE, HISTORY);
    history_w(e->history, &event, H_SETUNIQUE, 1);
    el_wset(e->el, EL_CLIENTDATA, e);
    el_wset(e->el, EL_HIST, history_w, e->history);
    keys_bind_usual(e->el);
    el_source(e->el, NULL);
    keys_bind_own(e->el);
    /* Ctrl-C and Ctrl-Z are keys, and paste() sees each CR and LF. */
    el_wset(e->el, EL_SETTY, L"-d", L"-isig", L"-icrnl", L"-inlcr", NULL);
    el_wset(e->el, EL_GETCFN, next);
    return true;
}

static void tear_down(struct editor *e)
{
    if (e->el != NULL)
        el_end(e->el);
    if (e->history != NULL)
        history_wend(e->history);
    if (e->nowhere != NULL)
        fclose(e->nowhere);
}

bool editor_run(struct talk *t)
{
    static struct editor editor;
    int count;
    if (!set_up(&editor, t)) {
        tear_down(&editor);
        return false;
    }
    atexit(modes_restore);
    screen_failed = modes_restore;
    modes_begin(&editor);
    while (!output_stop && el_wgets(editor.el, &count) != NULL)
        keys_clear_line(editor.el); /* only a binding of the user's ends a line here */
    room_save(&t->room);            /* modes_end() may not return if the terminal is gone */
    modes_end(&editor);
    if (!output_stop) /* as modes_end() */
        tear_down(&editor);
    return true;
}
