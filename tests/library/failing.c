/* failing [OPERATION NAME]: run each operation on a whole spool (the table at the end) on a copy of
 * NAME.db, first undisturbed, and then so that one call to SQLite, to a file or to a lock fails,
 * one after the other. Prints what the operation does to files, locks and FIFOs; and for each
 * failure the reason, and whether the contents are as before, or as without a failure. "twice" is
 * what a second attempt does, if it has another result than without a failure; "left" which file,
 * lock, descriptor or memory is left then. The program is linked so that the calls come here (ld
 * --wrap).
 */

#define _FILE_OFFSET_BITS 64 /* as in the library */

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/bell.h"
#include "os/lock.h"

enum { LINE = 1000, TEXT = 1 << 16 };

/* --- calls that are noted, and may fail ------------------------------------- */

static bool armed;         /* within the operation */
static bool lite_only;     /* only calls to SQLite fail, and report a damaged file */
static long seen, failing; /* calls, and the number of the one that fails; 0: none */
static char failed[LINE];  /* the call that failed */
static char trace[TEXT];

/* Note a call in the trace, unless it equals the last one. */
__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    static char last[LINE];
    char text[LINE];
    va_list arguments;
    if (!armed || failing > 0)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (trace[0] == '\0' || strcmp(text, last) != 0)
        snprintf(trace + strlen(trace), TEXT - strlen(trace), "  %s\n", text);
    strcpy(last, text);
}

__attribute__((format(printf, 2, 3))) static bool fails(bool lite, const char *format, ...)
{
    va_list arguments;
    if (!armed || (lite_only && !lite) || ++seen != failing)
        return false;
    va_start(arguments, format);
    vsnprintf(failed, sizeof failed, format, arguments);
    va_end(arguments);
    errno = ENOSPC;
    return true;
}

static int lite_error(void)
{
    return lite_only ? SQLITE_CORRUPT : SQLITE_IOERR_WRITE;
}

/* --- SQLite ----------------------------------------------------------------- */

static sqlite3_stmt *broken, *running; /* the statement that failed; the one that was begun last */
static int extended;                   /* what sqlite3_extended_errcode() returns next, or 0 */
static bool limited;                   /* a progress handler is set, */
static sqlite3 *limited_one;           /* for this database */

int __real_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_reset(sqlite3_stmt *statement);
int __real_sqlite3_finalize(sqlite3_stmt *statement);
int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement,
                              const char **tail);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *context, char **text);
int __real_sqlite3_extended_errcode(sqlite3 *db);
int __real_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __real_sqlite3_backup_step(sqlite3_backup *backup, int pages);
sqlite3_backup *__real_sqlite3_backup_init(sqlite3 *to, const char *name, sqlite3 *from,
                                           const char *other);
int __real_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *a, int *b);
unsigned char *__real_sqlite3_serialize(sqlite3 *db, const char *name, sqlite3_int64 *size,
                                        unsigned flags);
void __real_sqlite3_progress_handler(sqlite3 *db, int steps, int (*handler)(void *), void *context);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_reset(sqlite3_stmt *statement);
int __wrap_sqlite3_finalize(sqlite3_stmt *statement);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement,
                              const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *context, char **text);
int __wrap_sqlite3_extended_errcode(sqlite3 *db);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_backup_step(sqlite3_backup *backup, int pages);
sqlite3_backup *__wrap_sqlite3_backup_init(sqlite3 *to, const char *name, sqlite3 *from,
                                           const char *other);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *a, int *b);
unsigned char *__wrap_sqlite3_serialize(sqlite3 *db, const char *name, sqlite3_int64 *size,
                                        unsigned flags);
void __wrap_sqlite3_progress_handler(sqlite3 *db, int steps, int (*handler)(void *), void *context);

/* Return the first word of a statement, without the comment before it. */
static const char *verb(const char *sql)
{
    static char word[16];
    while (sql[0] == '-')
        sql += strcspn(sql, "\n") + 1;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(sql, " ;\n"), sql);
    return word;
}

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    const char *word = verb(sqlite3_sql(statement));
    const bool begins = statement != running || !sqlite3_stmt_busy(statement);
    running = statement;
    if (begins && strcmp(word, "SELECT") != 0 && strcmp(word, "PRAGMA") != 0)
        note("%s", word);
    if (begins && fails(true, "%s", word)) {
        broken = statement;
        return lite_error();
    }
    return __real_sqlite3_step(statement);
}

