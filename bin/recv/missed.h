/* missed.h - reporting messages that a reader of an open room has lost. */

#ifndef MISSED_H
#define MISSED_H

#include "chatspool.h"

/* Report on standard error how many messages the reader of BATCH has lost since the last report,
 * if any. */
void say_missed(const chat_batch *batch);

#endif
