/* stream.h - sending many messages from standard input. */

#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "sending.h"

/* Send standard input, split at SEPARATOR: each piece is a message or, if SENDING asks for it, a
 * JSON line. Messages are sent in batches, and at once when the input pauses; ATOMIC: all of them
 * or none. Ends the program on errors. */
void stream_send(struct sending *sending, char separator, bool atomic);

#endif
