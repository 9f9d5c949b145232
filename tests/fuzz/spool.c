/* spool.c - fuzz the file of a spool and its WAL.
 *
 * An input consists of changes to an intact file: flags, then for each change three bytes for the
 * offset, one byte for the length, and that many bytes. So an input is short, and a finding can be
 * read. Whatever the change, only messages that were put are received, unchanged, and a repaired
 * spool is sound. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatspool.h"
#include "fuzz.h"

enum { IN_LOG = 1, REPAIR = 2, TAKE = 4, SEND = 8, CUT = 16 };
enum { COUNT = 24, LONGEST = 9000, FILES = 3 };

static char directory[] = "/dev/shm/chat-fuzz-XXXXXX", path[64];
static const char *const suffixes[FILES] = { "", "-wal", "-shm" };

/* The intact spools: all messages in the database, or the second half in the WAL. */
static struct file {
    unsigned char *bytes;
    size_t size;
} whole[2][FILES];
static char body[LONGEST];

static void file_name(char name[96], const char *suffix)
{
    snprintf(name, 96, "%s%s", path, suffix);
}

static struct file read_file(const char *suffix)
{
    char name[96];
    struct stat st;
    struct file file = { NULL, 0 };
    file_name(name, suffix);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file;
    expect(fstat(fd, &st) == 0, "a file");
    file.size = (size_t)st.st_size;
    file.bytes = malloc(file.size + 1);
    expect(file.bytes != NULL && pread(fd, file.bytes, file.size, 0) == (ssize_t)file.size,
           "memory");
    close(fd);
    return file;
}

static void write_file(const char *suffix, const unsigned char *bytes, size_t size)
{
    char name[96];
    file_name(name, suffix);
    unlink(name);
    if (bytes == NULL)
        return;
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    expect(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "a file");
    close(fd);
}

/* Message N. */
static struct chat_message message(int n)
{
    return (struct chat_message){ .room = n % 3 == 0 ? "b" : "a",
                                  .user = n % 5 == 0 ? "bob" : "alice",
                                  .host = "host",
                                  .time = 1000 + n,
                                  .key = n % 7 == 0 ? "key" : NULL,
                                  .body = body + n,
                                  .length = n == 5 ? LONGEST - 5 : (size_t)n * 40,
                                  .due = n == 11 ? 4000000000000 : 0,
                                  .expires = n == 12 ? 4000000000000 : 0 };
}

static void put(int first, int last)
{
    chat_spool *spool;
    expect(chat_open(path, &spool) == CHAT_OK && chat_begin(spool) == CHAT_OK, "a spool");
    for (int n = first; n <= last; n++) {
        struct chat_message m = message(n);
        int64_t id;
        expect(chat_put(spool, &m, NULL, &id) == CHAT_OK && id == n, "a message");
    }
    expect(chat_commit(spool) == CHAT_OK, "a commit");
    chat_close(spool);
}

/* Move all of the WAL into the database. */
static void empty_log(void)
{
    chat_spool *spool;
    int64_t freed;
    expect(chat_open(path, &spool) == CHAT_OK, "a spool");
    expect(chat_compact(spool, NULL, NULL, &freed) == CHAT_OK, "compact");
    chat_close(spool);
}

static void keep(int which)
{
    for (int i = 0; i < FILES; i++)
        whole[which][i] = read_file(suffixes[i]);
}

static void remove_all(void)
{
    static const char *const all[] = { "", "-wal", "-shm", "-lock", "-reserve", "-repair" };
    char name[96];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        file_name(name, all[i]);
        unlink(name);
    }
}

static void remove_directory(void)
{
    char name[96];
    remove_all();
    file_name(name, "-bell");
    rmdir(name);
    rmdir(directory);
}

static void prepare(void)
{
    expect(mkdtemp(directory) != NULL, "a directory in memory");
    snprintf(path, sizeof path, "%s/spool.db", directory);
    atexit(remove_directory);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7 % 251);
    put(1, COUNT / 2);
    empty_log();
    put(COUNT / 2 + 1, COUNT);
    keep(1);
    empty_log();
    keep(0);
}

/* --- the changes ------------------------------------------------------------ */

static void change(struct file *file, const uint8_t *bytes, size_t size)
{
    while (size >= 5 && file->size > 0) {
        size_t at = (bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16) % file->size;
        size_t count = bytes[3];
        bytes += 4;
        size -= 4;
        if (count > size)
            count = size;
        if (count > file->size - at)
            count = file->size - at;
        memcpy(file->bytes + at, bytes, count);
        bytes += count;
        size -= count;
    }
}

