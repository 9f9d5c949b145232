/* salvage.c - rebuild a spool from the pages of a broken one.
 *
 * Messages that are as they were sent keep all their properties. Anything else that looks like a
 * message goes to the room of damaged messages. */

#include "salvage.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "database.h"
#include "digest.h"
#include "message.h"
#include "os/lock.h"
#include "pages.h"
#include "room.h"
#include "scratch.h"
#include "synced.h"
#include "write_lock.h"

/* The columns of a room, in the order of schema.sql. */
enum {
    ROOM_NAME = 1,
    ROOM_NEXT_ID = 7,
    ROOM_MAX_LENGTH,
    ROOM_DEFAULT,
    ROOM_SOURCE,
    ROOM_SEEN,
    ROOM_SLOWEST,
    ROOM_KEEP,
    ROOM_MOST,
    ROOM_MISSED,
    ROOM_LAST,
    ROOM_COLUMNS
};
static_assert((int)ROOM_COLUMNS == (int)COLUMNS_MOST, "a record has a column for each of a room");

struct named {
    int64_t number;
    char name[CHAT_NAME_MAX + 1];
};

struct salvage {
    sqlite3 *db; /* the new database */
    sqlite3_stmt *add_room, *set_columns, *add_message;
    struct named *rooms;
    size_t room_count;
    int64_t damaged;   /* the number of the room of damaged messages; 0: not found or created yet */
    int64_t next_id;   /* behind all ids and places that were seen */
    bool known;        /* the next id of the spool itself was seen, too */
    int64_t synced_id; /* the highest id that the lock file knows */
    int64_t max_length;
    char default_room[CHAT_NAME_MAX + 1];
    int64_t count; /* messages */
    int rc;        /* the first error, or SQLITE_OK */
};

static int run(sqlite3_stmt *statement)
{
    sqlite3_step(statement);
    return sqlite3_reset(statement);
}

/* Return whether to continue after a statement that returned RC. A row that exists is skipped: a
 * crash may have copied a page. */
static bool check(struct salvage *g, int rc)
{
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_CONSTRAINT)
        g->rc = rc;
    return g->rc == SQLITE_OK;
}

static void note_id(struct salvage *g, int64_t id)
{
    if (id >= g->next_id && id <= ID_MAX)
        g->next_id = id + 1;
}

/* --- rooms ----------------------------------------------------------------- */

static const struct named *find_room(const struct salvage *g, int64_t number, const char *name)
{
    for (size_t i = 0; i < g->room_count; i++)
        if (name != NULL ? strcmp(g->rooms[i].name, name) == 0 : g->rooms[i].number == number)
            return &g->rooms[i];
    return NULL;
}

static bool add_room(struct salvage *g, const struct named *room)
{
    if (find_room(g, room->number, NULL) != NULL || find_room(g, 0, room->name) != NULL)
        return true;
    struct named *rooms = realloc(g->rooms, (g->room_count + 1) * sizeof *rooms);
    if (rooms == NULL)
        return check(g, SQLITE_NOMEM);
    g->rooms = rooms;
    rooms[g->room_count++] = *room;
    sqlite3_bind_int64(g->add_room, 1, room->number);
    sqlite3_bind_text(g->add_room, 2, room->name, -1, SQLITE_STATIC); /* this cannot fail */
    return check(g, run(g->add_room));
}

/* Take the settings from the row of the spool. */
static void take_settings(struct salvage *g, const struct record *r)
{
    int64_t next_id = pages_number(&r->column[ROOM_NEXT_ID]);
    g->known = g->known || next_id > 0;
    note_id(g, next_id - 1);
    int64_t most = pages_number(&r->column[ROOM_MAX_LENGTH]);
    if (most >= 1 && most <= CHAT_LENGTH_MAX)
        g->max_length = most;
    char name[CHAT_NAME_MAX + 1];
    if (pages_name(&r->column[ROOM_DEFAULT], name) && chat_room_valid(name))
        strcpy(g->default_room, name);
}

