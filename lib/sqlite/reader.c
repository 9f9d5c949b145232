/* reader.c - readers of open rooms: create them, and record what they have finished. */

#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "group_commit.h"
#include "lock_file.h"
#include "message.h"
#include "open_row.h"
#include "os/clock.h"
#include "os/lock.h"
#include "room.h"
#include "rooms.h"
#include "transaction.h"
#include "trim.h"

/* --- a new reader ---------------------------------------------------------- */

/* Store the place before the first message of an open room. */
static enum chat_status before_oldest(struct sqlite_store *s, int64_t number, int64_t *place)
{
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_POSITIONS);
    sqlite3_bind_int64(statement, 1, position_of(number, 0));
    sqlite3_bind_int64(statement, 2, position_of(number, ID_MAX));
    int rc = db_step(s, statement);
    *place =
        rc == SQLITE_ROW ? position_place(sqlite3_column_int64(statement, 0)) - 1 : s->next_id - 1;
    return db_found(s, statement, rc);
}

enum chat_status reader_add(struct sqlite_store *s, const char *name, const struct open_row *open)
{
    int64_t number, seen = 0;
    enum chat_status status = room_read_spool(s);
    if (status == CHAT_OK)
        status = before_oldest(s, open->number, &seen);
    if (status == CHAT_OK || status == CHAT_NONE)
        status = room_new_number(s, &number);
    if (status != CHAT_OK)
        return status;
    sqlite3_stmt *statement = db_statement(s, SQL_ADD_READER);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, open->number);
    sqlite3_bind_int64(statement, 4, seen);
    status = db_finish(s, statement);
    if (status == CHAT_OK && seen < open->seen)
        status = open_row_set_seen(s, open->number, seen, number);
    return status;
}

enum chat_status reader_need(struct sqlite_store *s, const char *name)
{
    struct open_row open;
    struct room room;
    enum chat_status status = transaction_begin(s);
    if (status != CHAT_OK)
        return status;
    status = open_row_find(s, name, &open);
    if (status == CHAT_OK)
        status = room_get(s, name, &room); /* another process may have created it */
    if (status == CHAT_NONE)
        status = reader_add(s, name, &open);
    return group_commit_end(s, status);
}

enum chat_status reader_check_names(struct sqlite_store *s, const struct chat_query *query)
{
    for (size_t i = 0; i < query->room_count; i++)
        if (query->rooms[i] != NULL && strchr(query->rooms[i], '/') != NULL)
            return rooms_not_open(s->base.error, query->rooms[i]);
    return CHAT_NONE;
}

/* --- presence -------------------------------------------------------------- */

bool reader_is_here(const struct sqlite_store *s, int64_t number)
{
    for (size_t i = 0; i < s->here_count; i++)
        if (s->here[i] == number)
            return true;
    return false;
}

