/* batches: join batches, and print all of their fields. */

#include <stdio.h>

#include "../../lib/batch.h"

static struct chat_batch *make(size_t count, size_t length)
{
    static const char body[8] = "abcdefg";
    struct chat_batch *batch = batch_new(NULL);
    for (size_t i = 0; i < count; i++) {
        const struct chat_message m = { .id = (int64_t)(10 * count + i),
                                        .room = "r",
                                        .user = "u",
                                        .host = "h",
                                        .body = body,
                                        .length = length };
        if (!batch_add(batch, &m, (int64_t)(100 * count + i)))
            printf("no memory\n");
    }
    return batch;
}

static void join(struct chat_batch *batch, struct chat_batch *other)
{
    printf("%d:", batch_join(batch, other));
    for (size_t i = 0; i < batch->count; i++)
        printf(" %lld/%lld %.*s", (long long)batch->messages[i]->id, (long long)batch->positions[i],
               (int)batch->messages[i]->length, (const char *)batch->messages[i]->body);
    size_t blocks = 0;
    for (const void *const *block = (const void *const *)batch->blocks; block != NULL;
         block = *block) /* a block begins with the pointer to the next one */
        blocks++;
    printf("; %zu bytes, %zu blocks, expired %d, seen %lld, missed %lld, first %lld\n",
           batch->bytes, blocks, batch->passed_expired, (long long)batch->seen,
           (long long)batch->missed, (long long)batch->first);
    batch_free(batch);
}

/* Join two batches whose fields differ. */
static void merge(int64_t seen, int64_t missed, bool expired, int64_t first, int64_t returned)
{
    struct chat_batch *batch = make(1, 3), *other = make(1, 2);
    batch->seen = batch->missed = 5;
    batch->first = batch->returned = 7;
    other->seen = seen;
    other->missed = missed;
    other->passed_expired = expired;
    other->first = first;
    other->returned = returned;
    join(batch, other);
}

int main(void)
{
    join(make(1, 3), make(1, 0));
    join(make(2, 3), make(2, 1));
    join(make(3, 3), make(1, 1));
    join(make(3, 3), make(2, 1));
    join(make(1, 3), make(9, 7));
    join(make(0, 3), make(2, 1));
    merge(4, 6, false, 7, 7);
    merge(6, 4, true, 7, 7);
    merge(5, 5, false, 8, 7);
    merge(5, 5, false, 7, 8);
    struct chat_batch *batch = make(3, 2);
    for (size_t most = 2; most <= 4; most++)
        for (size_t bytes = 5; bytes <= 7; bytes++)
            printf("%d", batch_is_full(batch, &(struct chat_query){ .max_messages = most,
                                                                    .max_bytes = bytes }));
    putchar('\n');
    batch->passed_expired = true;
    join(batch, make(1, 1));
    batch_free(NULL);
    return 0;
}
