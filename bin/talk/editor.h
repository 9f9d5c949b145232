/* editor.h - reads the lines that a person types, or that a program writes. */

#ifndef EDITOR_H
#define EDITOR_H

#include <stdbool.h>

#include "talk.h"

/* Let the person edit lines at the bottom of the terminal, with libedit, until the person leaves.
 * Returns false at once if the terminal cannot do this, or without libedit. */
bool editor_run(struct talk *talk);

/* Read whole lines, from a program or from a terminal with its own editing, until the input ends or
 * the person leaves. */
void plain_run(struct talk *talk);

#endif
