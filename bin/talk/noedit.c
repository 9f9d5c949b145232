/* noedit.c - replaces edit.c in a build without libedit. */

#include "editor.h"

bool editor_run(struct talk *talk)
{
    (void)talk;
    return false;
}
