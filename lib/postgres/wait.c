/* wait.c - sleep until there is something to do.
 *
 * A session that sleeps listens to the channel of a room, and holds a lock that makes other
 * sessions notify it. It sends nothing to the server while it sleeps. But a connection that dies
 * sends no notification: while other sessions have claimed messages, a sleeping session looks again
 * from time to time. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bells.h"
#include "clock.h"
#include "connect.h"
#include "failed.h"
#include "locks.h"
#include "name.h"
#include "operations.h"
#include "os/vigil.h"
#include "query.h"
#include "reader.h"
#include "room.h"

enum { CLAIMED_PAUSE = 1000, WATCH_PAUSE = 1000, BELL_TIMEOUT = 1000 }; /* milliseconds */

/* Listen to the bell of a room, from the end of the exchange on. Returns false if there is no
 * memory. */
static bool call_listen(struct pg_store *s, enum pg_lock lock, const char *room)
{
    char channel[32], text[64];
    pg_bells_channel(lock, room, channel);
    for (size_t i = 0; i < s->listened_count; i++)
        if (strcmp(s->listened[i], channel) == 0)
            return true;
    void *more = realloc(s->listened, (s->listened_count + 1) * sizeof *s->listened);
    if (more == NULL)
        return false;
    s->listened = more;
    strcpy(s->listened[s->listened_count++], channel);
    snprintf(text, sizeof text, "LISTEN %s", channel); /* LISTEN takes no parameter */
    pg_call_text(s, text);
    return true;
}

/* Make other sessions notify this one, until pg_bells_call_leave(). Returns false if there is no
 * memory. */
static bool call_bell(struct pg_store *s, enum pg_lock lock, const char *room, int64_t deadline)
{
    struct pg_values values = { .count = 0 };
    int64_t left = deadline < 0 ? BELL_TIMEOUT : deadline - pg_clock();
    char timeout[24];
    int64_t bell = pg_bells_lock(lock, room);
    for (size_t i = 0; i < s->bell_count; i++)
        if (s->bells[i] == bell)
            return true;
    left = left < 1 ? 1 : left < BELL_TIMEOUT ? left : BELL_TIMEOUT; /* 0 would be forever */
    snprintf(timeout, sizeof timeout, "%lld", (long long)left);
    pg_number(&values, bell);
    pg_string(&values, timeout);
    pg_call(s, PG_LISTEN_BELL, &values);
    return pg_locks_remember(&s->bells, &s->bell_count, bell);
}

/* After CHAT_BUSY: another session has been notifying for too long, and may notify for a change
 * that this one has not seen. Look again. */
static enum chat_status not_now(struct pg_store *s, enum chat_status status)
{
    if (status != CHAT_BUSY)
        return status;
    pg_bells_call_leave(s); /* also the bells that we have */
    return pg_exchange(s, "read");
}

/* --- sleeping -------------------------------------------------------------- */

/* Begin a sleep by the wall clock: it continues in a suspend, and vigil_sleep() returns when it is
 * set. */
static struct vigil vigil_start(const struct store *store)
{
    return (struct vigil){ .others = store->descriptors,
                           .other_count = store->descriptor_count,
                           .clock = CLOCK_REALTIME };
}

