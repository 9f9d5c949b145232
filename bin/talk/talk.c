/* talk.c - the conversation: what comes in is shown, and what was shown counts as read. */

#include "talk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/pause.h"
#include "common/signals.h"

enum {
    SECOND = 1000,
    LONG = 10 * SECOND,
    FRUITLESS = 10,
    AT_ONCE = 100 /* messages, before it looks whether something was typed */
};

/* --- signals --------------------------------------------------------------- */

volatile sig_atomic_t talk_resized, talk_interrupted, talk_suspended, talk_continued;

/* A write to a terminal that takes nothing is given up after a second. */
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
        talk_resized = 1;
        break;
    case SIGINT:
        talk_interrupted = 1;
        break;
    case SIGTSTP:
        talk_suspended = 1;
        break;
    default:
        talk_continued = 1;
    }
}

static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void talk_catch_signals(struct talk *t)
{
    signals_catch_stop(stop, &t->unblocked);
    signals_catch(SIGALRM, stop, &t->unblocked);
    signals_catch(SIGWINCH, note, &t->unblocked);
    if (!t->typist)
        return;
    signals_catch(SIGCONT, note, &t->unblocked);
    if (!is_ignored(SIGINT))
        signals_catch(SIGINT, note, &t->unblocked);
    if (!is_ignored(SIGTSTP))
        signals_catch(SIGTSTP, note, &t->unblocked);
}

void talk_suspend(bool group)
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
    sigprocmask(SIG_UNBLOCK, &stopping, NULL); /* it stops here */
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    talk_continued = 0;
}

/* --- trouble --------------------------------------------------------------- */

/* Show what is wrong, once. */
static void trouble(struct talk *t, enum chat_status status)
{
    if (!t->troubled && status == CHAT_NOUSER)
        screen_say(&t->screen, "room '%s' is not open any more; trying again", t->room.name);
    else if (!t->troubled)
        screen_say(&t->screen, "%s; trying again", chat_error(t->room.spool));
    t->troubled = true;
    t->retry = cli_clock() + SECOND;
}

static void no_trouble(struct talk *t)
{
    if (t->troubled)
        screen_say(&t->screen, "the spool works again");
    t->troubled = false;
}

/* Whether STATUS is no trouble. If it is, open the spool again, and say so only if this does not
 * help for long: a spool that was removed is replaced at once. */
static bool is_fine(struct talk *t, enum chat_status status)
{
    if (status == CHAT_OK || status == CHAT_NONE || status == CHAT_INTERRUPTED)
        return true;
    int64_t now = cli_clock();
    if (!t->troubled && (t->reopened == 0 || now - t->reopened > LONG)) {
        t->reopened = now;
        status = room_reopen(&t->room);
        t->look = true;
    }
    if (status != CHAT_OK)
        trouble(t, status);
    return false;
}

/* --- showing --------------------------------------------------------------- */

static bool is_part_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Whether TEXT has NAME as a word. */
static bool mentions(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i + length <= size; i++)
        if (strncasecmp(text + i, name, length) == 0 && (i == 0 || !is_part_of_word(text[i - 1])) &&
            (i + length == size || !is_part_of_word(text[i + length])))
            return true;
    return false;
}

static void show(struct talk *t, const struct chat_message *m, bool alone)
{
    bool own = strcmp(m->user, t->room.user) == 0;
    screen_message(&t->screen, m, alone ? t->room.user : NULL);
    if (t->live && !own && t->ring != RING_NEVER &&
        (t->ring == RING_ALWAYS || alone || mentions(m->body, m->length, t->room.user)))
        screen_ring(&t->screen);
}

/* Show the next messages. CHAT_NONE: there are no more. */
static enum chat_status show_some(struct talk *t)
{
    enum chat_status status = CHAT_OK;
    for (int i = 0; i < AT_ONCE && status == CHAT_OK && !output_stop; i++) {
        const struct chat_message *message;
        bool alone;
        status = room_next(&t->room, &message, &alone);
        if (status == CHAT_OK)
            show(t, message, alone);
        else if (status == CHAT_DAMAGED) {
            screen_say(&t->screen, "%s", chat_error(t->room.spool));
            status = CHAT_OK;
        }
    }
    return status;
}

void talk_catch_up(struct talk *t)
{
    enum chat_status status = room_look(&t->room);
    while (status == CHAT_OK && !output_stop)
        status = show_some(t);
    if (status != CHAT_NONE && status != CHAT_OK)
        screen_say(&t->screen, "%s", chat_error(t->room.spool));
    screen_flush(&t->screen);
}

/* Note what was read. That waits for a second after something was shown, so that the other
 * terminals of the person can show it, too, and more may come. Return how long to wait; -1: there
 * is nothing to note. If it fails, the next attempt is made a second later; people need not know.
 */