static int end(sqlite3_stmt *statement, int (*real)(sqlite3_stmt *statement))
{
    const bool was_broken = statement != NULL && statement == broken;
    int rc = real(statement);
    if (statement == running)
        running = NULL;
    if (!was_broken)
        return rc;
    broken = NULL;
    return lite_error();
}

int __wrap_sqlite3_reset(sqlite3_stmt *statement)
{
    return end(statement, __real_sqlite3_reset);
}

int __wrap_sqlite3_finalize(sqlite3_stmt *statement)
{
    return end(statement, __real_sqlite3_finalize);
}

int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement,
                              const char **tail)
{
    return __wrap_sqlite3_prepare_v3(db, sql, size, 0, statement, tail);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail)
{
    if (lite_only || !fails(true, "prepare %s", verb(sql)))
        return __real_sqlite3_prepare_v3(db, sql, size, flags, statement, tail);
    *statement = NULL;
    return extended = lite_error();
}

int __wrap_sqlite3_extended_errcode(sqlite3 *db)
{
    int rc = extended != 0 ? extended : __real_sqlite3_extended_errcode(db);
    errno = extended != 0 ? ENOSPC : errno;
    extended = 0;
    return rc;
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *context, char **text)
{
    if (fails(true, "execute %s", verb(sql)))
        return lite_error();
    bool was = armed;
    armed = false; /* in a static program its calls come here, too */
    int rc = __real_sqlite3_exec(db, sql, each, context, text);
    armed = was;
    note("%s", verb(sql));
    return rc;
}

int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs)
{
    int rc = __real_sqlite3_open_v2(name, db, flags, vfs);
    return fails(true, "open the database") ? lite_error() : rc;
}

sqlite3_backup *__wrap_sqlite3_backup_init(sqlite3 *to, const char *name, sqlite3 *from,
                                           const char *other)
{
    if (!fails(true, "begin the copy"))
        return __real_sqlite3_backup_init(to, name, from, other);
    extended = lite_error();
    return NULL;
}

int __wrap_sqlite3_backup_step(sqlite3_backup *backup, int pages)
{
    note("copy");
    return fails(true, "copy") ? lite_error() : __real_sqlite3_backup_step(backup, pages);
}

int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *a, int *b)
{
    note("checkpoint %d", mode);
    if (fails(true, "checkpoint"))
        return lite_error();
    return __real_sqlite3_wal_checkpoint_v2(db, name, mode, a, b);
}

unsigned char *__wrap_sqlite3_serialize(sqlite3 *db, const char *name, sqlite3_int64 *size,
                                        unsigned flags)
{
    return fails(true, "serialize") ? NULL : __real_sqlite3_serialize(db, name, size, flags);
}

void __wrap_sqlite3_progress_handler(sqlite3 *db, int steps, int (*handler)(void *), void *context)
{
    limited = handler != NULL;
    limited_one = db;
    __real_sqlite3_progress_handler(db, steps, handler, context);
}

int __real_sqlite3_close(sqlite3 *db);
int __wrap_sqlite3_close(sqlite3 *db);

int __wrap_sqlite3_close(sqlite3 *db)
{
    limited = limited && db != limited_one;
    return __real_sqlite3_close(db);
}

/* --- files ------------------------------------------------------------------ */

