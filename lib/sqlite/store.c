/* store.c - the SQLite store: its operations, opening and closing. */

#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"
#include "operations.h"
#include "os/clock.h"
#include "vfs.h"

/* Configure SQLite. Without mutexes and memory statistics a command takes 60 thousand instructions
 * less. Without the 20 pages of cache that SQLite prepares for each connection, of which a command
 * uses four, the kernel need not provide them: 2 % of its time. */
static void sqlite_single_threaded(void)
{
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    vfs_single_threaded();
}

static enum chat_status sqlite_open(const char *where, struct error *error, struct store **store)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, CHAT_SYSTEM, "out of memory");
    s->base.ops = &store_sqlite;
    s->base.error = error;
    s->base.timeout = -1;
    s->lock = s->wal = s->all_held[0] = s->all_held[1] = s->file_watch.fd = -1;
    enum chat_status status = location_find(&s->location, where, error);
    if (status == CHAT_OK)
        *store = &s->base;
    else
        free(s);
    return status;
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (s->attached)
        connect_close(s);
    if (s->lock >= 0)
        close(s->lock); /* this releases every claim */
    location_release(&s->location);
    if (s->watch > 0)
        close(s->watch);
    file_watch_end(&s->file_watch);
    free(s->bells);
    free(s->put.lines);
    free(s->kept);
    free(s->here);
    free(s->held);
    free(s);
}

static int64_t sqlite_time(const struct store *store)
{
    (void)store;
    return clock_now();
}

static const char *const no_secrets[] = { NULL };

const struct store_ops store_sqlite = {
    .secrets = no_secrets,
    .single_threaded = sqlite_single_threaded,
    .open = sqlite_open,
    .close = sqlite_close,
    .time = sqlite_time,
    .settings = sqlite_settings,
    .begin = sqlite_begin,
    .put = sqlite_put,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .mark = sqlite_mark,
    .claim = sqlite_claim,
    .walk = sqlite_walk,
    .settle = sqlite_settle,
    .fail = sqlite_fail,
    .move = sqlite_move,
    .keep = sqlite_keep,
    .release = sqlite_release,
    .wait = sqlite_wait,
    .wait_room = sqlite_wait_room,
};
