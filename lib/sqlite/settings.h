/* settings.h - what holds for a whole spool. */

#ifndef SQLITE_SETTINGS_H
#define SQLITE_SETTINGS_H

#include "internal.h"

/* NAME, or where that is NULL the default room as far as it is known now; good until the next call.
 */
const char *settings_room_name(struct sqlite_store *s, const char *name);

#endif
