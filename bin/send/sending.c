/* sending.c - what one message and a stream have in common: conditions, a time, a full room. */

#include "sending.h"

#include <stdio.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/output.h"
#include "common/when.h"

static void set_times(struct sending *s)
{
    if (s->delay != NULL) {
        int64_t due = when_time(s->delay, "-d");
        s->message.due = due > when_now() ? due : 0;
    }
    if (s->expire != NULL)
        s->message.expires = when_time(s->expire, "-x");
}

enum chat_status sending_begin(struct sending *s)
{
    enum chat_status status = chat_begin(s->spool);
    if (status == CHAT_OK)
        set_times(s);
    return status;
}

static void add_id(struct sending *s, int64_t id)
{
    char line[24];
    snprintf(line, sizeof line, "%lld\n", (long long)id);
    text_add_string(&s->ids, line);
}

static enum chat_status put_in(struct sending *s, const struct chat_message *message,
                               const struct chat_terms *terms)
{
    int64_t id = 0;
    enum chat_status status = chat_put(s->spool, message, terms, s->print_id ? &id : NULL);
    s->added = s->added || status == CHAT_OK;
    if (status == CHAT_NONE) /* the room has a message with its key */
        status = CHAT_OK;
    if (status == CHAT_OK && s->print_id)
        add_id(s, id);
    if (status == CHAT_BUSY) {
        snprintf(s->full, sizeof s->full, "%s", chat_error(s->spool));
        s->full_room = message->room;
    }
    return status;
}

enum chat_status sending_put(struct sending *s, const struct chat_message *message,
                             const struct chat_terms *terms)
{
    struct chat_message copy = *message;
    enum chat_status status = CHAT_OK;
    if (s->room_count == 0)
        return put_in(s, message, terms);
    for (size_t i = 0; i < s->room_count && status == CHAT_OK; i++) {
        copy.room = s->rooms[i];
        status = put_in(s, &copy, terms);
    }
    return status;
}

enum chat_status sending_commit(struct sending *s)
{
    enum chat_status status = chat_commit(s->spool);
    s->any = s->any || (status == CHAT_OK && s->added);
    s->added = false;
    return status;
}

void sending_rollback(struct sending *s)
{
    s->added = false;
    chat_rollback(s->spool);
    s->ids.size = 0;
}

/* Return the remaining milliseconds of the wait, or -1: no limit. */
static int64_t time_left(struct sending *s)
{
    if (s->timeout < 0)
        return -1;
    int64_t now = cli_clock();
    if (s->deadline == 0)
        s->deadline = now + s->timeout;
    return s->deadline > now ? s->deadline - now : 0;
}

enum chat_status sending_wait(struct sending *s, int64_t places)
{
    sending_rollback(s);
    int64_t left = time_left(s);
    if (!s->wait || left == 0)
        return CHAT_BUSY;
    enum chat_status status =
        chat_wait_room(s->spool, s->full_room, s->terms.max - places + 1, left, NULL);
    /* Look a last time when the time is up. A signal that did not kill the process (CONT) means
     * nothing. */
    return status == CHAT_NONE || status == CHAT_INTERRUPTED ? CHAT_OK : status;
}

void sending_print_ids(struct sending *s, const char *after)
{
    struct output out;
    output_open(&out, STDOUT_FILENO);
    output_put(&out, s->ids.bytes, s->ids.size);
    s->ids.size = 0;
    if (!output_flush(&out))
        cli_fail(EXIT_IO, "cannot write standard output: %s%s", cli_cause(out.failed), after);
    text_free(&out.pending);
}