#define FILE_CALL(call)                                                                            \
    enum chat_status __real_location_##call(struct location *location, const char *suffix,         \
                                            int *fd);                                              \
    enum chat_status __wrap_location_##call(struct location *location, const char *suffix,         \
                                            int *fd);                                              \
    enum chat_status __wrap_location_##call(struct location *location, const char *suffix,         \
                                            int *fd)                                               \
    {                                                                                              \
        if (strcmp(#call, "create") == 0)                                                          \
            note(#call " %s%s", location->name, suffix);                                           \
        if (!fails(false, #call " '%s%s'", location->name, suffix))                                \
            return __real_location_##call(location, suffix, fd);                                   \
        return error_set(location->error, CHAT_SYSTEM, "no file");                                 \
    }

FILE_CALL(open)
FILE_CALL(read)
FILE_CALL(use)
FILE_CALL(create)

enum chat_status __real_location_check(struct location *location, const char *suffix);
enum chat_status __wrap_location_check(struct location *location, const char *suffix);
enum chat_status __real_location_enter(struct location *location, bool create);
enum chat_status __wrap_location_enter(struct location *location, bool create);
enum chat_status __real_location_find(struct location *location, const char *where,
                                      struct error *error);
enum chat_status __wrap_location_find(struct location *location, const char *where,
                                      struct error *error);
enum chat_status __real_location_narrow(struct location *location, const char *suffix,
                                        unsigned mode, bool change, unsigned *found);
enum chat_status __wrap_location_narrow(struct location *location, const char *suffix,
                                        unsigned mode, bool change, unsigned *found);
void __real_location_remove(const struct location *location, const char *suffix);
void __wrap_location_remove(const struct location *location, const char *suffix);

enum chat_status __wrap_location_check(struct location *location, const char *suffix)
{
    if (!fails(false, "check '%s%s'", location->name, suffix))
        return __real_location_check(location, suffix);
    return error_set(location->error, CHAT_SYSTEM, "no file");
}

enum chat_status __wrap_location_enter(struct location *location, bool create)
{
    if (!fails(false, "enter '%s'", location->name))
        return __real_location_enter(location, create);
    return error_set(location->error, CHAT_SYSTEM, "no directory");
}

enum chat_status __wrap_location_find(struct location *location, const char *where,
                                      struct error *error)
{
    enum chat_status status = __real_location_find(location, where, error);
    if (status != CHAT_OK || !fails(false, "find '%s'", where))
        return status;
    location_release(location);
    *location = (struct location){ .directory = -1 };
    return error_set(error, CHAT_SYSTEM, "no place");
}

enum chat_status __wrap_location_narrow(struct location *location, const char *suffix,
                                        unsigned mode, bool change, unsigned *found)
{
    enum chat_status status = __real_location_narrow(location, suffix, mode, change, found);
    if (!fails(false, "the mode of '%s%s'", location->name, suffix))
        return status;
    return error_set(location->error, CHAT_IO, "no mode");
}

void __wrap_location_remove(const struct location *location, const char *suffix)
{
    note("remove %s%s", location->name, suffix);
    __real_location_remove(location, suffix);
}

/* Return the name of an open file. */
static const char *name_of(int fd)
{
    static char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return strstr(path, ".db") != NULL ? strrchr(path, '/') + 1 : "the directory";
}

/* These two are not wrapped, so that SQLite calls them, too. They sync nothing. */
static int sync_file(int fd)
{
    note("sync %s", name_of(fd));
    return fails(false, "sync %s", name_of(fd)) ? -1 : 0;
}

int fsync(int fd)
{
    return sync_file(fd);
}

int fdatasync(int fd)
{
    return sync_file(fd);
}

/* With large offsets glibc has other names. */
#ifdef __GLIBC__
#define WRAP(call) __wrap_##call##64
#define REAL(call) __real_##call##64
#else
#define WRAP(call) __wrap_##call
#define REAL(call) __real_##call
#endif

ssize_t REAL(pread)(int fd, void *bytes, size_t size, off_t offset);
ssize_t WRAP(pread)(int fd, void *bytes, size_t size, off_t offset);
ssize_t REAL(pwrite)(int fd, const void *bytes, size_t size, off_t offset);
ssize_t WRAP(pwrite)(int fd, const void *bytes, size_t size, off_t offset);
int REAL(ftruncate)(int fd, off_t size);
int WRAP(ftruncate)(int fd, off_t size);
off_t REAL(lseek)(int fd, off_t offset, int whence);
off_t WRAP(lseek)(int fd, off_t offset, int whence);
int REAL(posix_fallocate)(int fd, off_t offset, off_t size);
int WRAP(posix_fallocate)(int fd, off_t offset, off_t size);

/* Return how much of SIZE is read or written at once: of a new database only a part. */
static size_t portion(int fd, size_t size)
{
    enum { MOST = 1500 };
    const char *name = name_of(fd), *end = strrchr(name, '-');
    const bool new = end != NULL && (strcmp(end, "-new") == 0 || strcmp(end, "-restore") == 0 ||
                                     strcmp(end, "-repair") == 0);
    return armed && new &&size > MOST ? MOST : size;
}

ssize_t WRAP(pread)(int fd, void *bytes, size_t size, off_t offset)
{
    if (fails(false, "read %s", name_of(fd)))
        return -1;
    return REAL(pread)(fd, bytes, portion(fd, size), offset);
}

ssize_t WRAP(pwrite)(int fd, const void *bytes, size_t size, off_t offset)
{
    note("write %s", name_of(fd));
    if (fails(false, "write %s", name_of(fd)))
        return -1;
    return REAL(pwrite)(fd, bytes, portion(fd, size), offset);
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    note("write %s", name_of(fd));
    if (fails(false, "write %s", name_of(fd)))
        return -1;
    return __real_write(fd, bytes, portion(fd, size));
}

int WRAP(ftruncate)(int fd, off_t size)
{
    note("cut %s to %lld", name_of(fd), (long long)size);
    return fails(false, "cut %s", name_of(fd)) ? -1 : REAL(ftruncate)(fd, size);
}

off_t WRAP(lseek)(int fd, off_t offset, int whence)
{
    return fails(false, "seek in %s", name_of(fd)) ? -1 : REAL(lseek)(fd, offset, whence);
}

int WRAP(posix_fallocate)(int fd, off_t offset, off_t size)
{
    note("allocate %s", name_of(fd));
    return fails(false, "allocate %s", name_of(fd)) ? ENOSPC
                                                    : REAL(posix_fallocate)(fd, offset, size);
}

int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);

int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    note("rename %s to %s", old, new);
    if (fails(false, "rename '%s'", old))
        return -1;
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
    return __wrap_renameat2(from, old, to, new, 0);
}

/* --- locks and FIFOs -------------------------------------------------------- */

#define LOCK_CALL(call)                                                                            \
    int __real_##call(int fd, int64_t timeout);                                                    \
    int __wrap_##call(int fd, int64_t timeout);                                                    \
    int __wrap_##call(int fd, int64_t timeout)                                                     \
    {                                                                                              \
        note(#call);                                                                               \
        return fails(false, #call) ? ENOSPC : __real_##call(fd, timeout);                          \
    }

LOCK_CALL(lock_write)
LOCK_CALL(lock_all_claims)
LOCK_CALL(lock_upgrade)

#define UNLOCK_CALL(call)                                                                          \
    void __real_##call(int fd);                                                                    \
    void __wrap_##call(int fd);                                                                    \
    void __wrap_##call(int fd)                                                                     \
    {                                                                                              \
        note(#call);                                                                               \
        __real_##call(fd);                                                                         \
    }

UNLOCK_CALL(unlock_write)
UNLOCK_CALL(unlock_upgrade)

int __real_lock_claim(int fd, struct range wanted, struct range *taken);
int __wrap_lock_claim(int fd, struct range wanted, struct range *taken);
void __real_unlock_claim(int fd, struct range claimed);
void __wrap_unlock_claim(int fd, struct range claimed);
int __real_bell_hold(const struct location *location, const char *bell, const char *room);
int __wrap_bell_hold(const struct location *location, const char *bell, const char *room);
void __real_bell_ring(const struct location *location, const char *bell, const char *room);
void __wrap_bell_ring(const struct location *location, const char *bell, const char *room);
void __real_bell_ring_held(const struct location *location, const char *bell, const char *room,
                           int held);
void __wrap_bell_ring_held(const struct location *location, const char *bell, const char *room,
                           int held);
void __real_bell_ring_all(const struct location *location, const char *bell);
void __wrap_bell_ring_all(const struct location *location, const char *bell);

size_t __real_bell_remove_idle(const struct location *location, const char *bell, size_t most);
size_t __wrap_bell_remove_idle(const struct location *location, const char *bell, size_t most);

size_t __wrap_bell_remove_idle(const struct location *location, const char *bell, size_t most)
{
    note("remove %s/", bell);
    return __real_bell_remove_idle(location, bell, most);
}

int __wrap_lock_claim(int fd, struct range wanted, struct range *taken)
{
    note("lock_claim");
    return fails(false, "lock_claim") ? ENOSPC : __real_lock_claim(fd, wanted, taken);
}

void __wrap_unlock_claim(int fd, struct range claimed)
{
    note("unlock_claim");
    __real_unlock_claim(fd, claimed);
}

int __wrap_bell_hold(const struct location *location, const char *bell, const char *room)
{
    note("hold %s%s/%s", location->name, bell, room);
    return __real_bell_hold(location, bell, room);
}

/* The bells that rang are also noted after a failure. */
static char rung[LINE];

static void ring(const char *bell, const char *room)
{
    note("ring %s/%s", bell, room);
    snprintf(rung + strlen(rung), LINE - strlen(rung), " %s/%s", bell, room);
}

void __wrap_bell_ring(const struct location *location, const char *bell, const char *room)
{
    ring(bell, room);
    __real_bell_ring(location, bell, room);
}

void __wrap_bell_ring_held(const struct location *location, const char *bell, const char *room,
                           int held)
{
    ring(bell, room);
    __real_bell_ring_held(location, bell, room, held);
}

void __wrap_bell_ring_all(const struct location *location, const char *bell)
{
    ring(bell, "");
    __real_bell_ring_all(location, bell);
}

/* --- what is done ----------------------------------------------------------- */

static chat_spool *spool;
static char reports[TEXT]; /* what a check reported */
static char last_report[LINE];
static int report_count;

static void report(void *context, const char *text)
{
    (void)context;
    if (strncmp(text, "structure: ", 11) == 0) { /* SQLite's own words, in one or more lines */
        text = "structure";
        if (strcmp(last_report, text) == 0)
            return;
    }
    report_count++;
    snprintf(last_report, sizeof last_report, "%s", text);
    snprintf(reports + strlen(reports), TEXT - strlen(reports), "  %s\n", text);
}

static void progress(void *context, int64_t done, int64_t total)
{
    char text[LINE];
    snprintf(text, sizeof text, "%lld of %lld", (long long)done, (long long)total);
    report(context, text);
}

static enum chat_status do_check(void)
{
    return chat_check(spool, false, report, NULL);
}

static enum chat_status do_repair(void)
{
    return chat_check(spool, true, report, NULL);
}

static enum chat_status do_receive(void)
{
    chat_batch *batch = NULL;
    static const char *const from[] = { "jobs" };
    const struct chat_query query = { .rooms = from, .room_count = 1, .max_messages = 1 };
    enum chat_status status = chat_claim(spool, &query, &batch);
    chat_release(batch);
    return status;
}

static enum chat_status do_settings(void)
{
    const struct chat_settings settings = { .max_length = 77, .room = "other" };
    return chat_set_settings(spool, &settings);
}

static enum chat_status do_read(void)
{
    struct chat_settings settings = { .next_id = -1 };
    char text[LINE];
    enum chat_status status = chat_settings(spool, &settings);
    snprintf(text, sizeof text, "%lld '%s' %lld", (long long)settings.max_length, settings.room,
             (long long)settings.next_id);
    report(NULL, text);
    return status;
}

static enum chat_status skip(int64_t next_id)
{
    char text[LINE];
    int64_t before = -1;
    enum chat_status status = chat_skip_ids(spool, next_id, &before);
    snprintf(text, sizeof text, "before: %lld", (long long)before);
    if (status == CHAT_OK)
        report(NULL, text);
    return status;
}

static enum chat_status do_skip(void)
{
    return skip(50);
}

static enum chat_status do_skip_none(void)
{
    return skip(13);
}

static enum chat_status do_skip_all(void)
{
    return skip((INT64_C(1) << 40) - 1);
}

static enum chat_status do_skip_more(void)
{
    return skip(INT64_C(1) << 40);
}

static enum chat_status do_create(void)
{
    return chat_create(spool, NULL);
}

static enum chat_status do_backup(void)
{
    return chat_backup(spool, "copy.db", progress, NULL);
}

static enum chat_status do_restore(void)
{
    return chat_restore(spool, "saved.db", progress, NULL);
}

static enum chat_status do_compact(void)
{
    int64_t freed = -1;
    enum chat_status status = chat_compact(spool, progress, NULL, &freed);
    if (status == CHAT_OK)
        progress(NULL, freed, freed);
    return status;
}

static enum chat_status do_list(void)
{
    return list_rooms(spool);
}

static enum chat_status do_watch(void)
{
    return chat_watch(spool, 0, NULL);
}

/* --- before and after ------------------------------------------------------- */

static const char *const suffixes[] = { "", "-wal", "-lock", "-shm" };

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    unlink(to);
    int in = open(from, O_RDONLY);
    if (in < 0)
        return;
    int out = open(to, O_WRONLY | O_CREAT, 0600);
    ssize_t n;
    while ((n = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            exit(1);
    close(in);
    close(out);
}

/* Copy the spool FROM, with the COUNT first files of it, to TO. */
static void copy_spool(const char *from, const char *to, size_t count)
{
    char a[PATH_MAX], b[PATH_MAX];
    for (size_t i = 0; i < 4; i++) {
        snprintf(a, sizeof a, "%s%s", i < count ? from : "none", suffixes[i]);
        snprintf(b, sizeof b, "%s%s", to, suffixes[i]);
        copy_file(a, b);
    }
}

static const char all_columns[] =
    "SELECT number, name, depth, bytes, next_due, next_expiry, next_id, max_length, default_room,"
    " source, seen, slowest, keep, most, missed, last FROM room ORDER BY number;"
    " SELECT position, id, room, key, place, due, expires, sent, sender, host, attempts, failed,"
    " failure, checksum, hex(body) FROM message ORDER BY position; PRAGMA user_version; PRAGMA "
    "page_count";

/* The rows that are printed, without the times of this test, and without the checksums. */
static const char main_columns[] =
    "SELECT 'room', number, name, depth, bytes, next_id, max_length, default_room, source, seen"
    " FROM room ORDER BY number; SELECT 'message', position >> 40, position & 0xffffffffff, id,"
    " room, key, place, due, expires, attempts, CAST(substr(body, 1, 40) AS TEXT) FROM message"
    " ORDER BY position";

static int add_row(void *context, int count, char **values, char **names)
{
    char *text = context;
    (void)names;
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), TEXT - strlen(text), "%s%c", values[i] ? values[i] : "",
                 i + 1 < count ? '|' : '\n');
    return 0;
}

/* Store the rows of a spool that QUERY selects in TEXT, or a reason. */
static void read_rows(const char *path, const char *query, char text[TEXT])
{
    sqlite3 *db;
    char *reason = NULL;
    struct stat st;
    text[0] = '\0';
    if (stat(path, &st) < 0) {
        strcpy(text, "no spool\n");
        return;
    }
    copy_spool(path, "look", 2);
    sqlite3_open("look", &db);
    if (sqlite3_exec(db, query, add_row, text, &reason) != SQLITE_OK)
        strcat(text, "damaged\n");
    sqlite3_free(reason);
    sqlite3_close(db);
    copy_spool("none", "look", 0);
}

/* Add the name of a file to TEXT, unless every spool has such a file. */
static void count_file(const char *name, char *text)
{
    static const char *const known[] = { "s.db",        "s.db-wal",     "s.db-lock",    "s.db-shm",
                                         "s.db-bell",   "s.db-gone",    "s.db-reserve", "copy.db",
                                         "copy.db-wal", "copy.db-lock", "copy.db-shm" };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]) == 0)
            return;
    snprintf(text + strlen(text), LINE - strlen(text), " %s", name);
}

static void remove_file(const char *name, char *text)
{
    (void)text;
    if (strcmp(name, "s.db-reserve") != 0) /* to allocate it takes time */
        unlink(name);
}

static void each_file(void (*visit)(const char *name, char *text), char *text)
{
    struct dirent **entries;
    int count = scandir(".", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (strncmp(name, "s.db", 4) == 0 || strncmp(name, "copy.db", 7) == 0)
            visit(name, text);
        free(entries[i]);
    }
    free(entries);
}

enum { DESCRIPTORS = 64 };

/* Store which descriptors are open; add what those refer to that were not open in BEFORE to TEXT.
 */
static void list_descriptors(bool open[DESCRIPTORS], const bool *before, char *text)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        open[fd] = fcntl(fd, F_GETFD) >= 0;
        if (open[fd] && before != NULL && !before[fd])
            snprintf(text + strlen(text), LINE - strlen(text), " a descriptor of %s", name_of(fd));
        if (!open[fd] && before != NULL && before[fd])
            strcat(text, " one descriptor less");
    }
}

