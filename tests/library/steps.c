/* steps SPOOL: send with all conditions, receive, fail and move. After each step, print the rows
 * that it has removed from the tables (-), and those that it has added or changed (+). The clock
 * stands still between steps. */

#include "common.h"

#include <sqlite3.h>

static int64_t now = INT64_C(1600000000000);

int64_t __wrap_clock_now(void);
int64_t __wrap_clock_now(void)
{
    return now;
}

enum { ROWS = 1000, LENGTH = 400 };

static chat_spool *spool;
static const char *where;

struct rows {
    char text[ROWS][LENGTH];
    size_t count;
};
static struct rows tables[2], *last = &tables[0], *next = &tables[1];

/* --- the tables ------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_column(char *text, sqlite3_stmt *row, int i)
{
    size_t used = strlen(text), left = LENGTH - used;
    const char *value = (const char *)sqlite3_column_text(row, i);
    if (strcmp(sqlite3_column_name(row, i), "checksum") == 0)
        return;
    if (value != NULL && strcmp(sqlite3_column_name(row, i), "slowest") == 0)
        value = "*"; /* chosen at random */
    if (value == NULL)
        snprintf(text + used, left, "|");
    else if (sqlite3_column_bytes(row, i) > 40)
        snprintf(text + used, left, "|%.10s... (%d)", value, sqlite3_column_bytes(row, i));
    else
        snprintf(text + used, left, "|%s", value);
}

static void read_tables(void)
{
    sqlite3 *db;
    sqlite3_stmt *names, *row;
    next->count = 0;
    sqlite3_open_v2(where, &db, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_prepare_v2(
        db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'", -1,
        &names, NULL);
    while (sqlite3_step(names) == SQLITE_ROW) {
        char sql[300];
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"",
                 (const char *)sqlite3_column_text(names, 0));
        sqlite3_prepare_v2(db, sql, -1, &row, NULL);
        while (next->count < ROWS && sqlite3_step(row) == SQLITE_ROW) {
            char *text = next->text[next->count++];
            snprintf(text, LENGTH, "%s ", (const char *)sqlite3_column_text(names, 0));
            for (int i = 0; i < sqlite3_column_count(row); i++)
                add_column(text, row, i);
        }
        sqlite3_finalize(row);
    }
    sqlite3_finalize(names);
    sqlite3_close(db);
    qsort(next->text, next->count, LENGTH, compare);
}

static void show(const char *step, enum chat_status status)
{
    size_t a = 0, b = 0;
    printf("%s: %s%s%s\n", step, chat_status_string(status), status > CHAT_INTERRUPTED ? ": " : "",
           status > CHAT_INTERRUPTED ? chat_error(spool) : "");
    read_tables();
    while (a < last->count || b < next->count) {
        int order = a == last->count   ? 1
                    : b == next->count ? -1
                                       : strcmp(last->text[a], next->text[b]);
        if (order < 0)
            printf("  - %s\n", last->text[a]);
        if (order > 0)
            printf("  + %s\n", next->text[b]);
        a += order <= 0;
        b += order >= 0;
    }
    struct rows *other = last;
    last = next;
    next = other;
}

/* --- send ------------------------------------------------------------------- */

static const struct chat_terms none,
    once = { .once = true }, fresh = { .once = true, .fresh = true }, replace = { .replace = true };

static struct chat_message text(const char *room, const char *body)
{
    return (struct chat_message){
        .room = room, .user = "u", .host = "h", .body = body, .length = strlen(body)
    };
}

static struct chat_message keyed(const char *room, const char *body, const char *key)
{
    struct chat_message m = text(room, body);
    m.key = key;
    return m;
}

static enum chat_status put(struct chat_message m, const struct chat_terms *terms)
{
    int64_t id = -7;
    enum chat_status status = chat_put(spool, &m, terms, &id);
    printf("put %s: %s, id %lld%s%s\n", m.body != NULL ? (const char *)m.body : "",
           chat_status_string(status), (long long)id, status > CHAT_INTERRUPTED ? ": " : "",
           status > CHAT_INTERRUPTED ? chat_error(spool) : "");
    return status;
}

