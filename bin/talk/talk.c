/* talk.c - the conversation: shows the messages of a room as they come, and notes them as read. */

#include "talk.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/cli.h"
#include "common/pause.h"
#include "greeting.h"

enum {
    SECOND = 1000,
    LONG = 10 * SECOND,
    FRUITLESS = 10,
    AT_ONCE = 100 /* messages are shown between two looks at the input */
};

/* --- trouble --------------------------------------------------------------- */

static void say_trouble(struct talk *t, enum chat_status status)
{
    if (status == CHAT_UNREACHABLE)
        screen_say(&t->screen, "no connection, looking for a server");
    else if (status == CHAT_NOUSER)
        screen_say(&t->screen, "room '%s' is not open any more; trying again", t->room.name);
    else
        screen_say(&t->screen, "%s; trying again", chat_error(t->room.spool));
}

/* Show the trouble, once for each kind, and plan the next attempt. */
static void begin_trouble(struct talk *t, enum chat_status status)
{
    if (status != t->trouble)
        say_trouble(t, status);
    t->trouble = status;
    t->retry = cli_clock() + SECOND;
}

static void end_trouble(struct talk *t)
{
    if (t->trouble != CHAT_OK)
        screen_say(&t->screen,
                   t->trouble == CHAT_UNREACHABLE ? "connected again" : "the spool works again");
    t->trouble = CHAT_OK;
}

/* Open the spool again, unless there is trouble already or this was done in the last ten seconds:
 * then return STATUS. */
static enum chat_status reopen(struct talk *t, enum chat_status status)
{
    int64_t now = cli_clock();
    if (t->trouble != CHAT_OK || (t->reopened != 0 && now - t->reopened <= LONG))
        return status;
    t->reopened = now;
    t->look = true;
    return room_reopen(&t->room);
}

/* Return whether STATUS means that the spool works. If it does not, open the spool again at once: a
 * spool file that was replaced works then, and there is no trouble to show. */
static bool works(struct talk *t, enum chat_status status)
{
    if (status == CHAT_OK || status == CHAT_NONE || status == CHAT_INTERRUPTED)
        return true;
    status = reopen(t, status);
    if (status != CHAT_OK)
        begin_trouble(t, status);
    return false;
}

void talk_not_sent(struct talk *t, enum chat_status status)
{
    t->look = true; /* this finds the trouble if the spool cannot be opened again */
    if (status == CHAT_IO)
        (void)reopen(t, status);
}

/* --- showing --------------------------------------------------------------- */

static bool is_part_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Return whether TEXT has NAME as a word. */
static bool mentions(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i + length <= size; i++)
        if (strncasecmp(text + i, name, length) == 0 && (i == 0 || !is_part_of_word(text[i - 1])) &&
            (i + length == size || !is_part_of_word(text[i + length])))
            return true;
    return false;
}

static bool rings(const struct talk *t, const struct chat_message *m, bool alone)
{
    if (!t->live || t->ring == RING_NEVER || strcmp(m->user, t->room.user) == 0)
        return false;
    return t->ring == RING_ALWAYS || alone || mentions(m->body, m->length, t->room.user);
}

