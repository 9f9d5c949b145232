/* plain.c - reads whole lines, from a program or from a terminal with its own editing. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caught.h"
#include "commands.h"
#include "common/cli.h"
#include "editor.h"

enum { READ_SIZE = 64 * 1024 };

struct lines {
    struct text text;      /* the input that was read and not used yet */
    struct room_body *all; /* the whole lines in it */
    size_t count, capacity;
};

static void add_line(struct lines *l, const char *line, size_t size)
{
    if (l->count == l->capacity) {
        l->capacity = l->capacity * 2 + 64;
        l->all = realloc(l->all, l->capacity * sizeof *l->all);
        if (l->all == NULL)
            cli_no_memory();
    }
    l->all[l->count++] = (struct room_body){ line, size };
}

/* Find the whole lines in the input, at its END also the last one without a newline. Return how
 * many bytes they take. */
static size_t split(struct lines *l, bool end)
{
    size_t begin = 0;
    const char *newline;
    l->count = 0;
    while (begin < l->text.size &&
           (newline = memchr(l->text.bytes + begin, '\n', l->text.size - begin)) != NULL) {
        size_t size = (size_t)(newline - (l->text.bytes + begin));
        add_line(l, l->text.bytes + begin, size);
        begin += size + 1;
    }
    if (end && begin < l->text.size) {
        add_line(l, l->text.bytes + begin, l->text.size - begin);
        begin = l->text.size;
    }
    return begin;
}

/* Send a typed line, or run its command. False: the person leaves. */
static bool type(struct talk *t, const struct room_body *line)
{
    char *text = strndup(line->bytes, line->length);
    if (text == NULL)
        cli_no_memory();
    enum answer answer = commands_typed(t, text, strlen(text));
    free(text);
    return answer != ANSWER_LEAVE;
}

/* Send the whole lines. False: the person leaves. */
static bool send_lines(struct talk *t, struct lines *l, bool end)
{
    size_t used = split(l, end);
    bool stay = true;
    if (!t->typist && l->count > 0)
        commands_send(t, l->all, l->count);
    for (size_t i = 0; t->typist && stay && i < l->count; i++)
        stay = type(t, &l->all[i]);
    if (used > 0)
        memmove(l->text.bytes, l->text.bytes + used, l->text.size - used);
    l->text.size -= used;
    return stay;
}

/* Read some input. False: the input ended. */
static bool read_some(struct lines *l)
{
    ssize_t n = read(STDIN_FILENO, text_reserve(&l->text, READ_SIZE), READ_SIZE);
    if (n > 0)
        l->text.size += (size_t)n;
    if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EIO)
        cli_fail(EXIT_IO, "cannot read standard input: %s", cli_cause(errno));
    return n > 0 || (n < 0 && errno != EIO);
}

void plain_run(struct talk *t)
{
    struct lines lines = { .count = 0 };
    bool more = true;
    while (more && !output_stop) {
        talk_step(t);
        if (caught_interrupt) { /* the terminal has dropped the line, too */
            caught_interrupt = 0;
            lines.text.size = 0;
            screen_note(&t->screen, "Ctrl-D leaves");
            screen_flush(&t->screen);
        }
        if (caught_suspend) {
            caught_suspend = 0;
            caught_stop_here(false);
        }
        if (caught_resize)
            screen_measure(&t->screen);
        caught_resize = caught_continue = 0;
        if (t->fds[0].revents != 0) {
            more = read_some(&lines);
            more = send_lines(t, &lines, !more) && more;
        }
    }
    if (!output_stop)
        talk_catch_up(t);
    text_free(&lines.text);
    free(lines.all);
}
