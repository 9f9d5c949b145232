/* refused SPOOL: calls with arguments at, and beyond, each limit. Prints the reason of each
 * refusal, or "accepted". */

#include "common.h"

static chat_spool *spool;

/* Print WHAT and the result of a call. */
static void show(const char *what, enum chat_status status)
{
    if (status == CHAT_OK)
        printf("%s: accepted\n", what);
    else if (status == CHAT_NONE)
        printf("%s: none\n", what);
    else
        printf("%s: %s%s\n", what,
               status == CHAT_USAGE ? "" : "another status: ", chat_error(spool));
}

/* A call that can only be refused, and has no reason to give. */
static void refuse(int line, bool refused)
{
    if (!refused)
        printf("line %d: not refused\n", line);
}
#define REFUSE(call) refuse(__LINE__, (call) == CHAT_USAGE)

static void put(const char *what, struct chat_message m, const struct chat_terms *terms)
{
    if (m.user == NULL)
        m.user = "u";
    if (m.host == NULL)
        m.host = "h";
    show(what, chat_put(spool, &m, terms, NULL));
}

static void send_limits(void)
{
    const struct chat_terms both = { .once = true, .replace = true };
    const struct chat_terms once = { .once = true }, replace = { .replace = true };
    show("commit outside", chat_commit(spool));
    put("put outside", (struct chat_message){ .length = 0 }, NULL);
    chat_rollback(spool);
    must(chat_begin(spool), spool, "begin");
    show("begin twice", chat_begin(spool));
    REFUSE(chat_put(spool, NULL, NULL, NULL));
    put("a room", (struct chat_message){ .room = "../x" }, NULL);
    put("a sender", (struct chat_message){ .user = "a\nb" }, NULL);
    put("a host", (struct chat_message){ .host = "" }, NULL);
    put("a key", (struct chat_message){ .key = "" }, NULL);
    put("a length alone", (struct chat_message){ .length = 1 }, NULL);
    put("both", (struct chat_message){ .key = "k" }, &both);
    put("once", (struct chat_message){ .key = "k" }, &once);
    put("replace", (struct chat_message){ .key = "k" }, &replace);
    put("first time", (struct chat_message){ .time = CHAT_TIME_MIN }, NULL);
    put("before", (struct chat_message){ .time = CHAT_TIME_MIN - 1 }, NULL);
    put("last time", (struct chat_message){ .time = CHAT_TIME_MAX }, NULL);
    put("behind", (struct chat_message){ .time = CHAT_TIME_MAX + 1 }, NULL);
    put("due last", (struct chat_message){ .due = CHAT_TIME_MAX }, NULL);
    put("due behind", (struct chat_message){ .due = CHAT_TIME_MAX + 1 }, NULL);
    put("due before", (struct chat_message){ .due = CHAT_TIME_MIN - 1 }, NULL);
    put("expires last", (struct chat_message){ .expires = CHAT_TIME_MAX }, NULL);
    put("expires behind", (struct chat_message){ .expires = CHAT_TIME_MAX + 1 }, NULL);
}

/* Try the calls that a transaction excludes. */
static void while_sending(void)
{
    const char *names[] = { "main", "b" };
    const struct chat_query query = { .rooms = names, .room_count = 2 };
    struct chat_reader *readers = (void *)&spool;
    size_t count = 7;
    int64_t mark = 7;
    chat_batch *batch = (void *)&spool;
    show("claim", chat_claim(spool, &query, &batch));
    refuse(__LINE__, batch == NULL);
    batch = (void *)&spool;
    show("walk", chat_walk(spool, &query, NULL, &batch));
    refuse(__LINE__, batch == NULL);
    show("mark", chat_mark(spool, &query, &mark));
    show("wait", chat_wait(spool, &query, 0, NULL));
    show("skip", chat_skip_ids(spool, 1, NULL));
    show("open", chat_open_room(spool, "o", NULL));
    show("forget", chat_forget(spool, "o"));
    show("seek", chat_seek(spool, "o/a", NULL));
    show("readers", chat_readers(spool, "o", 0, &readers, &count));
    refuse(__LINE__, readers == NULL && count == 0);
    show("restore", chat_restore(spool, "file", NULL, NULL));
    chat_rollback(spool);
    put("put after rollback", (struct chat_message){ .length = 0 }, NULL);
    show("rolled back", chat_claim(spool, &query, &batch));
}

static void bounds(const char *what, int64_t keep, int64_t keep_time, int64_t most,
                   int64_t most_time)
{
    const struct chat_bounds b = {
        .keep = keep, .keep_time = keep_time, .most = most, .most_time = most_time
    };
    show(what, chat_open_room(spool, "o", &b));
}

