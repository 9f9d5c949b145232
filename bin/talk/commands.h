/* commands.h - sends a typed line, or does what the line asks for. */

#ifndef COMMANDS_H
#define COMMANDS_H

#include "talk.h"

enum answer {
    ANSWER_DONE,  /* the line was sent, or its command was run */
    ANSWER_KEEP,  /* the line was not sent: leave it to the person */
    ANSWER_LEAVE, /* leave the room */
};

/* Send the line that a person typed, or run its command. */
enum answer commands_typed(struct talk *talk, const char *line, size_t size);

/* Send the COUNT lines of a program, all of them or none. Ends the program where that fails. */
void commands_send(struct talk *talk, const struct room_body *lines, size_t count);

#endif
