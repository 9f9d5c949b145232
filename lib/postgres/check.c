/* check.c - find what is wrong with a spool, and repair it.
 *
 * The server checks the structure of tables and indexes (data checksums, pg_amcheck). This file
 * checks their contents: the checksum of every message, and the counters of every room. */

#include "internal.h"

#include <stdlib.h>

#include "connect.h"
#include "failed.h"
#include "locks.h"
#include "operations.h"
#include "quarantine.h"
#include "query.h"
#include "read.h"
#include "report.h"

struct check {
    struct pg_store *store;
    struct report report;
    bool lost, counts, readers; /* messages in no room, counters, readers: faulty */
    int64_t last;               /* the highest id or place */
    int64_t *damaged;           /* the ids of damaged messages */
    size_t damaged_count;
};

/* --- looking --------------------------------------------------------------- */

/* Check messages from *AFTER on; *MORE becomes whether there are others behind them. */
static enum chat_status check_portion(struct check *c, int64_t *after, bool *more)
{
    enum { MESSAGES = 1024, BYTES = 16 * 1024 * 1024 };
    struct pg_store *s = c->store;
    struct pg_values values = { .count = 0 };
    pg_number(&values, *after);
    pg_number(&values, MESSAGES);
    pg_number(&values, BYTES);
    size_t call = pg_call(s, PG_LIST_MESSAGES, &values);
    enum chat_status status = pg_exchange(s, "read");
    *more = status == CHAT_OK && pg_rows(s, call) > 0;
    for (int i = 0; *more && i < pg_rows(s, call); i++) {
        struct chat_message m = { .room = pg_get_text(pg_result(s, call), i, ROOM) };
        bool damaged = pg_read_row(s, pg_result(s, call), i, false, &m) != CHAT_OK;
        *after = m.id;
        if (!damaged || m.room[0] == '\0') /* messages in no room are also damaged */
            continue;
        report_fault(&c->report, "%s", s->base.error->text);
        if (!pg_locks_remember(&c->damaged, &c->damaged_count, m.id))
            return pg_no_memory(s);
    }
    return status;
}

static enum chat_status check_messages(struct check *c)
{
    int64_t after = INT64_MIN; /* copies have ids below zero */
    bool more = true;
    enum chat_status status = CHAT_OK;
    while (status == CHAT_OK && more)
        status = check_portion(c, &after, &more);
    return status;
}

static void check_room(struct check *c, const PGresult *result, int row)
{
    const char *name = pg_get_text(result, row, 0);
    long long numbers[6] = { 0 };
    for (int i = 1; i < 6; i++)
        numbers[i] = (long long)pg_get_number(result, row, i);
    if (numbers[1] != numbers[3] || numbers[2] != numbers[4])
        report_fault(&c->report,
                     "room '%s' counts %lld messages with %lld bytes, and holds %lld with %lld",
                     name, numbers[1], numbers[2], numbers[3], numbers[4]);
    if (numbers[5] > 0)
        report_fault(&c->report, "room '%s': receivers cannot reach %lld message%s", name,
                     numbers[5], numbers[5] == 1 ? "" : "s");
    c->counts = true;
}

static void check_reader(struct check *c, const PGresult *result, int row)
{
    const char *name = pg_get_text(result, row, 0);
    report_fault(&c->report,
                 pg_get_number(result, row, 1) != 0 ? "reader '%s' has an impossible position"
                                                    : "reader '%s' reads no open room",
                 name);
    c->readers = true;
}

/* Check the rooms as one statement sees them, at one moment. */
static enum chat_status check_rooms(struct check *c)
{
    struct pg_store *s = c->store;
    size_t rooms = pg_call(s, PG_LIST_FAULTS, NULL), lost = pg_call(s, PG_COUNT_LOST, NULL);
    size_t last = pg_call(s, PG_GET_LAST_ID, NULL);
    size_t readers = pg_call(s, PG_LIST_READER_FAULTS, NULL);
    enum chat_status status = pg_exchange(s, "read");
    if (status != CHAT_OK)
        return status;
    for (int i = 0; i < pg_rows(s, rooms); i++)
        check_room(c, pg_result(s, rooms), i);
    for (int i = 0; i < pg_rows(s, readers); i++)
        check_reader(c, pg_result(s, readers), i);
    int64_t count = pg_get_number(pg_result(s, lost), 0, 0);
    int64_t given = pg_get_number(pg_result(s, last), 0, 1);
    c->last = pg_get_number(pg_result(s, last), 0, 0);
    c->lost = count > 0;
    if (c->lost)
        report_fault(&c->report, "%lld messages are in no room", (long long)count);
    if (c->last > given) {
        report_fault(&c->report, "next id is %lld, but message %lld exists", (long long)given + 1,
                     (long long)c->last);
        c->counts = true;
    }
    return status;
}

