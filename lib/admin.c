/* admin.c - the public functions for operators. */

#include "handle.h"

static const struct {
    const struct store_ops *ops;
    const struct admin_ops *admin;
} stores[] = {
    { &store_sqlite, &admin_sqlite },
};

static const struct admin_ops *admin_of(const struct store *store)
{
    if (store->admin != NULL)
        return store->admin;
    size_t i = 0;
    while (stores[i].ops != store->ops)
        i++;
    return stores[i].admin;
}

static const struct admin_ops *admin(const chat_spool *spool)
{
    return admin_of(spool->store);
}

enum chat_status chat_set_settings(chat_spool *spool, const struct chat_settings *settings)
{
    if (handle_check(spool) != CHAT_OK || settings == NULL)
        return CHAT_USAGE;
    if (settings->max_length < 1 || settings->max_length > CHAT_LENGTH_MAX)
        return error_set(&spool->error, CHAT_USAGE,
                         "a message can be limited to 1 to %d bytes, not to %lld", CHAT_LENGTH_MAX,
                         (long long)settings->max_length);
    if (!chat_room_valid(settings->room))
        return error_set(&spool->error, CHAT_USAGE, "'%s' cannot name a room", settings->room);
    return admin(spool)->set(spool->store, settings);
}

enum chat_status chat_skip_ids(chat_spool *spool, int64_t next_id, int64_t *before)
{
    int64_t ignored;
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot skip ids between begin and commit");
    return admin(spool)->skip_ids(spool->store, next_id, before != NULL ? before : &ignored);
}

enum chat_status chat_create(chat_spool *spool, const char *group)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    return admin(spool)->create(spool->store, group);
}

const char *chat_store_version(const chat_spool *spool)
{
    return handle_check(spool) == CHAT_OK ? admin(spool)->version(spool->store) : "";
}

enum chat_status chat_watch(chat_spool *spool, int64_t timeout, const sigset_t *unblocked)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    handle_forget_descriptors(spool);
    return admin(spool)->watch(spool->store, timeout, unblocked);
}

enum chat_status chat_list(chat_spool *spool, struct chat_room **rooms, size_t *count)
{
    if (handle_check(spool) != CHAT_OK || rooms == NULL || count == NULL)
        return CHAT_USAGE;
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

/* Check the arguments of an operation on open rooms: NAME is the name of a ROOM, or of a READER,
 * and the call comes outside of a transaction. */
static enum chat_status check_open(chat_spool *spool, const char *name, bool room, bool reader)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot do this between begin and commit");
    if ((room && chat_room_valid(name)) || (reader && chat_reader_valid(name)))
        return CHAT_OK;
    return error_set(&spool->error, CHAT_USAGE, "'%s' cannot name a %s", name != NULL ? name : "",
                     room ? "room" : "reader: use ROOM/NAME");
}

static bool bounds_valid(const struct chat_bounds *b)
{
    const bool negative = b->keep < 0 || b->keep_time < 0 || b->most < 0 || b->most_time < 0;
    if (negative || (b->most == 0) == (b->most_time == 0) || (b->keep > 0 && b->keep_time > 0))
        return false;
    return (b->keep == 0 || b->most == 0 || b->keep <= b->most) &&
           (b->keep_time == 0 || b->most_time == 0 || b->keep_time <= b->most_time);
}

enum chat_status chat_open_room(chat_spool *spool, const char *room,
                                const struct chat_bounds *bounds)
{
    static const struct chat_bounds usual = { .keep = CHAT_KEEP_DEFAULT,
                                              .most = CHAT_MOST_DEFAULT };
    enum chat_status status = check_open(spool, room, true, false);
    if (status == CHAT_OK && bounds == NULL)
        bounds = &usual;
    if (status == CHAT_OK && !bounds_valid(bounds))
        return error_set(&spool->error, CHAT_USAGE,
                         "a room cannot keep more messages than it may hold");
    return status == CHAT_OK ? admin(spool)->open_room(spool->store, room, bounds) : status;
}

enum chat_status chat_forget(chat_spool *spool, const char *name)
{
    enum chat_status status = check_open(spool, name, true, true);
    return status == CHAT_OK ? admin(spool)->forget(spool->store, name) : status;
}

enum chat_status chat_seek(chat_spool *spool, const char *reader, const struct chat_point *point)
{
    static const struct chat_point start = { .kind = CHAT_POINT_START };
    if (point == NULL)
        point = &start;
    enum chat_status status = check_open(spool, reader, false, true);
    return status == CHAT_OK ? admin(spool)->seek(spool->store, reader, point) : status;
}

enum chat_status chat_readers(chat_spool *spool, const char *room, int64_t id,
                              struct chat_reader **readers, size_t *count)
{
    if (readers == NULL || count == NULL)
        return CHAT_USAGE;
    *readers = NULL;
    *count = 0;
    enum chat_status status = check_open(spool, room, true, false);
    if (status != CHAT_OK)
        return status;
    return admin(spool)->readers(spool->store, room, id, readers, count);
}

enum chat_status chat_check(chat_spool *spool, bool repair, chat_finding *report, void *context)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    return admin(spool)->check(spool->store, repair, report, context);
}

enum chat_status chat_backup(chat_spool *spool, const char *file, chat_progress *progress,
                             void *context)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (file == NULL || file[0] == '\0')
        return error_set(&spool->error, CHAT_USAGE, "the name of the file is empty");
    return admin(spool)->backup(spool->store, file, progress, context);
}

enum chat_status chat_restore(chat_spool *spool, const char *file, chat_progress *progress,
                              void *context)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot restore between begin and commit");
    if (file == NULL || file[0] == '\0')
        return error_set(&spool->error, CHAT_USAGE, "the name of the file is empty");
    return admin(spool)->restore(spool->store, file, progress, context);
}

enum chat_status chat_compact(chat_spool *spool, chat_progress *progress, void *context,
                              int64_t *freed)
{
    int64_t ignored;
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (freed == NULL)
        freed = &ignored;
    *freed = 0;
    return admin(spool)->compact(spool->store, progress, context, freed);
}