static void open_rooms(void)
{
    struct chat_reader *readers;
    size_t count;
    bounds("keep all", 5, 0, 5, 0);
    bounds("keep more", 6, 0, 5, 0);
    bounds("keep all time", 0, 5, 0, 5);
    bounds("keep more time", 0, 6, 0, 5);
    bounds("keep messages for a time", 6, 0, 0, 5);
    bounds("keep a time of messages", 0, 6, 5, 0);
    bounds("keep nothing", 0, 0, 1, 0);
    bounds("no most", 1, 0, 0, 0);
    bounds("two of most", 1, 0, 5, 5);
    bounds("two of keep", 1, 1, 5, 0);
    bounds("below keep", -1, 0, 5, 0);
    bounds("below keep time", 0, -1, 0, 5);
    bounds("below most", 0, 0, -1, 0);
    bounds("below most time", 0, 0, 0, -1);
    show("open a reader", chat_open_room(spool, "o/a", NULL));
    show("open nothing", chat_open_room(spool, NULL, NULL));
    show("forget nothing", chat_forget(spool, NULL));
    show("forget neither", chat_forget(spool, "o/"));
    show("seek a room", chat_seek(spool, "o", NULL));
    show("seek", chat_seek(spool, "o/a", NULL));
    show("readers of a reader", chat_readers(spool, "o/a", 0, &readers, &count));
    REFUSE(chat_readers(spool, "o", 0, NULL, &count));
    REFUSE(chat_readers(spool, "o", 0, &readers, NULL));
    show("readers", chat_readers(spool, "o", 0, &readers, &count));
    printf("%zu: %s\n", count, readers[0].name);
    free(readers);
    show("forget a reader", chat_forget(spool, "o/a"));
    show("forget a room", chat_forget(spool, "o"));
    show("open", chat_open_room(spool, "o", NULL));
    struct chat_room *list;
    send_to(spool, "o", "x");
    must(chat_list(spool, &list, &count), spool, "list");
    printf("%s keeps %lld of %lld\n", list[count - 1].name, (long long)list[count - 1].bounds.keep,
           (long long)list[count - 1].bounds.most);
    free(list);
    must(chat_forget(spool, "o"), spool, "forget");
}

static void settings(void)
{
    struct chat_settings s;
    struct chat_room *list = NULL;
    size_t count;
    int64_t before = 0;
    REFUSE(chat_settings(spool, NULL));
    REFUSE(chat_set_settings(spool, NULL));
    REFUSE(chat_list(spool, NULL, &count));
    REFUSE(chat_list(spool, &list, NULL));
    REFUSE(chat_mark(spool, NULL, NULL));
    REFUSE(chat_claim(spool, NULL, NULL));
    REFUSE(chat_walk(spool, NULL, NULL, NULL));
    must(chat_settings(spool, &s), spool, "settings");
    s.max_length = 0;
    show("length 0", chat_set_settings(spool, &s));
    s.max_length = CHAT_LENGTH_MAX + 1;
    show("length too much", chat_set_settings(spool, &s));
    s.max_length = CHAT_LENGTH_MAX;
    show("length", chat_set_settings(spool, &s));
    s.max_length = 1;
    show("length 1", chat_set_settings(spool, &s));
    s.max_length = CHAT_LENGTH_DEFAULT;
    strcpy(s.room, "-");
    show("default room", chat_set_settings(spool, &s));
    strcpy(s.room, "main");
    must(chat_set_settings(spool, &s), spool, "set");
    show("skip", chat_skip_ids(spool, 1000, &before));
    printf("%d\n", before > 1 && before < 1000);
    show("skip back", chat_skip_ids(spool, 10, &before));
    printf("%lld\n", (long long)before);
    show("backup", chat_backup(spool, "", NULL, NULL));
    show("backup nowhere", chat_backup(spool, NULL, NULL, NULL));
    show("restore", chat_restore(spool, "", NULL, NULL));
    show("restore nothing", chat_restore(spool, NULL, NULL, NULL));
}

/* Claim from ROOM, at most COUNT messages. */
static chat_batch *claim(const char *room, size_t count)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = count };
    chat_batch *batch;
    must(chat_claim(spool, &query, &batch), spool, "claim");
    return batch;
}

