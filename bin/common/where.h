/* where.h - which spool and which room, and who we are. */

#ifndef WHERE_H
#define WHERE_H

#include <stdbool.h>

/* The spool: GIVEN (an option's argument), else $CHAT_SPOOL, else the file in the user's state
 * directory. Ends the program where there is none. */
const char *where_spool(const char *given);

/* Why where_spool() answers so, for people. */
const char *where_reason(const char *given);

/* Return the name of SPOOL that holds in every directory: a URL as it is, a path from the root on.
 * The caller frees it. */
char *where_absolute(const char *spool);

/* Whether SPOOL is a path where nothing is. */
bool where_missing(const char *spool);

/* A spool is made by whoever sends first, also where its name was mistyped. Look whether SPOOL is
 * still missing, and later tell a person at the terminal, once, that it has been made. */
void where_watch(const char *spool);
void where_announce(void);

/* The room: GIVEN, else $CHAT_ROOM, checked; else NULL, the spool's default room. */
const char *where_room(const char *given);

/* This user's login name, and this machine's name. */
const char *where_user(void);
const char *where_host(void);

#endif
