/* holder.h - which process holds a lock. */

#ifndef HOLDER_H
#define HOLDER_H

#include <stddef.h>
#include <sys/stat.h>

#include "lock.h"

enum { HOLDER_TEXT = 80 };

/* Into TEXT, who has locked a byte of RANGE of that file for writing:
 * "process 1234 (chat-recv)". False, and "another process", where the system does not tell
 * it. It looks at all processes: it is for when something went wrong. */
bool holder_name(const struct stat *file, struct range range, char text[HOLDER_TEXT]);

/* Report each range of that file that a process has locked for writing, as far as the system
 * shows them. It looks at all processes. */
void holder_each(const struct stat *file,
                 void (*report)(void *context, int64_t process, struct range range), void *context);

/* Into TEXT, the name of the command of PROCESS; "" where that is not to be had. */
void holder_command(int64_t process, char *text, size_t size);

#endif