/* Add the names of the locks that the handle still has to TEXT. */
static void count_locks(char text[LINE])
{
    struct range taken;
    int fd = open("s.db-lock", O_RDWR);
    if (fd < 0)
        return;
    if (lock_write_taken(fd))
        strcat(text, " the write lock");
    if (lock_taken(fd, (struct range){ 1, POSITION_MAX }, &taken))
        strcat(text, " a claim");
    if (__real_lock_upgrade(fd, 0) != 0)
        strcat(text, " the upgrade lock");
    close(fd);
}

/* Append to a TEXT. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    va_list arguments;
    const size_t used = strlen(text);
    va_start(arguments, format);
    vsnprintf(text + used, TEXT - used, format, arguments);
    va_end(arguments);
}

struct result {
    enum chat_status status;
    char line[TEXT], left[LINE];
    char rows[TEXT], copy[TEXT];
};

static struct result before, done, now, later;

static struct operation {
    const char *name;
    enum chat_status (*run)(void);
    const char *spool;
    bool connected; /* the calls that connect to the spool are not counted */
    enum {
        WHOLE,   /* let no call fail, */
        FAILING, /* or each, */
        DAMAGED  /* and then let each of SQLite's report that the file is damaged */
    } dose;
} const *operation;

static enum chat_status run(void)
{
    reports[0] = last_report[0] = rung[0] = '\0';
    report_count = 0;
    armed = true;
    enum chat_status status = operation->run();
    armed = false;
    return status;
}

