/* database.h - the database of a spool: its connection, statements and errors. */

#ifndef SQLITE_DATABASE_H
#define SQLITE_DATABASE_H

#include "internal.h"

/* Open the spool file, which was checked, with the VFS of that name; or close it, also after an
 * error. Returns SQLite's result code. */
int db_open(struct sqlite_store *s, const char *vfs);
void db_disconnect(struct sqlite_store *s);

/* Examine the first bytes of the file, which was checked: CHAT_OK if it says that it is a spool,
 * else CHAT_DATA. The file is read without SQLite, and no file is created beside it. */
enum chat_status db_recognize(struct sqlite_store *s);

/* Return whether this is a child by fork() of a process that was connected to any spool. */
bool db_was_forked(void);

/* Return the statement, prepared once and reset, or NULL. Its bindings stay from the last use. */
sqlite3_stmt *db_statement(struct sqlite_store *s, enum sql sql);

/* Step a statement. NULL, for a statement that could not be prepared, is an error like others. */
int db_step(struct sqlite_store *s, sqlite3_stmt *statement);

/* End a search for one row, whose step has returned RC. CHAT_OK: there is a row. CHAT_NONE: there
 * is no row. */
enum chat_status db_found(struct sqlite_store *s, sqlite3_stmt *statement, int rc);

/* Read the number that a statement without parameters returns; 0 if it returns no row. The
 * first function returns SQLite's result code. The second is for callers that may take a
 * failure for 0. */
int db_get_number(struct sqlite_store *s, enum sql sql, int64_t *value);
int64_t db_number(struct sqlite_store *s, enum sql sql);

/* Run a statement to its end, after its parameters, if any, are bound. */
enum chat_status db_finish(struct sqlite_store *s, sqlite3_stmt *statement);
enum chat_status db_run(struct sqlite_store *s, enum sql sql);

/* Run a statement to its end; NUMBER is its only parameter. */
enum chat_status db_run_for(struct sqlite_store *s, enum sql sql, int64_t number);

/* Bind NUMBER to a parameter, or NULL if it is not THERE. */
void db_bind_number(sqlite3_stmt *statement, int parameter, int64_t number, bool there);

/* Copy the name in a column, or "" for NULL. */
void db_copy_name(char name[CHAT_NAME_MAX + 1], const unsigned char *text);

/* End a transaction that has only read, if there is one. Returns STATUS. If it has no memory to end
 * the transaction, it closes the database and returns CHAT_SYSTEM. */
enum chat_status db_end_read(struct sqlite_store *s, enum chat_status status);

/* Roll back the transaction, if there is one. If this function has no memory, it closes the
 * database, which has the same effect. */
void db_rollback(struct sqlite_store *s);

/* Return the file of the database, and store its size; or return NULL. */
sqlite3_file *db_file(struct sqlite_store *s, sqlite3_int64 *size);

/* Translate SQLite's result code RC to a status, and set the text: "cannot DOING spool ...". */
enum chat_status db_failed(struct sqlite_store *s, int rc, const char *doing);

/* Fail because the disk has no space: "cannot DOING spool ...". */
enum chat_status db_full(struct sqlite_store *s, const char *doing);

#endif
