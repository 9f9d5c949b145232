/* defaults.c - pass NULL and zero for every argument. Prints the message that chat_claim()
 * returned. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chatspool.h"

static int failures;

static void expect(int line, enum chat_status is, enum chat_status wanted)
{
    if (is == wanted)
        return;
    printf("line %d: %s instead of %s\n", line, chat_status_string(is), chat_status_string(wanted));
    failures++;
}
#define EXPECT(call, wanted) expect(__LINE__, call, wanted)

/* Call every function without a handle, or with a handle whose spool could not be opened. */
static void use_closed(chat_spool *spool)
{
    struct chat_settings settings;
    chat_batch *batch = NULL;
    EXPECT(chat_settings(spool, &settings), CHAT_USAGE);
    EXPECT(chat_set_settings(spool, NULL), CHAT_USAGE);
    EXPECT(chat_create(spool, NULL), CHAT_USAGE);
    EXPECT(chat_skip_ids(spool, 1, NULL), CHAT_USAGE);
    EXPECT(chat_begin(spool), CHAT_USAGE);
    EXPECT(chat_put(spool, NULL, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_commit(spool), CHAT_USAGE);
    EXPECT(chat_mark(spool, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_claim(spool, NULL, &batch), CHAT_USAGE);
    EXPECT(chat_walk(spool, NULL, NULL, &batch), CHAT_USAGE);
    EXPECT(chat_wait(spool, NULL, 0, NULL), CHAT_USAGE);
    EXPECT(chat_wait_room(spool, NULL, 0, 0, NULL), CHAT_USAGE);
    EXPECT(chat_watch(spool, 0, NULL), CHAT_USAGE);
    EXPECT(chat_list(spool, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_open_room(spool, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_forget(spool, NULL), CHAT_USAGE);
    EXPECT(chat_seek(spool, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_readers(spool, NULL, 0, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_check(spool, false, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_backup(spool, NULL, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_restore(spool, NULL, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_compact(spool, NULL, NULL, NULL), CHAT_USAGE);
    chat_rollback(spool);
    chat_set_timeout(spool, 0);
    chat_set_descriptors(spool, NULL, 1);
    if (batch != NULL || chat_time(spool) != 0 || chat_secrets(spool)[0] != NULL ||
        strcmp(chat_store_version(spool), "") != 0 || chat_error(spool) == NULL)
        failures++;
    chat_close(spool);
}

static void show_first(chat_spool *spool, const char *room)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1 };
    chat_batch *batch;
    EXPECT(chat_walk(spool, &query, NULL, &batch), CHAT_OK);
    const struct chat_message *m = chat_batch_message(batch, 0);
    if (m != NULL)
        printf("%s: %.*s from %s@%s\n", m->room, (int)m->length, (const char *)m->body, m->user,
               m->host);
    chat_release(batch);
}

static void use_no_batch(void)
{
    EXPECT(chat_settle(NULL, 0), CHAT_USAGE);
    EXPECT(chat_join(NULL, NULL), CHAT_USAGE);
    EXPECT(chat_fail(NULL, NULL), CHAT_USAGE);
    EXPECT(chat_move(NULL, NULL), CHAT_USAGE);
    EXPECT(chat_keep(NULL), CHAT_OK);
    chat_release(NULL);
    if (chat_batch_count(NULL) != 0 || chat_batch_missed(NULL) != 0 || chat_reader_valid(NULL) ||
        chat_batch_message(NULL, 0) != NULL || chat_room_valid(NULL) || chat_name_valid(NULL) ||
        chat_utf8("", 0, NULL) != 0)
        failures++;
}

int main(int argc, char **argv)
{
    chat_spool *spool = NULL;
    chat_batch *batch = NULL;
    const struct chat_message empty = { 0 };
    const struct chat_message no_user = {
        .room = "no user", .host = "h", .body = "a", .length = 1
    };
    const struct chat_message no_host = {
        .room = "no host", .user = "u", .body = "b", .length = 1
    };
    if (argc != 2)
        return 64;
    use_closed(NULL);
    EXPECT(chat_open(NULL, NULL), CHAT_USAGE);
    EXPECT(chat_open(NULL, &spool), CHAT_USAGE);
    use_closed(spool);
    use_no_batch();

    EXPECT(chat_open(argv[1], &spool), CHAT_OK);
    EXPECT(chat_begin(spool), CHAT_OK);
    EXPECT(chat_put(spool, &(struct chat_message){ .length = 1 }, NULL, NULL), CHAT_USAGE);
    EXPECT(chat_put(spool, &empty, NULL, NULL), CHAT_OK);
    EXPECT(chat_put(spool, &empty, NULL, NULL), CHAT_OK);
    EXPECT(chat_put(spool, &no_user, NULL, NULL), CHAT_OK);
    EXPECT(chat_put(spool, &no_host, NULL, NULL), CHAT_OK);
    EXPECT(chat_commit(spool), CHAT_OK);
    EXPECT(chat_wait(spool, NULL, 0, NULL), CHAT_OK);
    EXPECT(chat_wait_room(spool, NULL, 0, 0, NULL), CHAT_OK);
    EXPECT(chat_check(spool, false, NULL, NULL), CHAT_OK);
    EXPECT(chat_walk(spool, NULL, NULL, &batch), CHAT_OK);
    EXPECT(chat_settle(batch, 1), CHAT_USAGE);
    chat_release(batch);
    EXPECT(chat_claim(spool, NULL, &batch), CHAT_OK);
    const struct chat_message *m = chat_batch_message(batch, 0);
    if (m == NULL || chat_batch_message(batch, 1) != NULL)
        return 1;
    printf("%zu message in room %s from %s@%s\n", chat_batch_count(batch), m->room, m->user,
           m->host);
    show_first(spool, "no user");
    show_first(spool, "no host");
    EXPECT(chat_settle(batch, 2), CHAT_USAGE);
    EXPECT(chat_move(batch, NULL), CHAT_USAGE);
    EXPECT(chat_fail(batch, NULL), CHAT_OK);
    chat_release(batch);
    EXPECT(chat_skip_ids(spool, 1, NULL), CHAT_OK);
    EXPECT(chat_compact(spool, NULL, NULL, NULL), CHAT_OK);
    chat_close(spool);

    char *path = chat_default_spool(NULL, "relative", "/home/alice");
    printf("%s\n", path);
    free(path);
    path = chat_default_spool("", "/state", NULL);
    printf("%s\n", path);
    free(path);
    path = chat_default_spool("given.db", "/state", NULL);
    printf("%s\n%s\n", path, chat_version());
    free(path);
    return failures > 0;
}
