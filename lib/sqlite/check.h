/* check.h - whether a spool is sound. */

#ifndef SQLITE_CHECK_H
#define SQLITE_CHECK_H

#include "internal.h"

/* Whether the structure of the spool, which is connected, is sound. */
enum chat_status check_sound(struct sqlite_store *s);

#endif