static int64_t save(struct talk *t)
{
    int64_t now = cli_clock();
    if (!room_unsaved(&t->room)) {
        t->save_at = 0;
        return -1;
    }
    if (t->save_at > 0 && t->save_at <= now && room_save(&t->room) == CHAT_OK) {
        t->save_at = 0;
        return -1;
    }
    if (t->save_at <= now)
        t->save_at = now + SECOND;
    return t->save_at - now;
}

/* --- the first screen ------------------------------------------------------ */

static void add_here(struct talk *t, struct text *text)
{
    struct chat_reader *readers = NULL;
    size_t count = 0, here = 0;
    if (chat_readers(t->room.spool, t->room.name, 0, &readers, &count) != CHAT_OK)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        screen_expect(&t->screen, readers[i].name);
        if (!readers[i].here || strcmp(readers[i].name, t->room.user) == 0)
            continue;
        text_add_string(text, here++ == 0 ? "; here: " : ", ");
        text_add_string(text, readers[i].name);
    }
    free(readers);
}

static void show_header(struct talk *t, int64_t unread, int64_t since)
{
    struct text text = { .bytes = NULL };
    char part[64];
    struct tm then, now;
    time_t seconds = (time_t)(since / 1000), current = time(NULL);
    text_add_string(&text, t->room.name);
    snprintf(part, sizeof part, unread == 0 ? ": no unread messages" : ": %lld unread",
             (long long)unread);
    text_add_string(&text, part);
    if (unread > 0 && localtime_r(&seconds, &then) != NULL && localtime_r(&current, &now) != NULL) {
        bool today = then.tm_yday == now.tm_yday && then.tm_year == now.tm_year;
        strftime(part, sizeof part, today ? " since %H:%M" : " since %Y-%m-%d %H:%M", &then);
        text_add_string(&text, part);
    }
    add_here(t, &text);
    text_add(&text, "", 1);
    screen_note(&t->screen, text.bytes);
    text_free(&text);
}

enum chat_status talk_begin(struct talk *t, int64_t lines)
{
    int64_t unread, since;
    enum chat_status status = room_begin(&t->room, lines, &unread, &since);
    if (status != CHAT_OK)
        return status;
    show_header(t, unread, since);
    status = room_look(&t->room);
    while (status == CHAT_OK && !output_stop)
        status = show_some(t);
    if (t->room.any)
        screen_note(&t->screen, "now");
    t->live = true;
    screen_flush(&t->screen);
    return status == CHAT_NONE ? CHAT_OK : status;
}

/* --- going on -------------------------------------------------------------- */

/* Look whether something was typed, without sleeping. */
static void check_typed(struct talk *t)
{
    for (int i = 0; i < 2; i++)
        t->fds[i].revents = 0;
    poll(t->fds, 2, 0);
}

static void check_reader(struct talk *t)
{
    if ((t->fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0 || output_stop)
        return;
    room_save(&t->room);
    if (screen_failed != NULL)
        screen_failed();
    cli_fail(EXIT_IO, "cannot write standard output: %s",
             cli_cause(t->screen.terminal ? EIO : EPIPE));
}

static void sleep_troubled(struct talk *t)
{
    int64_t left = t->retry - cli_clock();
    if (left > 0) {
        pause_for(left, t->fds, 2, &t->unblocked);
        return;
    }
    check_typed(t);
    t->retry = 0;
    t->look = is_fine(t, room_reopen(&t->room));
}

static void look(struct talk *t)
{
    enum chat_status status = CHAT_OK;
    if (t->room.sides[0].end && t->room.sides[1].end)
        status = room_look(&t->room);
    if (t->room.replaced)
        screen_say(&t->screen, "this is another spool now");
    t->room.replaced = false;
    if (status == CHAT_OK)
        status = show_some(t);
    t->look = status == CHAT_OK;
    t->fruitless = t->room.any ? 0 : t->fruitless + 1;
    is_fine(t, status);
    screen_flush(&t->screen);
    check_typed(t);
}

/* Sleep. After trouble do not, but only see whether it could. */
static void wait_for_more(struct talk *t)
{
    int64_t timeout = save(t);
    for (int i = 0; i < 2; i++)
        t->fds[i].revents = 0;
    enum chat_status status =
        room_wait(&t->room, t->troubled ? 0 : timeout, t->troubled ? NULL : &t->unblocked);
    if (!is_fine(t, status)) {
        check_typed(t);
        return;
    }
    no_trouble(t);
    t->look = status == CHAT_OK;
    screen_flush(&t->screen);
    /* What wakes it again and again is not for it: another reader's, or one that is held back. */
    if (t->look && t->fruitless >= FRUITLESS)
        pause_for(SECOND / 10, t->fds, 2, &t->unblocked);
}

void talk_step(struct talk *t)
{
    if (t->retry > 0)
        sleep_troubled(t);
    else if (t->look)
        look(t);
    else
        wait_for_more(t);
    check_reader(t);
}

void talk_end(struct talk *t)
{
    if (room_save(&t->room) != CHAT_OK && !t->troubled)
        screen_say(&t->screen, "%s", chat_error(t->room.spool));
    screen_flush(&t->screen);
    room_leave(&t->room);
}
