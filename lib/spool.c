/* spool.c - the public functions for senders and receivers: they check arguments, pick the store
 * and own the memory. */

#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "handle.h"
#include "module.h"

/* The stores by the scheme of their URL; a path has no scheme. A store is built in, or it is in the
 * module with that name, which is loaded when a URL asks for it. */
static const struct entry {
    const char *scheme;
    const struct store_ops *ops;
    const char *module;
} stores[] = {
    { "", &store_sqlite, NULL },
    { "postgresql", NULL, "postgresql" },
    { "postgres", NULL, "postgresql" },
};

/* Return the length of the scheme of a URL ("redis://..."), or 0 for a path. */
static size_t scheme_length(const char *where)
{
    size_t n = strspn(where, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return strncmp(where + n, "://", 3) == 0 ? n : 0;
}

static enum chat_status find_store(const char *where, struct error *error,
                                   const struct store_ops **ops)
{
    size_t length = scheme_length(where), i = 0;
    while (i < sizeof stores / sizeof stores[0] &&
           (strlen(stores[i].scheme) != length || strncmp(stores[i].scheme, where, length) != 0))
        i++;
    if (i == sizeof stores / sizeof stores[0]) /* the rest of the URL may be a secret */
        return error_set(error, CHAT_USAGE,
                         "unsupported spool URL '%.*s://…': use a path or postgresql://…",
                         (int)length, where);
    if (stores[i].module != NULL)
        return module_load(stores[i].module, error, ops);
    *ops = stores[i].ops;
    return CHAT_OK;
}

void chat_single_threaded(void)
{
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++)
        if (stores[i].ops != NULL)
            stores[i].ops->single_threaded();
}

enum chat_status handle_check(const chat_spool *spool)
{
    return spool != NULL && spool->store != NULL ? CHAT_OK : CHAT_USAGE;
}

enum chat_status chat_open(const char *where, chat_spool **out)
{
    if (out == NULL)
        return CHAT_USAGE;
    struct chat_spool *spool = *out = calloc(1, sizeof *spool);
    if (spool == NULL)
        return CHAT_SYSTEM;
    if (where == NULL || where[0] == '\0')
        return error_set(&spool->error, CHAT_USAGE, "the spool's name is empty");
    const struct store_ops *ops = NULL; /* also where no store is found */
    enum chat_status status = find_store(where, &spool->error, &ops);
    return ops != NULL ? ops->open(where, &spool->error, &spool->store) : status;
}

void chat_set_timeout(chat_spool *spool, int64_t timeout)
{
    if (handle_check(spool) == CHAT_OK)
        spool->store->timeout = timeout;
}

int64_t chat_time(const chat_spool *spool)
{
    return handle_check(spool) == CHAT_OK ? spool->store->ops->time(spool->store) : 0;
}

const char *const *chat_secrets(const chat_spool *spool)
{
    static const char *const none[] = { NULL };
    return handle_check(spool) == CHAT_OK ? spool->store->ops->secrets : none;
}

void chat_close(chat_spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->store != NULL) {
        chat_rollback(spool);
        spool->store->ops->close(spool->store);
    }
    free(spool);
}

const char *chat_error(const chat_spool *spool)
{
    return spool != NULL ? spool->error.text : "out of memory";
}

/* Check the name of a room, or of a reader; NULL is the default room. */
static enum chat_status check_room(chat_spool *spool, const char *name)
{
    if (name == NULL || chat_room_valid(name) || chat_reader_valid(name))
        return CHAT_OK;
    return error_set(&spool->error, CHAT_USAGE, "'%s' cannot name a room", name);
}

enum chat_status chat_settings(chat_spool *spool, struct chat_settings *settings)
{
    if (handle_check(spool) != CHAT_OK || settings == NULL)
        return CHAT_USAGE;
    return spool->store->ops->settings(spool->store, settings);
}

enum chat_status chat_begin(chat_spool *spool)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "already sending");
    enum chat_status status = spool->store->ops->begin(spool->store);
    spool->store->sending = status == CHAT_OK;
    return status;
}

