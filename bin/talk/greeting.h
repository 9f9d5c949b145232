/* greeting.h - the first line: how much is unread, and who is here. */

#ifndef GREETING_H
#define GREETING_H

#include <stdint.h>

#include "screen.h"
#include "view.h"

/* Show "-- tea: 3 unread since 12:58; here: bob, carol". UNREAD is the number of unread messages,
 * SINCE the time when the first of them was sent. Also makes the column of names wide enough for
 * the readers of the room. */
void greeting_show(const struct room *room, struct screen *screen, int64_t unread, int64_t since);

#endif