/* Take a name and a number from an entry of the index of names. An entry of the index of keys looks
 * the same, so the rows are taken first. */
static bool take_entry(void *context, const struct record *r)
{
    struct salvage *g = context;
    if (r->id != 0 || r->count != 2)
        return true;
    struct named room = { .number = pages_number(&r->column[1]) };
    if (room.number > 0 && room.number <= ROOM_MAX && pages_name(&r->column[0], room.name) &&
        chat_room_valid(room.name))
        return add_room(g, &room);
    return true;
}

/* Take the further columns of an open room, or a reader. The progress of all readers is
 * recomputed. */
static bool take_reading(struct salvage *g, const struct record *r)
{
    const int64_t source = pages_number(&r->column[ROOM_SOURCE]);
    if (source == 0)
        return true;
    sqlite3_stmt *statement = g->set_columns;
    sqlite3_bind_int64(statement, 1, r->id);
    sqlite3_bind_int64(statement, 2, source);
    sqlite3_bind_int64(statement, 3, source == r->id ? 0 : pages_number(&r->column[ROOM_SEEN]));
    for (int i = ROOM_KEEP; i <= ROOM_LAST; i++)
        db_bind_number(statement, 4 + i - ROOM_KEEP, pages_number(&r->column[i]),
                       r->column[i].type != 0);
    return check(g, run(statement));
}

/* Return whether NAME can be in a row. */
static bool name_valid(const char *name)
{
    return chat_room_valid(name) || chat_reader_valid(name);
}

static bool take_room(void *context, const struct record *r)
{
    struct salvage *g = context;
    struct named room = { .number = r->id };
    if (r->count != ROOM_COLUMNS || r->id < 0 || r->id > ROOM_MAX)
        return true;
    if (r->id == 0)
        take_settings(g, r);
    else if (pages_name(&r->column[ROOM_NAME], room.name) && name_valid(room.name))
        return add_room(g, &room) && take_reading(g, r);
    return true;
}

/* --- messages -------------------------------------------------------------- */

struct names {
    char user[CHAT_NAME_MAX + 1], host[CHAT_NAME_MAX + 1], key[CHAT_NAME_MAX + 1];
};

/* Return the name in a column, or WHAT if it is not a valid name. */
static const char *take_name(const struct column *column, char name[CHAT_NAME_MAX + 1],
                             const char *instead)
{
    return pages_name(column, name) && chat_name_valid(name) ? name : instead;
}

static int64_t at_least(int64_t least, int64_t number)
{
    return number < least ? least : number;
}

/* Return the message in a row. A message that waits for its time is at its id, and a column has the
 * place to which it returns. */
static struct chat_message take_fields(const struct record *r, struct names *names)
{
    const struct column *c = r->column;
    const bool waits = position_room(r->id) == 0;
    const int64_t place = position_place(r->id);
    return (struct chat_message){
        .id = c[COLUMN_ID].type == 0 ? place : pages_number(&c[COLUMN_ID]),
        .place = waits ? pages_number(&c[COLUMN_PLACE]) : place,
        .due = waits ? at_least(1, pages_number(&c[COLUMN_DUE])) : 0,
        .expires = at_least(0, pages_number(&c[COLUMN_EXPIRES])),
        .time = pages_number(&c[COLUMN_SENT]),
        .user = take_name(&c[COLUMN_SENDER], names->user, "unknown"),
        .host = take_name(&c[COLUMN_HOST], names->host, "unknown"),
        .attempts = at_least(0, pages_number(&c[COLUMN_ATTEMPTS])),
        .failed = at_least(0, pages_number(&c[COLUMN_FAILED])),
        .failure = (int)at_least(0, pages_number(&c[COLUMN_FAILURE])),
        .key = c[COLUMN_KEY].type == 0 ? NULL : take_name(&c[COLUMN_KEY], names->key, NULL),
        .body = c[COLUMN_BODY].bytes,
        .length = c[COLUMN_BODY].size,
    };
}

