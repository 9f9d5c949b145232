/* query.h - statements, their values and their results, many in one exchange. */

#ifndef POSTGRES_QUERY_H
#define POSTGRES_QUERY_H

#include "internal.h"

enum {
    VALUES = 15, /* parameters of a statement */
    PG_INT8 = 20,
    PG_TEXT = 25,
    PG_BYTEA = 17 /* types of array elements: fixed forever by pg_type.dat */
};

/* Parameters of a statement, in binary. The caller owns the memory they point to until the call. */
struct pg_values {
    int count;
    const char *value[VALUES];
    int length[VALUES];
    int64_t number[VALUES];
};

/* A one-dimensional array in PostgreSQL's binary format. */
struct pg_array {
    char *bytes;
    size_t size, capacity;
    int32_t count;
    bool failed; /* no memory */
};

/* Append a value. A time of 0, and the text NULL, become an SQL NULL. */
void pg_number(struct pg_values *values, int64_t number);
void pg_time(struct pg_values *values, int64_t time);
void pg_string(struct pg_values *values, const char *text);
void pg_bytes(struct pg_values *values, const void *bytes, size_t size);
void pg_add_array(struct pg_values *values, struct pg_array *array);

/* Begin an empty array, and append elements. A time of 0, NULL, and the failure of a message that
 * has not failed become an SQL NULL. The caller frees the array. */
void pg_array_start(struct pg_array *array, int32_t type);
void pg_array_number(struct pg_array *array, int64_t number);
void pg_array_time(struct pg_array *array, int64_t time);
void pg_array_failure(struct pg_array *array, const struct chat_message *m);
void pg_array_bytes(struct pg_array *array, const void *bytes, size_t size);
void pg_array_text(struct pg_array *array, const char *text);
void pg_array_free(struct pg_array *array);

/* Add a call to the exchange; VALUES may be NULL. Returns its index for pg_result. */
size_t pg_call(struct pg_store *s, enum pg sql, const struct pg_values *values);

/* Like pg_call(), with a statement that can have no parameter. */
void pg_call_text(struct pg_store *s, const char *text);

/* Make the exchange: all calls since the last one are one transaction, unless a transaction was
 * begun. DOING names the failed action: "cannot DOING spool ...". */
enum chat_status pg_exchange(struct pg_store *s, const char *doing);

/* Like pg_exchange(), with one call. */
enum chat_status pg_do(struct pg_store *s, enum pg sql, const struct pg_values *values,
                       const char *doing);

/* Return the result of a call of the last exchange, its rows, or how many rows it has changed.
 * Valid until the next call is added. */
PGresult *pg_result(const struct pg_store *s, size_t call);
int pg_rows(const struct pg_store *s, size_t call);
int64_t pg_affected(const struct pg_store *s, size_t call);

/* Return the result of a call, which the caller frees with PQclear(). */
PGresult *pg_take_result(struct pg_store *s, size_t call);

/* Return a value of a result: an SQL NULL is 0, or NULL. */
int64_t pg_get_number(const PGresult *result, int row, int column);
const char *pg_get_text(const PGresult *result, int row, int column);

/* Run statements without parameters or results, by their text. */
enum chat_status pg_script(struct pg_store *s, const char *text, const char *doing);

#endif
