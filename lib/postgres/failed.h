/* failed.h - the meaning of the server's errors. */

#ifndef POSTGRES_FAILED_H
#define POSTGRES_FAILED_H

#include "internal.h"

/* Translate an error of the server, or of libpq, to a status, and set the text. Closes a connection
 * that is lost. */
enum chat_status pg_failed(struct pg_store *s, const PGresult *result, const char *doing);

/* Fail because the connection is lost, or could not be made. */
enum chat_status pg_lost(struct pg_store *s);

/* Return whether libpq's error means that this machine has no more memory, or descriptors. */
bool pg_is_short(const char *cause);

/* Make TEXT one line without control characters. */
void pg_clean(char *text);

/* Set the text, and return CHAT_SYSTEM or CHAT_DATA. */
enum chat_status pg_no_memory(const struct pg_store *s);
enum chat_status pg_no_spool(const struct pg_store *s);

#endif
