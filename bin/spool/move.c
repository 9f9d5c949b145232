/* move.c - chat-spool move, requeue and delete. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dead.h"
#include "common/when.h"
#include "common/where.h"
#include "spool.h"

enum { FIRST = LONG_ONLY, OLDER };

static const struct option_row move_options[] = {
    SPOOL_OPTION,
    { 'i' | REPEATS, "id", "ID", "this message; may be repeated" },
    { FIRST, "first", NULL, "to the front of the room, not to its end" },
    { 'q', "quiet", NULL, "do not print how many" },
    END_OPTION,
};

static const struct option_row requeue_options[] = {
    SPOOL_OPTION,
    { 'q', "quiet", NULL, "do not print how many" },
    END_OPTION,
};

static const struct option_row delete_options[] = {
    SPOOL_OPTION,
    { 'i' | REPEATS, "id", "ID", "this message; may be repeated" },
    { OLDER, "older-than", "TIME", "only those sent before: 90, 5m, 2h, 7d ago, or a date" },
    { 'y', "yes", NULL, "do not ask" },
    { 'q', "quiet", NULL, "do not print how many" },
    END_OPTION,
};

enum { BATCH_MESSAGES = 1024, BATCH_BYTES = 1024 * 1024 };

struct change {
    const char *where, *from, *to; /* NULL: delete */
    int64_t *ids;
    size_t id_count;
    const char *older; /* the option's text, or NULL */
    bool yes, quiet, first;
    chat_spool *spool;
    struct chat_query query; /* for a room */
    int64_t done;
    int status; /* another problem's status, or 0 */
};

/* Add the id in TEXT, unless it was given before. */
static void add_id(struct change *c, const char *text)
{
    const int64_t id = cli_count(text, "-i");
    for (size_t i = 0; i < c->id_count; i++)
        if (c->ids[i] == id)
            return;
    c->ids = realloc(c->ids, (c->id_count + 1) * sizeof *c->ids);
    if (c->ids == NULL)
        cli_no_memory();
    c->ids[c->id_count++] = id;
}

static void parse(struct change *c, char **argv)
{
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            c->where = cli_argument;
            break;
        case 'i':
            add_id(c, cli_argument);
            break;
        case FIRST:
            c->first = true;
            break;
        case OLDER:
            c->older = cli_argument;
            break;
        case 'y':
            c->yes = true;
            break;
        case 'q':
            c->quiet = true;
            break;
        }
}

/* Continue with the other messages; the exit status reports the worst problem. */
static void note(struct change *c, int status)
{
    if (status > c->status)
        c->status = status;
}

/* Append the other messages that QUERY finds to BATCH: moved to the front, they keep their order
 * only if they are moved together. */
static void join_all(struct change *c, const struct chat_query *query, chat_batch *batch)
{
    for (;;) {
        chat_batch *more;
        enum chat_status status = chat_claim(c->spool, query, &more);
        if (status == CHAT_NONE)
            return;
        if (status == CHAT_DAMAGED)
            note(c, cli_say_spool(status, c->spool));
        else {
            spool_need(status, c->spool);
            spool_need(chat_join(batch, more), c->spool);
        }
    }
}

/* Handle the next messages. Returns false if there are no more. */
static bool change_some(struct change *c, const struct chat_query *query)
{
    chat_batch *batch;
    enum chat_status status = chat_claim(c->spool, query, &batch);
    if (status == CHAT_NONE)
        return false;
    if (status == CHAT_DAMAGED || status == CHAT_BUSY) {
        note(c, cli_say_spool(status, c->spool));
        return true;
    }
    spool_need(status, c->spool);
    if (c->first && query->id == 0)
        join_all(c, query, batch);
    size_t count = chat_batch_count(batch);
    spool_need(c->to == NULL ? chat_settle(batch, count)
               : c->first    ? chat_move_first(batch, c->to)
                             : chat_move(batch, c->to),
               c->spool);
    c->done += (int64_t)count;
    chat_release(batch);
    return true;
}

/* Handle all messages that exist now. */
static void change_room(struct change *c)
{
    while (c->query.until > 0 && change_some(c, &c->query))
        ;
}

/* Set the query, and remember the end of the room before the user is asked. */
static void set_query(struct change *c)
{
    c->query = (struct chat_query){
        .rooms = &c->from,
        .room_count = 1,
        .every = true,
        .max_messages = BATCH_MESSAGES,
        .max_bytes = BATCH_BYTES,
    };
    if (c->older != NULL)
        c->query.before = when_past(c->older, "--older-than");
    spool_need(chat_mark(c->spool, &c->query, &c->query.until), c->spool);
}

static void change_ids(struct change *c)
{
    for (size_t i = 0; i < c->id_count; i++) {
        const size_t at = c->first ? c->id_count - 1 - i : i; /* each goes before the last one */
        const struct chat_query query = {
            .id = c->ids[at], .every = true, .max_messages = 1, .max_bytes = SIZE_MAX
        };
        if (change_some(c, &query))
            continue;
        cli_say("No message %lld", (long long)c->ids[at]);
        note(c, EXIT_NONE);
    }
}

/* Return the contents of the room; zeros if there is no spool. */
static struct chat_room look(const struct change *c)
{
    struct chat_room *rooms, found = { .depth = 0 };
    size_t count;
    if (!spool_rooms(c->spool, &rooms, &count))
        return found;
    for (size_t i = 0; i < count; i++)
        if (c->from != NULL && strcmp(rooms[i].name, c->from) == 0)
            found = rooms[i];
    free(rooms);
    return found;
}