static enum chat_status survey(struct check *c)
{
    enum chat_status status = check_rooms(c);
    return status == CHAT_OK ? check_messages(c) : status;
}

/* --- repair ---------------------------------------------------------------- */

/* Create a room for messages in no room. Their checksums belong to another room, so they are
 * quarantined, too. */
static enum chat_status repair_lost(struct check *c)
{
    struct pg_values values = { .count = 0 };
    pg_string(&values, CHAT_ROOM_DAMAGED);
    pg_call(c->store, PG_ADD_ROOM, &values);
    pg_call(c->store, PG_SET_LOST, &values);
    c->counts = true;
    return pg_exchange(c->store, "write");
}

static enum chat_status repair_messages(struct check *c)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < c->damaged_count && status == CHAT_OK; i++) {
        status = pg_quarantine(c->store, c->damaged[i]);
        if (status == CHAT_DAMAGED) {
            report_repair(&c->report, "%s", c->store->base.error->text);
            status = CHAT_OK;
        }
    }
    return status;
}

/* Open each room that has a reader, and recompute the progress of the readers. */
static enum chat_status repair_readers(struct check *c)
{
    struct pg_store *s = c->store;
    pg_call(s, PG_REPAIR_OPEN, NULL);
    pg_call(s, PG_REPAIR_READERS, NULL);
    enum chat_status status = pg_exchange(s, "write");
    if (status == CHAT_OK)
        report_repair(&c->report, "the readers were corrected");
    return status;
}

static enum chat_status repair_counters(struct check *c)
{
    struct pg_store *s = c->store;
    struct pg_values last = { .count = 0 };
    pg_number(&last, c->last);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_LOCK_ALL, NULL);
    pg_call(s, PG_SET_PLACES, NULL);
    pg_call(s, PG_RESET_FRONTS, NULL);
    pg_call(s, PG_FORGET_TALLY, NULL);
    pg_call(s, PG_RECOUNT, NULL);
    if (c->last > 0)
        pg_call(s, PG_SET_LAST_ID, &last);
    pg_call(s, PG_COMMIT, NULL);
    enum chat_status status = pg_exchange(s, "write");
    if (status != CHAT_OK && s->conn != NULL)
        pg_do(s, PG_ROLLBACK, NULL, "write");
    if (status == CHAT_OK)
        report_repair(&c->report, "the counters were corrected");
    return status;
}

static void forget(struct check *c)
{
    free(c->damaged);
    *c = (struct check){
        .store = c->store,
        .report = { .callback = c->report.callback, .context = c->report.context },
    };
}

static enum chat_status repair_all(struct check *c)
{
    chat_finding *callback = c->report.callback;
    enum chat_status status = c->lost ? repair_lost(c) : CHAT_OK;
    if (status == CHAT_OK && c->lost) {
        c->damaged_count = 0;
        c->report.callback =
            NULL; /* damaged messages were reported as lost, or are reported below */
        status = check_messages(c);
        c->report.callback = callback;
    }
    if (status == CHAT_OK && c->readers)
        status = repair_readers(c);
    if (status == CHAT_OK)
        status = repair_messages(c);
    if (status == CHAT_OK && c->counts)
        status = repair_counters(c);
    if (status != CHAT_OK)
        return status;
    forget(c);
    c->report.callback = NULL;
    status = survey(c);
    c->report.callback = callback;
    return status;
}

enum chat_status pg_check(struct store *store, bool repair, chat_finding *report, void *context)
{
    struct pg_store *s = (struct pg_store *)store;
    struct check c = { .store = s, .report = { .callback = report, .context = context } };
    struct pg_timeout timeout = pg_timeout(s);
    enum chat_status status = pg_connect(s, &timeout);
    if (status == CHAT_OK)
        status = survey(&c);
    if (status == CHAT_OK && repair && c.report.faults > 0)
        status = repair_all(&c);
    if (status == CHAT_OK)
        status = report_end(&c.report, s->base.error, s->url);
    forget(&c);
    return status;
}
