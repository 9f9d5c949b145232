/* history SPOOL: carry out the commands in standard input, one per line. Other lines than those
 * that begin with "> " or "#" are ignored, so a recorded output is also the input that leads to it.
 * Prints after each command its results; then each column of each row of the spool that has
 * changed, the positions that are claimed, and the rooms whose receivers and senders were woken.
 *
 * The clock shows what the command "at" has set. Times are printed, and given, as T+MILLISECONDS. A
 * position is ROOM:PLACE. "@2" at the end of a command means a second handle, which the library
 * cannot tell from a second process.
 *
 * "each COMMAND" first carries out the command again and again, and each time another step of a
 * statement, or another lock, fails: then the command must fail and change nothing. If it does not,
 * this is printed. "between COMMAND | SQL" executes SQL before one of the steps, as another
 * process might do. Results that differ from those before are printed.
 *
 * "count COMMAND" also prints the number of steps: how much a command looks at.
 *
 * The program is linked so that calls of the functions with __wrap_ come here (ld --wrap). */

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <unistd.h>

#include "../../lib/os/bell.h"
#include "../../lib/os/clock.h"
#include "../../lib/os/lock.h"

#define EPOCH INT64_C(1000000000000)

/* --- what the library calls ------------------------------------------------ */

int64_t __wrap_clock_now(void);
void __wrap_bell_ring(const struct location *location, const char *bell, const char *room);
void __wrap_bell_ring_held(const struct location *location, const char *bell, const char *room,
                           int held);

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);

static int64_t now = EPOCH;
static char rung[4096];

int64_t __wrap_clock_now(void)
{
    return now;
}

void __wrap_bell_ring(const struct location *location, const char *bell, const char *room)
{
    (void)location;
    const size_t used = strlen(rung);
    snprintf(rung + used, sizeof rung - used, " %s %s;",
             strcmp(bell, BELL_CAME) == 0 ? "came" : "gone", room);
}

void __wrap_bell_ring_held(const struct location *location, const char *bell, const char *room,
                           int held)
{
    __wrap_bell_ring(location, bell, room);
    if (held >= 0)
        close(held);
}

int __real_lock_claim(int fd, struct range wanted, struct range *taken);
int __real_lock_reader(int fd, int64_t number);
int __real_lock_presence(int fd);
int __wrap_lock_claim(int fd, struct range wanted, struct range *taken);
int __wrap_lock_reader(int fd, int64_t number);
int __wrap_lock_presence(int fd);

static bool counting;       /* print the number of steps */
static long failing;        /* the number of steps until one fails, or 0 */
static char failed[1024];   /* the text of the statement that has failed */
static const char *between; /* what to execute instead, or NULL */

static void execute(const char *sql);

/* Return whether the step NAME is the one that fails. */
static bool fails(const char *name)
{
    if (failing == 0 || --failing > 0)
        return false;
    snprintf(failed, sizeof failed, "%s", name != NULL ? name : "");
    if (between != NULL)
        execute(between);
    return between == NULL;
}

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    return fails(sqlite3_sql(statement)) ? SQLITE_CORRUPT : __real_sqlite3_step(statement);
}

int __wrap_lock_claim(int fd, struct range wanted, struct range *taken)
{
    return fails("lock_claim") ? ENOLCK : __real_lock_claim(fd, wanted, taken);
}

int __wrap_lock_reader(int fd, int64_t number)
{
    return fails("lock_reader") ? ENOLCK : __real_lock_reader(fd, number);
}

int __wrap_lock_presence(int fd)
{
    return fails("lock_presence") ? ENOLCK : __real_lock_presence(fd);
}

/* --- the words of a command ------------------------------------------------ */

enum { WORDS = 20 };

static char *words[WORDS + 1];

static bool has(const char *word)
{
    for (char **w = words; *w != NULL; w++)
        if (strcmp(*w, word) == 0)
            return true;
    return false;
}

static char *value(const char *name)
{
    const size_t length = strlen(name);
    for (char **w = words; *w != NULL; w++)
        if (strncmp(*w, name, length) == 0 && (*w)[length] == '=')
            return *w + length + 1;
    return NULL;
}

