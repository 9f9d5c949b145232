/* check.c - what is wrong with a spool, and what is done about it. */

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bells.h"
#include "connect.h"
#include "create.h"
#include "database.h"
#include "group_commit.h"
#include "operations.h"
#include "os/clock.h"
#include "quarantine.h"
#include "read.h"
#include "report.h"
#include "reseal.h"
#include "room.h"
#include "salvage.h"
#include "transaction.h"
#include "vfs.h"
#include "write_lock.h"

/* The counters of a room, and the same numbers counted from its messages. */
struct counters {
    int64_t number;
    char name[CHAT_NAME_MAX + 1];
    int64_t depth, bytes, next_due, next_expiry;
    int64_t source, seen; /* of an open room, or a reader */
    int64_t found, found_bytes, misfiled;
    int64_t due, expires; /* the earliest; 0: none is, none does */
};

struct check {
    struct sqlite_store *store;
    struct report report;
    bool structure; /* some of them are of that */
    bool counts;    /* or of the counters */
    bool settings;  /* or of the settings */
    bool readers;   /* or of the readers */
    struct counters *rooms;
    size_t room_count;
    int64_t *damaged; /* their positions */
    size_t damaged_count;
    int64_t last; /* the highest id or place */
    int64_t steps_left;
};

/* A hostile B-tree whose pages all point to the same child can pretend to have astronomically
 * many rows. No statement needs more of SQLite's steps than this for a file of this size. */
enum { STEPS = 10000, STEPS_AT_LEAST = 2000 * STEPS, STEPS_FOR_BYTE = 64 };

static int count_steps(void *context)
{
    int64_t *left = context;
    return (*left -= STEPS) < 0;
}

/* Limit the following statements to this number of steps; one that takes more is reported as
 * damage. */
static void limit_steps(struct check *c)
{
    int64_t size = db_number(c->store, SQL_GET_PAGES) * PAGE; /* with those in the WAL */
    c->steps_left = STEPS_AT_LEAST + STEPS_FOR_BYTE * size;
    sqlite3_progress_handler(c->store->db, STEPS, count_steps, &c->steps_left);
}

/* --- files ----------------------------------------------------------------- */

/* A reserve that is a link, or another's, keeps no blocks for the spool: make another. */
static void repair_reserve(struct check *c)
{
    location_remove(&c->store->location, "-reserve");
    reserve_make(c->store);
    report_repair(&c->report, "it was replaced");
}

/* Write access to the files was checked when the spool was opened; this is about read access. */
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
    if (status != CHAT_PERMISSION) /* says nothing of the file */
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

/* --- structure ------------------------------------------------------------- */

/* SQLite's findings can have many lines. */
static void add_lines(struct check *c, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (text[0] != '*') /* "*** in database main ***" */
            report_fault(&c->report, "structure: %.*s", (int)(length < 400 ? length : 400), text);
        text += length + (text[length] == '\n');
    }
}

/* A status other than CHAT_OK: it could not be read. SQLite reports a page that could not be
 * read like a fault. */
static enum chat_status check_structure(struct check *c)
{
    struct sqlite_store *s = c->store;
    sqlite3_stmt *statement = db_statement(s, SQL_CHECK_STRUCTURE);
    size_t before = c->report.faults;
    int rc, errnum;
    vfs_read_failed();
    while ((rc = db_step(s, statement)) == SQLITE_ROW && (errnum = vfs_read_failed()) == 0) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text != NULL && strcmp(text, "ok") != 0)
            add_lines(c, text);
    }
    enum chat_status status = CHAT_OK;
    if (rc == SQLITE_ROW)
        status = error_system(s->base.error, errnum, CHAT_IO, "cannot read spool '%s'",
                              s->location.path);
    else if (rc != SQLITE_DONE)
        status = db_failed(s, rc, "read");
    if (status == CHAT_DATA) {
        add_lines(c, sqlite3_errmsg(s->db));
        status = CHAT_OK;
    }
    sqlite3_reset(statement);
    c->structure = c->structure || c->report.faults > before;
    return status;
}

enum chat_status check_sound(struct sqlite_store *s)
{
    struct check c = { .store = s };
    limit_steps(&c);
    enum chat_status status = check_structure(&c);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    return status == CHAT_OK && c.structure ? db_failed(s, SQLITE_CORRUPT, "read") : status;
}