/* Begin with a new copy of the spool, and run the operation; with TWICE once more if it failed. */
static void once(struct result *result, bool twice)
{
    struct chat_settings settings;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.db", operation->spool);
    each_file(remove_file, NULL);
    copy_spool(path, "s.db", 4);
    if (operation->run == do_backup)
        copy_spool("old.db", "copy.db", 3);
    if (operation->run == do_restore)
        copy_spool(strcmp(operation->spool, "large") == 0 ? "large.db" : "backup.db", "saved.db",
                   1);
    *result = (struct result){ .status = CHAT_OK };
    bool opened[DESCRIPTORS], still[DESCRIPTORS];
    close(STDIN_FILENO); /* 0 is a descriptor like any other */
    list_descriptors(opened, NULL, NULL);
    sqlite3_int64 memory = sqlite3_memory_used();
    spool = open_spool("s.db");
    if (operation->connected)
        (void)chat_settings(spool, &settings);
    seen = 0;
    broken = running = NULL;
    extended = 0;
    trace[0] = '\0';
    result->status = run();
    const bool bad = result->status != CHAT_OK;
    add(result->line, "%s%s%s", chat_status_string(result->status), bad ? ": " : "",
        bad ? chat_error(spool) : "");
    if (report_count > 0)
        add(result->line, "; %d reports: %s", report_count, last_report);
    if (rung[0] != '\0' && failing > 0)
        add(result->line, "; rings%s", rung);
    count_locks(result->left);
    if (limited)
        strcat(result->left, " a limit");
    failing = 0;
    if (twice && bad) {
        if (run() != done.status)
            add(result->line, "; twice: %s", chat_error(spool));
        count_locks(result->left);
    }
    chat_close(spool);
    list_descriptors(still, opened, result->left);
    each_file(count_file, result->left);
    read_rows("s.db", all_columns, result->rows);
    if (operation->run == do_backup)
        read_rows("copy.db", all_columns, result->copy);
    if (sqlite3_memory_used() != memory)
        strcat(result->left, " memory");
}