static int64_t number(const char *name)
{
    const char *text = value(name);
    if (text == NULL)
        return 0;
    return text[0] == 'T' ? EPOCH + strtoll(text + 1, NULL, 10) : strtoll(text, NULL, 10);
}

static void split(char *line)
{
    size_t count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < WORDS;
         word = strtok(NULL, " \n"))
        words[count++] = word;
    words[count] = NULL;
}

/* --- what has changed ------------------------------------------------------ */

static void print_number(const char *name, int64_t n)
{
    if (n == 0)
        return;
    if (n > EPOCH / 2 && n < EPOCH + EPOCH / 20)
        printf(" %s=T%+" PRId64, name, n - EPOCH);
    else
        printf(" %s=%" PRId64, name, n);
}

static void print_body(const void *body, size_t length)
{
    printf(length > 12 ? "%.*s... (%zu)" : "%.*s", (int)(length > 12 ? 6 : length),
           (const char *)body, length);
}

static sqlite3 *db;

static sqlite3_stmt *prepared(const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    printf("%s: %s\n", sql, sqlite3_errmsg(db));
    exit(1);
}

static void execute(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        printf("  SQL: error %d\n", sqlite3_errcode(db));
}

static void print_position(int64_t position)
{
    printf(" %" PRId64 ":%" PRId64, position >> 40, position & ((INT64_C(1) << 40) - 1));
}

static bool is_same(sqlite3_stmt *row, int a, int b)
{
    if (sqlite3_column_type(row, a) != sqlite3_column_type(row, b))
        return false;
    const int length = sqlite3_column_bytes(row, a);
    return sqlite3_column_bytes(row, b) == length &&
           (length == 0 ||
            memcmp(sqlite3_column_blob(row, a), sqlite3_column_blob(row, b), (size_t)length) == 0);
}

static void print_column(sqlite3_stmt *row, int i)
{
    const char *name = sqlite3_column_name(row, i);
    if (sqlite3_column_type(row, i) == SQLITE_NULL)
        printf(" %s=NULL", name);
    else if (strcmp(name, "checksum") == 0)
        printf(" #%08" PRIx64, (uint64_t)sqlite3_column_int64(row, i) >> 32);
    else if (sqlite3_column_type(row, i) != SQLITE_INTEGER) {
        printf(" %s=", name);
        print_body(sqlite3_column_blob(row, i), (size_t)sqlite3_column_bytes(row, i));
    } else if (sqlite3_column_int64(row, i) == 0)
        printf(" %s=0", name);
    else
        print_number(name, sqlite3_column_int64(row, i));
}

/* Return whether a column of a new row is as it usually is. */
static bool is_usual(sqlite3_stmt *row, int i)
{
    static const char *const names[] = { "sender", "host", "attempts" }, *const usual[] = { "u",
                                                                                            "h",
                                                                                            "0" };
    for (int k = 0; k < 3; k++)
        if (strcmp(sqlite3_column_name(row, i), names[k]) == 0)
            return strcmp((const char *)sqlite3_column_text(row, i), usual[k]) == 0;
    return sqlite3_column_type(row, i) == SQLITE_NULL;
}

/* Print the columns of a row that differ from those of the old row, which follow them; of a new row
 * all that are not as usual. Returns whether there are any. */
static bool print_changes(sqlite3_stmt *row, const char *table, bool quiet)
{
    const int columns = sqlite3_column_count(row) / 2;
    const bool is_new = sqlite3_column_type(row, columns) == SQLITE_NULL;
    bool changed = is_new;
    for (int i = 1; i < columns; i++)
        changed = changed || !is_same(row, i, columns + i);
    if (!changed || quiet)
        return changed;
    printf("  %s%s", is_new ? "new " : "", table);
    print_position(sqlite3_column_int64(row, 0));
    for (int i = 1; i < columns; i++)
        if (is_new ? !is_usual(row, i) : !is_same(row, i, columns + i))
            print_column(row, i);
    printf("\n");
    return true;
}