static void wake_in(struct vigil *vigil, int64_t milliseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    vigil_wake_at(vigil, (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + milliseconds);
}

/* Return whether a bell was rung, or the connection is lost. */
static bool is_rung(struct pg_store *s)
{
    bool rung = PQconsumeInput(s->conn) == 0;
    if (rung)
        pg_disconnect(s);
    for (PGnotify *notify; s->conn != NULL && (notify = PQnotifies(s->conn)) != NULL;) {
        PQfreemem(notify);
        rung = true;
    }
    return rung;
}

/* Sleep. CHAT_OK: look again, because a bell was rung, the time of VIGIL has come, or the clock was
 * set. */
static enum chat_status sleep_until(struct pg_store *s, struct vigil *vigil, int64_t deadline,
                                    const sigset_t *unblocked)
{
    enum chat_status status = CHAT_OK;
    if (!is_rung(s)) {
        int64_t left = deadline - pg_clock();
        vigil->count = 0;
        if (!vigil_add(vigil, PQsocket(s->conn)))
            status = pg_no_memory(s);
        else
            status = vigil_sleep(vigil,
                                 deadline < 0 ? -1
                                 : left > 0   ? left
                                              : 0,
                                 unblocked, s->base.error);
    }
    vigil_free(vigil);
    return status;
}

static int64_t deadline_of(int64_t timeout)
{
    return timeout < 0 ? -1 : pg_clock() + timeout;
}

/* Return the usual timeout, but no longer than this call may wait. */
static struct pg_timeout timeout_of(const struct pg_store *s, int64_t deadline,
                                    const sigset_t *unblocked)
{
    struct pg_timeout timeout = pg_timeout(s);
    timeout.unblocked = unblocked;
    if (deadline >= 0 && (timeout.until < 0 || deadline < timeout.until))
        timeout.until = deadline;
    return timeout;
}

/* --- for a message --------------------------------------------------------- */

/* Look for messages. CHAT_OK: there is a message behind the place AFTER, or there may be one.
 * Otherwise VIGIL holds the time to look again. */
static enum chat_status look_at(struct pg_store *s, const char *name, int64_t after,
                                struct vigil *vigil)
{
    struct pg_values values = { .count = 0 };
    struct pg_array own;
    const bool reader = pg_name_is_reader(name);
    pg_locks_own(s, reader ? name : NULL, &own);
    pg_string(&values, name);
    pg_add_array(&values, &own);
    pg_number(&values, after);
    size_t call = pg_call(s, reader ? PG_LOOK_UNREAD : PG_LOOK, &values);
    pg_array_free(&own);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK || pg_rows(s, call) == 0)
        return status == CHAT_OK ? CHAT_NONE : status;
    const PGresult *row = pg_result(s, call);
    bool ready = pg_get_number(row, 0, 0) != 0, claimed = pg_get_number(row, 0, 1) != 0;
    bool delayed = pg_get_text(row, 0, 2) != NULL;
    int64_t left = pg_get_number(row, 0, 2), expired = pg_get_number(row, 0, 3);
    if (ready || (delayed && left == 0))
        return CHAT_OK;
    if (claimed)
        wake_in(vigil, CLAIMED_PAUSE);
    if (delayed)
        wake_in(vigil, left);
    if (expired > 0) /* there is time now; if this fails, another session will do it */
        pg_room_sweep(s, expired);
    return CHAT_NONE;
}

/* Listen first, then look, then sleep: anything that happens in between rings. */
static enum chat_status wait(struct pg_store *s, const struct chat_query *query, int64_t deadline,
                             const sigset_t *unblocked)
{
    struct vigil vigil = vigil_start(&s->base);
    enum chat_status status = CHAT_OK;
    bool memory = true;
    for (size_t i = 0; i < query->room_count && status == CHAT_OK; i++)
        if (pg_name_is_reader(query->rooms[i]))
            status = pg_reader_be_here(s, query->rooms[i]);
    pg_locks_call_unlock_done(s);
    for (size_t i = 0; i < query->room_count && status == CHAT_OK && memory; i++) {
        memory = call_listen(s, LOCK_CAME, pg_room_name(s, query->rooms[i]));
        status = memory ? pg_exchange(s, "read") : pg_no_memory(s);
    }
    for (size_t i = 0; i < query->room_count && status == CHAT_OK && memory; i++) {
        memory = call_bell(s, LOCK_CAME, pg_room_name(s, query->rooms[i]), deadline);
        status = memory ? pg_exchange(s, "read") : pg_no_memory(s);
    }
    if (status != CHAT_OK)
        return not_now(s, status);
    status = CHAT_NONE;
    for (size_t i = 0; i < query->room_count && status == CHAT_NONE; i++)
        status = look_at(s, query->rooms[i], query->after, &vigil);
    if (status == CHAT_NONE && s->conn != NULL)
        status = sleep_until(s, &vigil, deadline, unblocked);
    return status;
}

