/* stream.h - many messages from standard input. */

#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "sending.h"

/* Send standard input, split at SEPARATOR, each piece as a message or, if SENDING asks for it,
 * as a JSON line: in batches, and at once when input pauses; ATOMIC: all of them or none. Ends
 * the program if that fails. */
void stream_send(struct sending *sending, char separator, bool atomic);

#endif