static void send(const char *step, struct chat_message m, const struct chat_terms *terms)
{
    must(chat_begin(spool), spool, "begin");
    put(m, terms);
    show(step, chat_commit(spool));
    now += 1000;
}

static void begin(void)
{
    must(chat_begin(spool), spool, "begin");
}

static void commit(const char *step)
{
    show(step, chat_commit(spool));
    now += 1000;
}

static struct chat_message timed(const char *room, const char *body, int64_t due, int64_t expires)
{
    struct chat_message m = text(room, body);
    m.due = due > 0 ? now + due : 0;
    m.expires = expires > 0 ? now + expires : 0;
    return m;
}

static void keys(void)
{
    send("one", text("a", "one"), NULL);
    send("with a key", keyed("a", "two", "k"), &once);
    send("once again", keyed("a", "three", "k"), &once);
    send("fresh", keyed("a", "four", "k"), &fresh);
    send("in another room", keyed("b", "five", "k"), &fresh);
    send("another key", keyed("a", "six", "l"), &fresh);
    send("once without a key", text("a", "seven"), &once);
    send("replace", keyed("a", "eight", "k"), &replace);
    send("replace without a key", text("a", "nine"), &replace);
    send("a key that is there twice", keyed("a", "ten", "k"), NULL);
    send("replace two", keyed("a", "eleven", "k"), &replace);
    struct chat_message m = timed("a", "late", 5000, 0);
    m.key = "k";
    send("a delayed one with the key", m, NULL);
    send("once beside a delayed one", keyed("a", "twelve", "k"), &once);
    send("replace a delayed one", keyed("a", "thirteen", "k"), &replace);
    m = timed("a", "short", 0, 1);
    m.key = "e";
    send("one that expires with a key", m, NULL);
    send("once beside an expired one", keyed("a", "fourteen", "e"), &fresh);
    begin();
    put(keyed("c", "first", "k"), &once);
    put(keyed("c", "second", "k"), &once);
    put(keyed("c", "third", "k"), &replace);
    put(text("d", "fourth"), NULL);
    put(keyed("c", "fifth", "k"), &fresh);
    commit("keys in one transaction");
}

static void limits(void)
{
    const struct chat_terms two = { .max = 2 }, drop = { .max = 2, .drop = true },
                            whole = { .max = 2, .drop = true, .whole = true },
                            replace_two = { .max = 2, .replace = true };
    send("first of two", text("m", "1"), &two);
    send("second of two", keyed("m", "2", "k"), &two);
    send("third of two", text("m", "3"), &two);
    send("replace in a full room", keyed("m", "4", "k"), &replace_two);
    send("replace nothing in a full room", keyed("m", "5", "x"), &replace_two);
    send("drop", text("m", "6"), &drop);
    begin();
    put(text("m", "7"), &whole);
    put(text("m", "8"), &whole);
    put(text("m", "9"), &whole);
    commit("whole");
    begin();
    put(text("m", "10"), &drop);
    put(text("m", "11"), &drop);
    put(text("m", "12"), &drop);
    commit("drop own ones");
    send("a message that expires", timed("x", "13", 0, 500), NULL);
    send("another one", timed("x", "14", 0, 50000), NULL);
    send("an expired one makes space", text("x", "15"), &two);
    send("a delayed one counts", timed("y", "16", 1000000, 0), &two);
    send("a delayed one and another", text("y", "17"), &two);
    send("a delayed one is dropped last", text("y", "18"), &drop);
    send("and now it is there", text("y", "19"), &drop);
}

static void times(void)
{
    begin();
    put(timed("t", "due 9", 9000, 0), NULL);
    put(timed("t", "due 5", 5000, 0), NULL);
    put(timed("t", "due 7", 7000, 0), NULL);
    put(timed("t", "expires 9", 0, 9000), NULL);
    put(timed("t", "expires 5", 0, 5000), NULL);
    put(timed("t", "expires 7", 0, 7000), NULL);
    put(timed("t", "both", 4000, 6000), NULL);
    struct chat_message m = text("t", "old");
    m.time = 77;
    put(m, NULL);
    put((struct chat_message){ .room = "t", .user = "x", .host = "y" }, NULL);
    m = text(NULL, "to the default room");
    put(m, NULL);
    commit("times");
    begin();
    put(text("t", "rolled back"), NULL);
    chat_rollback(spool);
    show("rolled back", CHAT_OK);
}

