/* rollback SPOOL COUNT: put COUNT messages, more than SQLite's cache holds, roll them back, let the
 * command in $SEND send ten others, and look at the spool with the same handle. Prints the messages
 * it finds. Then misuse the library in ways that chatspool.h forbids: the library must report that
 * and do no harm. */

#include <chatspool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(enum chat_status status, const chat_spool *spool, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "%s: status %d: %s\n", what, status, chat_error(spool));
    exit(1);
}

static void fill_and_roll_back(chat_spool *spool, int count)
{
    static char body[4096];
    struct chat_message message = { .room = "main", .user = "u", .host = "h", .body = body };
    memset(body, 'z', sizeof body);
    must(chat_begin(spool), spool, "begin");
    for (int i = 0; i < count; i++) {
        message.length = 1000 + (size_t)(i * 37 % 3000);
        must(chat_put(spool, &message, NULL, NULL), spool, "put");
    }
    chat_rollback(spool);
}

static void print_all(chat_spool *spool, const struct chat_query *query)
{
    struct chat_cursor cursor = { .room = 0 };
    chat_batch *batch;
    enum chat_status status;
    while ((status = chat_walk(spool, query, &cursor, &batch)) == CHAT_OK) {
        for (size_t i = 0; i < chat_batch_count(batch); i++) {
            const struct chat_message *m = chat_batch_message(batch, i);
            printf("%.*s\n", (int)m->length, (const char *)m->body);
        }
        chat_release(batch);
    }
    if (status != CHAT_NONE)
        must(status, spool, "walk");
}

static void settle_while_sending(chat_spool *spool, const struct chat_query *query)
{
    chat_batch *batch;
    must(chat_claim(spool, query, &batch), spool, "claim");
    must(chat_begin(spool), spool, "begin");
    printf("delete while sending: %s\n",
           chat_settle(batch, 1) == CHAT_USAGE ? "refused" : "not refused");
    chat_rollback(spool);
    chat_release(batch);
}

int main(int argc, char **argv)
{
    static const char *const rooms[] = { "main" };
    const struct chat_query query = {
        .rooms = rooms, .room_count = 1, .max_messages = 1, .max_bytes = 1
    };
    chat_spool *spool;
    if (argc != 3 || getenv("SEND") == NULL)
        return 64;
    enum chat_status status = chat_open(argv[1], &spool);
    must(status, spool, "open");
    fill_and_roll_back(spool, atoi(argv[2]));
    if (system(getenv("SEND")) != 0)
        return 1;
    print_all(spool, &query);
    settle_while_sending(spool, &query);
    print_all(spool, &query);
    chat_close(spool);
    return 0;
}
