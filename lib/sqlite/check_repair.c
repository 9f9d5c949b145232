/* check_repair.c - repair what a check has found. */

#include "check.h"

#include "bells.h"
#include "database.h"
#include "group_commit.h"
#include "quarantine.h"
#include "room.h"
#include "salvage.h"
#include "transaction.h"
#include "write_lock.h"

/* Rebuild the indexes from the messages. CHAT_DATA: the structure is not sound then, and was not
 * changed. */
static enum chat_status reindex(struct sqlite_store *s)
{
    struct check again = { .store = s };
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    bells_add_all(s); /* messages that were hidden may be visible again */
    status = db_run(s, SQL_REINDEX);
    if (status == CHAT_OK)
        status = check_structure(&again);
    if (status == CHAT_OK && again.structure)
        status = CHAT_DATA;
    return group_commit_end(s, status);
}

static enum chat_status rebuild(struct check *c)
{
    struct sqlite_store *s = c->store;
    int64_t count, skipped_to;
    enum chat_status status = write_lock_take(s);
    if (status != CHAT_OK)
        return status;
    bells_add_all(s);
    bells_hold(s);
    status = salvage(s, &count, &skipped_to);
    write_lock_release(s);
    bells_ring(s);
    if (status == CHAT_OK)
        report_repair(&c->report, "the spool was rebuilt from the %lld messages that can be read",
                      (long long)count);
    if (status == CHAT_OK && skipped_to > 0)
        report_repair(&c->report, "the next id was lost: new ids start at %lld",
                      (long long)skipped_to);
    return status;
}

/* Survey the spool again, after a change to the structure. */
static enum chat_status survey_again(struct check *c)
{
    check_forget(c);
    return check_survey(c);
}

/* Rebuild the indexes. If this is not enough, because a required row is missing, rebuild the
 * spool. */
static enum chat_status repair_structure(struct check *c)
{
    check_limit_steps(c);
    enum chat_status status = reindex(c->store);
    if (status == CHAT_OK) {
        report_repair(&c->report, "the indexes were rebuilt");
        status = survey_again(c);
        if (status != CHAT_OK || !c->structure)
            return status;
    } else if (status != CHAT_DATA)
        return status;
    status = rebuild(c);
    return status == CHAT_OK ? survey_again(c) : status;
}

static enum chat_status repair_messages(struct check *c)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < c->damaged_count && status == CHAT_OK; i++) {
        status = quarantine(c->store, c->damaged[i]);
        if (status == CHAT_DAMAGED) {
            report_repair(&c->report, "%s", c->store->base.error->text);
            status = CHAT_OK;
        }
    }
    return status;
}

static enum chat_status repair_counters(struct check *c)
{
    struct sqlite_store *s = c->store;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    bells_add_all(s);
    status = db_run(s, SQL_REPAIR_READY);
    if (status == CHAT_OK)
        status = db_run(s, SQL_REPAIR_WAITING);
    if (status == CHAT_OK)
        status = db_run(s, SQL_RECOUNT);
    if (status == CHAT_OK)
        status = room_read_spool(s);
    if (status == CHAT_OK && s->next_id <= c->last) {
        s->next_id = c->last + 1;
        status = room_set_next_id(s);
    }
    status = group_commit_end(s, status);
    if (status == CHAT_OK)
        report_repair(&c->report, "the counters were corrected");
    return status;
}

/* Repair which room each reader reads. A reader whose open room is missing becomes a plain room.
 * Recompute the progress of the others. */
static enum chat_status repair_readers(struct check *c)
{
    struct sqlite_store *s = c->store;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    bells_add_all(s);
    status = db_run(s, SQL_REPAIR_OPEN);
    if (status == CHAT_OK)
        status = db_run(s, SQL_REPAIR_SOURCES);
    if (status == CHAT_OK)
        status = db_run(s, SQL_REPAIR_READERS);
    if (status == CHAT_OK)
        status = db_run(s, SQL_REPAIR_SEEN);
    status = group_commit_end(s, status);
    if (status == CHAT_OK)
        report_repair(&c->report, "the readers were corrected");
    return status;
}

static enum chat_status repair_settings(struct check *c)
{
    struct sqlite_store *s = c->store;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_SET_SETTINGS);
    sqlite3_bind_int64(statement, 1, CHAT_LENGTH_DEFAULT);
    sqlite3_bind_null(statement, 2);
    status = db_finish(s, statement);
    bells_add_all(s);
    status = group_commit_end(s, status);
    if (status == CHAT_OK)
        report_repair(&c->report, "the settings are those of a new spool");
    return status;
}

/* Repair the counters first: with a wrong next id a message can have the place to which a damaged
 * message is moved. */
static enum chat_status repair_rows(struct check *c)
{
    enum chat_status status = c->counts ? repair_counters(c) : CHAT_OK;
    return status == CHAT_OK && c->damaged_count > 0 ? repair_messages(c) : status;
}

/* Repair the messages of readers that are plain rooms now, and whose messages name another room.
 * The other faults were reported. */
static enum chat_status repair_lost(struct check *c)
{
    chat_finding *callback = c->report.callback;
    c->report.callback = NULL;
    enum chat_status status = survey_again(c);
    c->report.callback = callback;
    return status == CHAT_OK ? repair_rows(c) : status;
}

enum chat_status check_repair(struct check *c)
{
    enum chat_status status = c->structure ? repair_structure(c) : CHAT_OK;
    if (status == CHAT_OK && c->settings)
        status = repair_settings(c);
    if (status == CHAT_OK)
        status = repair_rows(c);
    if (status == CHAT_OK && c->readers) {
        status = repair_readers(c);
        if (status == CHAT_OK)
            status = repair_lost(c);
    }
    return status;
}
