/* send.c - begin, put, commit.
 *
 * Messages are kept until the commit, which sends them all in one exchange, unless the caller wants
 * an answer to a put, or they have become many. If the connection is lost, or the server has ended
 * the transaction because of a deadlock, they are put once more in a transaction with the same
 * token. If the first transaction was committed, the server knows the token. If it is still on its
 * way, it fails, because the token exists already. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "connect.h"
#include "failed.h"
#include "log.h"
#include "operations.h"
#include "put.h"
#include "query.h"
#include "room.h"

/* --- transactions ---------------------------------------------------------- */

static void forget_log(struct pg_store *s)
{
    pg_log_free(&s->put.log);
    s->put.flushed = s->put.pending = 0;
    s->put.begun = s->deadlock = false;
    pg_forget_write_locks(s);
}

/* The first transaction of a process connects at its first message, whose room can be looked up in
 * the same exchange. */
enum chat_status pg_begin(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    enum chat_status status = s->conn != NULL ? pg_know_spool(s) : CHAT_OK;
    if (status != CHAT_OK)
        return status;
    forget_log(s);
    if (!pg_log_start(&s->put.log, &s->base) || getrandom(s->put.token, TOKEN, 0) != TOKEN)
        return pg_no_memory(s);
    return CHAT_OK;
}

int64_t pg_spool_time(const struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    if (s->conn == NULL && s->base.sending) /* pg_begin has not connected */
        pg_know_spool(s);
    return pg_now(store);
}

/* Confirm a commit: the server knows our token, but it may have shown us a commit that has not
 * reached the standbys. One more commit waits for them, and so for all earlier commits. */
static enum chat_status confirm(struct pg_store *s)
{
    pg_call(s, PG_AWAIT_STANDBYS, NULL);
    pg_call(s, PG_COMMIT, NULL);
    enum chat_status status = pg_exchange(s, "write");
    s->put.begun = status != CHAT_OK;
    return status;
}

/* End the transaction on the server without a commit. */
static void give_up(struct pg_store *s)
{
    if (s->conn != NULL && s->put.begun && pg_do(s, PG_ROLLBACK, NULL, "write") != CHAT_OK)
        pg_disconnect(s);
    s->put.begun = false;
    pg_forget_write_locks(s);
}

/* Begin the transaction once more with the messages that were put so far. After a deadlock, take
 * the write lock of the spool first, so that there cannot be another one. *COMMITTED becomes
 * whether the first transaction was committed: then nothing is put again. */
static enum chat_status begin_again(struct pg_store *s, struct pg_timeout *timeout, bool *committed)
{
    struct pg_values token = { .count = 0 };
    pg_bytes(&token, s->put.token, TOKEN);
    enum chat_status status = pg_connect(s, timeout);
    if (status != CHAT_OK)
        return status;
    bool deadlock = s->deadlock;
    give_up(s);
    s->put.flushed = 0;
    s->put.begun = true;
    s->deadlock = false;
    pg_call(s, PG_BEGIN, NULL);
    size_t call = pg_call(s, PG_PROVE_TOKEN, &token);
    status = pg_exchange(s, "write");
    *committed = status == CHAT_OK && pg_affected(s, call) == 0;
    if (status != CHAT_OK)
        return status;
    if (*committed)
        return confirm(s);
    if (deadlock)
        pg_put_call_enter_spool(s);
    return pg_flush(s);
}

/* After a call that returned STATUS: return whether to begin the transaction once more. */
static bool is_lost(struct pg_store *s, enum chat_status status, struct pg_timeout *timeout)
{
    if (status == CHAT_BUSY && s->deadlock && s->conn != NULL)
        return pg_pause(timeout);
    return pg_again(s, status, timeout);
}

void pg_rollback(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    give_up(s);
    forget_log(s);
    s->fresh = false;
}

/* --- put ------------------------------------------------------------------- */

/* Put one message at once, after the earlier messages; on another connection, if this one is
 * lost. */
static enum chat_status put_now(struct pg_store *s, struct chat_message *m,
                                const struct chat_terms *terms, bool id_wanted, int64_t *id)
{
    struct pg_timeout timeout = pg_timeout(s);
    bool committed;
    enum chat_status status = pg_flush(s);
    for (;;) {
        if (status == CHAT_OK)
            status = pg_put_now(s, m, terms, id_wanted, id);
        if (!is_lost(s, status, &timeout))
            return status;
        status = begin_again(s, &timeout, &committed);
    }
}

static enum chat_status flush_now(struct pg_store *s)
{
    struct pg_timeout timeout = pg_timeout(s);
    bool committed;
    enum chat_status status = pg_flush(s);
    if (status == CHAT_OK)
        status = pg_exchange(s, "write");
    while (is_lost(s, status, &timeout)) {
        status = begin_again(s, &timeout, &committed);
        if (status == CHAT_OK)
            status = pg_exchange(s, "write");
    }
    return status;
}