/* Return whether a time can be written as a date, whose years have four digits. */
static bool time_valid(int64_t time)
{
    return time >= CHAT_TIME_MIN && time <= CHAT_TIME_MAX;
}

enum chat_status chat_put(chat_spool *spool, const struct chat_message *message,
                          const struct chat_terms *terms, int64_t *id)
{
    static const struct chat_terms none;
    struct chat_message filled;
    struct sender sender;
    if (handle_check(spool) != CHAT_OK || message == NULL)
        return CHAT_USAGE;
    if (!spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "chat_put without chat_begin");
    enum chat_status status = check_room(spool, message->room);
    if (status != CHAT_OK)
        return status;
    if (message->body == NULL && message->length > 0)
        return error_set(&spool->error, CHAT_USAGE, "the message has a length, but no body");
    if (message->user == NULL || message->host == NULL) {
        filled = *message;
        defaults_fill_sender(&filled, &sender);
        message = &filled;
    }
    if (!chat_name_valid(message->user))
        return error_set(&spool->error, CHAT_USAGE, "'%s' cannot be a sender", message->user);
    if (!chat_name_valid(message->host))
        return error_set(&spool->error, CHAT_USAGE, "'%s' cannot be a host", message->host);
    if (message->key != NULL && !chat_name_valid(message->key))
        return error_set(&spool->error, CHAT_USAGE, "'%s' cannot be a key", message->key);
    if (terms != NULL && terms->once && terms->replace)
        return error_set(&spool->error, CHAT_USAGE, "once and replace exclude each other");
    if (!time_valid(message->time) || !time_valid(message->due) || !time_valid(message->expires))
        return error_set(&spool->error, CHAT_USAGE,
                         "a message cannot have a time beyond the years 0000 to 9999");
    return spool->store->ops->put(spool->store, message, terms != NULL ? terms : &none, id);
}

enum chat_status chat_commit(chat_spool *spool)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (!spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "chat_commit without chat_begin");
    spool->store->sending = false;
    return spool->store->ops->commit(spool->store);
}

void chat_rollback(chat_spool *spool)
{
    if (handle_check(spool) != CHAT_OK)
        return;
    if (spool->store->sending)
        spool->store->ops->rollback(spool->store);
    spool->store->sending = false;
}

/* Check QUERY, and the names of its rooms from index FROM on. */
static enum chat_status check_query_from(chat_spool *spool, const struct chat_query *query,
                                         size_t from)
{
    if (spool->store->sending)
        return error_set(&spool->error, CHAT_USAGE, "cannot receive between begin and commit");
    enum chat_status status = CHAT_OK;
    for (size_t i = from; i < query->room_count && status == CHAT_OK; i++)
        status = check_room(spool, query->rooms[i]);
    return status;
}

/* Store in *FULL the caller's QUERY, which may be NULL, with all defaults; and check it. */
static enum chat_status check_query(chat_spool *spool, const struct chat_query *query,
                                    struct chat_query *full)
{
    static const struct chat_query none;
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    *full = query != NULL ? *query : none;
    defaults_fill_query(full);
    return check_query_from(spool, full, 0);
}

enum chat_status chat_mark(chat_spool *spool, const struct chat_query *query, int64_t *mark)
{
    struct chat_query full;
    enum chat_status status = mark != NULL ? check_query(spool, query, &full) : CHAT_USAGE;
    return status == CHAT_OK ? spool->store->ops->mark(spool->store, &full, mark) : status;
}

/* Add BATCH to the list of batches that hold claims. */
static void remember(struct chat_batch *batch)
{
    batch->next = batch->store->claimed;
    batch->store->claimed = batch;
}

static void forget(const struct chat_batch *batch)
{
    struct chat_batch **link = &batch->store->claimed;
    while (*link != NULL && *link != batch)
        link = &(*link)->next;
    if (*link != NULL)
        *link = batch->next;
}

/* Continue a walk, in a few rooms at a time. A walk through many rooms makes one call for each room
 * that holds a message, and a call must not check the names of all rooms. */