static const char *compare(const struct result *result, const struct result *before,
                           const struct result *done)
{
    const bool same =
        strcmp(result->rows, before->rows) == 0 && strcmp(result->copy, before->copy) == 0;
    const bool all = strcmp(result->rows, done->rows) == 0 && strcmp(result->copy, done->copy) == 0;
    return all ? "done" : same ? "nothing" : "partly";
}

/* Add to LINE how the repetition ended, if it did not end as without a failure. */
static void add_again(char *line)
{
    const char *text = strstr(later.line, "; twice: ");
    if (text != NULL)
        add(line, "%s", text);
    if (strcmp(later.rows, done.rows) != 0 || strcmp(later.copy, done.copy) != 0)
        add(line, "; twice: another result");
    if (strcmp(later.left, done.left) != 0)
        add(line, "; twice left:%s", later.left);
}

/* Let each call fail, one after the other. A line like the one before is not printed, and what
 * follows from the same failure of another call is not repeated. */
static void each(void)
{
    static char line[TEXT], last[TEXT], result[TEXT], last_result[TEXT];
    long n = 0, count;
    last[0] = last_result[0] = '\0';
    do {
        failed[0] = line[0] = result[0] = '\0';
        failing = ++n;
        once(&now, false);
        count = seen;
        add(result, "%s: %s", now.line, compare(&now, &before, &done));
        if (strcmp(now.left, done.left) != 0)
            add(result, "; left:%s", now.left);
        add(line, "%s: %s", failed, result);
        if (failed[0] == '\0' || strcmp(line, last) == 0)
            continue;
        strcpy(last, line);
        if (now.status != done.status && strcmp(result, last_result) != 0) {
            failing = n;
            once(&later, true);
            add_again(line);
        }
        strcpy(last_result, result);
        puts(line);
    } while (count >= n);
}

