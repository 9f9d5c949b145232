/* handle.h - a handle, for the implementation of the public functions. */

#ifndef HANDLE_H
#define HANDLE_H

#include "store.h"

struct chat_spool {
    struct error error;
    struct store *store; /* NULL until it is open */
};

/* Forget what the caller's descriptors have shown: a waiting function begins. */
void handle_forget_descriptors(const chat_spool *spool);

/* Return CHAT_USAGE if SPOOL is NULL, or if chat_open has failed: the text of that failure
 * stays. */
enum chat_status handle_check(const chat_spool *spool);

#endif
