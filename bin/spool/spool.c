/* spool.c - functions shared by the commands of chat-spool. */

#include "spool.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/std.h"
#include "common/when.h"
#include "common/where.h"

enum { BATCH_MESSAGES = 1024, BATCH_BYTES = 1024 * 1024 };

static chat_spool *spools[2]; /* that are open */

chat_spool *spool_open(const char *given)
{
    chat_spool **spool = &spools[spools[0] != NULL];
    enum chat_status status = chat_open(where_spool(given), spool);
    spool_need(status, *spool);
    when_clock(*spool);
    return *spool;
}

void spool_close_all(void)
{
    for (size_t i = 0; i < sizeof spools / sizeof spools[0]; i++)
        chat_close(spools[i]);
}

void spool_need(enum chat_status status, const chat_spool *spool)
{
    if (status != CHAT_OK)
        cli_fail_spool(status, spool, "");
}

int spool_missing(const char *given)
{
    cli_say("No spool '%s'", where_spool(given));
    return EXIT_NONE;
}

bool spool_rooms(chat_spool *spool, struct chat_room **rooms, size_t *count)
{
    enum chat_status status = chat_list(spool, rooms, count);
    if (status == CHAT_NONE)
        return false;
    spool_need(status, spool);
    return true;
}

void spool_output(struct output *out)
{
    std_need(STDOUT_FILENO);
    output_open(out, STDOUT_FILENO);
}

void spool_flush(struct output *out)
{
    if (!output_flush(out))
        cli_fail(EXIT_IO, "cannot write standard output: %s", cli_cause(out->failed));
    text_free(&out->pending);
}

const char *spool_messages(int64_t count)
{
    static char text[40];
    snprintf(text, sizeof text, "%lld message%s", (long long)count, count == 1 ? "" : "s");
    return text;
}

bool spool_confirm(bool yes, const char *format, ...)
{
    char question[1024], answer[16] = "";
    struct text shown = { .bytes = NULL };
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO))
        cli_usage("standard input is not a terminal; use -y to confirm");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(question, sizeof question, format, arguments);
    va_end(arguments);
    text_add_escaped(&shown, question, strlen(question), true);
    fprintf(stderr, "%.*s? [y/N] ", (int)shown.size, shown.bytes);
    text_free(&shown);
    if (fgets(answer, sizeof answer, stdin) == NULL)
        fputc('\n', stderr);
    for (char *c = answer; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

bool spool_walk(chat_spool *spool, const char *const *rooms, size_t count,
                bool (*take)(void *context, const chat_batch *batch), void *context)
{
    struct chat_query query = {
        .rooms = rooms,
        .room_count = count,
        .every = true,
        .max_messages = BATCH_MESSAGES,
        .max_bytes = BATCH_BYTES,
    };
    struct chat_cursor cursor = { .room = 0 };
    bool damaged = false, more = true;
    /* Later messages are not followed: the caller may be adding them. */
    spool_need(chat_mark(spool, &query, &query.until), spool);
    while (query.until > 0 && more) {
        chat_batch *batch;
        enum chat_status status = chat_walk(spool, &query, &cursor, &batch);
        if (status == CHAT_NONE)
            break;
        if (status == CHAT_DAMAGED) {
            damaged = true;
            cli_say_spool(status, spool);
            continue;
        }
        spool_need(status, spool);
        more = take(context, batch);
        chat_release(batch);
    }
    return damaged;
}

int64_t spool_next_id(chat_spool *spool)
{
    struct chat_settings settings;
    spool_need(chat_settings(spool, &settings), spool);
    return settings.next_id;
}

/* --- restoring ------------------------------------------------------------- */

void restore_start(struct restore *restore, chat_spool *spool)
{
    *restore = (struct restore){ .spool = spool, .fresh = true, .next_id = 1, .source = 1 };
}

bool restore_skips(const struct restore *restore, int64_t next_id)
{
    return next_id > restore->source;
}

enum chat_status restore_skip(struct restore *restore, int64_t next_id)
{
    int64_t before;
    enum chat_status status = chat_skip_ids(restore->spool, next_id, &before);
    if (status != CHAT_OK)
        return status;
    restore->source = next_id;
    if (before != restore->next_id)
        restore->fresh = false;
    if (next_id > restore->next_id)
        restore->next_id = next_id;
    return CHAT_OK;
}

static enum chat_status read_next_id(const struct restore *restore, int64_t *next_id)
{
    struct chat_settings settings;
    enum chat_status status = chat_settings(restore->spool, &settings);
    *next_id = settings.next_id;
    return status;
}

enum chat_status restore_begin(struct restore *restore)
{
    int64_t next_id;
    enum chat_status status = chat_begin(restore->spool);
    if (status == CHAT_OK)
        status = read_next_id(restore, &next_id);
    if (status == CHAT_OK && next_id != restore->next_id)
        restore->fresh = false;
    return status;
}

enum chat_status restore_put(struct restore *restore, const struct chat_message *message)
{
    static const struct chat_terms terms = { .restore = true };
    struct chat_message m = *message;
    int64_t after = (m.id > m.place ? m.id : m.place) + 1;
    if (!restore->fresh)
        m.id = 0;
    enum chat_status status = chat_put(restore->spool, &m, &terms, NULL);
    if (status == CHAT_OK && m.id == 0)
        restore->next_id++; /* the positions there */
    else if (status == CHAT_OK && after > restore->next_id)
        restore->next_id = after;
    return status;
}

enum chat_status restore_commit(struct restore *restore)
{
    return chat_commit(restore->spool);
}

enum chat_status restore_open(struct restore *restore, const char *room,
                              const struct chat_bounds *bounds)
{
    return chat_open_room(restore->spool, room, bounds);
}

/* List the readers of the open room of the reader NAME, unless they are listed already: the readers
 * of a room come one after the other. */
static enum chat_status list_readers(struct restore *restore, const char *name)
{
    const size_t length = strcspn(name, "/");
    if (strncmp(restore->room, name, length) == 0 && restore->room[length] == '\0')
        return CHAT_OK;
    snprintf(restore->room, sizeof restore->room, "%.*s", (int)length, name);
    free(restore->readers);
    restore->readers = NULL;
    restore->reader_count = 0;
    return chat_readers(restore->spool, restore->room, 0, &restore->readers,
                        &restore->reader_count);
}

static int compare_name(const void *name, const void *reader)
{
    return strcmp(name, ((const struct chat_reader *)reader)->name);
}

/* Return whether the reader NAME is one of those that are listed. */
static bool is_listed(const struct restore *restore, const char *name)
{
    return restore->reader_count > 0 &&
           bsearch(strchr(name, '/') + 1, restore->readers, restore->reader_count,
                   sizeof restore->readers[0], compare_name) != NULL;
}

enum chat_status restore_reader(struct restore *restore, const char *name, int64_t place,
                                int64_t missed)
{
    /* Messages with new ids have new positions, too: all messages so far are before the last
     * one. */
    const struct chat_point point = { .kind = restore->fresh ? CHAT_POINT_PLACE : CHAT_POINT_END,
                                      .value = place,
                                      .missed = missed };
    enum chat_status status = restore->fresh ? CHAT_OK : list_readers(restore, name);
    if (status != CHAT_OK || (!restore->fresh && is_listed(restore, name)))
        return status;
    return chat_seek(restore->spool, name, &point);
}

void restore_end(struct restore *restore)
{
    free(restore->readers);
}