static void batches(void)
{
    const char *jobs = "jobs", *late = "late";
    struct chat_query query = { .rooms = &jobs, .room_count = 1 };
    chat_batch *batch, *other;
    for (int i = 0; i < 4; i++)
        send_to(spool, "jobs", "job");
    send_to(spool, "late", "late");
    must(chat_walk(spool, &query, NULL, &batch), spool, "walk");
    show("acknowledge unclaimed", chat_settle(batch, 1));
    show("fail unclaimed", chat_fail(batch, NULL));
    show("move unclaimed", chat_move(batch, "main"));
    chat_release(batch);
    batch = claim("jobs", 3);
    other = claim("jobs", 1);
    must(chat_begin(spool), spool, "begin");
    show("acknowledge while sending", chat_settle(batch, 1));
    chat_rollback(spool);
    show("acknowledge too many", chat_settle(batch, 4));
    show("acknowledge none", chat_settle(batch, 0));
    show("move to no room", chat_move(batch, "a/"));
    show("move first to no room", chat_move_first(batch, ""));
    show("move to nothing", chat_move(batch, NULL));
    show("fail to no room", chat_fail(batch, &(struct chat_failure){ .dead = "" }));
    REFUSE(chat_join(batch, NULL));
    show("acknowledge some", chat_settle(batch, 2));
    show("acknowledge all", chat_settle(batch, 3));
    show("acknowledge again", chat_settle(batch, 3));
    show("join to acknowledged ones", chat_join(other, batch));
    chat_release(batch);
    show("move", chat_move(other, "moved"));
    show("move again", chat_move(other, "moved"));
    chat_release(other);
    batch = claim("moved", 1);
    show("to dead", chat_fail(batch, &(struct chat_failure){ .dead = "dead" }));
    show("to dead again", chat_fail(batch, NULL));
    chat_release(batch);
    batch = claim("late", 1);
    show("hold", chat_fail(batch, &(struct chat_failure){ .hold = INT64_MAX }));
    show("acknowledge the held one", chat_settle(batch, 0));
    chat_release(batch);
    query.rooms = &late;
    query.every = true;
    must(chat_walk(spool, &query, NULL, &batch), spool, "walk");
    int64_t due = chat_batch_message(batch, 0)->due;
    printf("%d\n", due <= CHAT_TIME_MAX && due > CHAT_TIME_MAX - 60000);
    chat_release(batch);
    must(chat_keep(claim("dead", 1)), spool, "keep");
    query.rooms = &jobs;
    send_to(spool, jobs, "to see");
    must(chat_walk(spool, &query, NULL, &batch), spool, "walk");
    show("keep unclaimed", chat_keep(batch));
    chat_release(claim(jobs, 1));
}

/* A walk checks the names of its rooms as far as it comes. */
static void many_rooms(void)
{
    enum { MANY = 200 };
    static char names[MANY][8];
    const char *rooms_of[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "r%d", i);
        rooms_of[i] = names[i];
    }
    const int with[] = { 0, 63, 64, 65, 127, 128, 199 };
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
        send_to(spool, names[with[i]], names[with[i]]);
    struct chat_query query = { .rooms = rooms_of, .room_count = MANY, .max_messages = 5 };
    struct chat_cursor cursor = { .room = 0 };
    chat_batch *batch;
    while (chat_walk(spool, &query, &cursor, &batch) == CHAT_OK) {
        for (size_t i = 0; i < chat_batch_count(batch); i++)
            printf("%s in %zu ", chat_batch_message(batch, i)->room, cursor.room);
        chat_release(batch);
    }
    printf("end in %zu\n", cursor.room);
    query.room_count = 63;
    cursor = (struct chat_cursor){ .room = 1 };
    show("no message", chat_walk(spool, &query, &cursor, &batch));
    query.room_count = MANY;
    cursor.room = 129;
    rooms_of[198] = "/";
    send_to(spool, "r150", "before the name");
    show("before a name", chat_walk(spool, &query, &cursor, &batch));
    chat_release(batch);
    show("a name", chat_walk(spool, &query, &cursor, &batch));
    query.room_count = 199;
    show("a name to claim from", chat_claim(spool, &query, &batch));
    query.room_count = 198;
    show("names to claim from", chat_claim(spool, &query, &batch));
    chat_release(batch);
}