static void restore(void)
{
    const struct chat_terms terms = { .restore = true };
    struct chat_message m = text("r", "with an id");
    m.id = m.place = 500;
    m.attempts = 3;
    m.failed = 88;
    m.failure = 5;
    send("restore", m, &terms);
    send("restore twice", m, &terms);
    m.id = 400;
    m.place = 600;
    send("restore another place", m, &terms);
    m.id = 401;
    m.place = 450;
    send("restore before others", m, &terms);
    m.id = 0;
    m.place = 0;
    send("restore without an id", m, &terms);
    m.id = 700;
    send("not to be restored", m, &none);
    m.id = INT64_C(1) << 40;
    send("too high an id", m, &terms);
    m.id = 0;
    m.place = INT64_C(1) << 40;
    send("too high a place", m, &terms);
}

static void lines(void)
{
    static char body[5000];
    memset(body, 'x', sizeof body - 1);
    begin();
    for (int i = 0; i < 70; i++) {
        struct chat_message m = text("l", "line");
        m.length = (size_t)(i % 4);
        int64_t id;
        if (i == 66)
            m.user = "v";
        if (i == 67)
            m.host = "w";
        must(chat_put(spool, &m, NULL, &id), spool, "put");
    }
    commit("lines");
    begin();
    for (int i = 0; i < 130; i++) {
        struct chat_message m = text("l", "again");
        must(chat_put(spool, &m, i == 129 ? &once : NULL, NULL), spool, "put");
    }
    commit("more lines");
    begin();
    const size_t lengths[] = { 1, 4096, 4097, 1, 4096, 2 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct chat_message m = text("n", body);
        m.length = lengths[i];
        must(chat_put(spool, &m, NULL, NULL), spool, "put");
    }
    for (int i = 0; i < 20; i++) {
        struct chat_message m = text("n", body);
        m.length = 4096;
        must(chat_put(spool, &m, NULL, NULL), spool, "put");
    }
    commit("long lines");
}

/* --- receive ---------------------------------------------------------------- */

static chat_batch *claim(const char *room, size_t count)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = count };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    printf("claim %s: %s", room, chat_status_string(status));
    for (size_t i = 0; i < chat_batch_count(batch); i++) {
        const struct chat_message *m = chat_batch_message(batch, i);
        printf(", %lld %.*s", (long long)m->id, m->length < 20 ? (int)m->length : 20,
               (const char *)m->body);
    }
    printf("\n");
    return batch;
}

static void settle(const char *step, chat_batch *batch, size_t count)
{
    show(step, chat_settle(batch, count));
    chat_release(batch);
    now += 1000;
}

static void fail(const char *step, chat_batch *batch, struct chat_failure failure)
{
    show(step, chat_fail(batch, &failure));
    chat_release(batch);
    now += 1000;
}

static chat_batch *claim_id(int64_t id)
{
    const struct chat_query query = { .id = id, .every = true };
    chat_batch *batch;
    enum chat_status status = chat_claim(spool, &query, &batch);
    printf("claim %lld: %s\n", (long long)id, chat_status_string(status));
    return batch;
}

