/* holder.h - which process holds a lock. */

#ifndef HOLDER_H
#define HOLDER_H

#include <sys/stat.h>

#include "lock.h"

enum { HOLDER_TEXT = 80 };

/* Into TEXT, who has locked a byte of RANGE of that file for writing:
 * "process 1234 (chat-recv)". False, and "another process", where the system does not tell
 * it. It looks at all processes: it is for when something went wrong. */
bool holder_name(const struct stat *file, struct range range, char text[HOLDER_TEXT]);

#endif
