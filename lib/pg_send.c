/* pg_send.c - begin, put, commit.
 *
 * Messages are kept until the commit, which sends them all in one exchange, unless the caller wants
 * an answer to a put, or they have become many. Where the connection is lost they are put once more
 * on another one, in a transaction with the same token: if the first one was committed all the
 * same, the server knows that token. */

#include "store_pg.h"

#include <stdlib.h>
#include <sys/random.h>

/* --- transactions ---------------------------------------------------------- */

static void forget_log(struct pg_store *s)
{
    pg_log_free(&s->log);
    s->flushed = s->pending = 0;
    s->open = s->locked = false;
}

enum chat_status pg_begin(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = pg_know_spool(s);
    if (status != CHAT_OK)
        return status;
    forget_log(s);
    if (!pg_log_start(&s->log, &s->base) || getrandom(s->token, TOKEN, 0) != TOKEN)
        return pg_no_memory(s);
    return CHAT_OK;
}

void pg_call_begin(struct pg_store *s)
{
    struct pg_values token = { .count = 0 };
    if (s->open)
        return;
    s->open = true;
    pg_bytes(&token, s->token, TOKEN);
    pg_call(s, PG_BEGIN, NULL);
    pg_call(s, PG_ADD_TOKEN, &token);
}

/* The server knows our token. But it may have shown us a commit that has not reached the standbys:
 * one more commit waits for them, and so for all that was before. */
static enum chat_status confirm(struct pg_store *s)
{
    struct pg_values values = { .count = 0 };
    unsigned char token[TOKEN];
    if (getrandom(token, TOKEN, 0) != TOKEN)
        return pg_no_memory(s);
    pg_bytes(&values, token, TOKEN);
    pg_call(s, PG_ADD_TOKEN, &values);
    pg_call(s, PG_COMMIT, NULL);
    enum chat_status status = pg_exchange(s, "write");
    s->open = status != CHAT_OK;
    return status;
}

/* Begin the transaction once more, on a new connection, with what was put so far. *COMMITTED: there
 * is no need to, the first one was committed. */
static enum chat_status begin_again(struct pg_store *s, struct pg_patience *patience,
                                    bool *committed)
{
    struct pg_values token = { .count = 0 };
    pg_bytes(&token, s->token, TOKEN);
    enum chat_status status = pg_connect(s, patience);
    if (status != CHAT_OK)
        return status;
    s->flushed = 0;
    s->open = true;
    pg_call(s, PG_BEGIN, NULL);
    size_t call = pg_call(s, PG_ADD_TOKEN, &token);
    status = pg_exchange(s, "write");
    *committed = status == CHAT_OK && pg_affected(s, call) == 0;
    if (status != CHAT_OK)
        return status;
    return *committed ? confirm(s) : pg_flush(s);
}

/* End the transaction on the server without a commit. */
static void give_up(struct pg_store *s)
{
    if (s->conn != NULL && s->open && pg_do(s, PG_ROLLBACK, NULL, "write") != CHAT_OK)
        pg_disconnect(s);
    s->open = false;
}

void pg_rollback(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    give_up(s);
    forget_log(s);
    s->fresh = false;
}

/* --- put ------------------------------------------------------------------- */

bool pg_wants_answer(const struct pg_terms *terms)
{
    return terms->told || terms->terms.once || terms->terms.max > 0;
}

/* What was put before is flushed first. On another connection, where this one is lost. */
static enum chat_status put_now(struct pg_store *s, struct chat_message *m,
                                const struct chat_terms *terms, bool told, int64_t *id)
{
    struct pg_patience patience = pg_patience(s);
    bool committed;
    enum chat_status status = pg_flush(s);
    for (;;) {
        if (status == CHAT_OK)
            status = pg_put_now(s, m, terms, told, id);
        if (!pg_again(s, status, &patience))
            return status;
        status = begin_again(s, &patience, &committed);
    }
}

static enum chat_status flush_now(struct pg_store *s)
{
    struct pg_patience patience = pg_patience(s);
    bool committed;
    enum chat_status status = pg_flush(s);
    if (status == CHAT_OK)
        status = pg_exchange(s, "write");
    while (pg_again(s, status, &patience)) {
        status = begin_again(s, &patience, &committed);
        if (status == CHAT_OK)
            status = pg_exchange(s, "write");
    }
    return status;
}

static enum chat_status check(const struct pg_store *s, const struct chat_message *m)
{
    if ((int64_t)m->length > s->max_length)
        return error_set(s->base.error, CHAT_DATA, "the message is longer than %lld bytes",
                         (long long)s->max_length);
    if (s->next_id > PG_ID_MAX || m->id > PG_ID_MAX || m->place > PG_ID_MAX)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' has used up its ids", s->url);
    return CHAT_OK;
}

enum chat_status pg_put(struct store *store, const struct chat_message *message,
                        const struct chat_terms *terms, int64_t *id)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_terms put = { .terms = *terms, .told = id != NULL };
    struct chat_message m = *message;
    int64_t ignored;
    m.room = pg_room_name(s, m.room);
    put.terms.once = terms->once && m.key != NULL;
    if (!terms->restore)
        m.attempts = 0;
    if (!terms->restore || m.id == 0)
        m.id = m.place = 0;
    enum chat_status status = check(s, &m);
    if (status == CHAT_OK && pg_wants_answer(&put))
        status = put_now(s, &m, &put.terms, put.told, id != NULL ? id : &ignored);
    if (status != CHAT_OK)
        return status;
    if (!pg_log_add(&s->log, &m, &put))
        return pg_no_memory(s);
    if (pg_wants_answer(&put))
        s->flushed = s->log.count;
    else
        s->pending += m.length + sizeof m;
    return s->pending > PG_FLUSH ? flush_now(s) : CHAT_OK;
}

/* --- commit ---------------------------------------------------------------- */

/* *UNKNOWN: the connection was lost, and nobody knows whether it was committed. */
static enum chat_status commit(struct pg_store *s, bool *unknown)
{
    *unknown = false;
    pg_call_begin(s);
    enum chat_status status = pg_flush(s);
    if (status != CHAT_OK)
        return status;
    pg_call(s, PG_COMMIT, NULL);
    bool sent = !s->unsent;
    status = pg_exchange(s, "write");
    *unknown = sent && s->conn == NULL;
    if (status == CHAT_OK)
        s->open = false;
    return status;
}

/* One of many transactions forgets the tokens of long ago. */
static void forget_tokens(struct pg_store *s)
{
    enum { EVERY = 64 };
    if (s->token[0] % EVERY == 0)
        pg_do(s, PG_FORGET_TOKENS, NULL, "write");
}

enum chat_status pg_commit(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_patience patience = pg_patience(s);
    bool committed = false, unknown = false;
    enum chat_status status = s->log.count > 0 ? commit(s, &unknown) : CHAT_OK;
    while (pg_again(s, status, &patience)) {
        status = begin_again(s, &patience, &committed);
        if (status == CHAT_OK && !committed)
            status = commit(s, &unknown);
    }
    give_up(s);
    if (status == CHAT_OK && s->conn != NULL && s->log.count > 0)
        forget_tokens(s);
    else if (unknown && status != CHAT_OK)
        error_add(s->base.error, "; the message may be stored");
    forget_log(s);
    s->fresh = false;
    return status;
}
