/* screen.h - what chat-talk shows: messages and notices, each below the one before.
 *
 * On a terminal a message is "12:58 bob    Is the kettle on?". The lines that continue a body are
 * indented, so that no body can look like another message. Elsewhere messages are written as
 * chat-recv -v writes them, and notices go to standard error. */

#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"
#include "common/output.h"
#include "line.h"

struct screen {
    struct output out;
    const char *user; /* whose terminal this is */
    bool terminal;
    bool colours;
    bool bell;         /* may ring */
    int columns, rows; /* of the terminal */
    int names;         /* columns for names */
    int32_t day;       /* of the last message: its year * 1000 + the day in it */
    struct line line;  /* the line being typed, if the editor has one */
    struct text text;  /* to be written */
};

/* PLAIN: without colours and bell. */
void screen_open(struct screen *screen, const char *user, bool plain);

/* Find out the size of the terminal, once more after SIGWINCH. */
void screen_measure(struct screen *screen);

/* Make the column of the names wide enough for NAME. */
void screen_expect(struct screen *screen, const char *name);

/* Show MESSAGE; TO is the name of the one reader it is for, or NULL. */
void screen_message(struct screen *screen, const struct chat_message *message, const char *to);

/* Show "-- TEXT", a line about the conversation. Skip it if the output is not a terminal. */
void screen_note(struct screen *screen, const char *text);

/* Show "-- TEXT". Write it to standard error if the output is not a terminal. */
void screen_say(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void screen_ring(struct screen *screen);

/* Show the line being typed, TEXT, with the cursor before its character CURSOR. */
void screen_line(struct screen *screen, const wchar_t *text, size_t size, size_t cursor);

/* Leave the line being typed where it is; what is shown next is below it. */
void screen_leave_line(struct screen *screen);

/* Clear the terminal. */
void screen_clear(struct screen *screen);

/* Add SEQUENCE, which controls the terminal. */
void screen_command(struct screen *screen, const char *sequence);

/* Write all that was added. Ends the program with status 74 if that fails. */
void screen_flush(struct screen *screen);

/* Called before screen_flush() ends the program. */
extern void (*screen_failed)(void);

#endif
