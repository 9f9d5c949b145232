/* noedit.c - in the place of edit.c where this program is built without libedit. */

#include "editor.h"

bool editor_run(struct talk *talk)
{
    (void)talk;
    return false;
}