static void receive(void)
{
    settle("the first of two", claim("a", 2), 1);
    settle("three", claim("a", 3), 3);
    settle("with gaps", claim("m", 9), 2);
    fail("held back", claim("l", 2),
         (struct chat_failure){ .counted = true, .status = 3, .hold = 5000 });
    fail("not counted", claim("l", 1), (struct chat_failure){ .status = 4 });
    fail("counted", claim("l", 1), (struct chat_failure){ .counted = true, .status = 300 });
    fail("counted twice", claim("l", 1), (struct chat_failure){ .counted = true, .status = 1 });
    fail("dead", claim("l", 2),
         (struct chat_failure){ .counted = true, .status = 1, .dead = "l.dead" });
    fail("dead, not counted", claim("b", 1),
         (struct chat_failure){ .status = 1, .dead = "l.dead" });
    now += 10000;
    settle("held ones", claim("l", 2), 2);
    chat_batch *batch = claim("l", 3);
    show("move", chat_move(batch, "z"));
    chat_release(batch);
    batch = claim("l", 2);
    show("move first", chat_move_first(batch, "z"));
    chat_release(batch);
    batch = claim("l.dead", 1);
    show("move a dead one", chat_move(batch, "l"));
    chat_release(batch);
    settle("most lines", claim("l", 150), 150);
    settle("more lines", claim("l", 150), chat_batch_count(NULL));
    settle("long lines", claim("n", 20), 20);
    send("a delayed message", timed("late", "late", 100000, 200000), NULL);
    settle("times", claim("t", 9), 1);
    show("open", chat_open_room(spool, "o", NULL));
    send("to an open room", text("o", "x"), NULL);
    send("to a reader that does not exist", text("o/q", "y"), NULL);
    fail("as a reader", claim("o/q", 1),
         (struct chat_failure){ .counted = true, .status = 9, .hold = 7000 });
    batch = claim("o/r", 1);
    show("move as a reader", chat_move(batch, "z"));
    chat_release(batch);
    send("another", text("o", "y"), NULL);
    fail("dead as a reader", claim("o/r", 1),
         (struct chat_failure){ .counted = true, .status = 9, .dead = "o.dead" });
    settle("as a reader", claim("o/q", 1), 1);
}

static void by_id(void)
{
    send("delayed", timed("i", "d", 9000, 0), NULL);
    struct chat_settings settings;
    must(chat_settings(spool, &settings), spool, "settings");
    fail("a delayed one is held", claim_id(settings.next_id - 1),
         (struct chat_failure){ .counted = true, .hold = 3000 });
    fail("a delayed one is ready", claim_id(settings.next_id - 1),
         (struct chat_failure){ .counted = true });
    settle("it", claim("i", 1), 1);
    send("delayed", timed("i", "e", 9000, 0), NULL);
    must(chat_settings(spool, &settings), spool, "settings");
    chat_batch *batch = claim_id(settings.next_id - 1);
    show("move a delayed one", chat_move(batch, "j"));
    chat_release(batch);
    batch = claim_id(settings.next_id - 1);
    show("move a delayed one first", chat_move_first(batch, "i"));
    chat_release(batch);
    settle("a delayed one is done", claim_id(settings.next_id - 1), 1);
    claim_id(77777);
}

/* --- the size of the file ---------------------------------------------------- */

