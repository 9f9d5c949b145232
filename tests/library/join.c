/* join SPOOL: which batches can be deleted together, and the result. Prints the messages left. */

#include "common.h"

static chat_batch *claim(chat_spool *spool, const char *room)
{
    const struct chat_query query = {
        .rooms = &room, .room_count = 1, .max_messages = 1, .max_bytes = 1
    };
    chat_batch *batch;
    must(chat_claim(spool, &query, &batch), spool, "claim");
    return batch;
}

static void refused(chat_batch *batch, chat_batch *other, const char *what, chat_spool *spool)
{
    if (chat_join(batch, other) == CHAT_USAGE)
        printf("%s: %s\n", what, chat_error(spool));
}

static void show(chat_spool *spool, const char *room)
{
    const struct chat_query query = {
        .rooms = &room, .room_count = 1, .max_messages = 9, .max_bytes = 99
    };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    if (status != CHAT_NONE)
        must(status, spool, "claim");
    for (size_t i = 0; status == CHAT_OK && i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        printf("%s: %.*s\n", room, (int)m->length, (const char *)m->body);
    }
    chat_release(batch);
}

/* Claim messages of all sizes in two batches, join them, and print what they contain then. */
static void join_long_ones(chat_spool *spool)
{
    static const size_t lengths[] = { 0, 1, 65535, 65536, 65537, 30000, 40000, 200000, 5 };
    static char body[200000], key[] = "key 0";
    const char *room = "long";
    for (int i = 0; i < 9; i++) {
        memset(body, '1' + i, sizeof body);
        key[4] = (char)('1' + i);
        const struct chat_message m = { .room = room,
                                        .user = "user",
                                        .host = "host",
                                        .key = i % 2 == 0 ? key : NULL,
                                        .body = body,
                                        .length = lengths[i] };
        must(chat_begin(spool), spool, "begin");
        must(chat_put(spool, &m, NULL, NULL), spool, "put");
        must(chat_commit(spool), spool, "commit");
    }
    struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = 3 };
    chat_batch *first, *second;
    must(chat_claim(spool, &query, &first), spool, "claim");
    query.max_messages = 9;
    query.max_bytes = 335537;
    must(chat_claim(spool, &query, &second), spool, "claim");
    printf("%zu and %zu\n", chat_batch_count(first), chat_batch_count(second));
    must(chat_join(second, first), spool, "join");
    for (size_t i = 0; i < chat_batch_count(second); i++) {
        const struct chat_message *m = chat_batch_message(second, i);
        size_t same = 0;
        while (same < m->length && ((const char *)m->body)[same] == ((const char *)m->body)[0])
            same++;
        printf("%s@%s to %s, %s: %zu %.*s\n", m->user, m->host, m->room,
               m->key != NULL ? m->key : "no key", same, m->length > 0, (const char *)m->body);
    }
    must(chat_settle(second, 6), spool, "delete");
    chat_release(second);
    query.max_bytes = 0;
    must(chat_claim(spool, &query, &first), spool, "claim");
    printf("%zu left\n", chat_batch_count(first));
    chat_release(first);
}

/* Claim the message of a room by its id. */
static chat_batch *claim_id(chat_spool *spool, int64_t id)
{
    const struct chat_query query = { .id = id };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    if (status != CHAT_OK)
        printf("%s\n", chat_status_string(status));
    return batch;
}

/* Keep claims in any order: this handle and others get only the other messages. */
static void keep_some(chat_spool *spool, chat_spool *another)
{
    static const int order[] = { 5, 2, 8, 3, 9, 1 };
    static const char *const texts[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9" };
    const struct chat_message m = { .room = "kept", .user = "u", .host = "h", .body = "" };
    int64_t first = 0, id;
    for (int i = 0; i < 9; i++)
        send_to(spool, "kept", texts[i]);
    must(chat_begin(spool), spool, "begin");
    must(chat_put(spool, &m, NULL, &id), spool, "put");
    chat_rollback(spool);
    first = id - 9;
    for (int i = 0; i < 6; i++) {
        must(chat_keep(claim_id(spool, first + order[i] - 1)), spool, "keep");
        if (i == 3)
            claim_id(spool, first + 7);
    }
    claim_id(another, first + 4);
    claim_id(spool, first + 4);
    chat_batch *batch = claim_id(another, first + 5);
    claim_id(spool, first + 5);
    show(spool, "kept");
    chat_release(batch);
    show(spool, "kept");
    chat_close(spool);
    show(another, "kept");
}

int main(int argc, char *argv[])
{
    static const char *const texts[] = { "one", "two", "three", "four", "five", "six" };
    if (argc != 2)
        return 64;
    chat_spool *spool = open_spool(argv[1]), *another = open_spool(argv[1]);
    for (int i = 0; i < 6; i++)
        send_to(spool, "main", texts[i]);
    send_to(spool, "other", "of another room");

    chat_batch *first = claim(spool, "main"), *second = claim(spool, "main"),
               *third = claim(spool, "main"), *fourth = claim(another, "main"),
               *elsewhere = claim(spool, "other");
    refused(first, first, "itself", spool);
    refused(first, fourth, "another handle's", spool);
    refused(first, elsewhere, "another room's", spool);
    must(chat_join(third, first), spool, "join");
    must(chat_settle(third, chat_batch_count(third)), spool, "delete");
    refused(third, second, "behind deleted messages", spool);
    refused(second, third, "deleted messages", spool);
    chat_release(third);
    chat_release(elsewhere);

    chat_batch *fifth = claim(spool, "main");
    must(chat_join(fifth, second), spool, "join");
    chat_release(fifth); /* both are there again */
    chat_release(fourth);
    show(another, "main");
    show(another, "other");
    join_long_ones(spool);
    keep_some(spool, another); /* closes the first */
    chat_close(another);
    return 0;
}
