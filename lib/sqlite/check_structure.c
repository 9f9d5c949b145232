/* check_structure.c - check the structure of the file, as SQLite sees it. */

#include "check.h"

#include <errno.h>
#include <string.h>

#include "database.h"
#include "vfs.h"

/* A hostile B-tree whose pages all point to the same child can pretend to have astronomically many
 * rows. No statement needs more than this number of SQLite's steps for a file of this size. */
enum { STEPS = 10000, STEPS_AT_LEAST = 2000 * STEPS, STEPS_FOR_BYTE = 64 };

static int count_steps(void *context)
{
    int64_t *left = context;
    return (*left -= STEPS) < 0;
}

void check_limit_steps(struct check *c)
{
    int64_t size = db_number(c->store, SQL_GET_PAGES) * PAGE; /* including pages in the WAL */
    c->steps_left = STEPS_AT_LEAST + STEPS_FOR_BYTE * size;
    sqlite3_progress_handler(c->store->db, STEPS, count_steps, &c->steps_left);
}

/* Report each line of TEXT, which is an error message of SQLite. */
static void add_lines(struct check *c, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (text[0] != '*') /* "*** in database main ***" */
            report_fault(&c->report, "structure: %.*s", (int)(length < 400 ? length : 400), text);
        text += length + (text[length] == '\n');
    }
}

/* Return whether SQLite reports a page for which it had no memory, which it does like a fault. */
static bool lacks_memory(const char *text)
{
    static const char report[] = "unable to get the page. error code=7"; /* SQLITE_NOMEM */
    const char *at = text;
    while ((at = strstr(at, report)) != NULL) {
        at += sizeof report - 1;
        if (*at == '\0' || *at == '\n')
            return true;
    }
    return false;
}

enum chat_status check_structure(struct check *c)
{
    struct sqlite_store *s = c->store;
    sqlite3_stmt *statement = db_statement(s, SQL_CHECK_STRUCTURE);
    size_t before = c->report.faults;
    int rc, errnum;
    vfs_read_failed(); /* SQLite reports a page that could not be read like a fault */
    while ((rc = db_step(s, statement)) == SQLITE_ROW && (errnum = vfs_read_failed()) == 0) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || lacks_memory(text)) {
            rc = SQLITE_NOMEM;
            break;
        }
        if (strcmp(text, "ok") != 0)
            add_lines(c, text);
    }
    enum chat_status status = CHAT_OK;
    if (rc == SQLITE_ROW)
        status = error_system(s->base.error, errnum, CHAT_IO, "cannot read spool '%s'",
                              s->location.path);
    else if (rc != SQLITE_DONE)
        status = db_failed(s, rc, "read");
    if (status == CHAT_DATA) {
        add_lines(c, sqlite3_errmsg(s->db));
        status = CHAT_OK;
    }
    sqlite3_reset(statement);
    c->structure = c->structure || c->report.faults > before;
    return status;
}

enum chat_status check_sound(struct sqlite_store *s)
{
    struct check c = { .store = s };
    check_limit_steps(&c);
    enum chat_status status = check_structure(&c);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    return status == CHAT_OK && c.structure ? db_failed(s, SQLITE_CORRUPT, "read") : status;
}
