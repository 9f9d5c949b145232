/* stream.h - many messages from standard input. */

#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "sending.h"

/* Send what SEPARATORs end in standard input, each as a message or, where SENDING says so, a line
 * of JSON: in batches, and at once when input pauses; ATOMIC: all of them or none. Ends the
 * program where that fails. */
void stream_send(struct sending *sending, char separator, bool atomic);

#endif
