/* commands.h - what becomes of a line that was typed. */

#ifndef COMMANDS_H
#define COMMANDS_H

#include "talk.h"

enum answer {
    ANSWER_DONE,  /* the line is used up */
    ANSWER_KEEP,  /* it was not sent: give it back to the person */
    ANSWER_LEAVE, /* leave the room */
};

/* Send the line that a person typed, or do what it asks for. */
enum answer commands_typed(struct talk *talk, const char *line, size_t size);

/* Send the COUNT lines of a program, all of them or none. Ends the program where that fails. */
void commands_send(struct talk *talk, const struct room_body *lines, size_t count);

#endif