struct count {
    int64_t before;         /* messages sent before the time limit */
    int64_t claimed, other; /* claimed messages, which stay */
};

static bool count_older(void *context, const chat_batch *batch)
{
    struct count *count = context;
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        if (m->time < count->before)
            ++*(m->claimed ? &count->claimed : &count->other);
    }
    return true;
}

static struct count look_for_older(const struct change *c)
{
    struct count count = { .before = c->query.before };
    spool_walk(c->spool, &c->from, 1, count_older, &count);
    return count;
}

/* Return how many of the messages are not claimed. */
static int64_t at_hand(const struct change *c)
{
    if (c->query.before > 0)
        return look_for_older(c).other;
    struct chat_room room = look(c);
    return room.depth - room.claimed;
}

static int change(struct change *c, const char *done)
{
    struct output out = { .fd = -1 };
    if (!c->quiet)
        spool_output(&out);
    if (c->id_count > 0)
        change_ids(c);
    else
        change_room(c);
    free(c->ids);
    int64_t claimed = c->id_count > 0       ? 0
                      : c->query.before > 0 ? look_for_older(c).claimed
                                            : look(c).claimed;
    if (claimed > 0)
        cli_say("%s %s claimed and %s", spool_messages(claimed), claimed == 1 ? "is" : "are",
                claimed == 1 ? "stays" : "stay");
    if (c->done == 0) {
        const bool empty = claimed == 0 && c->status == 0;
        if (c->older != NULL && empty)
            cli_say("No messages in room '%s' are older than %s", c->from, c->older);
        else if (c->id_count == 0 && empty)
            cli_say("No messages in room '%s'", c->from);
        return c->status != 0 ? c->status : EXIT_NONE;
    }
    if (!c->quiet) {
        output_put_string(&out, spool_messages(c->done));
        output_put_string(&out, done);
        spool_flush(&out);
    }
    return c->status;
}

static int move(char **argv)
{
    struct change c = { .where = NULL };
    parse(&c, argv);
    int rooms = c.id_count > 0 ? 1 : 2;
    char **words = cli_words(rooms, rooms,
                             rooms == 1 ? "a room to move to is needed"
                                        : "two rooms are needed, to move from and to");
    c.from = rooms == 2 ? where_address(words[0]) : NULL;
    c.to = where_address(words[rooms - 1]);
    if (c.from != NULL && strcmp(c.from, c.to) == 0)
        cli_usage("the two rooms are the same");
    c.spool = spool_open(c.where);
    if (c.from != NULL)
        set_query(&c);
    return change(&c, " moved\n");
}

static int requeue(char **argv)
{
    struct change c = { .where = NULL };
    char other[CHAT_NAME_MAX + 1];
    bool fits = true;
    parse(&c, argv);
    const char *room = where_address(cli_words(1, 1, "a room is needed")[0]);
    c.from = other;
    c.to = room;
    if (dead_room_of(room, other)) {
        c.from = room;
        c.to = other;
    } else
        fits = dead_room(room, other);
    if (!fits)
        cli_usage("'%s' has no dead-letter room; move messages from another with 'chat-spool move'",
                  room);
    c.spool = spool_open(c.where);
    set_query(&c);
    return change(&c, " requeued\n");
}

static int delete (char **argv)
{
    struct change c = { .where = NULL };
    parse(&c, argv);
    int rooms = c.id_count > 0 ? 0 : 1;
    char **words = cli_words(rooms, rooms, "a room or '-i ID' is required");
    c.from = rooms == 1 ? where_address(words[0]) : NULL;
    if (c.older != NULL && c.id_count > 0)
        cli_usage("options '-i' and '--older-than' exclude each other");
    if (c.older != NULL)
        when_past(c.older, "--older-than");
    c.spool = spool_open(c.where);
    if (c.from != NULL)
        set_query(&c);
    int64_t count = c.id_count > 0 ? (int64_t)c.id_count : at_hand(&c);
    if (count > 0 && !(c.from != NULL ? spool_confirm(c.yes, "Delete %s of room '%s'",
                                                      spool_messages(count), c.from)
                                      : spool_confirm(c.yes, "Delete %s", spool_messages(count)))) {
        cli_say("nothing deleted");
        free(c.ids);
        return EXIT_NONE;
    }
    return change(&c, " deleted\n");
}

const struct command move_command = {
    .name = "move",
    .summary = "messages to another room, to be tried again",
    .program = {
        .name = "chat-spool",
        .synopsis = "move [options] FROM TO | move [options] -i ID TO",
        .about = "Move messages to the end (or front) of another room, and reset their attempts.",
        .options = move_options,
    },
    .run = move,
};

const struct command requeue_command = {
    .name = "requeue",
    .summary = "the dead messages of a room, to be tried again",
    .program = {
        .name = "chat-spool",
        .synopsis = "requeue [options] ROOM",
        .about = "Move the messages of ROOM.dead back to ROOM, and reset their attempts.",
        .options = requeue_options,
    },
    .run = requeue,
};

const struct command delete_command = {
    .name = "delete",
    .summary = "messages",
    .program = {
        .name = "chat-spool",
        .synopsis = "delete [options] ROOM | delete [options] -i ID",
        .about = "Delete all messages of a room, only the old ones, or single messages.",
        .options = delete_options,
    },
    .run = delete,
};
