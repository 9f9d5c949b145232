/* busy SPOOL: call every function that writes while another handle is in a transaction or has a
 * claim. Prints the reasons. The program is linked so that a wait for a lock ends at once (ld
 * --wrap). */

#include "common.h"

#include <unistd.h>

int __real_lock_write(int fd, int64_t timeout);
int __real_lock_all_claims(int fd, int64_t timeout);
int __wrap_lock_write(int fd, int64_t timeout);
int __wrap_lock_all_claims(int fd, int64_t timeout);

int __wrap_lock_write(int fd, int64_t timeout)
{
    return __real_lock_write(fd, timeout / 3000);
}

int __wrap_lock_all_claims(int fd, int64_t timeout)
{
    return __real_lock_all_claims(fd, timeout / 3000);
}

static chat_spool *spool;

static void show(const char *what, enum chat_status status)
{
    char own[64];
    const char *text = status == CHAT_OK ? "" : chat_error(spool), *at;
    snprintf(own, sizeof own, "process %ld (busy)", (long)getpid());
    printf("%s: %s: ", what, chat_status_string(status));
    if ((at = strstr(text, own)) != NULL)
        printf("%.*sPROCESS%s\n", (int)(at - text), text, at + strlen(own));
    else
        printf("%s\n", text);
}

static chat_batch *claim(chat_spool *from, const char *room)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1 };
    chat_batch *batch;
    enum chat_status status = chat_claim(from, &query, &batch);
    if (status != CHAT_OK)
        printf("claim: %s\n", chat_status_string(status));
    return batch;
}

static void while_another_writes(chat_spool *other)
{
    const struct chat_settings settings = { .max_length = 77, .room = "x" };
    chat_batch *batch = claim(spool, "main"), *read = claim(spool, "tea/a"),
               *copy = claim(spool, "tea/a");
    must(chat_begin(other), other, "begin");
    show("begin", chat_begin(spool));
    show("acknowledge", chat_settle(batch, 1));
    show("acknowledge for a reader", chat_settle(read, 1));
    show("fail", chat_fail(batch, NULL));
    show("fail for a reader", chat_fail(copy, NULL));
    show("to dead", chat_fail(batch, &(struct chat_failure){ .dead = "dead" }));
    show("move", chat_move(batch, "other"));
    show("move first", chat_move_first(batch, "other"));
    show("settings", chat_set_settings(spool, &settings));
    show("skip", chat_skip_ids(spool, 100, NULL));
    show("open", chat_open_room(spool, "other", NULL));
    show("forget", chat_forget(spool, "tea/a"));
    show("seek", chat_seek(spool, "tea/a", NULL));
    show("a new reader", chat_seek(spool, "tea/b", NULL));
    show("compact", chat_compact(spool, NULL, NULL, NULL));
    show("check", chat_check(spool, false, NULL, NULL));
    show("backup", chat_backup(spool, "copy", NULL, NULL));
    show("create", chat_create(spool, NULL));
    chat_rollback(other);
    /* Each of them can be repeated. */
    show("acknowledge", chat_settle(batch, 1));
    show("acknowledge for a reader", chat_settle(read, 1));
    show("fail for a reader", chat_fail(copy, NULL));
    chat_release(batch);
    chat_release(read);
    chat_release(copy);
}

static void while_another_works(chat_spool *other)
{
    chat_batch *batch = claim(other, "main"), *more;
    show("restore", chat_restore(spool, "copy", NULL, NULL));
    /* The other messages can still be claimed, by all. */
    more = claim(spool, "main");
    show("acknowledge", chat_settle(more, 1));
    chat_release(more);
    more = claim(other, "main");
    must(chat_settle(more, 1), other, "acknowledge");
    chat_release(more);
    must(chat_settle(batch, 1), other, "acknowledge");
    chat_release(batch);
    show("restore", chat_restore(spool, "copy", NULL, NULL));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    spool = open_spool(argv[1]);
    chat_spool *other = open_spool(argv[1]);
    must(chat_open_room(spool, "tea", NULL), spool, "open");
    must(chat_seek(spool, "tea/a", NULL), spool, "seek");
    for (int i = 0; i < 4; i++) {
        send_text(spool, "text");
        send_to(spool, "tea", "cup");
    }
    while_another_writes(other);
    while_another_works(other);
    chat_close(other);
    chat_close(spool);
    return 0;
}
