/* readers SPOOL: readers of an open room, all in this process. Prints what each receives, and the
 * state of the room and of all readers after each step. */

#include "common.h"

static chat_spool *spool;

/* Print the state of the room "tea", and of each reader: unread, claimed, held, missed, place. */
static void show(const char *step)
{
    struct chat_reader *readers;
    struct chat_room *list;
    size_t count;
    must(chat_list(spool, &list, &count), spool, "list");
    printf("%s:", step);
    for (size_t i = 0; i < count; i++)
        printf(" %s %lld/%lld", list[i].name, (long long)list[i].depth, (long long)list[i].bytes);
    free(list);
    must(chat_readers(spool, "tea", 0, &readers, &count), spool, "readers");
    for (size_t i = 0; i < count; i++)
        printf("; %s %lld %lld %lld %lld at %lld%s", readers[i].name, (long long)readers[i].unread,
               (long long)readers[i].claimed, (long long)readers[i].held,
               (long long)readers[i].missed, (long long)readers[i].place,
               readers[i].here ? " here" : "");
    free(readers);
    printf("%s\n", chat_check(spool, false, NULL, NULL) == CHAT_OK ? "" : " NOT SOUND");
}

static chat_batch *claim(const char *reader, size_t count)
{
    const struct chat_query query = { .rooms = &reader, .room_count = 1, .max_messages = count };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    printf("%s:", reader);
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        printf(" %.*s", (int)m->length, (const char *)m->body);
        if (m->attempts > 0)
            printf("(%lld)", (long long)m->attempts);
    }
    if (chat_batch_missed(batch) > 0)
        printf(" missed %lld", (long long)chat_batch_missed(batch));
    printf("%s\n", status == CHAT_OK ? "" : status == CHAT_NONE ? " none" : chat_error(spool));
    return batch;
}

static void settle(chat_batch *batch, size_t count)
{
    must(chat_settle(batch, count), spool, "acknowledge");
    chat_release(batch);
}

static void send_some(int from, int to)
{
    char text[8];
    for (; from <= to; from++) {
        snprintf(text, sizeof text, "%d", from);
        send_to(spool, "tea", text);
    }
}

static void bounds(int64_t keep, int64_t keep_time, int64_t most, int64_t most_time)
{
    const struct chat_bounds b = {
        .keep = keep, .keep_time = keep_time, .most = most, .most_time = most_time
    };
    must(chat_open_room(spool, "tea", &b), spool, "open");
}

static void seek(const char *reader, enum chat_point_kind kind, int64_t value, bool forward,
                 int64_t missed)
{
    const struct chat_point point = {
        .kind = kind, .value = value, .forward = forward, .missed = missed
    };
    enum chat_status status = chat_seek(spool, reader, &point);
    if (status != CHAT_OK)
        printf("seek: %s\n", chat_error(spool));
}

static void out_of_order(void)
{
    bounds(3, 0, 100, 0);
    seek("tea/a", CHAT_POINT_START, 0, false, 0);
    seek("tea/b", CHAT_POINT_START, 0, false, 0);
    send_some(1, 9);
    chat_batch *first = claim("tea/a", 2), *second = claim("tea/a", 2), *third = claim("tea/a", 3);
    show("three batches");
    settle(second, 2);
    show("the second is done");
    must(chat_join(third, first), spool, "join");
    settle(third, 4);
    show("and four of the others");
    settle(claim("tea/a", 9), 2);
    show("and two");
    settle(claim("tea/b", 5), 5);
    show("b follows");
    const struct chat_failure failure = { .counted = true, .status = 3 };
    first = claim("tea/b", 2);
    must(chat_fail(first, &failure), spool, "fail");
    chat_release(first);
    show("two have failed");
    second = claim("tea/b", 9);
    settle(second, 1);
    show("one of them is done");
    first = claim("tea/b", 1);
    must(chat_fail(first, &(struct chat_failure){ .counted = true, .hold = 100000000 }), spool,
         "fail");
    chat_release(first);
    show("the other one is held back");
    first = claim("tea/b", 1);
    must(chat_fail(first, &(struct chat_failure){ .dead = "dead" }), spool, "fail");
    chat_release(first);
    show("the next one is dead");
}

