/* keys.h - what the keys of the editor do. */

#ifndef KEYS_H
#define KEYS_H

#include "edit.h"

/* Bind the keys that people know from other editors. The user's file can change these. */
void keys_bind_usual(EditLine *el);

/* Bind Enter, Ctrl-C, Ctrl-Z, Ctrl-L and the paste, whatever the user's file says: without them no
 * line could be sent. In the mode of vi, bind them in both of its states. */
void keys_bind_own(EditLine *el);

/* Make the line empty, and let the history begin with its newest line again. */
void keys_clear_line(EditLine *el);

#endif
