/* plain.c - lines of a program, or of a terminal that lets its user edit them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common/cli.h"
#include "editor.h"

enum { READ_SIZE = 64 * 1024 };

struct lines {
    struct text text;      /* what was read */
    struct room_body *all; /* the lines in it */
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

/* Find the lines in what was read, and return how many bytes they take. */
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

/* What a person typed has an end, as the commands want it. */
static bool type(struct talk *t, const struct room_body *line)
{
    char *text = strndup(line->bytes, line->length);
    if (text == NULL)
        cli_no_memory();
    enum answer answer = commands_typed(t, text, strlen(text));
    free(text);
    return answer != ANSWER_LEAVE;
}

/* Send the lines that are whole. False: leave. */
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

/* Read what is there. False: that is the end. */
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
        if (talk_interrupted) { /* the kernel has dropped the line, too */
            talk_interrupted = 0;
            lines.text.size = 0;
            screen_note(&t->screen, "Ctrl-D leaves");
            screen_flush(&t->screen);
        }
        if (talk_suspended) {
            talk_suspended = 0;
            talk_suspend(false);
        }
        if (talk_resized)
            screen_measure(&t->screen);
        talk_resized = talk_continued = 0;
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