/* --- messages -------------------------------------------------------------- */

static bool add_counters(struct check *c, sqlite3_stmt *statement)
{
    struct counters *rooms = realloc(c->rooms, (c->room_count + 1) * sizeof *rooms);
    if (rooms == NULL)
        return false;
    c->rooms = rooms;
    struct counters *room = &rooms[c->room_count++];
    *room = (struct counters){
        .number = sqlite3_column_int64(statement, 0),
        .depth = sqlite3_column_int64(statement, 2),
        .bytes = sqlite3_column_int64(statement, 3),
        .next_due = sqlite3_column_int64(statement, 4),
        .next_expiry = sqlite3_column_int64(statement, 5),
        .source = sqlite3_column_int64(statement, 6),
        .seen = sqlite3_column_int64(statement, 7),
    };
    db_copy_name(room->name, sqlite3_column_text(statement, 1));
    return true;
}

static enum chat_status no_memory(const struct check *c)
{
    return error_set(c->store->base.error, CHAT_SYSTEM, "out of memory");
}

static enum chat_status read_counters(struct check *c)
{
    struct sqlite_store *s = c->store;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_COUNTERS);
    enum chat_status status = CHAT_OK;
    int rc = SQLITE_DONE;
    while (status == CHAT_OK && (rc = db_step(s, statement)) == SQLITE_ROW)
        if (!add_counters(c, statement))
            status = no_memory(c);
    sqlite3_reset(statement);
    return status == CHAT_OK && rc != SQLITE_DONE ? db_failed(s, rc, "read") : status;
}

static int compare(const void *a, const void *b)
{
    const struct counters *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool add_damaged(struct check *c, int64_t position)
{
    int64_t *damaged = realloc(c->damaged, (c->damaged_count + 1) * sizeof *damaged);
    if (damaged == NULL)
        return false;
    c->damaged = damaged;
    damaged[c->damaged_count++] = position;
    return true;
}

static void count_earliest(int64_t *earliest, int64_t time)
{
    if (time > 0 && (*earliest == 0 || time < *earliest))
        *earliest = time;
}

/* Whether the row that STATEMENT is at is in the range that its columns imply. */
static bool is_misfiled(const struct counters *room, sqlite3_stmt *statement)
{
    const bool copied = room->source != 0 && room->source != room->number;
    const bool waits = position_room(sqlite3_column_int64(statement, READ_POSITION)) == 0;
    if (waits)
        return sqlite3_column_int64(statement, READ_DUE) < 1 ||
               (sqlite3_column_type(statement, READ_ID) != SQLITE_NULL && !copied) ||
               sqlite3_column_type(statement, READ_PLACE) == SQLITE_NULL ||
               sqlite3_column_int64(statement, READ_PLACE) < 0;
    return sqlite3_column_type(statement, READ_DUE) != SQLITE_NULL ||
           sqlite3_column_type(statement, READ_ROOM) != SQLITE_NULL ||
           sqlite3_column_type(statement, READ_PLACE) != SQLITE_NULL;
}

static void count_message(struct counters *room, sqlite3_stmt *statement, int64_t length)
{
    room->found++;
    room->found_bytes += length;
    room->misfiled += is_misfiled(room, statement);
    count_earliest(&room->due, sqlite3_column_int64(statement, READ_DUE));
    count_earliest(&room->expires, sqlite3_column_int64(statement, READ_EXPIRES));
}

static void count_last(struct check *c, int64_t number)
{
    if (number > c->last && number <= ID_MAX)
        c->last = number;
}

/* Look at the message that STATEMENT is at. */
static enum chat_status check_message(struct check *c, sqlite3_stmt *statement)
{
    const struct counters key = { .number = read_room(statement) };
    struct counters *room = c->room_count > 0
                                ? bsearch(&key, c->rooms, c->room_count, sizeof *c->rooms, compare)
                                : NULL;
    struct chat_message m = { .room = room != NULL ? room->name : "" };
    enum chat_status status = read_message(c->store, statement, &m);
    if (status != CHAT_OK && status != CHAT_DAMAGED)
        return status;
    if (room != NULL)
        count_message(room, statement, (int64_t)m.length);
    int64_t position = sqlite3_column_int64(statement, READ_POSITION);
    count_last(c, m.id);
    count_last(c, position_place(position));
    count_last(c, sqlite3_column_int64(statement, READ_PLACE));
    if (status == CHAT_OK)
        return CHAT_OK;
    report_fault(&c->report, "%s", c->store->base.error->text);
    return add_damaged(c, position) ? CHAT_OK : no_memory(c);
}

static enum chat_status check_messages(struct check *c)
{
    struct sqlite_store *s = c->store;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_ALL);
    enum chat_status status = CHAT_OK;
    int rc = SQLITE_DONE;
    while (status == CHAT_OK && (rc = db_step(s, statement)) == SQLITE_ROW)
        status = check_message(c, statement);
    sqlite3_reset(statement);
    return status == CHAT_OK && rc != SQLITE_DONE ? db_failed(s, rc, "read") : status;
}