static void points(void)
{
    seek("tea/b", CHAT_POINT_PLACE, 8, true, 5);
    show("b is behind 8 already");
    seek("tea/b", CHAT_POINT_PLACE, 7, false, 5);
    show("b goes back");
    seek("tea/a", CHAT_POINT_ID, 8, false, 0);
    seek("tea/a", CHAT_POINT_ID, 77, false, 0);
    seek("tea/a", CHAT_POINT_TIME, 1, false, 0);
    show("a goes to the first");
    settle(claim("tea/a", 9), 0);
    seek("tea/a", CHAT_POINT_END, 0, false, 0);
    send_some(10, 10);
    show("a goes to the end");
    settle(claim("tea/b", 1), 1);
    settle(claim("tea/b", 1), 1);
    show("b has reported its losses");
}

static void overrun(void)
{
    bounds(1, 0, 3, 0);
    seek("tea/a", CHAT_POINT_END, 0, false, 0);
    seek("tea/b", CHAT_POINT_END, 0, false, 0);
    send_some(11, 13);
    chat_batch *first = claim("tea/a", 1), *second = claim("tea/a", 1);
    chat_keep(claim("tea/b", 1));
    send_some(14, 20);
    show("overrun");
    settle(second, 1);
    show("a has finished the second");
    chat_release(first);
    settle(claim("tea/a", 9), 1);
    show("and the first");
    settle(claim("tea/a", 9), 3);
    settle(claim("tea/b", 9), 3);
    show("all");
    bounds(0, 0, 0, 3600000);
    const struct chat_message old = {
        .room = "tea", .user = "u", .host = "h", .body = "old", .length = 3, .time = 1
    };
    must(chat_begin(spool), spool, "begin");
    must(chat_put(spool, &old, NULL, NULL), spool, "put");
    must(chat_put(spool, &old, NULL, NULL), spool, "put");
    must(chat_commit(spool), spool, "commit");
    send_some(21, 21);
    show("old messages");
    settle(claim("tea/a", 1), 1);
    settle(claim("tea/b", 1), 1);
    show("a new one");
}

/* A reader that is set back gets what it has failed to process once, from the room. */
static void copies(void)
{
    const struct chat_failure failure = { .counted = true };
    bounds(10, 0, 100, 0);
    claim("tea/c", 1);
    show("c is new");
    seek("tea/b", CHAT_POINT_END, 0, false, 0);
    send_some(31, 36);
    chat_batch *batch = claim("tea/b", 4);
    const int64_t id = chat_batch_message(batch, 1)->id;
    must(chat_fail(batch, &failure), spool, "fail");
    chat_release(batch);
    batch = claim("tea/b", 1);
    must(chat_fail(batch, &(struct chat_failure){ .hold = 100000000 }), spool, "fail");
    chat_release(batch);
    show("four have failed");
    seek("tea/b", CHAT_POINT_ID, id, false, 0);
    show("b goes behind the second");
    batch = claim("tea/b", 9);
    must(chat_fail(batch, &failure), spool, "fail");
    chat_release(batch);
    batch = claim("tea/b", 1);
    must(chat_fail(batch, &(struct chat_failure){ .hold = 100000000 }), spool, "fail");
    chat_release(batch);
    show("all have failed");
    seek("tea/b", CHAT_POINT_START, 0, true, 0);
    show("b stays");
    seek("tea/b", CHAT_POINT_START, 0, false, 0);
    show("b goes back to the start");
    batch = claim("tea/b", 99);
    settle(batch, 2);
    batch = claim("tea/c", 2);
    must(chat_forget(spool, "tea/c"), spool, "forget");
    printf("fail: %d\n", chat_fail(batch, &failure));
    chat_release(batch);
    batch = claim("tea/a", 2);
    must(chat_forget(spool, "tea/a"), spool, "forget");
    printf("acknowledge: %d\n", chat_settle(batch, 2));
    chat_release(batch);
    show("forgotten while they work");
    claim("tea/a", 1);
    show("and back");
}

static void forget(void)
{
    send_to(spool, "tea/b", "only for b");
    send_some(22, 23);
    show("to one");
    chat_batch *batch = claim("tea/b", 2);
    must(chat_forget(spool, "tea/a"), spool, "forget");
    show("a is forgotten");
    settle(batch, 2);
    show("b has finished two");
    batch = claim("tea/b", 1);
    must(chat_forget(spool, "tea"), spool, "forget");
    printf("acknowledge: %d\n", chat_settle(batch, 1));
    chat_release(batch);
    struct chat_room *list;
    size_t count;
    must(chat_list(spool, &list, &count), spool, "list");
    for (size_t i = 0; i < count; i++)
        printf("%s %lld %d\n", list[i].name, (long long)list[i].depth, list[i].open);
    free(list);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    spool = open_spool(argv[1]);
    out_of_order();
    points();
    overrun();
    copies();
    forget();
    chat_close(spool);
    return 0;
}