static long long pragma(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    sqlite3_open_v2(where, &db, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    const long long value =
        sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* Empty a room in batches of COUNT messages. */
static void empty(const char *room, size_t count)
{
    const struct chat_query query = { .rooms = &room, .room_count = 1, .max_messages = count };
    chat_batch *batch;
    printf(" %lld/%lld", pragma("PRAGMA freelist_count"), pragma("PRAGMA page_count"));
    while (chat_claim(spool, &query, &batch) == CHAT_OK) {
        must(chat_settle(batch, chat_batch_count(batch)), spool, "acknowledge");
        chat_release(batch);
        printf(" %lld/%lld", pragma("PRAGMA freelist_count"), pragma("PRAGMA page_count"));
    }
    printf("\n");
}

static void fill(const char *room, int messages, size_t length)
{
    static char body[300000];
    must(chat_begin(spool), spool, "begin");
    for (int i = 0; i < messages; i++) {
        const struct chat_message m = {
            .room = room, .user = "u", .host = "h", .body = body, .length = length
        };
        must(chat_put(spool, &m, NULL, NULL), spool, "put");
    }
    must(chat_commit(spool), spool, "commit");
}

static void shrink(int messages, size_t length, size_t count)
{
    fill("big", messages, length);
    printf("%d messages of %zu bytes, %zu at a time: free pages of all:", messages, length, count);
    empty("big", count);
}

/* A sender that drops messages leaves many free pages, and receivers return some at a time. */
static void shrink_slowly(void)
{
    const struct chat_terms one = { .max = 1, .drop = true };
    fill("big", 30, 200000);
    send("drop all", text("big", "small"), &one);
    fill("small", 40, 10);
    printf("small messages:");
    empty("small", 1);
    fill("small", 3, 9000);
    printf("larger messages:");
    empty("small", 1);
}

/* Another program deletes a message that is claimed. */
static void deleted(void)
{
    for (int i = 0; i < 4; i++)
        send("of four", text("four", "body"), NULL);
    chat_batch *batch = claim("four", 3);
    sqlite3 *db;
    char sql[200];
    sqlite3_open_v2(where, &db, SQLITE_OPEN_READWRITE, NULL);
    snprintf(sql, sizeof sql,
             "DELETE FROM message WHERE id IS NULL AND position & 0xffffffffff = %lld",
             (long long)chat_batch_message(batch, 1)->id);
    sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    show("one is deleted", CHAT_OK);
    settle("three", batch, 3);
}

/* A reader has lost messages, and its command fails. */
static void lost(void)
{
    const struct chat_bounds bounds = { .most = 2 };
    must(chat_open_room(spool, "w", &bounds), spool, "open");
    must(chat_seek(spool, "w/a", NULL), spool, "seek");
    for (int i = 0; i < 5; i++)
        send("of five", text("w", "body"), NULL);
    for (int i = 0; i < 4; i++) {
        chat_batch *batch = claim("w/a", 1);
        printf("lost %lld,", (long long)chat_batch_missed(batch));
        if (i > 0)
            must(chat_fail(batch, &(struct chat_failure){ .counted = true,
                                                          .dead = i == 2 ? "dead" : NULL }),
                 spool, "fail");
        printf(" then %lld\n", (long long)chat_batch_missed(batch));
        chat_release(batch);
    }
    show("lost", CHAT_OK);
}

/* A sender drops the oldest messages that readers have not seen. */
static void drop_unseen(void)
{
    const struct chat_terms three = { .max = 3, .drop = true }, full = { .max = 3 };
    must(chat_open_room(spool, "s", &(struct chat_bounds){ .keep = 1, .most = 100 }), spool,
         "open");
    must(chat_seek(spool, "s/a", NULL), spool, "seek");
    must(chat_seek(spool, "s/b", NULL), spool, "seek");
    for (int i = 0; i < 6; i++)
        send("of six", text("s", "body"), NULL);
    settle("one reader is ahead", claim("s/b", 4), 4);
    send("the other one is behind", text("s", "refused"), &full);
    begin();
    put(text("s", "seven"), &three);
    put(text("s", "eight"), &three);
    commit("drop");
}

/* A receiver, or a reader, that meets only expired messages deletes them. */
static void expired(void)
{
    must(chat_open_room(spool, "v", NULL), spool, "open");
    must(chat_seek(spool, "v/a", NULL), spool, "seek");
    begin();
    put(timed("v", "for all", 0, 5000), NULL);
    put(timed("v/a", "for one", 0, 5000), NULL);
    put(timed("p", "in a plain room", 0, 5000), NULL);
    put(timed("p", "later", 0, 500000), NULL);
    commit("before they expire");
    now += 5000;
    claim("v/a", 1);
    show("a reader", CHAT_OK);
    chat_release(claim("p", 1));
    show("a receiver finds one", CHAT_OK);
    settle("and deletes it", claim("p", 1), 1);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    where = argv[1];
    spool = open_spool(where);
    keys();
    limits();
    times();
    restore();
    lines();
    receive();
    by_id();
    shrink(30, 200000, 1);
    shrink(9, 300000, 3);
    shrink(900, 1000, 50);
    shrink(40, 100, 1);
    shrink_slowly();
    deleted();
    lost();
    expired();
    drop_unseen();
    chat_close(spool);
    return 0;
}
