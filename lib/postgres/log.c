/* log.c - the messages that were put since begin, so that they can be put again on another
 * connection.
 *
 * A transaction may hold all lines of a long stream, which differ only in their bodies. So for each
 * message the log keeps its body, its id, and the index of a message that is like it in all
 * else. */

#include "log.h"

#include <stdlib.h>
#include <string.h>

/* Return LIST, or a longer copy of it, with space behind its COUNT elements of SIZE bytes. NULL:
 * there is no memory, and LIST is unchanged. */
static void *longer(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    size_t more = 2 * *capacity + 1;
    void *grown = realloc(list, more * size);
    if (grown != NULL)
        *capacity = more;
    return grown;
}

static bool add_body(struct pg_log *log, const struct chat_message *m)
{
    size_t needed = log->size + m->length;
    if (needed > log->bodies_capacity) {
        size_t more = needed > 2 * log->bodies_capacity ? needed : 2 * log->bodies_capacity;
        char *grown = realloc(log->bodies, more);
        if (grown == NULL)
            return false;
        log->bodies = grown;
        log->bodies_capacity = more;
    }
    if (m->length > 0)
        memcpy(log->bodies + log->size, m->body, m->length);
    log->size = needed;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_terms(const struct pg_terms *a, const struct pg_terms *b)
{
    return a->id_wanted == b->id_wanted && a->terms.once == b->terms.once &&
           a->terms.max == b->terms.max && a->terms.drop == b->terms.drop &&
           a->terms.restore == b->terms.restore && a->terms.whole == b->terms.whole &&
           a->terms.replace == b->terms.replace;
}

/* Return whether two messages are alike except for their ids and bodies. */
static bool is_like(const struct chat_message *a, const struct chat_message *b)
{
    return same_text(a->room, b->room) && same_text(a->user, b->user) &&
           same_text(a->host, b->host) && same_text(a->key, b->key) && a->time == b->time &&
           a->attempts == b->attempts && a->failed == b->failed && a->failure == b->failure &&
           a->due == b->due && a->expires == b->expires && a->place == b->place;
}

/* Add the kind of M. */
static bool add_kind(struct pg_log *log, const struct chat_message *m, const struct pg_terms *terms)
{
    struct chat_message kind = *m;
    struct pg_terms *list =
        longer(log->terms, log->kinds->count, &log->terms_capacity, sizeof *list);
    if (list == NULL)
        return false;
    log->terms = list;
    list[log->kinds->count] = *terms;
    kind.length = 0;
    return batch_add(log->kinds, &kind, 0);
}

bool pg_log_start(struct pg_log *log, struct store *store)
{
    pg_log_free(log);
    log->kinds = batch_new(store);
    return log->kinds != NULL;
}

bool pg_log_add(struct pg_log *log, const struct chat_message *m, const struct pg_terms *terms)
{
    size_t kinds = log->kinds->count, start = log->size;
    bool known = kinds > 0 && is_like(log->kinds->messages[kinds - 1], m) &&
                 same_terms(&log->terms[kinds - 1], terms);
    struct pg_put *list = longer(log->puts, log->count, &log->puts_capacity, sizeof *list);
    if (list == NULL)
        return false;
    log->puts = list;
    if ((!known && !add_kind(log, m, terms)) || !add_body(log, m))
        return false;
    list[log->count++] =
        (struct pg_put){ .kind = log->kinds->count - 1, .start = start, .id = m->id };
    return true;
}

struct chat_message pg_log_get(const struct pg_log *log, size_t i)
{
    const struct pg_put *put = &log->puts[i];
    struct chat_message m = *log->kinds->messages[put->kind];
    m.id = put->id;
    m.body = log->bodies + put->start;
    m.length = (i + 1 < log->count ? put[1].start : log->size) - put->start;
    return m;
}

const struct pg_terms *pg_log_terms(const struct pg_log *log, size_t i)
{
    return &log->terms[log->puts[i].kind];
}

const char *pg_log_room(const struct pg_log *log, size_t i)
{
    return log->kinds->messages[log->puts[i].kind]->room;
}

void pg_log_free(struct pg_log *log)
{
    batch_free(log->kinds);
    free(log->terms);
    free(log->puts);
    free(log->bodies);
    *log = (struct pg_log){ .count = 0 };
}
