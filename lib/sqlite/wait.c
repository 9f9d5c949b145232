/* wait.c - sleep until there is something to do. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"
#include "lock_file.h"
#include "operations.h"
#include "os/bell.h"
#include "os/clock.h"
#include "os/file_watch.h"
#include "os/lock.h"
#include "os/vigil.h"
#include "reader.h"
#include "room.h"
#include "scan.h"
#include "settings.h"
#include "sweep.h"
#include "trim.h"

enum {
    WATCHED = 4096,   /* the most holders of claims that are watched */
    UNWATCHED = 1000, /* look again after this many milliseconds, if no wake-up may come */
    BRIEF = 100       /* a sleep of up to this many milliseconds does not watch the files */
};

static enum chat_status no_memory(struct sqlite_store *s)
{
    return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
}

static enum chat_status vigil_start(struct sqlite_store *s, struct vigil *vigil)
{
    *vigil = (struct vigil){ .others = s->base.descriptors,
                             .other_count = s->base.descriptor_count,
                             .clock = CLOCK_REALTIME };
    /* No file is created beside a file that is not a spool. */
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_NONE)
        status = location_enter(&s->location, true);
    return status == CHAT_OK ? lock_file_open(s) : status;
}

static enum chat_status vigil_listen(struct sqlite_store *s, struct vigil *vigil, const char *bell,
                                     const char *room)
{
    int fd;
    enum chat_status status = bell_listen(&s->location, bell, room, &fd);
    if (status == CHAT_CANTCREATE && lock_file_check_names_now(s) != CHAT_OK)
        return CHAT_IO; /* its directory is gone */
    if (status != CHAT_OK || vigil_add(vigil, fd))
        return status;
    close(fd);
    return no_memory(s);
}

/* Listen to the bell of all rooms, too. A process that holds the write lock now may have found no
 * listener, and be killed right after its commit: so look again soon. */
static enum chat_status vigil_listen_all(struct sqlite_store *s, struct vigil *vigil,
                                         const char *bell)
{
    enum chat_status status = vigil_listen(s, vigil, bell, BELL_ALL);
    if (status == CHAT_OK && lock_write_taken(s->lock))
        vigil_wake_at(vigil, clock_now() + UNWATCHED);
    return status;
}

/* Watch the FIFOs, which are the first BELLS descriptors of VIGIL, the lock file and the spool: a
 * file that is removed rings no bell. If this user has no inotify instance left, look again after a
 * minute. */
static enum chat_status vigil_watch_files(struct sqlite_store *s, struct vigil *vigil, size_t bells)
{
    enum { UNNOTICED = 60000 };
    char path[64];
    struct stat st;
    int watch = file_watch_begin(&s->file_watch);
    bool all = watch >= 0;
    if (all && !vigil_add(vigil, watch))
        return no_memory(s);
    for (size_t i = 0; i <= bells && all; i++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", i < bells ? vigil->fds[i].fd : s->lock);
        all = file_watch_add(&s->file_watch, path, 0);
    }
    if (all && s->db != NULL) /* if this fails, the spool was replaced */
        file_watch_add(&s->file_watch, s->location.path, IN_DONT_FOLLOW);
    if (!all)
        vigil_wake_at(vigil, clock_now() + UNNOTICED);
    for (size_t i = 0; i < bells; i++) /* the FIFO was gone before it was watched: listen again */
        if (fstat(vigil->fds[i].fd, &st) == 0 && st.st_nlink == 0)
            vigil_wake_at(vigil, clock_now());
    return lock_file_check_names_now(s);
}

/* Sleep. Most sleeps of a busy receiver are short, so the files are watched only after a moment. */
static enum chat_status vigil_sleep_watching(struct sqlite_store *s, struct vigil *vigil,
                                             size_t bells, int64_t timeout,
                                             const sigset_t *unblocked)
{
    int64_t brief = timeout >= 0 && timeout < BRIEF ? timeout : BRIEF;
    enum chat_status status = vigil_sleep(vigil, brief, unblocked, s->base.error);
    if (status != CHAT_NONE || brief == timeout)
        return status;
    status = vigil_watch_files(s, vigil, bells);
    if (status != CHAT_OK)
        return status;
    return vigil_sleep(vigil, timeout < 0 ? timeout : timeout - brief, unblocked, s->base.error);
}

/* Watch the holders of claims: they may die, and then ring no bell. */
static void vigil_watch_holders(struct sqlite_store *s, struct vigil *vigil)
{
    bool all = false;
    int *pidfds = calloc(WATCHED, sizeof *pidfds);
    int n = pidfds != NULL ? lock_watch_present(s->lock, pidfds, WATCHED, &all) : 0;
    for (int i = 0; i < n; i++)
        if (!vigil_add(vigil, pidfds[i])) {
            close(pidfds[i]);
            all = false;
        }
    free(pidfds);
    if (!all)
        vigil_wake_at(vigil, clock_now() + UNWATCHED);
}

