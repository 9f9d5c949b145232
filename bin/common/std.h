/* std.h - the descriptors and signals that a program inherits. */

#ifndef STD_H
#define STD_H

#include <stdbool.h>

/* Open /dev/null for those of the descriptors 0, 1 and 2 that are closed, so that no file of this
 * program gets their numbers. Make a write into a closed pipe or past the file-size limit fail
 * instead of killing the program. */
void std_prepare(void);

/* End the program with status 74 if standard input (0) or output (1) was closed. */
void std_need(int descriptor);

#endif