static void compare(const char *table, const char *key, bool quiet)
{
    char sql[1024];
    int changed = 0, gone = 0;
    snprintf(sql, sizeof sql, "CREATE TEMP TABLE IF NOT EXISTS old_%s AS SELECT * FROM %s LIMIT 0",
             table, table);
    execute(sql);
    snprintf(sql, sizeof sql,
             "SELECT n.*, o.* FROM %s n LEFT JOIN old_%s o ON o.%s = n.%s ORDER BY n.%s", table,
             table, key, key, key);
    sqlite3_stmt *row = prepared(sql);
    while (sqlite3_step(row) == SQLITE_ROW)
        changed += print_changes(row, table, quiet);
    sqlite3_finalize(row);
    snprintf(sql, sizeof sql,
             "SELECT %s FROM old_%s WHERE %s NOT IN (SELECT %s FROM %s) ORDER BY 1", key, table,
             key, key, table);
    for (row = prepared(sql); sqlite3_step(row) == SQLITE_ROW; gone++) {
        if (quiet)
            continue;
        printf("  gone %s", table);
        print_position(sqlite3_column_int64(row, 0));
        printf("\n");
    }
    sqlite3_finalize(row);
    if (quiet)
        printf("  %s: %d changed, %d gone\n", table, changed, gone);
    snprintf(sql, sizeof sql, "DELETE FROM old_%s; INSERT INTO old_%s SELECT * FROM %s", table,
             table, table);
    execute(sql);
}

static struct range claims[64];
static size_t claim_count;

static void add_claim(void *context, struct range taken)
{
    (void)context;
    if (claim_count < sizeof claims / sizeof claims[0])
        claims[claim_count++] = taken;
}

