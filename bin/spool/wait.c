/* wait.c - chat-spool wait: wait until rooms are empty or messages are deleted. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dead.h"
#include "common/signals.h"
#include "common/text.h"
#include "common/when.h"
#include "common/where.h"
#include "spool.h"

static const struct option_row options[] = {
    SPOOL_OPTION,
    { 'i' | REPEATS, "id", "ID", "until this message is gone; may be repeated" },
    { 't', "timeout", "TIME", "wait at most TIME: 90, 0.5, 5m, 2h" },
    END_OPTION,
};

/* The rooms or messages to wait for. */
struct goal {
    const char *room;
    int64_t mark;                 /* position in the dead-letter room at the start of the wait */
    int64_t id;                   /* 0: a room */
    char seen[CHAT_NAME_MAX + 1]; /* the room where the message was found, or "" */
};

struct waiting {
    const char *where;
    chat_spool *spool;
    struct goal *goals;
    size_t count;
    int64_t deadline; /* on cli_clock(), or -1 */
    bool dead;        /* one is */
};

static struct goal *add_goal(struct waiting *w)
{
    w->goals = realloc(w->goals, (w->count + 1) * sizeof *w->goals);
    if (w->goals == NULL)
        cli_no_memory();
    struct goal *goal = &w->goals[w->count++];
    *goal = (struct goal){ .id = 0 };
    return goal;
}

/* Call TAKE, unless it is NULL, for the first message that QUERY finds from CURSOR on. Returns
 * false if there is no such message. A damaged message counts as found. */
static bool find(struct waiting *w, const struct chat_query *query, struct chat_cursor cursor,
                 void (*take)(struct goal *goal, const struct chat_message *m, bool *dead),
                 struct goal *goal)
{
    chat_batch *batch;
    enum chat_status status = chat_walk(w->spool, query, &cursor, &batch);
    if (status == CHAT_NONE)
        return false;
    if (status == CHAT_DAMAGED)
        return true;
    spool_need(status, w->spool);
    if (take != NULL)
        take(goal, chat_batch_message(batch, 0), &w->dead);
    chat_release(batch);
    return true;
}

/* --- a room ---------------------------------------------------------------- */

static void note_mark(struct waiting *w, struct goal *goal)
{
    char dead[CHAT_NAME_MAX + 1];
    const char *name = dead;
    const struct chat_query query = { .rooms = &name, .room_count = 1, .every = true };
    if (dead_room(goal->room, dead))
        spool_need(chat_mark(w->spool, &query, &goal->mark), w->spool);
}

/* Return whether a message has entered the dead-letter room since the start. */
static bool has_died(struct waiting *w, struct goal *goal)
{
    char dead[CHAT_NAME_MAX + 1];
    const char *name = dead;
    const struct chat_query query = {
        .rooms = &name, .room_count = 1, .every = true, .max_messages = 1, .max_bytes = SIZE_MAX
    };
    return dead_room(goal->room, dead) &&
           find(w, &query, (struct chat_cursor){ .place = goal->mark }, NULL, goal);
}

static bool is_empty(const struct goal *goal, const struct chat_room *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rooms[i].name, goal->room) == 0)
            return rooms[i].depth == rooms[i].expired;
    return true;
}

/* --- a message ------------------------------------------------------------- */

/* A receiver has given the message up and moved it. A move by hand resets its attempts. */
static void look_at(struct goal *goal, const struct chat_message *m, bool *dead)
{
    char room[CHAT_NAME_MAX + 1];
    bool moved = goal->seen[0] != '\0' && strcmp(goal->seen, m->room) != 0 && m->attempts > 0;
    snprintf(goal->seen, sizeof goal->seen, "%s", m->room);
    if (moved || (dead_room_of(m->room, room) && m->attempts > 0)) {
        goal->id = -1;
        *dead = true;
    }
}

/* Return whether the message of GOAL is deleted or dead. */
static bool is_gone(struct waiting *w, struct goal *goal)
{
    const struct chat_query query = {
        .id = goal->id, .every = true, .max_messages = 1, .max_bytes = SIZE_MAX
    };
    if (goal->id > 0 && !find(w, &query, (struct chat_cursor){ .room = 0 }, look_at, goal))
        goal->id = -1;
    return goal->id < 0;
}

/* --- all of it ------------------------------------------------------------- */

static bool is_done(struct waiting *w)
{
    struct chat_room *rooms = NULL;
    size_t count = 0;
    bool done = true;
    if (w->count > 0 && w->goals[0].room != NULL && !spool_rooms(w->spool, &rooms, &count))
        count = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct goal *goal = &w->goals[i];
        if (goal->room != NULL ? !is_empty(goal, rooms, count) : !is_gone(w, goal))
            done = false;
    }
    free(rooms);
    for (size_t i = 0; i < w->count && done; i++)
        if (w->goals[i].room != NULL && has_died(w, &w->goals[i]))
            w->dead = true;
    return done;
}

/* chat_watch() does not report expired messages: look for those once a minute. */
enum { GLANCE = 60 * 1000 }; /* milliseconds */

/* Sleep until something has changed. Returns false when the time is up. */
static bool sleep_until_change(struct waiting *w)
{
    int64_t left = GLANCE;
    if (w->deadline >= 0 && w->deadline - cli_clock() < left)
        left = w->deadline - cli_clock();
    if (left <= 0)
        return false;
    enum chat_status status = chat_watch(w->spool, left, NULL);
    if (status != CHAT_NONE && status != CHAT_INTERRUPTED)
        spool_need(status, w->spool);
    return true;
}

static void start(struct waiting *w)
{
    w->spool = spool_open(w->where);
    enum chat_status status = chat_watch(w->spool, 0, NULL); /* changes count from now on */
    if (status != CHAT_NONE && status != CHAT_INTERRUPTED)
        spool_need(status, w->spool);
    for (size_t i = 0; i < w->count; i++)
        if (w->goals[i].room != NULL)
            note_mark(w, &w->goals[i]);
}

static int wait_for(char **argv)
{
    struct waiting w = { .deadline = -1 };
    for (int letter; (letter = cli_option(argv)) != -1;)
        switch (letter) {
        case 's':
            w.where = cli_argument;
            break;
        case 'i':
            add_goal(&w)->id = cli_count(cli_argument, "-i");
            break;
        case 't':
            w.deadline = cli_clock() + when_duration(cli_argument, "-t");
            break;
        }
    enum { MANY = 1 << 20 };
    char **words =
        w.count > 0 ? cli_words(0, 0, "") : cli_words(1, MANY, "a room or '-i ID' is required");
    for (; *words != NULL; words++)
        add_goal(&w)->room = where_room(*words);
    signals_end_program();
    start(&w);
    bool done;
    while (!(done = is_done(&w)) && sleep_until_change(&w))
        ;
    free(w.goals);
    if (!done)
        return EXIT_NONE;
    return w.dead ? EXIT_COMMAND : EXIT_DONE;
}

const struct command wait_command = {
    .name = "wait",
    .summary = "until rooms are empty, or messages are gone",
    .program = {
        .name = "chat-spool",
        .synopsis = "wait [options] ROOM ... | wait [options] -i ID ...",
        .about = "Wait until rooms are empty or messages gone. Exits with 123 if one is dead.",
        .options = options,
    },
    .run = wait_for,
};