static bool add_message(struct salvage *g, const struct chat_message *m, int64_t room,
                        int64_t waits_at)
{
    sqlite3_stmt *statement = g->add_message;
    if (m->place == 0 && m->due == 0) /* no message has such a place */
        return true;
    message_bind(statement, m, room, waits_at, digest_message(m));
    int rc = run(statement);
    if (rc == SQLITE_OK) {
        g->count++;
        note_id(g, m->id);
        note_id(g, m->place);
    }
    return check(g, rc);
}

/* Return whether the id and the place of a message, which is at POSITION, are in their ranges. */
static bool is_possible(const struct chat_message *m, int64_t position)
{
    return position >= 1 && position <= POSITION_MAX && m->id >= 1 && m->id <= ID_MAX &&
           m->place >= 0 && m->place <= ID_MAX;
}

/* Add the message at POSITION to the end of the room of damaged messages. */
static bool add_damaged(struct salvage *g, struct chat_message *m, int64_t position)
{
    if (!is_possible(m, position))
        m->id = g->next_id;
    m->room = CHAT_ROOM_DAMAGED;
    m->due = m->expires = m->failed = 0;
    m->place = g->next_id;
    return add_message(g, m, g->damaged, m->id);
}

/* Return whether a message is as it was sent, as read.c does: a reader's message may be a copy from
 * its open room. */
static bool is_whole(struct chat_message *m, int64_t checksum, char source[CHAT_NAME_MAX + 1])
{
    const char *slash = strchr(m->room, '/');
    if (digest_message(m) == checksum)
        return true;
    if (slash == NULL)
        return false;
    snprintf(source, CHAT_NAME_MAX + 1, "%.*s", (int)(slash - m->room), m->room);
    m->room = source;
    return digest_message(m) == checksum;
}

static bool take_message(void *context, const struct record *r)
{
    struct salvage *g = context;
    char source[CHAT_NAME_MAX + 1];
    if (r->count != COLUMNS)
        return true;
    struct names names;
    struct chat_message m = take_fields(r, &names);
    const bool waits = position_room(r->id) == 0;
    const int64_t number = waits ? pages_number(&r->column[COLUMN_ROOM]) : position_room(r->id);
    const struct named *room = find_room(g, number, NULL);
    m.room = room != NULL ? room->name : "";
    bool whole = room != NULL && is_possible(&m, r->id) &&
                 is_whole(&m, pages_number(&r->column[COLUMN_CHECKSUM]), source);
    if (whole == (g->damaged == 0))
        return whole ? add_message(g, &m, room->number, r->id) : add_damaged(g, &m, r->id);
    return true;
}

/* --- all of it ------------------------------------------------------------- */

static bool prepare(struct salvage *g)
{
    return check(g, sqlite3_exec(g->db, sql_schema, NULL, NULL, NULL)) &&
           check(g, sqlite3_exec(g->db, sql_text[SQL_BEGIN_WRITE], NULL, NULL, NULL)) &&
           check(g, sqlite3_prepare_v2(g->db, sql_text[SQL_ADD_ROOM], -1, &g->add_room, NULL)) &&
           check(g,
                 sqlite3_prepare_v2(g->db, sql_text[SQL_SET_COLUMNS], -1, &g->set_columns, NULL)) &&
           check(g,
                 sqlite3_prepare_v2(g->db, sql_text[SQL_ADD_MESSAGE], -1, &g->add_message, NULL));
}

/* Prepare the room of damaged messages: the existing one, or a new one with a number that no other
 * room has. */
static bool prepare_damaged(struct salvage *g)
{
    struct named damaged = { .number = 1, .name = CHAT_ROOM_DAMAGED };
    const struct named *there = find_room(g, 0, CHAT_ROOM_DAMAGED);
    for (size_t i = 0; there == NULL && i < g->room_count; i++)
        if (g->rooms[i].number >= damaged.number)
            damaged.number = g->rooms[i].number + 1;
    if (damaged.number > ROOM_MAX)
        damaged.number = 1;
    while (there == NULL && find_room(g, damaged.number, NULL) != NULL)
        damaged.number++;
    g->damaged = there != NULL ? there->number : damaged.number;
    return add_room(g, &damaged);
}