enum chat_status pg_wait(struct store *store, const struct chat_query *query, int64_t timeout,
                         const sigset_t *unblocked)
{
    struct pg_store *s = (struct pg_store *)store;
    int64_t deadline = deadline_of(timeout);
    struct pg_timeout retry = timeout_of(s, deadline, unblocked);
    enum chat_status status;
    do {
        status = pg_connect(s, &retry);
        if (status == CHAT_OK)
            status = wait(s, query, deadline, unblocked);
    } while (pg_again(s, status, &retry));
    return status;
}

/* --- for space ------------------------------------------------------------- */

// NOLINTNEXTLINE(misc-no-recursion): once, as what has expired is gone then
static enum chat_status look_for_space(struct pg_store *s, const char *name, int64_t max,
                                       struct vigil *vigil)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, name);
    pg_number(&values, max);
    size_t call = pg_call(s, PG_LOOK_FOR_SPACE, &values);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK || pg_rows(s, call) == 0)
        return status;
    const PGresult *row = pg_result(s, call);
    int64_t number = pg_get_number(row, 0, 1), left = pg_get_number(row, 0, 2);
    bool expires = pg_get_text(row, 0, 2) != NULL;
    if (pg_get_number(row, 0, 0) < max)
        return CHAT_OK;
    if (expires && left == 0) {
        status = pg_room_sweep(s, number);
        return status == CHAT_OK ? look_for_space(s, name, max, vigil) : status;
    }
    if (expires)
        wake_in(vigil, left);
    return CHAT_NONE;
}

static enum chat_status wait_room(struct pg_store *s, const char *name, int64_t max,
                                  int64_t deadline, const sigset_t *unblocked)
{
    struct vigil vigil = vigil_start(&s->base);
    struct pg_values values = { .count = 0 };
    const char *room = pg_room_name(s, name);
    pg_locks_call_unlock_done(s);
    bool memory = call_listen(s, LOCK_GONE, room);
    pg_string(&values, room);
    pg_call(s, PG_SET_LIMITED, &values);
    enum chat_status status = pg_exchange(s, "write");
    if (status == CHAT_OK) {
        memory = memory && call_bell(s, LOCK_GONE, room, deadline);
        pg_call(s, PG_AWAIT_SETTLING, &values);
        status = pg_exchange(s, "read");
        if (status != CHAT_OK)
            return not_now(s, status);
    }
    if (status == CHAT_OK && !memory)
        status = pg_no_memory(s);
    if (status == CHAT_OK)
        status = look_for_space(s, name, max, &vigil);
    if (status == CHAT_NONE)
        status = sleep_until(s, &vigil, deadline, unblocked);
    if (s->conn != NULL) {
        pg_bells_call_leave(s);
        pg_exchange(s, "read");
    }
    return status;
}

enum chat_status pg_wait_room(struct store *store, const char *room, int64_t max, int64_t timeout,
                              const sigset_t *unblocked)
{
    struct pg_store *s = (struct pg_store *)store;
    int64_t deadline = deadline_of(timeout);
    struct pg_timeout retry = timeout_of(s, deadline, unblocked);
    enum chat_status status;
    do {
        status = pg_connect(s, &retry);
        if (status == CHAT_OK)
            status = wait_room(s, room, max, deadline, unblocked);
    } while (pg_again(s, status, &retry));
    return status;
}

/* --- for anything ---------------------------------------------------------- */

/* Sleep for a while: sessions do not notify for the spool as a whole, because each commit would
 * have to. */
enum chat_status pg_watch(struct store *store, int64_t timeout, const sigset_t *unblocked)
{
    bool whole = timeout < 0 || timeout >= WATCH_PAUSE;
    int64_t pause = whole ? WATCH_PAUSE : timeout;
    struct vigil vigil = vigil_start(store);
    enum chat_status status = vigil_sleep(&vigil, pause, unblocked, store->error);
    vigil_free(&vigil);
    return status == CHAT_NONE && whole ? CHAT_OK : status;
}
