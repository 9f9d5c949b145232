/* reseal.h - repair a damaged WAL, so that SQLite can read it again. */

#ifndef SQLITE_RESEAL_H
#define SQLITE_RESEAL_H

#include "internal.h"
#include "report.h"

/* Report what is wrong with the WAL of a spool that is connected, and repair it. */
enum chat_status reseal_check(struct sqlite_store *s, bool repair_it, struct report *report);

/* Repair the WAL of a spool that could not be connected because of it, keep a copy of the damaged
 * one, and report both. */
enum chat_status reseal_wal(struct sqlite_store *s, struct report *report);

#endif
