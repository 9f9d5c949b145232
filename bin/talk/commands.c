/* commands.c - sends a typed line, or does what the line asks for. */

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/when.h"

enum { BACK_USUAL = 100, BACK_MOST = 1000000 };

/* Return the reason of a failure. For a lost server it is short: chat_error() names the addresses
 * of all servers that were tried, which fill the screen. */
static const char *reason(const struct talk *t, enum chat_status status)
{
    const char *error = chat_error(t->room.spool);
    if (status != CHAT_UNREACHABLE)
        return error;
    return strstr(error, "may be stored") != NULL ? "no connection; the message may be stored"
                                                  : "no connection";
}

static enum answer not_sent(struct talk *t, enum chat_status status)
{
    screen_say(&t->screen, "not sent: %s", reason(t, status));
    chat_rollback(t->room.spool);
    talk_not_sent(t, status);
    return ANSWER_KEEP;
}

/* Return whether the room has become plain, where a message would be for one receiver. */
static bool is_plain(struct talk *t)
{
    if (t->trouble == CHAT_NOUSER)
        screen_say(&t->screen, "not sent: room '%s' is not open", t->room.name);
    return t->trouble == CHAT_NOUSER;
}

static enum answer send_line(struct talk *t, const char *line, size_t size)
{
    if (is_plain(t))
        return ANSWER_KEEP;
    const struct room_body body = { line, size };
    enum chat_status status = room_send(&t->room, NULL, &body, 1);
    if (status != CHAT_OK)
        return not_sent(t, status);
    t->look = true;
    return ANSWER_DONE;
}

void commands_send(struct talk *t, const struct room_body *lines, size_t count)
{
    enum chat_status status = room_send(&t->room, NULL, lines, count);
    if (status != CHAT_OK)
        cli_fail_spool(status, t->room.spool, "");
    t->look = true;
}

/* --- the commands ---------------------------------------------------------- */

static void add_reader(const struct talk *t, struct text *text, const struct chat_reader *reader)
{
    char unread[48];
    text_add_string(text, text->size > 0 ? ", " : "");
    text_add_string(text, reader->name);
    if (reader->unread == 0 || strcmp(reader->name, t->room.user) == 0)
        return;
    snprintf(unread, sizeof unread, " (%lld unread)", (long long)reader->unread);
    text_add_string(text, unread);
}

static void say_readers(struct talk *t, const char *what, const struct chat_reader *readers,
                        size_t count, bool here)
{
    struct text text = { .bytes = NULL };
    for (size_t i = 0; i < count; i++)
        if (readers[i].here == here)
            add_reader(t, &text, &readers[i]);
    if (text.size > 0)
        screen_say(&t->screen, "%s: %.*s", what, (int)text.size, text.bytes);
    text_free(&text);
}

static enum answer who(struct talk *t, const char *rest)
{
    struct chat_reader *readers = NULL;
    size_t count = 0;
    (void)rest;
    enum chat_status status = chat_readers(t->room.spool, t->room.name, 0, &readers, &count);
    if (status == CHAT_OK) {
        say_readers(t, "here", readers, count, true);
        say_readers(t, "not here", readers, count, false);
    } else
        screen_say(&t->screen, "%s", reason(t, status));
    free(readers);
    return ANSWER_DONE;
}

static void show_again(void *context, const struct chat_message *m)
{
    struct talk *t = context;
    screen_message(&t->screen, m, NULL);
}

static enum answer back(struct talk *t, const char *rest)
{
    char *end;
    long lines = rest[0] != '\0' ? strtol(rest, &end, 10) : BACK_USUAL;
    if (rest[0] != '\0' && (*end != '\0' || lines < 1 || lines > BACK_MOST)) {
        screen_say(&t->screen, "/back needs a positive number, not '%s'", rest);
        return ANSWER_KEEP;
    }
    screen_note(&t->screen, "back");
    enum chat_status status = room_back(&t->room, lines, show_again, t);
    if (status != CHAT_OK)
        screen_say(&t->screen, "%s", reason(t, status));
    screen_note(&t->screen, "now");
    return ANSWER_DONE;
}

/* Show a message that was sent to one reader: the sender does not receive it. */
static void show_own(struct talk *t, const char *to, const char *body)
{
    struct chat_message message = { .user = t->room.user,
                                    .host = t->room.host,
                                    .time = when_now(),
                                    .body = body,
                                    .length = strlen(body) };
    if (strcmp(to, t->room.user) != 0)
        screen_message(&t->screen, &message, to);
}

static enum answer to(struct talk *t, const char *rest)
{
    size_t length = strcspn(rest, " ");
    const char *body = rest + length + strspn(rest + length, " ");
    char name[CHAT_NAME_MAX + 1];
    if (length == 0 || length > CHAT_NAME_MAX || body[0] == '\0') {
        screen_say(&t->screen, "/to needs a name and a text: /to NAME TEXT");
        return ANSWER_KEEP;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, rest);
    const struct room_body one = { body, strlen(body) };
    enum chat_status status = room_send(&t->room, name, &one, 1);
    if (status != CHAT_OK)
        return not_sent(t, status);
    show_own(t, name, body);
    t->look = true;
    return ANSWER_DONE;
}

static enum answer quit(struct talk *t, const char *rest)
{
    (void)t;
    (void)rest;
    return ANSWER_LEAVE;
}

static const struct command {
    const char *name;
    enum answer (*run)(struct talk *talk, const char *rest);
} commands[] = { { "who", who }, { "back", back }, { "to", to }, { "quit", quit } };

/* Return whether LINE begins as a command does: with "/" and a word without a second "/". */
static bool is_command(const char *line)
{
    size_t length = line[0] == '/' ? strcspn(line + 1, " \t\n") : 0;
    return length > 0 && memchr(line + 1, '/', length) == NULL;
}

static enum answer run_command(struct talk *t, const char *line)
{
    size_t length = strcspn(line + 1, " ");
    const char *rest = line + 1 + length + strspn(line + 1 + length, " ");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].name) == length && strncmp(commands[i].name, line + 1, length) == 0)
            return commands[i].run(t, rest);
    screen_say(&t->screen,
               "no command '%.*s'; there are /who /back /to /quit; a space before "
               "the line sends it",
               (int)length + 1, line);
    return ANSWER_KEEP;
}

enum answer commands_typed(struct talk *t, const char *line, size_t size)
{
    enum answer answer = ANSWER_DONE;
    if (is_command(line))
        answer = run_command(t, line);
    else if (line[0] == ' ' && is_command(line + 1))
        answer = send_line(t, line + 1, size - 1);
    else if (strspn(line, " \t\n") < size)
        answer = send_line(t, line, size);
    screen_flush(&t->screen);
    return answer;
}