static enum chat_status check(const struct pg_store *s, const struct chat_message *m)
{
    int64_t most = s->max_length < PG_LENGTH_MAX ? s->max_length : PG_LENGTH_MAX;
    if ((int64_t)m->length > most)
        return error_set(s->base.error, CHAT_DATA, "the message is longer than %lld bytes",
                         (long long)most);
    if (s->next_id > PG_ID_MAX || m->id > PG_ID_MAX || m->place > PG_ID_MAX)
        return error_set(s->base.error, CHAT_DATA, "spool '%s' has used up its ids", s->url);
    return CHAT_OK;
}

/* Connect, and look up the room of the first message. */
static enum chat_status know_room(struct pg_store *s, const char *room)
{
    s->wanted = room;
    enum chat_status status = pg_know_spool(s);
    s->wanted = NULL;
    return status;
}

enum chat_status pg_put(struct store *store, const struct chat_message *message,
                        const struct chat_terms *terms, int64_t *id)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_terms put = { .terms = *terms, .id_wanted = id != NULL };
    struct chat_message m = *message;
    char name[2 * (CHAT_NAME_MAX + 1)];
    int64_t ignored;
    enum chat_status status =
        s->conn == NULL && s->put.log.count == 0 ? know_room(s, m.room) : CHAT_OK;
    if (status != CHAT_OK)
        return status;
    m.room = pg_room_name(s, m.room);
    put.terms.once = terms->once && m.key != NULL;
    put.terms.replace = terms->replace && m.key != NULL;
    if (!terms->restore)
        m.attempts = m.failed = 0;
    if (!terms->restore || m.id == 0)
        m.id = m.place = 0;
    if (terms->restore && m.reader != NULL && strchr(m.room, '/') == NULL) {
        /* A copy becomes a message of its reader alone: the id may still be that of the room's. */
        snprintf(name, sizeof name, "%s/%s", m.room, m.reader);
        m.room = name;
        m.id = 0;
    }
    status = check(s, &m);
    if (status == CHAT_OK && pg_wants_answer(&put))
        status = put_now(s, &m, &put.terms, put.id_wanted, id != NULL ? id : &ignored);
    if (status != CHAT_OK)
        return status;
    if (!pg_log_add(&s->put.log, &m, &put))
        return pg_no_memory(s);
    if (pg_wants_answer(&put))
        s->put.flushed = s->put.log.count;
    else
        s->put.pending += m.length + sizeof m;
    return s->put.pending > PG_FLUSH ? flush_now(s) : CHAT_OK;
}

/* --- commit ---------------------------------------------------------------- */

/* Commit. *UNKNOWN becomes whether the connection was lost and it is unknown whether the
 * transaction was committed. */
static enum chat_status commit(struct pg_store *s, bool *unknown)
{
    *unknown = false;
    pg_put_call_begin(s);
    enum chat_status status = pg_flush(s);
    if (status != CHAT_OK)
        return status;
    pg_call(s, PG_COMMIT, NULL);
    bool sent = !s->unsent;
    status = pg_exchange(s, "write");
    *unknown = sent && (s->conn == NULL || s->unreplicated);
    if (status == CHAT_OK || s->unreplicated)
        s->put.begun = false;
    return status;
}

/* After one of many transactions, delete rows that no longer count. */
static void tidy(struct pg_store *s)
{
    enum { EVERY = 256 };
    struct pg_values values = { .count = 0 };
    pg_string(&values, pg_log_room(&s->put.log, 0));
    pg_number(&values, 0);
    if (s->put.token[0] % EVERY != 0)
        return;
    size_t call = pg_call(s, PG_GET_DEPTH, &values);
    if (pg_exchange(s, "read") == CHAT_OK && pg_rows(s, call) > 0)
        pg_room_tidy(s, pg_get_number(pg_result(s, call), 0, 1));
}

enum chat_status pg_commit(struct store *store)
{
    struct pg_store *s = (struct pg_store *)store;
    struct pg_timeout timeout = pg_timeout(s);
    bool committed = false, unknown = false;
    enum chat_status status = s->put.log.count > 0 ? commit(s, &unknown) : CHAT_OK;
    while (is_lost(s, status, &timeout)) {
        status = begin_again(s, &timeout, &committed);
        if (status == CHAT_OK && !committed)
            status = commit(s, &unknown);
    }
    give_up(s);
    if (status == CHAT_OK && s->conn != NULL && s->put.log.count > 0)
        tidy(s);
    else if (unknown && status != CHAT_OK)
        error_add(s->base.error, "; the message may be stored");
    forget_log(s);
    s->fresh = false;
    return status;
}
