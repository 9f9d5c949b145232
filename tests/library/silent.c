/* silent DIRECTORY: make the library fail in many ways, and print how many there were. Only this
 * program prints. */

#include "common.h"

static int failures;

static void fails(enum chat_status status, const chat_spool *spool)
{
    failures += status != CHAT_OK && chat_error(spool)[0] != '\0';
}

static void fails_to_open(const char *where)
{
    chat_spool *spool;
    enum chat_status status = chat_open(where, &spool);
    fails(status, spool);
    chat_close(spool);
}

static void fails_to_send(const char *directory, const char *name)
{
    char where[4096];
    snprintf(where, sizeof where, "%s/%s", directory, name);
    chat_spool *spool = open_spool(where);
    fails(chat_begin(spool), spool);
    chat_close(spool);
}

static void misuse(const char *directory)
{
    char where[4096];
    struct chat_message message = { .room = "/", .user = "u", .host = "h", .body = "" };
    chat_batch *batch;
    snprintf(where, sizeof where, "%s/good.db", directory);
    chat_spool *spool = open_spool(where);
    fails(chat_put(spool, &message, NULL, NULL), spool); /* without chat_begin */
    fails(chat_commit(spool), spool);
    must(chat_begin(spool), spool, "begin");
    fails(chat_begin(spool), spool);
    fails(chat_put(spool, &message, NULL, NULL), spool); /* not a room */
    fails(chat_claim(spool, &one, &batch), spool);       /* while sending */
    chat_close(spool);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    fails_to_open("");
    fails_to_open("nothing://known");
    fails_to_send(argv[1], "directory");
    fails_to_send(argv[1], "text");
    fails_to_send(argv[1], "link");
    misuse(argv[1]);
    printf("%d\n", failures);
    return 0;
}
