/* std.h - descriptors and signals as a program finds them. */

#ifndef STD_H
#define STD_H

#include <stdbool.h>

/* Plug what is closed of descriptors 0, 1 and 2, so that no file of ours lands there, and have
 * a write into a closed pipe or past the file-size limit fail instead of killing. */
void std_prepare(void);

/* End the program with status 74 if standard input (0) or output (1) was closed. */
void std_need(int descriptor);

#endif