static const struct operation operations[] = {
    { "create", do_create, "gone", false, FAILING },
    { "create", do_create, "sound", true, WHOLE },
    { "settings", do_settings, "sound", false, DAMAGED },
    { "read", do_read, "sound", false, DAMAGED },
    { "read", do_read, "none", false, WHOLE },
    { "skip", do_skip, "sound", true, FAILING },
    { "skip", do_skip, "lost", true, WHOLE },
    { "skip none", do_skip_none, "sound", true, WHOLE },
    { "skip all", do_skip_all, "sound", true, WHOLE },
    { "skip more", do_skip_more, "sound", true, WHOLE },
    { "list", do_list, "one", false, WHOLE },
    { "settings", do_settings, "two", false, DAMAGED },
    { "watch", do_watch, "sound", true, WHOLE },
    { "receive", do_receive, "hosts", true, DAMAGED },
    { "check", do_check, "sound", true, DAMAGED },
    { "check", do_check, "hosts", true, WHOLE },
    { "check", do_check, "counts", true, WHOLE },
    { "check", do_check, "settings", true, WHOLE },
    { "check", do_check, "readers", true, WHOLE },
    { "check", do_check, "index", true, WHOLE },
    { "check", do_check, "lost", true, WHOLE },
    { "check", do_check, "wal", false, WHOLE },
    { "check", do_check, "short", false, WHOLE },
    { "repair", do_repair, "sound", true, WHOLE },
    { "repair", do_repair, "hosts", true, DAMAGED },
    { "repair", do_repair, "counts", true, FAILING },
    { "repair", do_repair, "settings", true, FAILING },
    { "repair", do_repair, "readers", true, WHOLE },
    { "repair", do_repair, "source", true, FAILING },
    { "repair", do_repair, "index", true, DAMAGED },
    { "repair", do_repair, "lost", true, DAMAGED },
    { "repair", do_repair, "wal", false, FAILING },
    { "repair", do_repair, "header", false, WHOLE },
    { "repair", do_repair, "unknown", false, WHOLE },
    { "repair", do_repair, "short", false, FAILING },
    { "backup", do_backup, "sound", true, DAMAGED },
    { "backup", do_backup, "hosts", true, WHOLE },
    { "backup", do_backup, "lost", true, WHOLE },
    { "backup", do_backup, "large", true, WHOLE },
    { "repair", do_repair, "view", false, WHOLE },
    { "repair", do_repair, "size 447", false, WHOLE },
    { "repair", do_repair, "size 448", false, WHOLE },
    { "restore", do_restore, "sound", true, DAMAGED },
    { "restore", do_restore, "none", false, DAMAGED },
    { "restore", do_restore, "wal", false, WHOLE },
    { "restore", do_restore, "lost", true, WHOLE },
    { "restore", do_restore, "large", true, WHOLE },
    { "compact", do_compact, "free", true, DAMAGED },
    { "compact", do_compact, "sound", true, WHOLE },
};

