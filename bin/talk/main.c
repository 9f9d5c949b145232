/* main.c - talk to people in an open room. See chat-talk(1). */

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caught.h"
#include "common/cli.h"
#include "common/std.h"
#include "common/where.h"
#include "editor.h"
#include "talk.h"

enum { PLAIN = LONG_ONLY, LINES_USUAL = 20, LINES_MOST = 1000000 };

static const struct option_row options[] = {
    { 'b', "bell", NULL, "ring for each message, not only for those to you" },
    { 'q', "quiet", NULL, "never ring" },
    { 'n', "lines", "N", "show at least the last N messages at the start (20)" },
    { 's', "spool", "WHERE", "the spool (default: $CHAT_SPOOL, or the user's own)" },
    { 'u', "user", "NAME", "your name (default: the login name)" },
    { PLAIN, "plain", NULL, "no colors, no editing, no bell" },
    { 0, NULL, NULL, NULL },
};

static void add_commands(struct text *help)
{
    text_add_string(help, "\nIn the room:\n"
                          "  /who                   who is here, and who has unread messages\n"
                          "  /back [N]              show the last N messages again (100)\n"
                          "  /to NAME TEXT          for NAME alone\n"
                          "  /quit                  leave, as Ctrl-D does\n");
}

static const struct program program = {
    .name = "chat-talk",
    .synopsis = "[options] [ROOM]",
    .about = "Show the messages of an open room as they come, and send each line you type.",
    .options = options,
    .add_more = add_commands,
};

struct request {
    const char *spool, *user;
    int64_t lines;
    bool bell, quiet, plain;
};

static void parse(struct request *r, char **argv)
{
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 'b':
            r->bell = true;
            break;
        case 'q':
            r->quiet = true;
            break;
        case 'n':
            r->lines = cli_count(cli_argument, "-n");
            break;
        case 's':
            r->spool = cli_argument;
            break;
        case 'u':
            r->user = cli_argument;
            break;
        case PLAIN:
            r->plain = true;
            break;
        }
    if (r->bell && r->quiet)
        cli_usage("options '-b' and '-q' exclude each other");
    if (r->lines > LINES_MOST)
        r->lines = LINES_MOST;
}

/* Messages are UTF-8, so the terminal is assumed to use UTF-8 in any locale. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void name_room(struct room *room, const char *given)
{
    static struct chat_settings settings;
    room->name = where_room(given);
    if (room->name == NULL) {
        enum chat_status status = chat_settings(room->spool, &settings);
        if (status != CHAT_OK && status != CHAT_NONE)
            cli_fail_spool(status, room->spool, "");
        room->name = settings.room;
    }
    snprintf(room->reader, sizeof room->reader, "%s/%s", room->name, room->user);
    if (!chat_reader_valid(room->reader))
        cli_usage("'%s' cannot name a reader of room '%s'", room->user, room->name);
}

static void enter(struct room *room)
{
    enum chat_status status = room_enter(room);
    if (status == CHAT_NOUSER)
        cli_fail(EXIT_NOUSER,
                 "room '%s' is plain: each message is for one receiver; use "
                 "another room, or 'chat-spool open'",
                 room->name);
    if (status != CHAT_OK)
        cli_fail_spool(status, room->spool, "");
}

static void open_room(struct talk *t, const struct request *r, const char *name)
{
    struct room *room = &t->room;
    room->where = where_spool(r->spool);
    room->fds = t->fds;
    room->fd_count = 2;
    room->patience = -1; /* as long as usual */
    t->fds[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
    t->fds[1] = (struct pollfd){ .fd = STDOUT_FILENO };
    enum chat_status status = room_open(room);
    if (status != CHAT_OK)
        cli_fail_spool(status, room->spool, "");
    room->user = r->user != NULL ? r->user : where_user();
    room->host = where_host();
    name_room(room, name);
    where_watch(room->where);
    enter(room);
    where_announce();
}

/* Set the prompt, without characters that could control the terminal. */
static const char *prompt_of(const char *room)
{
    static struct text prompt;
    text_add_escaped(&prompt, room, strlen(room), true);
    text_add(&prompt, "> ", sizeof "> ");
    return prompt.bytes;
}

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

/* Read until the person leaves or the input ends. */
static void run(struct talk *t, bool plain)
{
    if (plain || !t->typist || !t->screen.terminal || !editor_run(t))
        plain_run(t);
}

int main(int argc, char **argv)
{
    (void)argc;
    static struct talk talk;
    struct request request = { .lines = LINES_USUAL };
    cli_start(&program);
    parse(&request, argv);
    char **words = cli_words(0, 1, "");
    std_need(STDIN_FILENO);
    std_need(STDOUT_FILENO);
    set_locale();
    bool plain = request.plain || is_dumb();
    talk.typist = isatty(STDIN_FILENO);
    talk.ring = request.quiet ? RING_NEVER : request.bell ? RING_ALWAYS : RING_MENTION;
    open_room(&talk, &request, words[0]);
    caught_start(talk.typist, &talk.unblocked);
    screen_open(&talk.screen, talk.room.user, plain);
    talk.screen.line.prompt = prompt_of(talk.room.name);
    enum chat_status status = talk_begin(&talk, request.lines);
    if (status != CHAT_OK && status != CHAT_INTERRUPTED)
        cli_fail_spool(status, talk.room.spool, "");
    run(&talk, plain);
    talk_end(&talk);
    chat_close(talk.room.spool);
    return EXIT_DONE;
}
