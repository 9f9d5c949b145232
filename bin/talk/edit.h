/* edit.h - the parts of the editor, for edit.c, keys.c and modes.c. */

#ifndef EDIT_H
#define EDIT_H

#include <histedit.h>
#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

#include "talk.h"

enum { INPUT_SIZE = 4096 };

struct editor {
    struct talk *talk;
    EditLine *el;
    HistoryW *history;
    FILE *nowhere;          /* takes what libedit draws */
    struct termios usual;   /* how the terminal was */
    char input[INPUT_SIZE]; /* what was typed and libedit has not taken yet, */
    size_t begin, size;     /* from BEGIN up to SIZE */
    bool end;               /* the terminal is gone */
    bool hinted;            /* "Ctrl-D or /quit leaves" was shown */
};

/* Return the editor that belongs to EL. */
static inline struct editor *edit_of(EditLine *el)
{
    void *data = NULL;
    el_wget(el, EL_CLIENTDATA, &data);
    return data;
}

#endif