/* Print the lines of ONE that OTHER does not have, each after MARK. */
static void print_lines(const char *one, const char *other, char mark)
{
    static char line[TEXT], text[TEXT + 1];
    snprintf(text, sizeof text, "\n%s", other);
    for (size_t size; one[0] != '\0'; one += size) {
        size = strcspn(one, "\n") + 1;
        snprintf(line, sizeof line, "\n%.*s", (int)size, one);
        if (strstr(text, line) == NULL)
            printf("  %c %s", mark, line + 1);
    }
}

static void print(void)
{
    static char old[TEXT], new[TEXT];
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.db", operation->spool);
    memset(&before, 0, sizeof before);
    read_rows(path, all_columns, before.rows);
    if (operation->run == do_backup)
        read_rows("old.db", all_columns, before.copy);
    lite_only = false;
    once(&done, false);
    printf("%s %s: %s; left:%s\n%s%s", operation->name, operation->spool, done.line, done.left,
           reports, trace);
    read_rows(path, main_columns, old);
    read_rows("s.db", main_columns, new);
    print_lines(old, new, '-');
    print_lines(new, old, '+');
    if (operation->dose >= FAILING)
        each();
    lite_only = true;
    if (operation->dose == DAMAGED) {
        printf("%s %s, damaged:\n", operation->name, operation->spool);
        each();
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        operation = &operations[i];
        if (argc != 3 ||
            (strcmp(argv[1], operation->name) == 0 && strcmp(argv[2], operation->spool) == 0))
            print();
    }
    return 0;
}
