/* defaults.h - the defaults of what a caller leaves out: the sender, the host, the members of a
 * query. */

#ifndef DEFAULTS_H
#define DEFAULTS_H

#include "chatspool.h"

struct sender {
    char user[CHAT_NAME_MAX + 1], host[CHAT_NAME_MAX + 1];
};

/* Set the user and the host of MESSAGE where they are NULL: to texts in SENDER, or to constants. */
void defaults_fill_sender(struct chat_message *message, struct sender *sender);

/* Set the members of QUERY that are NULL or 0 to the defaults that chatspool.h documents. */
void defaults_fill_query(struct chat_query *query);

#endif