static bool finish(struct salvage *g)
{
    if (!g->known)
        note_id(g, g->synced_id);
    if (!g->known && g->next_id <= ID_MAX - LOST_IDS)
        g->next_id += LOST_IDS;
    sqlite3_stmt *next = NULL, *set = NULL;
    bool ready = check(g, sqlite3_prepare_v2(g->db, sql_text[SQL_COUNT_ROOM], -1, &next, NULL)) &&
                 check(g, sqlite3_prepare_v2(g->db, sql_text[SQL_SET_SETTINGS], -1, &set, NULL));
    if (ready) {
        room_bind_count(next, 0, 0, 0);
        sqlite3_bind_int64(next, 4, g->next_id);
        sqlite3_bind_int64(set, 1, g->max_length);
        if (g->default_room[0] != '\0')
            sqlite3_bind_text(set, 2, g->default_room, -1, SQLITE_STATIC);
        ready = check(g, run(next)) && check(g, run(set)) &&
                check(g, sqlite3_exec(g->db, sql_text[SQL_RECOUNT], NULL, NULL, NULL)) &&
                check(g, sqlite3_exec(g->db, sql_text[SQL_COMMIT], NULL, NULL, NULL));
    }
    sqlite3_finalize(next);
    sqlite3_finalize(set);
    return ready;
}

/* Fill the new database. Returns SQLite's result code. */
static int gather(struct salvage *g, sqlite3 *from)
{
    bool done = prepare(g) && pages_each_record(from, take_room, g) &&
                pages_each_record(from, take_entry, g) &&
                pages_each_record(from, take_message, g) && prepare_damaged(g) &&
                pages_each_record(from, take_message, g) && finish(g);
    sqlite3_finalize(g->add_room);
    sqlite3_finalize(g->set_columns);
    sqlite3_finalize(g->add_message);
    free(g->rooms);
    return done ? SQLITE_OK : g->rc != SQLITE_OK ? g->rc : SQLITE_NOMEM;
}

enum chat_status salvage(struct sqlite_store *s, int64_t *count, int64_t *skipped_to)
{
    struct salvage g = { .next_id = 1, .max_length = CHAT_LENGTH_DEFAULT };
    struct synced synced;
    synced_read(s, &synced);
    g.synced_id = synced.id;
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK)
        return db_failed(s, rc, "repair");
    rc = scratch_open(&s->location, "-repair", &g.db);
    if (rc == SQLITE_OK)
        rc = gather(&g, s->db);
    if (rc == SQLITE_OK)
        rc = copy_pages(s->db, g.db, NULL, NULL);
    enum chat_status status = rc == SQLITE_OK ? CHAT_OK : db_failed(s, rc, "repair");
    sqlite3_close(g.db);
    location_remove(&s->location, "-repair");
    *count = g.count;
    *skipped_to = g.known ? 0 : g.next_id;
    return status;
}

bool salvage_extend(struct sqlite_store *s)
{
    enum { COUNT_AT = 28 }; /* the number of pages, in the header (sqlite.org/fileformat2.html) */
    int fd;
    if (s->lock < 0 || write_lock_take(s) != CHAT_OK)
        return false;
    bool extended = false;
    if (location_open(&s->location, "", &fd) == CHAT_OK) {
        unsigned char count[4];
        if (pread(fd, count, sizeof count, COUNT_AT) == sizeof count) {
            off_t size = (off_t)((uint32_t)count[0] << 24 | (uint32_t)count[1] << 16 |
                                 (uint32_t)count[2] << 8 | count[3]) *
                         PAGE;
            extended =
                s->location.size < size && size / 64 < s->location.size && ftruncate(fd, size) == 0;
        }
        close(fd);
    }
    write_lock_release(s);
    return extended;
}