static void show(struct talk *t, const struct chat_message *m, bool alone)
{
    screen_message(&t->screen, m, alone ? t->room.user : NULL);
    if (rings(t, m, alone))
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

static enum chat_status show_all(struct talk *t)
{
    enum chat_status status = room_look(&t->room);
    while (status == CHAT_OK && !output_stop)
        status = show_some(t);
    return status == CHAT_NONE ? CHAT_OK : status;
}

void talk_catch_up(struct talk *t)
{
    if (show_all(t) != CHAT_OK)
        screen_say(&t->screen, "%s", chat_error(t->room.spool));
    screen_flush(&t->screen);
}

enum chat_status talk_begin(struct talk *t, int64_t lines)
{
    int64_t unread, since;
    enum chat_status status = room_begin(&t->room, lines, &unread, &since);
    if (status != CHAT_OK)
        return status;
    greeting_show(&t->room, &t->screen, unread, since);
    status = show_all(t);
    if (t->room.any)
        screen_note(&t->screen, "now");
    t->live = true;
    if (t->typist)
        room_be_quick(&t->room);
    screen_flush(&t->screen);
    return status;
}

/* --- what was read --------------------------------------------------------- */

/* Note the position on disk, a second after a message was shown: by then the other terminals of the
 * person have shown the message, too, and several messages are noted together. If that fails, try
 * again a second later; this is not worth a line on the screen. Return how long to sleep at most
 * before the next call, in milliseconds; -1: without a limit. */
static int64_t save(struct talk *t)
{
    int64_t now = cli_clock();
    bool due = t->save_at > 0 && t->save_at <= now;
    if (!room_unsaved(&t->room) || (due && room_save(&t->room) == CHAT_OK)) {
        t->save_at = 0;
        return -1;
    }
    if (t->save_at <= now)
        t->save_at = now + SECOND;
    return t->save_at - now;
}

/* --- one step -------------------------------------------------------------- */

static void forget_events(struct talk *t)
{
    t->fds[0].revents = t->fds[1].revents = 0;
}

/* Find out whether the input can be read, without sleeping. */
static void check_input(struct talk *t)
{
    forget_events(t);
    poll(t->fds, 2, 0);
}

/* End the program if the terminal, or the reader of the output, is gone. */
static void check_output(struct talk *t)
{
    if ((t->fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0 || output_stop)
        return;
    room_save(&t->room);
    if (screen_failed != NULL)
        screen_failed();
    cli_fail(EXIT_IO, "cannot write standard output: %s",
             cli_cause(t->screen.terminal ? EIO : EPIPE));
}

static void sleep_in_trouble(struct talk *t)
{
    int64_t left = t->retry - cli_clock();
    if (left > 0) {
        pause_for(left, t->fds, 2, &t->unblocked);
        return;
    }
    check_input(t);
    t->retry = 0;
    t->look = works(t, room_reopen(&t->room));
}

static void look(struct talk *t)
{
    enum chat_status status = CHAT_OK;
    if (room_at_end(&t->room))
        status = room_look(&t->room);
    if (t->room.replaced)
        screen_say(&t->screen, "this is another spool now");
    t->room.replaced = false;
    if (status == CHAT_OK)
        status = show_some(t);
    t->look = status == CHAT_OK;
    t->fruitless = t->room.any ? 0 : t->fruitless + 1;
    works(t, status);
    screen_flush(&t->screen);
    check_input(t);
}

/* Sleep until there may be a message. In trouble do not sleep: only find out whether the spool
 * works. */
static void wait_for_more(struct talk *t)
{
    int64_t timeout = save(t);
    const bool sleeps = t->trouble == CHAT_OK;
    forget_events(t);
    enum chat_status status =
        room_wait(&t->room, sleeps ? timeout : 0, sleeps ? &t->unblocked : NULL);
    if (!works(t, status)) {
        check_input(t);
        return;
    }
    end_trouble(t);
    t->look = status == CHAT_OK;
    screen_flush(&t->screen);
    /* Messages for other readers, and messages that are held back, can wake it again and again. */
    if (t->look && t->fruitless >= FRUITLESS)
        pause_for(SECOND / 10, t->fds, 2, &t->unblocked);
}

void talk_step(struct talk *t)
{
    if (t->retry > 0)
        sleep_in_trouble(t);
    else if (t->look)
        look(t);
    else
        wait_for_more(t);
    check_output(t);
}

void talk_end(struct talk *t)
{
    if (room_save(&t->room) != CHAT_OK && t->trouble == CHAT_OK)
        screen_say(&t->screen, "%s", chat_error(t->room.spool));
    screen_flush(&t->screen);
    room_leave(&t->room);
}
