/* claim_lock.c - the claims of this process on messages. */

#include "claim_lock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lock_file.h"
#include "os/holder.h"
#include "os/lock.h"

enum chat_status claim_lock_be_present(struct sqlite_store *s)
{
    int errnum = s->present ? 0 : lock_presence(s->lock);
    s->present = errnum == 0;
    return errnum == 0 ? CHAT_OK : lock_file_failed(s, errnum);
}

int64_t claim_lock_first(const struct sqlite_store *s, struct range range)
{
    int64_t first = range.last + 1;
    for (const struct chat_batch *b = s->base.claimed; b != NULL; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            if (b->positions[i] >= range.first && b->positions[i] < first)
                first = b->positions[i];
    size_t low = 0, high = s->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->kept[middle] < range.first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->kept_count && s->kept[low] < first ? s->kept[low] : first;
}

bool claim_lock_has(const struct sqlite_store *s, int64_t position)
{
    return claim_lock_first(s, (struct range){ position, position }) == position;
}

enum chat_status claim_lock_add(struct sqlite_store *s, struct range claimed)
{
    struct range *held = realloc(s->held, (s->held_count + 1) * sizeof *held);
    if (held == NULL) {
        unlock_claim(s->lock, claimed);
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    }
    s->held = held;
    held[s->held_count++] = claimed;
    return CHAT_OK;
}

void claim_lock_end(struct sqlite_store *s)
{
    for (size_t i = 0; i < s->held_count; i++)
        unlock_claim(s->lock, s->held[i]);
    s->held_count = 0;
}

enum chat_status claim_lock_take(struct sqlite_store *s, int64_t position)
{
    struct range taken, one = { position, position };
    if (claim_lock_has(s, position))
        return CHAT_NONE;
    enum chat_status status = claim_lock_be_present(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_claim(s->lock, one, &taken);
    if (errnum == EAGAIN)
        return CHAT_NONE;
    return errnum == 0 ? claim_lock_add(s, one) : lock_file_failed(s, errnum);
}

static const struct range all = { 1, POSITION_MAX };

void claim_lock_release_all(struct sqlite_store *s)
{
    unlock_claim(s->lock, all);
}

enum chat_status claim_lock_take_all(struct sqlite_store *s, const char *otherwise)
{
    char holder[HOLDER_TEXT];
    struct range taken;
    struct stat lock;
    enum chat_status status = lock_file_open(s);
    if (status == CHAT_OK)
        status = claim_lock_be_present(s);
    if (status != CHAT_OK)
        return status;
    int errnum = lock_all_claims(s->lock, WRITE_LOCK_TIMEOUT);
    if (errnum == 0)
        return CHAT_OK;
    bool claimed = errnum == ETIMEDOUT && lock_taken(s->lock, all, &taken);
    claim_lock_release_all(s);
    if (!claimed)
        return lock_file_failed(s, errnum == ETIMEDOUT ? EAGAIN : errnum);
    fstat(s->lock, &lock);
    holder_name(&lock, taken, holder);
    return error_set(s->base.error, CHAT_BUSY,
                     "spool '%s' is busy: %s has been working on a message for %d seconds; %s",
                     s->location.path, holder, WRITE_LOCK_TIMEOUT / 1000, otherwise);
}
