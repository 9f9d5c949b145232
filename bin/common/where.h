/* where.h - which spool and which room, and who we are. */

#ifndef WHERE_H
#define WHERE_H

#include <stdbool.h>

/* The spool: GIVEN (an option's argument), else $CHAT_SPOOL, else the file in the user's state
 * directory. Ends the program if no name is found. */
const char *where_spool(const char *given);

/* Why where_spool() answers so, for people. */
const char *where_reason(const char *given);

/* Return the name of SPOOL that holds in every directory: a URL as it is, a path from the root on.
 * The caller frees it. */
char *where_absolute(const char *spool);

/* Whether SPOOL is a path where nothing is. */
bool where_missing(const char *spool);

/* The first sender creates the spool, even if its name was mistyped. Check whether SPOOL is
 * still missing, and later report on a terminal, once, that it has been created. */
void where_watch(const char *spool);
void where_announce(void);

/* The room: GIVEN, else $CHAT_ROOM, checked; else NULL, the spool's default room. */
const char *where_room(const char *given);

/* Like where_room(), and also allows a reader, as ROOM/NAME; ROOM/ means ROOM/ and the login
 * name. */
const char *where_address(const char *given);

/* This user's login name, and this machine's name. */
const char *where_user(void);
const char *where_host(void);

#endif
