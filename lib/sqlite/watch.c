/* watch.c - sleep until something in a spool may have changed, in any room.
 *
 * It watches the directory: a commit writes to the WAL, and a receiver that begins or ends opens or
 * closes the lock file. The WAL is written before its commit can be seen (215 of 224 wake-ups came
 * too early). So after a wake-up the process takes the write lock once: then the writer has
 * committed. */

#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "operations.h"
#include "os/vigil.h"
#include "write_lock.h"

static enum chat_status failed(struct sqlite_store *s)
{
    return error_system(s->base.error, errno, CHAT_SYSTEM, "cannot watch spool '%s'",
                        s->location.path);
}

static enum chat_status begin(struct sqlite_store *s)
{
    enum chat_status status = location_enter(&s->location, true);
    if (status != CHAT_OK)
        return status;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->location.directory);
    s->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->watch < 0 || inotify_add_watch(s->watch, path,
                                          IN_MODIFY | IN_OPEN | IN_CLOSE_WRITE | IN_CREATE |
                                              IN_DELETE | IN_MOVED_TO) < 0)
        return failed(s);
    return CHAT_OK;
}

/* Return whether an event is about a file of the spool. */
static bool is_ours(const struct sqlite_store *s, const struct inotify_event *event)
{
    size_t length = strlen(s->location.name);
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        return true;
    if (event->len == 0 || strncmp(event->name, s->location.name, length) != 0)
        return false;
    const char *suffix = event->name + length;
    if (strcmp(suffix, "-lock") == 0) /* writes to the lock file follow a commit */
        return (event->mask & IN_MODIFY) == 0;
    return (event->mask & IN_OPEN) == 0 && (suffix[0] == '\0' || strcmp(suffix, "-wal") == 0);
}

/* Read all events so far. Returns whether one was about the spool. */
static bool drain(struct sqlite_store *s)
{
    _Alignas(struct inotify_event) char buffer[4096];
    bool changed = false;
    ssize_t size;
    while ((size = read(s->watch, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
            changed = changed || is_ours(s, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    return changed;
}

static void pass_turnstile(struct sqlite_store *s)
{
    if (s->lock >= 0 && write_lock_take(s) == CHAT_OK)
        write_lock_release(s);
}

enum chat_status sqlite_watch(struct store *store, int64_t timeout, const sigset_t *unblocked)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (s->watch <= 0)
        return begin(s);
    struct vigil vigil = { .others = store->descriptors,
                           .other_count = store->descriptor_count,
                           .clock = CLOCK_REALTIME };
    enum chat_status status = CHAT_OK;
    if (!vigil_add(&vigil, s->watch))
        return error_set(store->error, CHAT_SYSTEM, "out of memory");
    do
        status = vigil_sleep(&vigil, timeout, unblocked, store->error);
    while (status == CHAT_OK && !drain(s));
    vigil_free(&vigil);
    if (status == CHAT_OK)
        pass_turnstile(s);
    return status;
}
