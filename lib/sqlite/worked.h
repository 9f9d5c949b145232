/* worked.h - the messages of an open room that receivers of its readers work on.
 *
 * A claim of a reader does not concern other readers, and so the room itself does not know it. */

#ifndef SQLITE_WORKED_H
#define SQLITE_WORKED_H

#include "internal.h"

/* Positions in an open room. Initialize with zeros. The caller frees RUNS. */
struct worked {
    struct range *runs;
    size_t count;
};

/* Store in WORKED the positions of the messages in the open room OPEN that readers have claimed. */
enum chat_status worked_list(struct sqlite_store *s, int64_t open, struct worked *worked);

/* Return whether POSITION is among WORKED. */
bool worked_has(const struct worked *worked, int64_t position);

#endif
