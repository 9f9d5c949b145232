/* fork SPOOL WHAT: what a child made by fork() can do, and how it affects its parent's claims. The
 * child continues or ends when its standard input ends. */

#include <unistd.h>

#include <sys/wait.h>

#include "common.h"

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

static void await_end_of_input(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        continue;
}

/* A child opens a spool, into which another process looks while the child has it open. */
static int child(const char *where)
{
    chat_spool *spool;
    if (chat_open(where, &spool) != CHAT_OK || chat_begin(spool) != CHAT_OK) {
        say(chat_error(spool));
        chat_close(spool);
        return 0;
    }
    chat_rollback(spool);
    send_text(spool, "first");
    say("sent");
    await_end_of_input();
    send_text(spool, "second");
    chat_close(spool);
    return 0;
}

static int wait_for_child(const char *where)
{
    int status;
    if (fork() == 0)
        _exit(child(where));
    return wait(&status) > 0 && status == 0 ? 0 : 1;
}

/* The parent has a claim, and the child continues or executes another program. */
static int claim_and_fork(const char *where, bool execute)
{
    chat_spool *spool = open_spool(where);
    chat_batch *batch;
    send_text(spool, "claimed");
    must(chat_claim(spool, &one, &batch), spool, "claim");
    if (fork() == 0) {
        if (execute)
            execlp("sh", "sh", "-c", "ls -l /proc/self/fd >descriptors; echo claimed; exec cat",
                   (char *)NULL);
        say("claimed");
        await_end_of_input();
        _exit(0);
    }
    pause();
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    const char *where = argv[1], *what = argv[2];
    if (strncmp(what, "claim", 5) == 0)
        return claim_and_fork(where, strcmp(what, "claim-exec") == 0);

    chat_spool *spool = open_spool(where);
    if (strcmp(what, "unused") != 0)
        send_text(spool, "parent");
    if (strcmp(what, "closed") == 0) {
        chat_close(spool);
        return wait_for_child(where);
    }
    int result = wait_for_child(where);
    if (strcmp(what, "open") == 0) /* the parent's handle still works */
        send_text(spool, "parent again");
    return result;
}
