/* admin.c - the public functions for who looks after a spool. */

#include "handle.h"

static const struct {
    const struct store_verbs *verbs;
    const struct admin_verbs *admin;
} stores[] = {
    { &store_sqlite, &admin_sqlite },
};

static const struct admin_verbs *admin_of(const struct store *store)
{
    if (store->admin != NULL)
        return store->admin;
    size_t i = 0;
    while (stores[i].verbs != store->verbs)
        i++;
    return stores[i].admin;
}

static const struct admin_verbs *admin(const chat_spool *spool)
{
    return admin_of(spool->store);
}

enum chat_status chat_set(chat_spool *spool, const struct chat_settings *settings)
{
    if (settings->max_length < 1 || settings->max_length > CHAT_LENGTH_MAX)
        return error_set(&spool->error, CHAT_USAGE,
                         "a message can be limited to 1 to %d bytes, not to %lld", CHAT_LENGTH_MAX,
                         (long long)settings->max_length);
    enum chat_status status = check_room(spool, settings->room);
    return status == CHAT_OK ? admin(spool)->set(spool->store, settings) : status;
}

enum chat_status chat_skip_ids(chat_spool *spool, int64_t next_id, int64_t *before)
{
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot skip ids between begin and commit");
    return admin(spool)->skip_ids(spool->store, next_id, before);
}

enum chat_status chat_create(chat_spool *spool, const char *group)
{
    return admin(spool)->create(spool->store, group);
}

const char *chat_engine(const chat_spool *spool)
{
    return admin(spool)->engine(spool->store);
}

enum chat_status chat_watch(chat_spool *spool, int64_t timeout, const sigset_t *unblocked)
{
    forget_descriptors(spool);
    return admin(spool)->watch(spool->store, timeout, unblocked);
}

enum chat_status chat_list(chat_spool *spool, struct chat_room **rooms, size_t *count)
{
    *rooms = NULL;
    *count = 0;
    return admin(spool)->list(spool->store, rooms, count);
}

enum chat_status chat_holders(const chat_batch *batch, struct chat_holder *holders)
{
    bool claimed = false;
    for (size_t i = 0; i < batch->count; i++) {
        holders[i] = (struct chat_holder){ .process = 0 };
        claimed = claimed || batch->messages[i]->claimed;
    }
    return claimed ? admin_of(batch->store)->holders(batch->store, batch, holders) : CHAT_OK;
}

enum chat_status chat_check(chat_spool *spool, bool repair, chat_finding *told, void *context)
{
    return admin(spool)->check(spool->store, repair, told, context);
}

enum chat_status chat_backup(chat_spool *spool, const char *file, chat_progress *progress,
                             void *context)
{
    if (file[0] == '\0')
        return error_set(&spool->error, CHAT_USAGE, "the name of the file is empty");
    return admin(spool)->backup(spool->store, file, progress, context);
}

enum chat_status chat_restore(chat_spool *spool, const char *file, chat_progress *progress,
                              void *context)
{
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot restore between begin and commit");
    if (file[0] == '\0')
        return error_set(&spool->error, CHAT_USAGE, "the name of the file is empty");
    return admin(spool)->restore(spool->store, file, progress, context);
}

enum chat_status chat_compact(chat_spool *spool, chat_progress *progress, void *context,
                              int64_t *freed)
{
    *freed = 0;
    return admin(spool)->compact(spool->store, progress, context, freed);
}
