/* holder.h - which process holds a lock. */

#ifndef HOLDER_H
#define HOLDER_H

#include <stddef.h>
#include <sys/stat.h>

#include "lock.h"

enum { HOLDER_TEXT = 80 };

/* Store in TEXT which process has locked a byte of RANGE of that file for writing: "process 1234
 * (chat-recv)". If the system does not show it, store "another process" and return false. Examines
 * all processes: only for the time after something went wrong. */
bool holder_name(const struct stat *file, struct range range, char text[HOLDER_TEXT]);

/* Report each range of that file that a process has locked for writing, as far as the system shows
 * it. Examines all processes. */
void holder_each(const struct stat *file,
                 void (*report)(void *context, int64_t process, struct range range), void *context);

/* Store in TEXT the name of the command of PROCESS; "" if it is unknown. */
void holder_command(int64_t process, char *text, size_t size);

#endif
