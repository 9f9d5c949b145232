/* memory TEMPLATE DAMAGED SPOOL [STEP]: let each allocation that the library itself makes fail, one
 * at a time. Prints the status of each operation and its reason, and how many messages are left.
 * The program is linked so that these calls of the library come here (ld --wrap); SQLite has all
 * the memory that it wants. With STEP the allocations of SQLite count, too, and every STEP-th of
 * all fails; then only what is neither as without a failure nor a lack of memory is printed. */

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long asked, failing;
static long step; /* or 0: SQLite has memory */

static bool fails(void)
{
    if (++asked != failing)
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* --- the memory of SQLite, with its size before it -------------------------- */

enum { BEFORE = 16 };

static void *lite_malloc(int size)
{
    char *memory = step > 0 && fails() ? NULL : __real_malloc(BEFORE + (size_t)size);
    if (memory == NULL)
        return NULL;
    memcpy(memory, &size, sizeof size);
    return memory + BEFORE;
}

static void lite_free(void *memory)
{
    free((char *)memory - BEFORE);
}

static void *lite_realloc(void *old, int size)
{
    char *memory =
        step > 0 && fails() ? NULL : __real_realloc((char *)old - BEFORE, BEFORE + (size_t)size);
    if (memory == NULL)
        return NULL;
    memcpy(memory, &size, sizeof size);
    return memory + BEFORE;
}

static int lite_size(void *memory)
{
    int size;
    memcpy(&size, (char *)memory - BEFORE, sizeof size);
    return size;
}

static int lite_round(int size)
{
    return (size + 7) / 8 * 8;
}

static int lite_begin(void *nothing)
{
    (void)nothing;
    return SQLITE_OK;
}

static void lite_end(void *nothing)
{
    (void)nothing;
}

static const sqlite3_mem_methods methods = { lite_malloc, lite_free,  lite_realloc, lite_size,
                                             lite_round,  lite_begin, lite_end,     NULL };

/* --- what is done ----------------------------------------------------------- */

static chat_spool *spool;
static const char *where;

static enum chat_status claim(const char *room, size_t count, chat_batch **batch)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = count };
    return chat_claim(spool, &query, batch);
}

static enum chat_status do_send(void)
{
    static const char *const to[] = { "jobs", "mail", "new", "tea", "tea/bob" };
    enum chat_status status = chat_begin(spool);
    for (size_t i = 0; i < 5 && status == CHAT_OK; i++) {
        const struct chat_message m = {
            .room = to[i], .body = "sent", .length = 4, .user = "u", .host = "h"
        };
        status = chat_put(spool, &m, NULL, NULL);
        if (status == CHAT_OK)
            status = chat_put(spool, &m, NULL, NULL);
    }
    return status == CHAT_OK ? chat_commit(spool) : status;
}

static enum chat_status do_claim(void)
{
    chat_batch *batch, *other;
    enum chat_status status = claim("jobs", 1, &batch);
    if (status != CHAT_OK)
        return status;
    status = claim("jobs", 1, &other);
    if (status == CHAT_OK) {
        status = chat_join(batch, other);
        if (status != CHAT_OK)
            chat_release(other);
    }
    if (status != CHAT_OK) {
        chat_release(batch);
        return status;
    }
    status = chat_keep(batch);
    if (status == CHAT_OK)
        status = claim("mail", 1, &batch);
    if (status == CHAT_OK)
        status = chat_keep(batch);
    return status;
}

static enum chat_status do_read(void)
{
    chat_batch *batch;
    enum chat_status status = claim("tea/carol", 9, &batch);
    if (status == CHAT_NONE)
        status = chat_seek(spool, "tea/carol", NULL);
    if (status == CHAT_OK)
        status = claim("tea/carol", 9, &batch);
    if (status != CHAT_OK)
        return status;
    status = chat_settle(batch, chat_batch_count(batch));
    chat_release(batch);
    return status;
}

static enum chat_status do_list(void)
{
    return list_rooms(spool);
}

static enum chat_status do_readers(void)
{
    struct chat_reader *readers;
    size_t count;
    enum chat_status status = chat_readers(spool, "tea", 0, &readers, &count);
    if (status == CHAT_OK)
        free(readers);
    return status;
}

static enum chat_status do_check(void)
{
    return chat_check(spool, false, NULL, NULL);
}

static enum chat_status do_repair(void)
{
    return chat_check(spool, true, NULL, NULL);
}

