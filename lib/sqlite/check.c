/* check.c - check a spool, and repair it. */

#include "check.h"

#include <string.h>

#include "connect.h"
#include "create.h"
#include "operations.h"
#include "reseal.h"
#include "salvage.h"

/* Replace a reserve that is a link, or belongs to another user: it keeps no blocks for the
 * spool. */
static void repair_reserve(struct check *c)
{
    location_remove(&c->store->location, "-reserve");
    reserve_make(c->store);
    report_repair(&c->report, "it was replaced");
}

/* Check the read access to a file. The write access was checked when the spool was opened. */
static enum chat_status check_mode(struct check *c, const char *suffix, bool repair)
{
    struct location *location = &c->store->location;
    const unsigned mode = location_mode(location, FILE_MODE);
    unsigned found;
    enum chat_status status = location_narrow(location, suffix, FILE_MODE, repair, &found);
    if ((found & ~mode) != 0)
        report_fault(&c->report, "'%s%s' has the mode %04o, not %04o", location->path, suffix,
                     found, mode);
    if (status == CHAT_OK && (found & ~mode) != 0 && repair)
        report_repair(&c->report, "its mode is %04o now", found & mode);
    if (status == CHAT_OK || status == CHAT_NONE)
        return CHAT_OK;
    if (status != CHAT_PERMISSION) /* this does not concern the file */
        return status;
    report_fault(&c->report, "%s", location->error->text);
    if (repair && found == 0 && strcmp(suffix, "-reserve") == 0)
        repair_reserve(c);
    return CHAT_OK;
}

static enum chat_status check_modes(struct check *c, bool repair)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-lock", "-reserve" };
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && status == CHAT_OK; i++)
        status = check_mode(c, suffixes[i], repair);
    return status;
}

/* After the repair, check the spool again, without a report: only count what is still wrong. */
static enum chat_status check_again(struct check *c)
{
    chat_finding *callback = c->report.callback;
    c->report.callback = NULL; /* the remaining problems were reported */
    check_forget(c);
    enum chat_status status = check_modes(c, false);
    if (status == CHAT_OK)
        status = check_survey(c);
    c->report.callback = callback;
    return status;
}

/* Repair a spool that could not be connected, as far as its WAL or its length is the cause, and
 * connect. */
static enum chat_status connect_repaired(struct check *c)
{
    struct sqlite_store *s = c->store;
    enum chat_status status = CHAT_DATA;
    if (s->wal_damaged) {
        status = reseal_wal(s, &c->report);
        if (status == CHAT_OK)
            status = connect_spool(s);
    }
    if (status == CHAT_DATA && salvage_extend(s)) {
        report_fault(&c->report, "the file is shorter than it says");
        status = connect_spool(s);
    }
    return status;
}

enum chat_status sqlite_check(struct store *store, bool repair, chat_finding *report, void *context)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct check c = { .store = s, .report = { .callback = report, .context = context } };
    enum chat_status status = connect_on_full_disk(s);
    if (status == CHAT_DATA && repair)
        status = connect_repaired(&c);
    if (status != CHAT_OK)
        return status;
    status = check_modes(&c, repair);
    if (status == CHAT_OK)
        status = reseal_check(s, repair, &c.report);
    if (status == CHAT_OK)
        status = check_survey(&c);
    if (status == CHAT_OK && repair && c.report.faults > 0) {
        status = check_repair(&c);
        if (status == CHAT_OK)
            status = check_again(&c);
    }
    if (status == CHAT_OK)
        status = report_end(&c.report, s->base.error, s->location.path);
    if (s->db != NULL)
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
    check_forget(&c);
    return status;
}
