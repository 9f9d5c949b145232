/* holders.c - find the processes that have claimed the messages of a batch. */

#include "internal.h"

#include <sys/stat.h>

#include "operations.h"
#include "os/holder.h"

struct search {
    const struct chat_batch *batch;
    struct chat_holder *holders;
};

/* Note that a process has locked RANGE. */
static void note(void *context, int64_t process, struct range range)
{
    struct search *search = context;
    for (size_t i = 0; i < search->batch->count; i++)
        if (search->batch->positions[i] >= range.first && search->batch->positions[i] <= range.last)
            search->holders[i].process = process;
}

enum chat_status sqlite_holders(struct store *store, const struct chat_batch *batch,
                                struct chat_holder *holders)
{
    const struct sqlite_store *s = (struct sqlite_store *)store;
    struct search search = { batch, holders };
    struct stat lock;
    if (fstat(s->lock, &lock) == 0)
        holder_each(&lock, note, &search);
    for (size_t i = 0; i < batch->count; i++) {
        struct chat_holder *holder = &holders[i];
        if (!batch->messages[i]->claimed)
            holder->process = 0; /* it was claimed after the batch was filled */
        if (holder->process > 0 && i > 0 && holder->process == holders[i - 1].process)
            *holder = holders[i - 1];
        else if (holder->process > 0)
            holder_command(holder->process, holder->name, sizeof holder->name);
    }
    return CHAT_OK;
}
