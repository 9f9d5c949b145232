/* command.h - running COMMAND for one message or for several. */

#ifndef COMMAND_H
#define COMMAND_H

#include <sys/types.h>

#include "chatspool.h"
#include "common/format.h"

/* Prepare the environment of every COMMAND: the environment of this process, without the variables
 * in SECRETS, and with CHAT_SPOOL for the spool at WHERE. CHAT_ROOM is omitted if it is one of the
 * ROOM_COUNT ROOMS to receive from: a COMMAND that sends without naming a room would feed its own
 * queue. With FORMAT, which the caller keeps, COMMAND gets the messages of a batch in that format;
 * with NULL a batch has one message, and COMMAND gets its body. */
void command_prepare(const char *where, const char *const *rooms, size_t room_count,
                     const char *const *secrets, const struct format *format);

/* Start ARGV for BATCH: the body on standard input, the other fields in the environment. The
 * child has descriptors 0 to 2, the default signal actions, and its own process group, so that
 * keys typed at a terminal do not end it. Stores its process id in *PID. Returns 0, or the exit
 * status: EXIT_NOTFOUND or EXIT_CANTRUN, with the reason on standard error; or EXIT_SYSTEM if no
 * command can be started at the moment, with the reason and AFTER on standard error, unless
 * AFTER is NULL. */
int command_start(char *const argv[], const chat_batch *batch, const char *after, pid_t *pid);

/* The meaning of a command's exit status. */
enum command_end {
    COMMAND_DONE,      /* 0 */
    COMMAND_DONE_LAST, /* 99: success, and stop receiving */
    COMMAND_LATER,     /* 75 (EX_TEMPFAIL), 111: try later; no attempt counts */
    COMMAND_NEVER,     /* 65 (EX_DATAERR), 100: permanent failure */
    COMMAND_FAILED,    /* any other status, or a signal: a failed attempt */
};

/* Return the meaning of STATUS, from waitpid(). */
enum command_end command_end(int status);

#endif
