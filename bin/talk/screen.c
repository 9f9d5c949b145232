/* screen.c - what chat-talk shows: messages and notices, each below the one before. */

#include "screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "caught.h"
#include "cells.h"
#include "common/cli.h"
#include "common/format.h"
#include "common/when.h"

void (*screen_failed)(void);

enum { TIME_COLUMNS = 6, NAMES_MOST = 12, COLUMNS_LEAST = 10, COLUMNS_USUAL = 80, ROWS_USUAL = 24 };

/* --- the terminal ---------------------------------------------------------- */

static int of_environment(const char *name, int otherwise)
{
    const char *value = getenv(name);
    int number = value != NULL ? atoi(value) : 0;
    return number > 0 ? number : otherwise;
}

void screen_measure(struct screen *s)
{
    struct winsize size = { .ws_col = 0 };
    if (s->terminal)
        ioctl(s->out.fd, TIOCGWINSZ, &size);
    s->columns = size.ws_col > 0 ? size.ws_col : of_environment("COLUMNS", COLUMNS_USUAL);
    s->rows = size.ws_row > 0 ? size.ws_row : ROWS_USUAL;
    s->columns = s->columns < COLUMNS_LEAST ? COLUMNS_LEAST : s->columns;
    line_resize(&s->line, s->columns, s->rows);
    line_hide(&s->line, &s->text);
}

static int32_t day_of(const struct tm *t)
{
    return t->tm_year * 1000 + t->tm_yday;
}

static bool local_time(int64_t milliseconds, struct tm *local)
{
    time_t seconds = (time_t)(milliseconds / 1000 - (milliseconds % 1000 < 0));
    return localtime_r(&seconds, local) != NULL;
}

void screen_open(struct screen *s, const char *user, bool plain)
{
    const char *no_colour = getenv("NO_COLOR");
    struct tm now;
    output_open(&s->out, STDOUT_FILENO);
    s->user = user;
    s->terminal = s->out.terminal;
    s->colours = s->terminal && !plain && (no_colour == NULL || no_colour[0] == '\0');
    s->bell = s->terminal && !plain;
    s->day = local_time(when_now(), &now) ? day_of(&now) : 0;
    screen_measure(s);
    screen_expect(s, user);
}

void screen_flush(struct screen *s)
{
    if (s->text.size == 0 && s->out.pending.size == 0)
        return;
    caught_unblock();
    output_put(&s->out, s->text.bytes, s->text.size);
    s->text.size = 0;
    bool written = output_flush(&s->out);
    caught_block();
    if (written || output_stop)
        return;
    if (screen_failed != NULL)
        screen_failed();
    cli_fail(EXIT_IO, "cannot write standard output: %s", cli_cause(s->out.failed));
}

void screen_command(struct screen *s, const char *sequence)
{
    text_add_string(&s->text, sequence);
}

void screen_clear(struct screen *s)
{
    screen_command(s, "\033[H\033[2J");
    s->line.shown = false;
}

void screen_line(struct screen *s, const wchar_t *text, size_t size, size_t cursor)
{
    line_show(&s->line, text, size, cursor, &s->text);
}

void screen_leave_line(struct screen *s)
{
    line_leave(&s->line, &s->text);
}

void screen_ring(struct screen *s)
{
    if (s->bell)
        screen_command(s, "\a");
}

/* --- text in columns ------------------------------------------------------- */

struct writer {
    struct text *out;
    int column, columns;
    int indent; /* of the rows that continue */
};

static void end_row(struct writer *w)
{
    text_add_string(w->out, "\r\n");
    w->column = 0;
}

static void continue_row(struct writer *w)
{
    end_row(w);
    for (; w->column < w->indent; w->column++)
        text_add(w->out, " ", 1);
}

static void put_cell(struct writer *w, const struct cell *cell)
{
    /* A \xHH may be wider than a narrow terminal. */
    if (w->column + cell->width > w->columns && w->column > w->indent)
        continue_row(w);
    text_add(w->out, cell->bytes, cell->size);
    w->column += cell->width;
}

static void put_text(struct writer *w, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        struct cell cell;
        i += cells_next(text + i, size - i, &cell);
        put_cell(w, &cell);
    }
}

static void put_string(struct writer *w, const char *text)
{
    put_text(w, text, strlen(text));
}

/* Drop spaces at the end of a row: the next row begins below the text. */
static void put_spaces(struct writer *w, int count)
{
    for (; count > 0 && w->column < w->columns; count--, w->column++)
        text_add(w->out, " ", 1);
}

static size_t word_length(const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && text[length] != ' ' && text[length] != '\t')
        length++;
    return length;
}

