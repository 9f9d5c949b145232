/* handle.h - a handle, for the implementation of the public functions. */

#ifndef HANDLE_H
#define HANDLE_H

#include "store.h"

struct chat_spool {
    struct error error;
    struct store *store; /* NULL until it is open */
};

/* A waiting function begins: nothing is known of the descriptors of the caller yet. */
void handle_forget_descriptors(const chat_spool *spool);

/* CHAT_USAGE: SPOOL is NULL, or chat_open has failed; its reason stays. */
enum chat_status handle_check(const chat_spool *spool);

/* Check the name of a room, or of a reader of one; NULL is the default room. */
enum chat_status handle_check_room(chat_spool *spool, const char *name);

#endif
