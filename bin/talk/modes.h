/* modes.h - the modes of the terminal while the editor has it. */

#ifndef MODES_H
#define MODES_H

#include "edit.h"

/* Give the terminal the modes of the editor. */
void modes_begin(struct editor *editor);

/* Leave the line where it is, and give the terminal its former modes. */
void modes_end(struct editor *editor);

/* Give the terminal its former modes, without touching the screen. For atexit() and for errors. */
void modes_restore(void);

/* Take the new size of the terminal. */
void modes_resize(struct editor *editor);

/* Stop this process, with GROUP its whole process group, as the key Ctrl-Z does, and return when it
 * continues. The terminal has its former modes in between. */
void modes_suspend(struct editor *editor, bool group);

/* Take the terminal again after another process stopped and continued this one: a shell may have
 * used it. */
void modes_resume(struct editor *editor);

#endif
