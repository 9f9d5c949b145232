/* pg_check.c - what is wrong with a spool, and what is done about it. */

#include "store_pg.h"

enum chat_status pg_check(struct store *store, bool repair, chat_finding *told, void *context)
{
    (void)repair, (void)told, (void)context;
    return error_set(store->error, CHAT_SYSTEM, "not yet");
}