static enum chat_status walk(chat_spool *spool, const struct chat_query *query,
                             struct chat_cursor *cursor, struct chat_batch *batch)
{
    enum { FEW = 64 };
    enum chat_status status;
    size_t room;
    do {
        struct chat_query few = *query;
        room = cursor->room;
        if (query->room_count > cursor->room && query->room_count - cursor->room > FEW)
            few.room_count = cursor->room + FEW;
        status = check_query_from(spool, &few, cursor->room);
        if (status == CHAT_OK)
            status = spool->store->ops->walk(spool->store, &few, cursor, batch);
    } while (status == CHAT_NONE && cursor->room > room && cursor->room < query->room_count &&
             query->id == 0); /* without a spool the cursor stays */
    return status;
}

/* Create a batch and let the store fill it. An empty batch, and one that failed, is freed. */
static enum chat_status fill(chat_spool *spool, const struct chat_query *query,
                             struct chat_cursor *cursor, chat_batch **out)
{
    struct store *store = spool->store;
    struct chat_batch *batch = batch_new(store);
    if (batch == NULL)
        return error_set(&spool->error, CHAT_SYSTEM, "out of memory");
    enum chat_status status =
        cursor != NULL ? walk(spool, query, cursor, batch) : store->ops->claim(store, query, batch);
    if (status != CHAT_OK) {
        batch_free(batch);
        return status;
    }
    batch->claimed = cursor == NULL;
    if (batch->claimed)
        remember(batch);
    *out = batch;
    return CHAT_OK;
}

enum chat_status chat_claim(chat_spool *spool, const struct chat_query *query, chat_batch **batch)
{
    struct chat_query full;
    if (batch == NULL)
        return CHAT_USAGE;
    *batch = NULL;
    enum chat_status status = check_query(spool, query, &full);
    return status == CHAT_OK ? fill(spool, &full, NULL, batch) : status;
}

enum chat_status chat_walk(chat_spool *spool, const struct chat_query *query,
                           struct chat_cursor *cursor, chat_batch **batch)
{
    struct chat_query full = { .rooms = NULL };
    struct chat_cursor beginning = { .room = 0 };
    if (batch == NULL)
        return CHAT_USAGE;
    *batch = NULL;
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    if (query != NULL)
        full = *query;
    defaults_fill_query(&full);
    return fill(spool, &full, cursor != NULL ? cursor : &beginning, batch);
}

size_t chat_batch_count(const chat_batch *batch)
{
    return batch != NULL ? batch->count : 0;
}

const struct chat_message *chat_batch_message(const chat_batch *batch, size_t i)
{
    return batch != NULL && i < batch->count ? batch->messages[i] : NULL;
}

int64_t chat_batch_missed(const chat_batch *batch)
{
    return batch != NULL ? batch->missed : 0;
}

/* Check that the messages of BATCH can be deleted or moved: they are claimed, and the call comes
 * outside of a transaction, as it is a transaction of its own. */
static enum chat_status check_claimed(const chat_batch *batch)
{
    if (batch == NULL)
        return CHAT_USAGE;
    if (!batch->claimed || batch->settled)
        return error_set(batch->store->error, CHAT_USAGE, "these messages are not claimed");
    if (batch->store->sending)
        return error_set(batch->store->error, CHAT_USAGE,
                         "messages cannot be acknowledged between begin and commit");
    return CHAT_OK;
}

enum chat_status chat_settle(chat_batch *batch, size_t count)
{
    enum chat_status status = check_claimed(batch);
    if (status != CHAT_OK)
        return status;
    if (count > batch->count)
        return error_set(batch->store->error, CHAT_USAGE, "the batch has only %zu messages",
                         batch->count);
    if (count > 0)
        status = batch->store->ops->settle(batch->store, batch, count);
    batch->settled = status == CHAT_OK && count == batch->count;
    return status;
}

enum chat_status chat_join(chat_batch *batch, chat_batch *other)
{
    enum chat_status status = check_claimed(batch);
    if (status == CHAT_OK)
        status = check_claimed(other);
    if (status != CHAT_OK)
        return status;
    struct store *store = batch->store;
    if (batch == other || other->store != store || other->room != batch->room ||
        other->source != batch->source || other->session != batch->session)
        return error_set(store->error, CHAT_USAGE,
                         "these messages cannot be acknowledged together");
    forget(other);
    if (batch_join(batch, other))
        return CHAT_OK;
    remember(other);
    return error_set(store->error, CHAT_SYSTEM, "out of memory");
}

