/* pages.h - read the rows in the pages of a database that SQLite itself cannot read any more. */

#ifndef SQLITE_PAGES_H
#define SQLITE_PAGES_H

#include "internal.h"

struct column {
    uint64_t type; /* the serial type of the file format */
    const unsigned char *bytes;
    size_t size;
};

/* A row, and its id. An index entry has no id of its own; its last column is the id of the row. */
struct record {
    int64_t id;
    size_t count;
    struct column column[COLUMNS_MOST];
};

/* Call VISIT for each row and index entry in the leaf pages of all tables and indexes that are not
 * free. The record is valid during the call. The WAL must be empty. False: there was no memory, or
 * VISIT returned false. */
bool pages_each_record(sqlite3 *db, bool (*visit)(void *context, const struct record *record),
                       void *context);

/* Return the number in a column; 0 if it holds no number. */
int64_t pages_number(const struct column *column);

/* Copy the text in a column, if it has at most CHAT_NAME_MAX bytes and no NUL. Returns whether it
 * has. */
bool pages_name(const struct column *column, char name[CHAT_NAME_MAX + 1]);

#endif
