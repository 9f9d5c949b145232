/* mixed DIRECTORY SEED: transactions of messages of all kinds, in all orders: for several rooms and
 * senders, delayed, with keys, restored, and under conditions that delete others. Prints how many
 * of them exist afterwards; each has the id, the room and the sender with which it was put. */

#include "common.h"

#include <stdint.h>

enum { PUTS = 2000, RUN = 40 };

static unsigned state;

static unsigned at_random(unsigned below)
{
    state = state * 1103515245 + 12345;
    return state >> 16 & 0x7fff ? (state >> 16 & 0x7fff) % below : 0;
}

static struct put {
    int64_t id;
    char room[8], user[8];
} puts_made[PUTS];

/* A run of similar messages, with exceptions. */
static void put_some(chat_spool *spool, size_t *n, int64_t *last)
{
    const struct chat_terms plain = { .once = false }, dropping = { .max = 1, .drop = true },
                            restoring = { .restore = true };
    unsigned room = at_random(20), user = at_random(3), run = at_random(RUN) + 1;
    for (unsigned i = 0; i < run && *n < PUTS; i++, ++*n) {
        struct put *put = &puts_made[*n];
        char body[16];
        const unsigned kind = at_random(60);
        const struct chat_terms *terms = &plain;
        struct chat_message m = { .host = "h", .body = body };
        snprintf(put->room, sizeof put->room, "r%u", kind == 1 ? at_random(20) : room);
        snprintf(put->user, sizeof put->user, "u%u", kind == 2 ? at_random(3) : user);
        m.room = put->room;
        m.user = put->user;
        m.length = (size_t)snprintf(body, sizeof body, "%zu", *n);
        m.key = kind == 3 ? "key" : NULL;
        m.due = kind == 4 ? INT64_C(4000000000000) : 0;
        m.expires = kind == 5 ? 1 : 0;
        if (kind == 6) {
            terms = &restoring;
            m.id = m.place = *last + 1 + at_random(3);
        }
        if (kind == 7)
            terms = &dropping;
        enum chat_status status = chat_put(spool, &m, terms, &put->id);
        if (status == CHAT_BUSY && terms == &dropping) /* a delayed message is not dropped */
            continue;
        must(status, spool, "put");
        *last = put->id > *last ? put->id : *last;
    }
}

static void look_at(const struct chat_message *m)
{
    char body[16] = "";
    memcpy(body, m->body, m->length < sizeof body ? m->length : sizeof body - 1);
    const struct put *put = &puts_made[strtoul(body, NULL, 10)];
    if (put->id == m->id && strcmp(put->room, m->room) == 0 && strcmp(put->user, m->user) == 0)
        return;
    fprintf(stderr, "put %s: %lld in %s by %s, and is %lld in %s by %s\n", body, (long long)put->id,
            put->room, put->user, (long long)m->id, m->room, m->user);
    exit(1);
}

static size_t look_at_room(chat_spool *spool, const char *room)
{
    const struct chat_query query = {
        .rooms = &room, .room_count = 1, .every = true, .max_messages = 100, .max_bytes = SIZE_MAX
    };
    struct chat_cursor cursor = { .room = 0 };
    chat_batch *batch;
    size_t count = 0;
    enum chat_status status;
    while ((status = chat_walk(spool, &query, &cursor, &batch)) == CHAT_OK) {
        for (size_t i = 0; i < chat_batch_count(batch); i++, count++)
            look_at(chat_batch_message(batch, i));
        chat_release(batch);
    }
    if (status != CHAT_NONE)
        must(status, spool, "walk");
    return count;
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 64;
    chat_spool *spool = open_spool(argv[1]);
    state = (unsigned)strtoul(argv[2], NULL, 10);
    size_t n = 0, found = 0;
    int64_t last = 0;
    while (n < PUTS) {
        must(chat_begin(spool), spool, "begin");
        for (unsigned stretches = at_random(10) + 1; stretches > 0; stretches--)
            put_some(spool, &n, &last);
        must(chat_commit(spool), spool, "commit");
    }
    for (unsigned i = 0; i < 20; i++) {
        char room[8];
        snprintf(room, sizeof room, "r%u", i);
        found += look_at_room(spool, room);
    }
    chat_close(spool);
    printf("%zu\n", found);
    return 0;
}