/* Put one line of a body; START is the column where bodies begin. */
static void put_line(struct writer *w, const char *text, size_t size, int start)
{
    for (size_t i = 0; i < size;) {
        if (text[i] == ' ' || text[i] == '\t') {
            put_spaces(w, text[i] == ' ' ? 1 : 8 - (w->column - start + 8) % 8);
            i++;
            continue;
        }
        size_t length = word_length(text + i, size - i);
        int width = cells_width(text + i, length);
        if (w->column + width > w->columns && width <= w->columns - w->indent &&
            w->column > w->indent)
            continue_row(w);
        put_text(w, text + i, length);
        i += length;
    }
}

static void put_body(struct writer *w, const char *body, size_t size)
{
    int start = w->column;
    if (size > 0 && body[size - 1] == '\n')
        size--;
    for (;;) {
        const char *end = size > 0 ? memchr(body, '\n', size) : NULL;
        size_t length = end != NULL ? (size_t)(end - body) : size;
        if (length > 0 && body[length - 1] == '\r') /* the lines of this body end with CR LF */
            put_line(w, body, length - 1, start);
        else
            put_line(w, body, length, start);
        if (end == NULL)
            break;
        continue_row(w);
        start = w->column;
        body += length + 1;
        size -= length + 1;
    }
    end_row(w);
}

/* --- messages -------------------------------------------------------------- */

void screen_expect(struct screen *s, const char *name)
{
    int most = s->columns / 4 < NAMES_MOST ? s->columns / 4 : NAMES_MOST;
    int width = cells_width(name, strlen(name));
    if (width > s->names && width <= most)
        s->names = width;
}

/* Return the colour of a name, always the same one. All are easy to read on black and on white. */
static const char *colour_of(const char *name)
{
    static const char *const colours[] = { "\033[31m", "\033[32m", "\033[33m",
                                           "\033[34m", "\033[35m", "\033[36m" };
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return colours[hash % (sizeof colours / sizeof colours[0])];
}

static void colour(struct screen *s, const char *sequence)
{
    if (s->colours)
        screen_command(s, sequence);
}

/* Put NAME so that its end can be seen: only single spaces between other characters stay spaces,
 * and "a > b" cannot be a name. */
static void put_name(struct writer *w, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size;) {
        struct cell cell;
        if (name[i] == '>' || (name[i] == ' ' && (i == 0 || i + 1 == size || name[i + 1] == ' '))) {
            put_string(w, name[i] == '>' ? "\\x3e" : "\\x20");
            i++;
            continue;
        }
        i += cells_next(name + i, size - i, &cell);
        put_cell(w, &cell);
    }
}

static void put_day(struct screen *s, const struct tm *t)
{
    struct tm now;
    char text[64];
    bool this_year = local_time(when_now(), &now) && now.tm_year == t->tm_year;
    strftime(text, sizeof text, this_year ? "%A, %e %B" : "%A, %e %B %Y", t);
    char *two = strstr(text, ",  "); /* %e pads with a space */
    if (two != NULL)
        memmove(two + 1, two + 2, strlen(two + 2) + 1);
    screen_note(s, text);
}

static void show_message(struct screen *s, const struct chat_message *m, const char *to)
{
    struct writer w = { .out = &s->text, .columns = s->columns };
    struct tm t = { .tm_year = 0 };
    char label[16] = "";
    line_hide(&s->line, &s->text);
    if (local_time(m->time, &t)) {
        if (day_of(&t) != s->day)
            put_day(s, &t);
        s->day = day_of(&t);
        strftime(label, sizeof label, "%H:%M ", &t);
    }
    screen_expect(s, m->user);
    w.indent = TIME_COLUMNS + s->names + 2;
    if (w.indent > s->columns / 2)
        w.indent = TIME_COLUMNS / 2;
    colour(s, "\033[2m");
    put_string(&w, label);
    colour(s, "\033[0m");
    colour(s, strcmp(m->user, s->user) == 0 ? "\033[1m" : colour_of(m->user));
    put_name(&w, m->user);
    colour(s, "\033[0m");
    if (to != NULL) {
        put_string(&w, " > ");
        put_name(&w, to);
    }
    put_spaces(&w, 2);
    while (w.column < TIME_COLUMNS + s->names + 2 && w.column < w.columns / 2)
        put_spaces(&w, 1);
    put_body(&w, m->body, m->length);
}

void screen_message(struct screen *s, const struct chat_message *m, const char *to)
{
    static const struct format verbose = { .style = STYLE_VERBOSE };
    if (s->terminal)
        show_message(s, m, to);
    else
        format_message(&verbose, m, &s->out);
}

void screen_note(struct screen *s, const char *text)
{
    struct writer w = { .out = &s->text, .columns = s->columns, .indent = 3 };
    if (!s->terminal)
        return;
    line_hide(&s->line, &s->text);
    colour(s, "\033[2m");
    put_string(&w, "-- ");
    put_line(&w, text, strlen(text), 3);
    colour(s, "\033[0m");
    end_row(&w);
}

void screen_say(struct screen *s, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        cli_no_memory();
    if (s->terminal)
        screen_note(s, text);
    else
        cli_say("%s", text);
    free(text);
}
