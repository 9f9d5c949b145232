/* missed.h - what a reader of an open room has lost. */

#ifndef MISSED_H
#define MISSED_H

#include "chatspool.h"

/* Say on standard error how many messages the reader of BATCH has lost since it was told, if any.
 */
void say_missed(const chat_batch *batch);

#endif
