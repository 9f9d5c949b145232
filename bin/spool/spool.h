/* spool.h - the commands of chat-spool, and what they have in common. */

#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chatspool.h"
#include "common/cli.h"
#include "common/output.h"

struct command {
    const char *name, *other_name; /* the latter may be NULL */
    const char *summary;           /* for the list of all commands */
    struct program program;        /* its options and its --help */
    int (*run)(char **argv);       /* returns the exit status; argv[0] is its name */
};

extern const struct command list_command, show_command, wait_command, move_command, requeue_command,
    delete_command, check_command, dump_command, load_command, backup_command, restore_command,
    compact_command, copy_command, open_command, readers_command, seek_command, forget_command,
    where_command, config_command, init_command, version_command;

#define SPOOL_OPTION                                                                               \
    {                                                                                              \
        's', "spool", "WHERE", "the spool (default: $CHAT_SPOOL, or the user's own)"               \
    }
#define END_OPTION                                                                                 \
    {                                                                                              \
        0, NULL, NULL, NULL                                                                        \
    }

/* Open the spool: GIVEN, or where chat-send would find it. Ends the program where it can't. At most
 * two, that stay open until both are closed. */
chat_spool *spool_open(const char *given);
void spool_close_all(void);

/* End the program unless STATUS is CHAT_OK. */
void spool_need(enum chat_status status, const chat_spool *spool);

/* Say that there is no spool: returns the exit status. */
int spool_missing(const char *given);

/* List the rooms that hold a message. Returns false if there is no spool. */
bool spool_rooms(chat_spool *spool, struct chat_room **rooms, size_t *count);

/* The id that the next message would get; 1 where there is no spool. */
int64_t spool_next_id(chat_spool *spool);

/* Open standard output, and hand over all that was put: ends the program if it can't be written. */
void spool_output(struct output *out);
void spool_flush(struct output *out);

/* So many messages: "1 message", "2 messages"; good until the next call. */
const char *spool_messages(int64_t count);

/* Before something is deleted: true if YES was given, or if the person at the terminal answers
 * yes. A usage error if standard input is not a terminal. */
bool spool_confirm(bool yes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A spool that messages are restored to, as they were. They keep their ids as long as it holds none
 * but those: one that it has given to another would be used twice. */
struct restore {
    chat_spool *spool;
    bool fresh;
    int64_t next_id; /* after what was restored last */
    int64_t source;  /* the next id of where they come from, as far as it is known */
};

void restore_start(struct restore *restore, chat_spool *spool);

/* Whether NEXT_ID, that of the spool where the messages come from, is news. */
bool restore_skips(const struct restore *restore, int64_t next_id);

/* Later messages of the spool get no id below it: a receiver may have seen such ids. Call it
 * before the messages are added, and outside a transaction: then a load that is killed leaves no
 * id to be given twice. */
enum chat_status restore_skip(struct restore *restore, int64_t next_id);

/* Instead of chat_begin, chat_put and chat_commit. */
enum chat_status restore_begin(struct restore *restore);
enum chat_status restore_put(struct restore *restore, const struct chat_message *message);
enum chat_status restore_commit(struct restore *restore);

/* Between transactions: open a room as it was. The reader NAME has seen all messages of its room
 * that were put so far, up to PLACE; a reader that there was before stays where it is. */
enum chat_status restore_open(struct restore *restore, const char *room,
                              const struct chat_bounds *bounds);
enum chat_status restore_reader(struct restore *restore, const char *name, int64_t place);

/* Pass every message that is in the rooms now to TAKE, a batch at a time, in their order, as
 * long as TAKE wants more. A damaged message is skipped and reported on standard error. Returns
 * whether there was one. */
bool spool_walk(chat_spool *spool, const char *const *rooms, size_t count,
                bool (*take)(void *context, const chat_batch *batch), void *context);

#endif
