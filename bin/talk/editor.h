/* editor.h - what reads the lines that are typed. */

#ifndef EDITOR_H
#define EDITOR_H

#include <stdbool.h>

#include "talk.h"

/* Edit lines at the bottom of the terminal, with libedit, until the person leaves. Returns false,
 * at once, where the terminal cannot do it, or this program was built without libedit. */
bool editor_run(struct talk *talk);

/* Read lines as they come: from a terminal that lets its user edit them, or from a program. */
void plain_run(struct talk *talk);

#endif