/* --- counters -------------------------------------------------------------- */

static void check_room(struct check *c, const struct counters *room)
{
    enum { AGAIN = 1000 };
    size_t before = c->report.faults;
    if (room->depth != room->found || room->bytes != room->found_bytes)
        report_fault(&c->report,
                     "room '%s' counts %lld messages with %lld bytes, and holds %lld with %lld",
                     room->name, (long long)room->depth, (long long)room->bytes,
                     (long long)room->found, (long long)room->found_bytes);
    if (room->misfiled > 0)
        report_fault(&c->report, "room '%s' has %lld messages at wrong positions", room->name,
                     (long long)room->misfiled);
    if (room->due > 0 && (room->next_due == 0 || room->next_due > room->due))
        report_fault(&c->report, "room '%s' does not know when its next message is due",
                     room->name);
    /* Expired messages that were claimed are looked for again a second later (due.c). */
    if (room->expires > 0 && (room->next_expiry == 0 || (room->next_expiry > room->expires &&
                                                         room->next_expiry > clock_now() + AGAIN)))
        report_fault(&c->report, "room '%s' does not know when its next message expires",
                     room->name);
    c->counts = c->counts || c->report.faults > before;
}

/* A reader reads an open room that has the first part of its name, and the room does not take it to
 * be further than it is. */
static void check_reader(struct check *c, const struct counters *room)
{
    if (room->source == 0 && strchr(room->name, '/') <= room->name) /* plain, or forgotten */
        return;
    const struct counters key = { .number = room->source };
    const struct counters *open = bsearch(&key, c->rooms, c->room_count, sizeof *c->rooms, compare);
    const size_t length = strcspn(room->name, "/");
    if (open == NULL || open->source != open->number || strlen(open->name) != length ||
        strncmp(open->name, room->name, length) != 0 ||
        (open != room) != (room->name[length] == '/')) {
        report_fault(&c->report, "'%s' reads no open room", room->name);
        c->readers = true;
    } else if (room->seen < open->seen || (open != room && room->seen >= c->store->next_id)) {
        report_fault(&c->report, "open room '%s' does not know how far '%s' is", open->name,
                     room->name);
        c->readers = true;
    }
}

static void check_next_id(struct check *c)
{
    if (c->last < c->store->next_id)
        return;
    report_fault(&c->report, "next id is %lld, but message %lld exists",
                 (long long)c->store->next_id, (long long)c->last);
    c->counts = true;
}

/* Invalid settings would stop everything: continue as if the row did not exist. */
static enum chat_status check_settings(struct check *c)
{
    struct sqlite_store *s = c->store;
    s->max_length = CHAT_LENGTH_DEFAULT; /* both are read, or valid */
    strcpy(s->default_room, CHAT_ROOM_DEFAULT);
    enum chat_status status = room_read_spool(s);
    if (status != CHAT_DATA || room_settings_valid(s))
        return status;
    c->settings = true;
    report_fault(&c->report, "the settings are invalid");
    s->max_length = CHAT_LENGTH_DEFAULT;
    strcpy(s->default_room, CHAT_ROOM_DEFAULT);
    return CHAT_OK;
}

