/* database.h - the database of a spool: its connection, statements and errors. */

#ifndef SQLITE_DATABASE_H
#define SQLITE_DATABASE_H

#include "internal.h"

/* Open the spool file, which was checked, with that VFS: returns SQLite's result code. Or close it,
 * also after an error. */
int db_open(struct sqlite_store *s, const char *vfs);
void db_disconnect(struct sqlite_store *s);

/* Whether the file, which was checked, says of itself that it is a spool: CHAT_OK or CHAT_DATA. It
 * is opened to read, without SQLite, and nothing is made beside it. */
enum chat_status db_recognize(struct sqlite_store *s);

/* Return whether this is a child by fork() of a process that was connected, to whatever spool. */
bool db_was_forked(void);

/* The statement, prepared once and reset, or NULL. Its bindings stay from the last use. */
sqlite3_stmt *db_statement(struct sqlite_store *s, enum sql sql);

/* Step a statement; NULL, one that could not be prepared, is an error like others. */
int db_step(struct sqlite_store *s, sqlite3_stmt *statement);

/* End a look for one row, which was stepped with the result RC: CHAT_OK where there is a row,
 * CHAT_NONE where there is not. */
enum chat_status db_found(struct sqlite_store *s, sqlite3_stmt *statement, int rc);

/* The number that a statement without parameters returns; 0 without a row. The first returns the
 * result code; the second is for callers for which a failure may count as 0. */
int db_get_number(struct sqlite_store *s, enum sql sql, int64_t *value);
int64_t db_number(struct sqlite_store *s, enum sql sql);

/* Run a statement to its end, after its parameters, if any, are bound. */
enum chat_status db_finish(struct sqlite_store *s, sqlite3_stmt *statement);
enum chat_status db_run(struct sqlite_store *s, enum sql sql);

/* Run a statement to its end, whose only parameter is NUMBER. */
enum chat_status db_run_for(struct sqlite_store *s, enum sql sql, int64_t number);

/* Bind NUMBER to a parameter, or NULL where it is not THERE. */
void db_bind_number(sqlite3_stmt *statement, int parameter, int64_t number, bool there);

/* Copy the name that is in a column, or "". */
void db_copy_name(char name[CHAT_NAME_MAX + 1], const unsigned char *text);

/* End a transaction, if there is one, by SQL_ROLLBACK, or by SQL_COMMIT where it has only read. */
void db_end(struct sqlite_store *s, enum sql sql);

/* The file of the database, with its size; or NULL. */
sqlite3_file *db_file(struct sqlite_store *s, sqlite3_int64 *size);

/* Translate SQLite's result code RC to a status, and set the text: "cannot DOING spool ...". */
enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing);

/* Fail because the disk has no space: "cannot DOING spool ...". */
enum chat_status db_full(struct sqlite_store *s, const char *doing);

#endif