static int by_first(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Print the claims if they have changed. */
static void print_claims(const char *spool)
{
    static struct range before[64];
    static size_t before_count;
    static int lock = -1;
    char path[4096];
    snprintf(path, sizeof path, "%s-lock", spool);
    if (lock < 0)
        lock = open(path, O_RDWR | O_CLOEXEC);
    claim_count = 0;
    lock_each_taken(lock, (struct range){ 1, POSITION_MAX }, add_claim, NULL);
    qsort(claims, claim_count, sizeof claims[0], by_first);
    if (claim_count == before_count && memcmp(claims, before, claim_count * sizeof claims[0]) == 0)
        return;
    printf("  claimed:");
    for (size_t i = 0; i < claim_count; i++) {
        print_position(claims[i].first);
        if (claims[i].last > claims[i].first)
            printf("+%" PRId64, claims[i].last - claims[i].first);
    }
    printf("\n");
    before_count = claim_count;
    memcpy(before, claims, sizeof before);
}

static void show_changes(const char *path)
{
    if (db == NULL && access(path, F_OK) == 0) {
        if (sqlite3_open(path, &db) != SQLITE_OK)
            exit(1);
        execute("PRAGMA temp_store = MEMORY; PRAGMA synchronous = OFF");
    }
    if (db != NULL) {
        compare("room", "number", false);
        compare("message", "position", has("brief"));
        print_claims(path);
    }
    if (rung[0] != '\0')
        printf("  rung:%s\n", rung);
    rung[0] = '\0';
}

/* --- commands -------------------------------------------------------------- */

static chat_spool *spool, *spools[4];
static chat_batch *batches[26];

static enum chat_status shown; /* the first that was not CHAT_OK */

static void show_status(enum chat_status status)
{
    if (shown == CHAT_OK)
        shown = status;
    static char last[1024]; /* CHAT_NONE has a reason only in some calls */
    if (status == CHAT_NONE && strcmp(chat_error(spool), last) == 0)
        printf("  none\n");
    else if (status != CHAT_OK)
        printf("  %s: %s\n", chat_status_string(status), chat_error(spool));
    snprintf(last, sizeof last, "%s", chat_error(spool));
}

static void show_message(const struct chat_message *m)
{
    printf("  %" PRId64 " %s%s%s ", m->id, m->room, m->reader != NULL ? " for " : "",
           m->reader != NULL ? m->reader : "");
    print_body(m->body, m->length);
    print_number("place", m->place);
    print_number("time", m->time);
    print_number("due", m->due);
    print_number("expires", m->expires);
    print_number("attempts", m->attempts);
    print_number("failed", m->failed);
    print_number("failure", m->failure);
    if (strcmp(m->user, "u") != 0 || strcmp(m->host, "h") != 0)
        printf(" %s@%s", m->user, m->host);
    if (m->key != NULL)
        printf(" key=%s", m->key);
    printf(m->claimed ? " claimed" : "");
}

static chat_batch **batch(void)
{
    return &batches[words[1][0] - 'A'];
}

/* send ROOM BODY [x=COUNT] [length=BYTES] ...; with "begin=no" or "commit=no" in the middle of a
 * transaction. */
static void do_send(void)
{
    char *body = calloc(1, 64 + (size_t)number("length"));
    enum chat_status status = has("begin=no") ? CHAT_OK : chat_begin(spool);
    show_status(status);
    const int64_t count = value("x") != NULL ? number("x") : 1;
    for (int64_t i = 1; i <= count && status == CHAT_OK; i++) {
        int64_t id = 0;
        snprintf(body, 64, "%s", words[2]);
        if (count > 1)
            snprintf(body, 64, "%s%" PRId64, words[2], i);
        if (value("length") != NULL)
            memset(body + strlen(body), 'x', (size_t)number("length") - strlen(body));
        const struct chat_message m = { .room = strcmp(words[1], "-") == 0 ? NULL : words[1],
                                        .reader = value("reader"),
                                        .user = value("user") != NULL ? value("user") : "u",
                                        .host = "h",
                                        .body = body,
                                        .length = strcmp(words[2], "-") == 0 ? 0 : strlen(body),
                                        .key = value("key"),
                                        .time = number("time"),
                                        .due = number("due"),
                                        .expires = number("expires"),
                                        .id = number("id"),
                                        .place = number("place"),
                                        .attempts = number("attempts"),
                                        .failed = number("failed"),
                                        .failure = (int)number("failure") };
        const struct chat_terms terms = { .once = has("once"),
                                          .fresh = has("fresh"),
                                          .replace = has("replace"),
                                          .max = number("max"),
                                          .drop = has("drop"),
                                          .restore = has("restore"),
                                          .whole = has("whole") };
        status = chat_put(spool, &m, &terms, &id);
        show_status(status);
        if (status == CHAT_OK && count == 1)
            printf("  id %" PRId64 "\n", id);
    }
    if (status != CHAT_OK && failed[0] != '\0')
        chat_rollback(spool);
    else if (!has("commit=no"))
        show_status(chat_commit(spool));
    free(body);
}

/* Fill QUERY from the words: the rooms are the word AT, with commas between them. */
static void fill(struct chat_query *query, const char *names[64], int at)
{
    *query = (struct chat_query){ .rooms = names,
                                  .id = number("id"),
                                  .every = has("every"),
                                  .until = number("until"),
                                  .before = number("before"),
                                  .max_messages = (size_t)number("max"),
                                  .max_bytes = (size_t)number("bytes") };
    if (query->id > 0) {
        query->rooms = NULL;
        return;
    }
    for (char *name = words[at]; name != NULL; name = strchr(name, ','), name += name != NULL) {
        if (query->room_count > 0)
            name[-1] = '\0';
        names[query->room_count++] = strcmp(name, "-") == 0 ? NULL : name;
    }
}

static void show_batch(const chat_batch *b)
{
    const size_t count = chat_batch_count(b);
    for (size_t i = 0; i < count; i++)
        if (!has("brief") || i == 0 || i == count - 1) {
            if (i > 0)
                printf("\n");
            show_message(chat_batch_message(b, i));
        }
    if (has("brief") && count > 0)
        printf("\n  %zu messages", count);
    if (chat_batch_missed(b) > 0)
        printf("\n  missed %" PRId64, chat_batch_missed(b));
}

/* claim BATCH ROOM,... */
static void do_claim(void)
{
    const char *names[64];
    struct chat_query query;
    fill(&query, names, 2);
    if (*batch() != NULL)
        printf("  batch %s was not released\n", words[1]);
    enum chat_status status = chat_claim(spool, &query, batch());
    show_status(status);
    show_batch(*batch());
    if (status == CHAT_OK)
        printf("\n");
}

/* walk ROOM,... [holders]: to the end, each call's messages on lines of their own. */
static void do_walk(void)
{
    const char *names[64];
    struct chat_query query;
    struct chat_cursor cursor = { .room = 0 };
    enum chat_status status;
    fill(&query, names, 1);
    do {
        chat_batch *b;
        status = chat_walk(spool, &query, &cursor, &b);
        const size_t count = chat_batch_count(b);
        struct chat_holder *holders = calloc(count + 1, sizeof *holders);
        if (status == CHAT_OK && has("holders"))
            show_status(chat_holders(b, holders));
        show_batch(b);
        for (size_t i = 0; i < count; i++)
            if (holders[i].process != 0)
                printf("\n  held by %s, %s", holders[i].process == getpid() ? "us" : "others",
                       holders[i].name);
        if (status == CHAT_OK)
            printf(" -> %zu %" PRId64 " %" PRId64 " %" PRId64 "\n", cursor.room, cursor.place,
                   cursor.due > EPOCH / 2 ? cursor.due - EPOCH : cursor.due, cursor.id);
        if (status == CHAT_DAMAGED)
            show_status(status);
        free(holders);
        chat_release(b);
    } while (status == CHAT_OK || status == CHAT_DAMAGED);
    if (status != CHAT_NONE)
        show_status(status);
}

/* list [ROOM] */
static void do_list(void)
{
    struct chat_room *r = NULL;
    size_t count = 0;
    show_status(chat_list(spool, &r, &count));
    for (size_t i = 0; i < count; i++) {
        if (words[1] != NULL && words[1][0] != '@' && strcmp(r[i].name, words[1]) != 0)
            continue;
        printf("  %s%s", r[i].name, r[i].open ? " open" : "");
        print_number("depth", r[i].depth);
        print_number("bytes", r[i].bytes);
        print_number("claimed", r[i].claimed);
        print_number("delayed", r[i].delayed);
        print_number("held", r[i].held);
        print_number("expired", r[i].expired);
        print_number("oldest", r[i].oldest);
        print_number("readers", r[i].readers);
        print_number("keep", r[i].bounds.keep);
        print_number("keep_time", r[i].bounds.keep_time);
        print_number("most", r[i].bounds.most);
        print_number("most_time", r[i].bounds.most_time);
        printf("\n");
    }
    free(r);
}

/* readers ROOM [id=ID] */
static void do_readers(void)
{
    struct chat_reader *r = NULL;
    size_t count = 0;
    show_status(chat_readers(spool, words[1], number("id"), &r, &count));
    for (size_t i = 0; i < count; i++) {
        printf("  %s%s", r[i].name, r[i].here ? " here" : "");
        print_number("unread", r[i].unread);
        print_number("claimed", r[i].claimed);
        print_number("held", r[i].held);
        print_number("missed", r[i].missed);
        print_number("apart", r[i].apart);
        print_number("last", r[i].last);
        print_number("place", r[i].place);
        printf("\n");
    }
    free(r);
}

static void do_seek(void)
{
    static const char *const kinds[] = { "start", "end", "time", "id", "place" };
    struct chat_point point = { .forward = has("forward"), .missed = number("missed") };
    for (int i = 0; i < 5; i++)
        if (has(kinds[i]) || value(kinds[i]) != NULL)
            point = (struct chat_point){ .kind = (enum chat_point_kind)i,
                                         .value = number(kinds[i]),
                                         .forward = point.forward,
                                         .missed = point.missed };
    show_status(chat_seek(spool, words[1], &point));
}

static void report(void *context, const char *text)
{
    (void)context;
    printf("  %s\n", text);
}

static void do_mark(void)
{
    const char *names[64];
    struct chat_query query;
    int64_t mark;
    fill(&query, names, 1);
    show_status(chat_mark(spool, &query, &mark));
    printf("  mark %" PRId64 "\n", mark);
}

static void do_settings(void)
{
    struct chat_settings settings;
    show_status(chat_settings(spool, &settings));
    printf("  %" PRId64 " %s %" PRId64 "\n", settings.max_length, settings.room, settings.next_id);
}

/* Carry out a command about the batch that the second word names. */
static bool do_batch(const char *name)
{
    const struct chat_failure failure = { .counted = !has("uncounted"),
                                          .status = (int)number("status"),
                                          .hold = number("hold"),
                                          .dead = value("dead") };
    if (strcmp(name, "delete") == 0)
        show_status(chat_settle(*batch(), value("n") != NULL ? (size_t)number("n")
                                                             : chat_batch_count(*batch())));
    else if (strcmp(name, "fail") == 0)
        show_status(chat_fail(*batch(), &failure));
    else if (strcmp(name, "move") == 0)
        show_status(chat_move(*batch(), words[2]));
    else if (strcmp(name, "front") == 0)
        show_status(chat_move_first(*batch(), words[2]));
    else if (strcmp(name, "keep") == 0)
        show_status(chat_keep(*batch())), *batch() = NULL;
    else if (strcmp(name, "join") == 0)
        show_status(chat_join(*batch(), batches[words[2][0] - 'A'])),
            batches[words[2][0] - 'A'] = NULL;
    else if (strcmp(name, "release") == 0)
        chat_release(*batch()), *batch() = NULL;
    else
        return false;
    return true;
}

static void carry_out(const char *where)
{
    const char *name = words[0];
    size_t handle = 0;
    if (has("@2"))
        handle = 1;
    if (spools[handle] == NULL)
        spools[handle] = open_spool(where);
    spool = spools[handle];
    if (strcmp(name, "at") == 0)
        now = EPOCH + strtoll(words[1], NULL, 10);
    else if (strcmp(name, "send") == 0)
        do_send();
    else if (strcmp(name, "rollback") == 0)
        chat_rollback(spool);
    else if (strcmp(name, "claim") == 0)
        do_claim();
    else if (strcmp(name, "walk") == 0)
        do_walk();
    else if (strcmp(name, "list") == 0)
        do_list();
    else if (strcmp(name, "readers") == 0)
        do_readers();
    else if (strcmp(name, "open") == 0)
        show_status(chat_open_room(spool, words[1],
                                   &(struct chat_bounds){ .keep = number("keep"),
                                                          .keep_time = number("keep_time"),
                                                          .most = number("most"),
                                                          .most_time = number("most_time") }));
    else if (strcmp(name, "forget") == 0)
        show_status(chat_forget(spool, words[1]));
    else if (strcmp(name, "seek") == 0)
        do_seek();
    else if (strcmp(name, "mark") == 0)
        do_mark();
    else if (strcmp(name, "settings") == 0)
        do_settings();
    else if (strcmp(name, "check") == 0)
        show_status(chat_check(spool, has("repair"), report, NULL));
    else if (strcmp(name, "close") == 0) {
        chat_close(spool);
        spools[handle] = NULL;
    } else if (!do_batch(name))
        printf("  unknown command\n");
}

/* Set the rows to those that were shown last. Returns whether they are others now. */
static bool restore_rows(void)
{
    static const char different[] =
        "SELECT (SELECT count(*) FROM (SELECT * FROM room EXCEPT SELECT * FROM old_room))"
        " + (SELECT count(*) FROM (SELECT * FROM old_room EXCEPT SELECT * FROM room))"
        " + (SELECT count(*) FROM (SELECT * FROM message EXCEPT SELECT * FROM old_message))"
        " + (SELECT count(*) FROM (SELECT * FROM old_message EXCEPT SELECT * FROM message))";
    sqlite3_stmt *row = prepared(different);
    sqlite3_step(row);
    const bool changed = sqlite3_column_int64(row, 0) > 0;
    sqlite3_finalize(row);
    if (changed)
        execute(
            "BEGIN IMMEDIATE; DELETE FROM message; INSERT INTO message SELECT * FROM old_message;"
            "DELETE FROM room; INSERT INTO room SELECT * FROM old_room; COMMIT");
    return changed;
}

static bool is_about_batch(const char *name)
{
    static const char *const names[] = { "delete", "fail", "move", "front" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Print TEXT; with NEW, unless it is as the last text. */
static void copy_to_output(FILE *text, bool new)
{
    static char last[65536];
    char bytes[65536];
    rewind(text);
    const size_t length = fread(bytes, 1, sizeof bytes - 1, text);
    bytes[length] = '\0';
    if (new &&strcmp(bytes, last) != 0)
        printf("  between:\n%s", length > 0 ? bytes : "  nothing\n");
    else if (!new)
        printf("%s", bytes);
    strcpy(last, new ? bytes : "");
}

/* Release what the command has claimed, and undo what it did. Returns whether rows have changed. */
static bool undo(void)
{
    if (strcmp(words[0], "claim") == 0) {
        chat_release(*batch());
        *batch() = NULL;
    }
    rung[0] = '\0';
    return restore_rows();
}

/* Print what does not hold after a command has failed in part, and undo what it did. */
static void show_failure(void)
{
    static char last[1024];
    char text[1024];
    const bool none = shown == CHAT_OK || shown == CHAT_NONE, woke = rung[0] != '\0';
    const bool changed = undo();
    snprintf(text, sizeof text, "  without '%.50s':%s%s%s\n", failed, none ? " success;" : "",
             changed ? " changes;" : "", woke ? " wakes;" : "");
    if ((none || changed || woke) && strcmp(text, last) != 0)
        printf("%s", text);
    strcpy(last, text);
}

/* Carry out the command in LINE while the step number N fails. Returns false if there are fewer
 * steps: then prints the results. */
static bool fail_step(const char *where, const char *line, long n)
{
    static char copy[1024]; /* the words stay there */
    snprintf(copy, sizeof copy, "%s", line);
    split(copy);
    fflush(stdout);
    FILE *text = tmpfile();
    const int out = dup(STDOUT_FILENO);
    dup2(fileno(text), STDOUT_FILENO);
    failed[0] = '\0';
    shown = CHAT_OK;
    failing = n;
    carry_out(where);
    if (counting)
        printf("  %ld steps\n", n - failing);
    const bool hit = failing == 0;
    failing = 0;
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    const bool deleted = between == NULL && hit && shown == CHAT_OK && is_about_batch(words[0]);
    if (deleted) /* and cannot be deleted again */
        printf("  without '%.50s': success; the last attempt\n", failed);
    if (hit && between != NULL) {
        undo();
        copy_to_output(text, true);
    } else if (hit && !deleted)
        show_failure();
    else
        copy_to_output(text, false);
    fclose(text);
    return hit && !deleted;
}

/* SQLite's function random(): of several readers that have seen the same, take the last one. */
static void no_random(sqlite3_context *context, int count, sqlite3_value **values)
{
    static sqlite3_int64 n;
    (void)count;
    (void)values;
    sqlite3_result_int64(context, --n);
}

static int add_function(sqlite3 *to, const char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    return sqlite3_create_function(to, "random", 0, SQLITE_UTF8, NULL, no_random, NULL, NULL);
}

int main(int argc, char **argv)
{
    char line[1024];
    if (argc != 2)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sqlite3_auto_extension((void (*)(void))add_function);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            printf("%s", line);
        if (line[0] != '>')
            continue;
        printf("%s", line);
        if (strncmp(line, "> sql ", 6) == 0)
            execute(line + 6);
        else {
            const bool each = strncmp(line, "> each ", 7) == 0;
            between = strncmp(line, "> between ", 10) == 0 ? strchr(line, '|') : NULL;
            const char *command = line + (each ? 7 : between != NULL ? 10 : 2);
            if (between != NULL)
                line[between++ - line] = '\0';
            counting = strncmp(line, "> count ", 8) == 0;
            if (counting)
                command = line + 8;
            long n = each || between != NULL ? 1 : LONG_MAX;
            while (fail_step(argv[1], command, n))
                n++;
        }
        show_changes(argv[1]);
    }
    for (size_t i = 0; i < 2; i++)
        chat_close(spools[i]);
    sqlite3_close(db);
    return 0;
}
