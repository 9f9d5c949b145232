/* skip_locked.c - a hand-written queue in a PostgreSQL table: the loop of SELECT ... FOR UPDATE
 * SKIP LOCKED, with libpq.
 *
 * skip_locked send CONNECTION BODY
 * skip_locked recv CONNECTION             take the oldest message and print it; 1 if the queue is
 * empty skip_locked in CONNECTION BATCH         add each line of the input, BATCH lines per
 * transaction skip_locked out CONNECTION BATCH        print all messages, BATCH per transaction
 * skip_locked follow CONNECTION MS        print all messages, and look again after MS milliseconds
 * skip_locked work CONNECTION COMMAND ... run it for each message, one at a time; for several at
 *                                         once, start several
 *
 * The table is queue(id bigserial primary key, body text). A row is printed before the transaction
 * that deletes it is committed, so that no row is lost. */

#include <errno.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static PGconn *connection;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "skip_locked: %s: %s", what, PQerrorMessage(connection));
    exit(2);
}

static PGresult *ask(const char *statement, int count, const char *const values[])
{
    PGresult *result = PQexecParams(connection, statement, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
        fail(statement);
    return result;
}

static void tell(const char *statement)
{
    PQclear(ask(statement, 0, NULL));
}

static void send_one(const char *body)
{
    PQclear(ask("INSERT INTO queue (body) VALUES ($1)", 1, &body));
}

/* Begin to take at most COUNT rows; the caller processes them and commits. (With "id IN (SELECT ...
 * LIMIT)" a plan may run the inner query again, and take more.) */
static PGresult *take(const char *count)
{
    tell("BEGIN");
    return ask("WITH taken AS MATERIALIZED (SELECT id FROM queue ORDER BY id "
               "FOR UPDATE SKIP LOCKED LIMIT $1) "
               "DELETE FROM queue USING taken WHERE queue.id = taken.id RETURNING body",
               1, &count);
}

static int print(const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++)
        puts(PQgetvalue(rows, i, 0));
    if (fflush(stdout) != 0)
        exit(2);
    return PQntuples(rows);
}

/* Print at most COUNT rows, and return their number. */
static int receive(const char *count)
{
    PGresult *rows = take(count);
    int taken = print(rows);
    PQclear(rows);
    tell("COMMIT");
    return taken;
}

static void end_copy(void)
{
    PGresult *result;
    if (PQputCopyEnd(connection, NULL) != 1)
        fail("copy");
    while ((result = PQgetResult(connection)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail("copy");
        PQclear(result);
    }
}

/* Copy the lines of the input with COPY. */
static void read_in(long batch)
{
    char *line = NULL;
    size_t size = 0;
    long count = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        if (count++ % batch == 0)
            tell("COPY queue (body) FROM STDIN");
        if (PQputCopyData(connection, line, (int)length) != 1)
            fail("copy");
        if (count % batch == 0)
            end_copy();
    }
    if (count % batch != 0)
        end_copy();
    free(line);
}

static void follow(long milliseconds)
{
    struct timespec pause = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    for (;;)
        if (receive("1") == 0)
            nanosleep(&pause, NULL);
}

/* The transaction is open while the command runs, because it is the claim. */
static void work(char *command[])
{
    int taken;
    do {
        PGresult *rows = take("1");
        taken = PQntuples(rows);
        if (taken > 0) {
            pid_t child;
            int status;
            if (posix_spawnp(&child, command[0], NULL, NULL, command, environ) != 0)
                exit(2);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        }
        PQclear(rows);
        tell("COMMIT");
    } while (taken > 0);
}

int main(int argc, char *argv[])
{
    if (argc < 3)
        return 64;
    const char *verb = argv[1], *argument = argc > 3 ? argv[3] : "1";
    connection = PQconnectdb(argv[2]);
    if (PQstatus(connection) != CONNECTION_OK)
        fail("connect");
    int status = 0;
    if (strcmp(verb, "send") == 0)
        send_one(argument);
    else if (strcmp(verb, "recv") == 0)
        status = receive("1") == 0;
    else if (strcmp(verb, "in") == 0)
        read_in(strtol(argument, NULL, 10));
    else if (strcmp(verb, "out") == 0)
        while (receive(argument) > 0)
            ;
    else if (strcmp(verb, "follow") == 0)
        follow(strtol(argument, NULL, 10));
    else if (strcmp(verb, "work") == 0 && argc > 3)
        work(argv + 3);
    else
        status = 64;
    PQfinish(connection);
    return status;
}