/* Limit the time that messages are held back to CHAT_TIME_MAX. */
static void limit_hold(struct store *store, struct chat_failure *failure)
{
    if (failure->hold <= CHAT_TIME_MAX / 2) /* no clock shows a time as late as this */
        return;
    int64_t most = CHAT_TIME_MAX - store->ops->time(store);
    if (failure->hold > most)
        failure->hold = most > 0 ? most : 0;
}

enum chat_status chat_fail(chat_batch *batch, const struct chat_failure *wanted)
{
    enum chat_status status = check_claimed(batch);
    if (status != CHAT_OK)
        return status;
    struct store *store = batch->store;
    struct chat_failure limited = { .counted = false }, *failure = &limited;
    if (wanted != NULL)
        limited = *wanted;
    limit_hold(store, failure);
    if (status == CHAT_OK && failure->dead != NULL && !chat_room_valid(failure->dead))
        return error_set(store->error, CHAT_USAGE, "'%s' cannot name a room", failure->dead);
    if (status == CHAT_OK)
        status = store->ops->fail(store, batch, failure);
    batch->settled = status == CHAT_OK && failure->dead != NULL;
    return status;
}

static enum chat_status move(chat_batch *batch, const char *room, bool first)
{
    enum chat_status status = check_claimed(batch);
    if (status != CHAT_OK)
        return status;
    struct store *store = batch->store;
    bool valid = chat_room_valid(room) || chat_reader_valid(room);
    if (status == CHAT_OK && !valid)
        return error_set(store->error, CHAT_USAGE, "'%s' cannot name a room",
                         room != NULL ? room : "");
    if (status == CHAT_OK)
        status = store->ops->move(store, batch, room, first);
    batch->settled = status == CHAT_OK;
    return status;
}

enum chat_status chat_move(chat_batch *batch, const char *room)
{
    return move(batch, room, false);
}

enum chat_status chat_move_first(chat_batch *batch, const char *room)
{
    return move(batch, room, true);
}

enum chat_status chat_keep(chat_batch *batch)
{
    enum chat_status status = CHAT_OK;
    if (batch == NULL)
        return CHAT_OK;
    if (batch->claimed) {
        forget(batch);
        status = batch->store->ops->keep(batch->store, batch);
    }
    batch_free(batch);
    return status;
}

void chat_release(chat_batch *batch)
{
    if (batch != NULL && batch->claimed) {
        forget(batch);
        batch->store->ops->release(batch->store, batch);
    }
    batch_free(batch);
}

void chat_set_descriptors(chat_spool *spool, struct pollfd *fds, size_t count)
{
    if (handle_check(spool) != CHAT_OK)
        return;
    spool->store->descriptors = fds;
    spool->store->descriptor_count = fds != NULL ? count : 0;
}

void handle_forget_descriptors(const chat_spool *spool)
{
    for (size_t i = 0; i < spool->store->descriptor_count; i++)
        spool->store->descriptors[i].revents = 0;
}

enum chat_status chat_wait_room(chat_spool *spool, const char *room, int64_t max, int64_t timeout,
                                const sigset_t *unblocked)
{
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    handle_forget_descriptors(spool);
    enum chat_status status = check_room(spool, room);
    if (status != CHAT_OK || max <= 0) /* no limit */
        return status;
    return spool->store->ops->wait_room(spool->store, room, max, timeout, unblocked);
}

enum chat_status chat_wait(chat_spool *spool, const struct chat_query *query, int64_t timeout,
                           const sigset_t *unblocked)
{
    struct chat_query full;
    if (handle_check(spool) != CHAT_OK)
        return CHAT_USAGE;
    handle_forget_descriptors(spool);
    enum chat_status status = check_query(spool, query, &full);
    if (status != CHAT_OK)
        return status;
    return spool->store->ops->wait(spool->store, &full, timeout, unblocked);
}
