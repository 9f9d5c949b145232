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
    chat_close(another);
    chat_close(spool);
    return 0;
}
