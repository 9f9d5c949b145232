/* schema.h - compare the schema of a spool with ours, and upgrade it. */

#ifndef SQLITE_SCHEMA_H
#define SQLITE_SCHEMA_H

#include "internal.h"

/* Compare the schema with ours, within a transaction. *FORMAT becomes the format of the spool; if
 * it is an older one, the rest is checked after the upgrade. */
enum chat_status schema_check(struct sqlite_store *s, int *format);

/* Upgrade a spool of an older format, in one transaction. The first program that opens it does
 * this; a spool with a foreign schema stays as it was. In formats 1 and 2 a claim locks the byte of
 * an id, and now that of a position, so no claim may exist during the upgrade. A command of an
 * older version that has the spool open fails from then on. */
enum chat_status schema_upgrade(struct sqlite_store *s, int format);

#endif
