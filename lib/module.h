/* module.h - a store that is not built in, but loaded where a spool's URL asks for it. */

#ifndef MODULE_H
#define MODULE_H

#include "store.h"

/* What a module shows: one symbol, "chat_module". Both sides see structs of the library, so they
 * must be of the same version, to the letter. */
struct store_module {
    char version[32];
    const struct store_verbs *verbs;
};

/* Load the module of the store NAME, chatspool-NAME.so, and store its verbs. CHAT_UNREACHABLE: it
 * is not there, or cannot be loaded. CHAT_PERMISSION: others could have changed it. */
enum chat_status module_load(const char *name, struct error *error,
                             const struct store_verbs **verbs);

#endif
