/* module.h - a store that is not built in, but loaded where a spool's URL asks for it. */

#ifndef MODULE_H
#define MODULE_H

#include "store.h"

/* The only symbol of a module, "chat_module". Both sides use structs of the library, so their
 * versions must be the same. */
struct store_module {
    char version[32];
    const struct store_ops *ops;
};

/* Load the module of the store NAME, chatspool-NAME.so, and store its operations. CHAT_UNREACHABLE:
 * it is not there, or cannot be loaded. CHAT_PERMISSION: others could have changed it. */
enum chat_status module_load(const char *name, struct error *error, const struct store_ops **ops);

#endif
