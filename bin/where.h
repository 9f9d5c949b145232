/* where.h - which spool and which room, and who we are. */

#ifndef WHERE_H
#define WHERE_H

/* The spool: GIVEN (an option's argument), else $CHAT_SPOOL, else the file in the user's state
 * directory. Ends the program where there is none. */
const char *where_spool(const char *given);

/* The room: GIVEN, else $CHAT_ROOM, checked; else NULL, the spool's default room. */
const char *where_room(const char *given);

/* This user's login name, and this machine's name. */
const char *where_user(void);
const char *where_host(void);

#endif