/* Look at everything, as it is at one moment. A status other than CHAT_OK: it could not be read. */
static enum chat_status survey(struct check *c)
{
    struct sqlite_store *s = c->store;
    limit_steps(c);
    enum chat_status status = check_structure(c);
    if (status != CHAT_OK)
        return status;
    bool within = sqlite3_get_autocommit(s->db) == 0;
    status = within ? CHAT_OK : db_run(s, SQL_BEGIN_READ);
    if (status == CHAT_OK)
        status = check_settings(c);
    if (status == CHAT_OK)
        status = read_counters(c);
    if (status == CHAT_OK)
        status = check_messages(c);
    if (!within)
        db_end(s, SQL_COMMIT);
    for (size_t i = 0; i < c->room_count && status == CHAT_OK; i++) {
        check_room(c, &c->rooms[i]);
        check_reader(c, &c->rooms[i]);
    }
    if (status == CHAT_OK)
        check_next_id(c);
    if (status == CHAT_DATA && !c->structure) {
        report_fault(&c->report, "%s", s->base.error->text);
        c->structure = true;
    }
    return status == CHAT_DATA ? CHAT_OK : status;
}

static void forget(struct check *c)
{
    free(c->rooms);
    free(c->damaged);
    *c = (struct check){
        .store = c->store,
        .report = { .callback = c->report.callback, .context = c->report.context },
    };
}

/* --- repair ---------------------------------------------------------------- */

/* Indexes can be rebuilt from the messages. */
static bool reindex(struct sqlite_store *s)
{
    struct check again = { .store = s };
    if (transaction_begin(s) != CHAT_OK)
        return false;
    if (db_run(s, SQL_REINDEX) != CHAT_OK) {
        transaction_rollback(s);
        return false;
    }
    bells_add_all(s); /* messages that were hidden may be there again */
    if (check_structure(&again) == CHAT_OK && !again.structure &&
        group_commit_end(s, CHAT_OK) == CHAT_OK)
        return true;
    if (sqlite3_get_autocommit(s->db) == 0)
        transaction_rollback(s);
    return false;
}

static enum chat_status build_anew(struct check *c)
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

/* Look at all of it again, after a change to the structure. */
static enum chat_status survey_again(struct check *c)
{
    forget(c);
    return survey(c);
}

/* If sound indexes are not enough, because a required row is missing, the spool is rebuilt. */
static enum chat_status repair_structure(struct check *c)
{
    enum chat_status status = CHAT_OK;
    limit_steps(c);
    if (reindex(c->store)) {
        report_repair(&c->report, "the indexes were rebuilt");
        status = survey_again(c);
        if (status != CHAT_OK || !c->structure)
            return status;
    }
    status = build_anew(c);
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
    status = db_run(s, SQL_MEND_READY);
    if (status == CHAT_OK)
        status = db_run(s, SQL_MEND_WAITING);
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

/* A reader without an open room is deleted, with its copies; the progress of the others is
 * recomputed. */
static enum chat_status repair_readers(struct check *c)
{
    struct sqlite_store *s = c->store;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    bells_add_all(s);
    status = db_run(s, SQL_MEND_READERS);
    if (status == CHAT_OK)
        status = db_run(s, SQL_MEND_SEEN);
    status = group_commit_end(s, status);
    if (status == CHAT_OK)
        report_repair(&c->report, "the readers were set right");
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

/* Repair the problems, the structure first: the other repairs need it. */
static enum chat_status repair_all(struct check *c)
{
    enum chat_status status = c->structure ? repair_structure(c) : CHAT_OK;
    if (status == CHAT_OK && c->settings)
        status = repair_settings(c);
    if (status == CHAT_OK && c->damaged_count > 0)
        status = repair_messages(c);
    if (status == CHAT_OK && c->counts)
        status = repair_counters(c);
    if (status == CHAT_OK && c->readers)
        status = repair_readers(c);
    return status;
}

/* Everything that can be repaired was repaired: is the spool sound now? */
static enum chat_status look_again(struct check *c)
{
    chat_finding *callback = c->report.callback;
    c->report.callback = NULL; /* the remaining problems were reported */
    forget(c);
    enum chat_status status = check_modes(c, false);
    if (status == CHAT_OK)
        status = survey(c);
    c->report.callback = callback;
    return status;
}

/* Connect to a spool that could not be, if something can be done about it. */
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
        status = survey(&c);
    if (status == CHAT_OK && repair && c.report.faults > 0) {
        status = repair_all(&c);
        if (status == CHAT_OK)
            status = look_again(&c);
    }
    if (status == CHAT_OK)
        status = report_end(&c.report, s->base.error, s->location.path);
    if (s->db != NULL)
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
    forget(&c);
    return status;
}
