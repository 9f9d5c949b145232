/* format.h - writing a message in the chosen format. */

#ifndef FORMAT_H
#define FORMAT_H

#include "chatspool.h"
#include "iso_time.h"
#include "output.h"

enum style {
    STYLE_LINES,   /* the body, and a newline if it does not end in one */
    STYLE_EXACT,   /* the body's bytes */
    STYLE_NULL,    /* the body and a NUL byte */
    STYLE_VERBOSE, /* for people: time, sender, body */
    STYLE_JSON,    /* a JSON line */
    STYLE_CUSTOM,  /* in the user's format */
};

struct format {
    enum style style;
    const char *custom; /* checked by format_check() */
    bool escape;        /* let no control character reach a terminal */
};

/* End the program with a usage error if CUSTOM is not a format. */
void format_check(const char *custom);

void format_message(const struct format *format, const struct chat_message *message,
                    struct output *out);

#endif
