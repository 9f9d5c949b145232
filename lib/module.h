/* module.h - load a store that is not built in, if the URL of a spool asks for it. */

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
 * the module does not exist, or cannot be loaded. CHAT_PERMISSION: other users could have changed
 * it. */
enum chat_status module_load(const char *name, struct error *error, const struct store_ops **ops);

#endif
