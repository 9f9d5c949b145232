/* where.h - finding the spool and the room, and the names of this user and machine. */

#ifndef WHERE_H
#define WHERE_H

#include <stdbool.h>

/* Return the spool: GIVEN (an option's argument), otherwise $CHAT_SPOOL, otherwise the file in the
 * user's state directory. Ends the program if no name is found. */
const char *where_spool(const char *given);

/* Return for people where the name from where_spool() comes from. */
const char *where_reason(const char *given);

/* Return a name of SPOOL that is valid in every directory: an absolute path, or a URL unchanged.
 * The caller frees it. */
char *where_absolute(const char *spool);

/* Return whether SPOOL is a path where no file exists. */
bool where_missing(const char *spool);

/* The first sender creates the spool, even if the name was mistyped. Check whether SPOOL is still
 * missing; once it has been created, report that on a terminal. */
void where_watch(const char *spool);
void where_announce(void);

/* Return the room: GIVEN, otherwise $CHAT_ROOM, both checked; otherwise NULL, the spool's default
 * room. */
const char *where_room(const char *given);

/* Like where_room(), but also accept a reader as ROOM/NAME; ROOM/ means ROOM/ and the login
 * name. */
const char *where_address(const char *given);

/* The login name of this user, and the name of this machine. */
const char *where_user(void);
const char *where_host(void);

#endif