static void vigil_end(const struct sqlite_store *s, struct vigil *vigil)
{
    for (size_t i = 0; i < vigil->count; i++)
        if (vigil->fds[i].fd != s->file_watch.fd)
            close(vigil->fds[i].fd);
    vigil_free(vigil);
}

/* --- for a message --------------------------------------------------------- */

/* Check whether a message can be claimed now. *PASSED becomes true if some are claimed. */
static enum chat_status look_at(struct sqlite_store *s, const struct chat_query *query,
                                const char *name, struct vigil *vigil, bool *passed)
{
    struct scan scan;
    struct range run;
    const struct chat_cursor after = { .place = query->after };
    enum chat_status status = scan_open(&scan, s, query, name, query->after > 0 ? &after : NULL);
    if (status != CHAT_OK)
        return status;
    vigil_wake_at(vigil, scan.room.next_due);
    vigil_wake_at(vigil, scan.source_due);
    return scan_next(&scan, 1, SCAN_FREE, &run, passed);
}

static enum chat_status look(struct sqlite_store *s, const struct chat_query *query,
                             struct vigil *vigil, bool *passed)
{
    enum chat_status status = connect_on_full_disk(s);
    if (status != CHAT_OK)
        return status;
    status = CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++)
        status = look_at(s, query, query->rooms[i], vigil, passed);
    return status;
}

/* Create the readers of QUERY that do not exist, and let other processes know that this one
 * receives as them. */
static enum chat_status be_here(struct sqlite_store *s, const struct chat_query *query)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++) {
        const char *name = query->rooms[i];
        struct room room;
        if (name == NULL || strchr(name, '/') == NULL)
            continue;
        status = room_get(s, name, &room);
        if (status == CHAT_NONE && (status = reader_need(s, name)) == CHAT_OK)
            status = room_get(s, name, &room);
        if (status == CHAT_OK)
            status = reader_be_here(s, room.number);
    }
    return status;
}

/* Delete expired messages: there is time now. If that fails, another process will do it. */
static void tidy_up(struct sqlite_store *s, const char *name)
{
    struct room room;
    if (s->db != NULL && room_get(s, name, &room) == CHAT_OK)
        sweep_while_idle(s, &room);
}

enum chat_status sqlite_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                             const sigset_t *unblocked)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct vigil vigil;
    bool passed = false;
    /* Listen first, then look, then sleep: anything that happens in between rings. */
    enum chat_status status = vigil_start(s, &vigil);
    if (status == CHAT_OK)
        status = s->db != NULL ? be_here(s, query) : reader_check_names(s, query);
    if (status == CHAT_NONE)
        status = CHAT_OK;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++)
        status = vigil_listen(s, &vigil, BELL_CAME, settings_room_name(s, query->rooms[i]));
    if (status == CHAT_OK)
        status = vigil_listen_all(s, &vigil, BELL_CAME);
    if (status == CHAT_OK)
        status = look(s, query, &vigil, &passed);
    if (status == CHAT_NONE && passed) {
        vigil_watch_holders(s, &vigil);
        status = look(s, query, &vigil, &passed); /* a holder may have died before it was watched */
    }
    if (status == CHAT_NONE)
        status = vigil_sleep_watching(s, &vigil, query->room_count + 1, timeout, unblocked);
    vigil_end(s, &vigil);
    return status;
}

/* --- for space ------------------------------------------------------------- */

/* Check whether the room holds fewer than MAX messages. */
static enum chat_status look_for_space(struct sqlite_store *s, const char *name, int64_t max,
                                       struct vigil *vigil)
{
    struct room room;
    enum chat_status status = connect_spool(s);
    if (status == CHAT_OK)
        status = room_get(s, name, &room);
    if (status != CHAT_OK)
        return status == CHAT_NONE ? CHAT_OK : status;
    int64_t now = clock_now();
    /* It was swept just now, so the messages that expire next are due in a moment. */
    vigil_wake_at(vigil, room.next_expiry > 0 && room.next_expiry <= now ? now + UNWATCHED
                                                                         : room.next_expiry);
    if (room_is_open(&room))
        status = trim_count_unseen(s, room.number, max, &room.depth);
    if (status != CHAT_OK)
        return status;
    return room.depth < max ? CHAT_OK : CHAT_NONE;
}

enum chat_status sqlite_wait_room(struct store *store, const char *room, int64_t max,
                                  int64_t timeout, const sigset_t *unblocked)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct vigil vigil;
    tidy_up(s, room);
    enum chat_status status = vigil_start(s, &vigil);
    if (status == CHAT_OK)
        status = vigil_listen(s, &vigil, BELL_GONE, settings_room_name(s, room));
    if (status == CHAT_OK)
        status = vigil_listen_all(s, &vigil, BELL_GONE);
    if (status == CHAT_OK)
        status = look_for_space(s, room, max, &vigil);
    if (status == CHAT_NONE)
        status = vigil_sleep_watching(s, &vigil, 2, timeout, unblocked);
    vigil_end(s, &vigil);
    return status;
}
