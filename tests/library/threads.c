/* threads SPOOL: several threads, each with its own handle and a lock around every call, send and
 * receive. Then a handle passes from one thread to another, and two handles of one process compete
 * for the same message.
 *
 * threads SPOOL careless: without the lock, for tools that have to notice that. */

#include <pthread.h>

#include "common.h"

enum { THREADS = 4, MESSAGES = 50 };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static bool careless;
static int received[THREADS * MESSAGES + 1]; /* by id */

static void take_turn(void)
{
    if (!careless)
        pthread_mutex_lock(&turn);
}

static void end_turn(void)
{
    if (!careless)
        pthread_mutex_unlock(&turn);
}

static bool receive_one(chat_spool *spool)
{
    chat_batch *batch;
    take_turn();
    enum chat_status status = chat_claim(spool, &one, &batch);
    if (status != CHAT_NONE)
        must(status, spool, "claim");
    end_turn();
    if (status == CHAT_NONE)
        return false;
    received[chat_batch_message(batch, 0)->id]++; /* no other thread has it */
    take_turn();
    must(chat_settle(batch, 1), spool, "delete");
    chat_release(batch);
    end_turn();
    return true;
}

static void *work(void *where)
{
    take_turn();
    chat_spool *spool = open_spool(where);
    end_turn();
    for (int i = 0; i < MESSAGES; i++) {
        take_turn();
        send_text(spool, "message");
        end_turn();
    }
    while (receive_one(spool))
        continue;
    take_turn();
    chat_close(spool);
    end_turn();
    return NULL;
}

static void work_together(char *where)
{
    pthread_t threads[THREADS];
    int once = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, where);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int id = 1; id <= THREADS * MESSAGES; id++)
        once += received[id] == 1;
    printf("%d of %d received once\n", once, THREADS * MESSAGES);
}

struct claim {
    chat_spool *spool;
    chat_batch *batch;
};

static void *begin_claim(void *context)
{
    struct claim *claim = context;
    send_text(claim->spool, "passed on");
    must(chat_claim(claim->spool, &one, &claim->batch), claim->spool, "claim");
    return NULL;
}

static void pass_on(const char *where)
{
    struct claim claim = { .spool = open_spool(where) };
    chat_spool *other = open_spool(where);
    chat_batch *batch;
    pthread_t thread;
    pthread_create(&thread, NULL, begin_claim, &claim);
    pthread_join(thread, NULL); /* the claim outlives the thread */
    printf("another handle: %s\n", chat_claim(other, &one, &batch) == CHAT_NONE ? "none" : "!");
    must(chat_settle(claim.batch, 1), claim.spool, "delete");
    chat_release(claim.batch);
    chat_close(claim.spool);
    printf("afterwards: %s\n", chat_claim(other, &one, &batch) == CHAT_NONE ? "none" : "!");
    chat_close(other);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    careless = argc > 2;
    work_together(argv[1]);
    pass_on(argv[1]);
    return 0;
}