static enum chat_status do_move(void)
{
    chat_batch *batch;
    enum chat_status status = claim("mail", 1, &batch);
    if (status != CHAT_OK)
        return status;
    status = chat_move_first(batch, "jobs");
    chat_release(batch);
    return status;
}

static enum chat_status do_fail(void)
{
    const struct chat_failure failure = { .counted = true, .hold = 1000000 };
    chat_batch *batch;
    enum chat_status status = claim("tea/bob", 1, &batch);
    if (status != CHAT_OK)
        return status;
    status = chat_fail(batch, &failure);
    chat_release(batch);
    return status;
}

static enum chat_status do_wait(void)
{
    const char *room = "empty";
    const struct chat_query query = { .rooms = &room, .room_count = 1 };
    return chat_wait(spool, &query, 1, NULL);
}

static enum chat_status do_compact(void)
{
    return chat_compact(spool, NULL, NULL, NULL);
}

static enum chat_status do_settings(void)
{
    const struct chat_settings settings = { .max_length = 99, .room = "jobs" };
    return chat_set_settings(spool, &settings);
}

static enum chat_status do_skip(void)
{
    return chat_skip_ids(spool, 1000, NULL);
}

static enum chat_status do_backup(void)
{
    return chat_backup(spool, "copy.db", NULL, NULL);
}

static enum chat_status do_restore(void)
{
    return chat_restore(spool, "copy.db", NULL, NULL);
}

/* Copy the TEMPLATE, which is one file, to the spool. */
static void renew(const char *template)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-lock" };
    static char bytes[1 << 20], path[4096];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", where, suffixes[i]);
        unlink(path);
    }
    int from = open(template, O_RDONLY), to = open(where, O_WRONLY | O_CREAT, 0600);
    ssize_t size = read(from, bytes, sizeof bytes);
    if (size <= 0 || write(to, bytes, (size_t)size) != size)
        exit(1);
    close(from);
    close(to);
}

/* Return the number of messages, in all rooms. */
static long long depth(void)
{
    struct chat_room *list;
    size_t count;
    long long sum = 0;
    spool = open_spool(where);
    must(chat_list(spool, &list, &count), spool, "list");
    for (size_t i = 0; i < count; i++)
        sum += list[i].depth;
    free(list);
    chat_close(spool);
    return sum;
}

/* Run an operation in which the allocation number N fails, and write its reason to LINE. */
static void once(const char *template, long n, enum chat_status (*run)(void), char line[500])
{
    renew(template);
    asked = 0;
    failing = n;
    enum chat_status status = chat_open(where, &spool);
    if (status == CHAT_OK)
        status = run();
    failing = 0;
    const bool done = status == CHAT_OK || status == CHAT_NONE;
    snprintf(line, 500, "%s", done ? chat_status_string(status) : chat_error(spool));
    if (status != CHAT_SYSTEM && strstr(line, "memory") != NULL)
        printf("another status\n");
    chat_close(spool);
}

static void each(const char *template, const char *what, enum chat_status (*run)(void))
{
    char sound[500], seen[500] = "", line[500];
    long n = 0, needed;
    once(template, 0, run, sound);
    do {
        n += step > 0 ? step : 1;
        once(template, n, run, line);
        needed = asked; /* depth() allocates, too */
        const bool expected = strcmp(line, sound) == 0 || strstr(line, "out of memory") != NULL;
        if (step > 0 ? !expected : strcmp(line, seen) != 0) /* a reason is printed once */
            printf("%s: %s (%lld)\n", what, line, depth());
        strcpy(seen, line);
    } while (needed >= n);
    printf("%s: %s\n", what, n > 2 ? "done" : "nothing failed");
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return 64;
    step = argc == 5 ? atol(argv[4]) : 0;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    where = argv[3];
    each(argv[1], "send", do_send);
    each(argv[1], "claim", do_claim);
    each(argv[1], "read", do_read);
    each(argv[1], "list", do_list);
    each(argv[1], "readers", do_readers);
    each(argv[1], "move", do_move);
    each(argv[1], "fail", do_fail);
    each(argv[1], "wait", do_wait);
    each(argv[1], "compact", do_compact);
    each(argv[1], "settings", do_settings);
    each(argv[1], "skip", do_skip);
    each(argv[1], "backup", do_backup);
    each(argv[1], "restore", do_restore);
    each(argv[1], "check", do_check);
    each(argv[2], "check", do_check);
    each(argv[2], "repair", do_repair);
    return 0;
}
