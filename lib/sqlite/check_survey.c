/* check_survey.c - compare all messages, rooms and readers with each other. */

#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "os/clock.h"
#include "read.h"
#include "room.h"

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

/* Return whether the current row of STATEMENT is in the range that its columns imply. */
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

/* Check the message in the current row of STATEMENT. */
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
        report_fault(&c->report, "room '%s' has a wrong time for its next due message", room->name);
    /* Expired messages that were claimed are looked for again a second later (sweep.c). */
    if (room->expires > 0 && (room->next_expiry == 0 || (room->next_expiry > room->expires &&
                                                         room->next_expiry > clock_now() + AGAIN)))
        report_fault(&c->report, "room '%s' has a wrong time for its next expiry", room->name);
    c->counts = c->counts || c->report.faults > before;
}

/* Check that a reader reads the open room that the first part of its name names, and that the room
 * does not assume that the reader has seen more than it has. */
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
        report_fault(&c->report, "reader '%s' reads no open room", room->name);
        c->readers = true;
    } else if (room->seen < open->seen || (open != room && room->seen >= c->store->next_id)) {
        report_fault(&c->report, "reader '%s' has an impossible position", room->name);
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

/* Check the settings. Invalid settings would stop everything: then continue with the defaults. */
static enum chat_status check_settings(struct check *c)
{
    struct sqlite_store *s = c->store;
    s->max_length = CHAT_LENGTH_DEFAULT; /* the row below replaces both */
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

enum chat_status check_survey(struct check *c)
{
    struct sqlite_store *s = c->store;
    check_limit_steps(c);
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
        status = db_end_read(s, status);
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

void check_forget(struct check *c)
{
    free(c->rooms);
    free(c->damaged);
    *c = (struct check){
        .store = c->store,
        .report = { .callback = c->report.callback, .context = c->report.context },
    };
}