static void lay(uint8_t flags, const uint8_t *bytes, size_t size)
{
    int which = flags & IN_LOG, victim = flags & IN_LOG;
    remove_all();
    for (int i = 0; i < FILES; i++) {
        struct file file = whole[which][i];
        if (i != victim || file.bytes == NULL) {
            /* The index of the WAL is rebuilt, as after a crash. */
            if (i < 2)
                write_file(suffixes[i], file.bytes, file.size);
            continue;
        }
        unsigned char *copy = malloc(file.size + 1);
        expect(copy != NULL, "memory");
        memcpy(copy, file.bytes, file.size);
        file.bytes = copy;
        change(&file, bytes, size);
        if ((flags & CUT) != 0 && size >= 2)
            file.size = (bytes[0] | (size_t)bytes[1] << 8) * 16 % (file.size + 1);
        write_file(suffixes[i], file.bytes, file.size);
        free(copy);
    }
}

/* --- what is made of it ----------------------------------------------------- */

static void judge(const chat_batch *batch)
{
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        if (strcmp(m->room, "new") ==
            0) { /* sent to the damaged spool, which may have lost its WAL */
            expect(m->length == 3 && memcmp(m->body, "new", 3) == 0, "the new message");
            continue;
        }
        expect(m->id >= 1 && m->id <= COUNT, "an id that was given");
        struct chat_message put = message((int)m->id);
        expect(strcmp(m->room, put.room) == 0 && strcmp(m->user, put.user) == 0 &&
                   strcmp(m->host, put.host) == 0 && m->time == put.time &&
                   (put.key == NULL ? m->key == NULL || m->key[0] == '\0'
                                    : m->key != NULL && strcmp(m->key, put.key) == 0),
               "the message that was put");
        expect(m->length == put.length &&
                   (m->length == 0 || memcmp(m->body, put.body, m->length) == 0),
               "the body that was put");
    }
}

static const char *const rooms[] = { "a", "b", "new" };

static void look(chat_spool *spool, bool every)
{
    const struct chat_query query = {
        .rooms = rooms, .room_count = 3, .every = every, .max_messages = 7, .max_bytes = 10000
    };
    struct chat_cursor cursor = { .room = 0 };
    chat_batch *batch;
    enum chat_status status;
    int steps = 0;
    while ((status = chat_walk(spool, &query, &cursor, &batch)) == CHAT_OK ||
           status == CHAT_DAMAGED) {
        if (status == CHAT_OK) {
            judge(batch);
            chat_release(batch);
        }
        expect(steps++ < 10 * COUNT, "a walk has an end");
    }
}

static void take(chat_spool *spool)
{
    const struct chat_query query = {
        .rooms = rooms, .room_count = 3, .max_messages = 5, .max_bytes = 10000
    };
    chat_batch *batch;
    enum chat_status status;
    int steps = 0;
    while ((status = chat_claim(spool, &query, &batch)) == CHAT_OK || status == CHAT_DAMAGED) {
        if (status == CHAT_OK) {
            judge(batch);
            status = chat_settle(batch, chat_batch_count(batch));
            chat_release(batch);
            if (status != CHAT_OK)
                return;
        }
        expect(steps++ < 10 * COUNT, "a room has an end");
    }
}

static void send(chat_spool *spool)
{
    const struct chat_message m = {
        .room = "new", .user = "alice", .host = "host", .time = 1, .body = "new", .length = 3
    };
    if (chat_begin(spool) != CHAT_OK)
        return;
    if (chat_put(spool, &m, NULL, NULL) == CHAT_OK)
        chat_commit(spool);
    else
        chat_rollback(spool);
}

static void repair(chat_spool *spool)
{
    if (chat_check(spool, true, NULL, NULL) == CHAT_OK)
        expect(chat_check(spool, false, NULL, NULL) == CHAT_OK, "what was repaired is sound");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chat_spool *spool;
    struct chat_room *list;
    size_t count;
    if (path[0] == '\0')
        prepare();
    if (size < 1)
        return 0;
    lay(bytes[0], bytes + 1, size - 1);
    expect(chat_open(path, &spool) == CHAT_OK, "a handle");
    look(spool, false);
    look(spool, true);
    if (chat_list(spool, &list, &count) == CHAT_OK)
        free(list);
    if ((bytes[0] & SEND) != 0)
        send(spool);
    if ((bytes[0] & REPAIR) != 0)
        repair(spool);
    if ((bytes[0] & TAKE) != 0)
        take(spool);
    chat_close(spool);
    return 0;
}