enum chat_status reader_be_here(struct sqlite_store *s, int64_t number)
{
    if (reader_is_here(s, number))
        return CHAT_OK;
    int64_t *here = realloc(s->here, (s->here_count + 1) * sizeof *here);
    if (here == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    s->here = here;
    int errnum = lock_reader(s->lock, number);
    if (errnum != 0)
        return lock_file_failed(s, errnum);
    here[s->here_count++] = number;
    return CHAT_OK;
}

/* --- places of a batch ----------------------------------------------------- */

/* Positions of messages of a batch, in the range of the reader, in ascending order. */
struct done {
    int64_t *positions;
    size_t count;
};

/* Store in DONE the messages of BATCH from FROM to before TO. The caller frees DONE->positions. */
static enum chat_status done_of(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                                size_t to, struct done *done)
{
    done->count = to - from;
    done->positions = malloc(done->count * sizeof *done->positions);
    if (done->positions == NULL)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    memcpy(done->positions, batch->positions + from, done->count * sizeof *done->positions);
    if (done->count > 1) /* two batches may have been joined */
        qsort(done->positions, done->count, sizeof *done->positions, position_compare);
    return CHAT_OK;
}

/* --- past messages --------------------------------------------------------- */

/* The runs of positions between SEEN and LAST that the reader has not finished: the messages
 * there must be copied. */
struct gaps {
    struct range *runs;
    size_t count;
};

static bool add_gap(struct gaps *gaps, struct range run)
{
    struct range *runs = realloc(gaps->runs, (gaps->count + 1) * sizeof *runs);
    if (runs == NULL)
        return false;
    gaps->runs = runs;
    runs[gaps->count++] = run;
    return true;
}

/* Find the messages of the source behind what READER has seen, up to its position LAST, that are
 * not among DONE. */
static enum chat_status find_gaps(struct sqlite_store *s, const struct open_row *reader,
                                  int64_t last, const struct done *done, struct gaps *gaps)
{
    const int64_t offset = (reader->source - reader->number) << PLACE_BITS;
    sqlite3_stmt *statement = db_statement(s, SQL_LIST_POSITIONS);
    sqlite3_bind_int64(statement, 1, position_of(reader->source, reader->seen));
    sqlite3_bind_int64(statement, 2, last + offset);
    size_t at = 0;
    bool open = false, memory = true; /* OPEN: the previous message is the last of GAPS */
    int rc;
    while (memory && (rc = db_step(s, statement)) == SQLITE_ROW) {
        const int64_t position = sqlite3_column_int64(statement, 0) - offset;
        while (at < done->count && done->positions[at] < position)
            at++;
        const bool is_done = at < done->count && done->positions[at] == position;
        if (!is_done && open)
            gaps->runs[gaps->count - 1].last = position;
        else if (!is_done)
            memory = add_gap(gaps, (struct range){ position, position });
        open = !is_done;
    }
    sqlite3_reset(statement);
    if (!memory)
        return error_set(s->base.error, CHAT_SYSTEM, "out of memory");
    return rc == SQLITE_DONE ? CHAT_OK : db_failed(s, rc, "read");
}

/* Record that READER has seen everything up to its position LAST, and copy the messages there that
 * are not among DONE. */
static enum chat_status pass(struct sqlite_store *s, struct open_row *reader, int64_t last,
                             const struct done *done)
{
    struct gaps gaps = { .runs = NULL };
    enum chat_status status = find_gaps(s, reader, last, done, &gaps);
    for (size_t i = 0; i < gaps.count && status == CHAT_OK; i++)
        status = open_row_copy(s, reader, gaps.runs[i], false);
    free(gaps.runs);
    reader->seen = position_place(last);
    return status;
}

/* Return the last position of DONE that READER has not seen and that is not in its own range, or 0.
 * If the reader was set back since BATCH was claimed, its messages come again. */
static int64_t last_unseen(const struct open_row *reader, const struct chat_batch *batch,
                           const struct done *done)
{
    const int64_t last = done->count > 0 ? done->positions[done->count - 1] : 0;
    return reader->seen >= batch->seen && position_place(last) > reader->seen ? last : 0;
}

/* --- finish ---------------------------------------------------------------- */

/* Remove from DONE the messages in the reader's own range, and delete them if they are finished. */
static enum chat_status take_own(struct sqlite_store *s, const struct open_row *reader,
                                 struct done *done, bool deleting)
{
    int64_t count = 0, bytes = 0;
    size_t left = 0;
    enum chat_status status = CHAT_OK;
    for (size_t i = 0; i < done->count && status == CHAT_OK; i++) {
        const int64_t position = done->positions[i];
        sqlite3_stmt *statement = db_statement(s, SQL_GET_LENGTH);
        sqlite3_bind_int64(statement, 1, position);
        int rc = db_step(s, statement);
        const int64_t length = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        status = db_found(s, statement, rc);
        if (status == CHAT_NONE)
            done->positions[left++] = position;
        else if (status == CHAT_OK && deleting) {
            status = message_delete(s, position);
            count++;
            bytes += length;
        }
        if (status == CHAT_NONE)
            status = CHAT_OK;
    }
    done->count = left;
    return status == CHAT_OK && count > 0 ? room_count(s, reader->number, -count, -bytes) : status;
}

enum chat_status reader_settle(struct sqlite_store *s, const struct chat_batch *batch, size_t from,
                               size_t to)
{
    struct open_row reader;
    struct done done = { .positions = NULL };
    enum chat_status status = open_row_get(s, batch->room, &reader);
    if (status == CHAT_NONE || (status == CHAT_OK && reader.source != batch->source))
        return CHAT_OK; /* the reader was deleted */
    if (status == CHAT_OK)
        status = done_of(s, batch, from, to, &done);
    if (status == CHAT_OK && reader.depth > 0)
        status = take_own(s, &reader, &done, true);
    const int64_t last = status == CHAT_OK ? last_unseen(&reader, batch, &done) : 0;
    if (last > 0)
        status = pass(s, &reader, last, &done);
    free(done.positions);
    const int64_t missed = reader.missed > batch->missed ? reader.missed - batch->missed : 0;
    if (status == CHAT_OK)
        status = open_row_set_reader(s, reader.number, reader.seen, missed, clock_now());
    return status == CHAT_OK ? trim(s, reader.source, (int64_t)(to - from)) : status;
}

/* Copy the messages of DONE that the reader has not seen. They may have expired since they were
 * claimed. */
static enum chat_status copy_all(struct sqlite_store *s, const struct open_row *reader,
                                 const struct done *done)
{
    enum chat_status status = CHAT_OK;
    for (size_t i = 0, next; i < done->count && status == CHAT_OK; i = next) {
        struct range run = { done->positions[i], done->positions[i] };
        for (next = i + 1; next < done->count && done->positions[next] == run.last + 1; next++)
            run.last++;
        if (position_place(run.first) <= reader->seen)
            run.first = position_of(reader->number, reader->seen + 1);
        if (run.first <= run.last)
            status = open_row_copy(s, reader, run, true);
    }
    return status;
}

enum chat_status reader_copy(struct sqlite_store *s, const struct chat_batch *batch)
{
    struct open_row reader;
    struct done all = { .positions = NULL };
    enum chat_status status = open_row_get(s, batch->room, &reader);
    if (status == CHAT_NONE || (status == CHAT_OK && reader.source != batch->source))
        return CHAT_OK;
    if (status == CHAT_OK)
        status = done_of(s, batch, 0, batch->count, &all);
    if (status == CHAT_OK && reader.depth > 0)
        status = take_own(s, &reader, &all, false);
    int64_t last = status == CHAT_OK ? last_unseen(&reader, batch, &all) : 0;
    if (last > 0)
        status = copy_all(s, &reader, &all);
    if (status == CHAT_OK && last > 0)
        status = pass(s, &reader, last, &all);
    free(all.positions);
    if (status != CHAT_OK)
        return status;
    const int64_t missed = reader.missed > batch->missed ? reader.missed - batch->missed : 0;
    return open_row_set_reader(s, reader.number, reader.seen, missed, clock_now());
}