static void waiting(void)
{
    struct pollfd fd = { .fd = 0, .events = POLLIN, .revents = 77 };
    const char *empty = "empty", *slash = "/";
    const struct chat_query wrong = { .rooms = &slash, .room_count = 1 };
    const struct chat_query query = { .rooms = &empty, .room_count = 1 };
    chat_set_descriptors(spool, &fd, 1);
    show("wait in vain", chat_wait_room(spool, "/", 1, 0, NULL));
    printf("%d\n", fd.revents);
    fd.revents = 77;
    show("wait for no room", chat_wait(spool, &wrong, 0, NULL));
    printf("%d\n", fd.revents);
    fd.revents = 77;
    show("wait without limit", chat_wait_room(spool, "empty", 0, -1, NULL));
    show("wait without limit", chat_wait_room(spool, "main", -1, -1, NULL));
    printf("%d\n", fd.revents);
    fd.revents = 77;
    show("wait for space", chat_wait_room(spool, "empty", 1, -1, NULL));
    printf("%d\n", fd.revents);
    chat_set_descriptors(spool, NULL, 1);
    show("wait", chat_wait(spool, &query, 0, NULL));
    show("watch", chat_watch(spool, 0, NULL));
}

/* The count of lost messages is reported once, unless that batch is given back. */
static void lost(void)
{
    const struct chat_bounds bounds = { .most = 4 };
    must(chat_open_room(spool, "news", &bounds), spool, "open");
    must(chat_seek(spool, "news/a", NULL), spool, "seek");
    must(chat_seek(spool, "news/b", NULL), spool, "seek");
    for (int i = 0; i < 9; i++)
        send_to(spool, "news", "piece of news");
    chat_batch *first = claim("news/a", 1), *second = claim("news/a", 1),
               *other = claim("news/b", 1);
    printf("lost: %lld %lld %lld\n", (long long)chat_batch_missed(first),
           (long long)chat_batch_missed(second), (long long)chat_batch_missed(other));
    chat_release(second);
    chat_release(first);
    first = claim("news/a", 1);
    printf("again: %lld\n", (long long)chat_batch_missed(first));
    second = claim("news/a", 2);
    must(chat_join(second, first), spool, "join");
    printf("joined: %lld\n", (long long)chat_batch_missed(second));
    must(chat_settle(second, 3), spool, "acknowledge");
    chat_release(second);
    first = claim("news/a", 1);
    printf("reported: %lld\n", (long long)chat_batch_missed(first));
    chat_release(first);
    chat_release(other);
}

/* Operations without a spool file. */
static void nothing_there(const char *path)
{
    struct chat_room *list = (void *)&spool;
    struct chat_reader *readers;
    size_t count = 7;
    int64_t freed = 7, mark = 7;
    spool = open_spool(path);
    refuse(__LINE__, chat_list(spool, &list, &count) == CHAT_NONE && list == NULL && count == 0);
    refuse(__LINE__, chat_compact(spool, NULL, NULL, &freed) == CHAT_NONE && freed == 0);
    refuse(__LINE__, chat_check(spool, false, NULL, NULL) == CHAT_NONE);
    refuse(__LINE__, chat_backup(spool, "copy", NULL, NULL) == CHAT_NONE);
    refuse(__LINE__, chat_forget(spool, "main") == CHAT_NONE);
    refuse(__LINE__, chat_readers(spool, "main", 0, &readers, &count) == CHAT_NONE);
    refuse(__LINE__, chat_mark(spool, NULL, &mark) == CHAT_OK && mark == 0);
    chat_close(spool);
}

static void names(void)
{
    static const char *const urls[] = { "redis://secret", "sqlite+a.b-1://x", "postgresqlx://",
                                        "postgre://" };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        enum chat_status status = chat_open(urls[i], &spool);
        show(urls[i], status);
        chat_close(spool);
    }
    printf("%s, %s\n", chat_error(NULL), chat_status_string((enum chat_status)99));
}

/* To close the handle ends its claims and its transaction. */
static void closing(const char *path)
{
    const struct chat_settings settings = { .max_length = 1, .room = "moved" };
    chat_batch *batch;
    must(chat_keep(claim("r63", 1)), spool, "keep");
    must(chat_begin(spool), spool, "begin");
    put("before the end", (struct chat_message){ .room = "moved" }, NULL);
    chat_close(spool);
    spool = open_spool(path);
    show("write", chat_set_settings(spool, &settings));
    show("claim", chat_claim(spool, NULL, &batch));
    chat_release(claim("r63", 1));
    chat_close(spool);
    chat_close(NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    chat_single_threaded();
    nothing_there(argv[1]);
    names();
    spool = open_spool(argv[1]);
    send_limits();
    while_sending();
    open_rooms();
    settings();
    batches();
    many_rooms();
    waiting();
    lost();
    int64_t now = chat_time(spool);
    printf("%d\n", now > 1000000000000 && chat_secrets(spool)[0] == NULL);
    closing(argv[1]);
    return 0;
}
