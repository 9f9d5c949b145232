/* spool.h - the commands of chat-spool, and functions that they share. */

#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chatspool.h"
#include "common/cli.h"
#include "common/output.h"

struct command {
    const char *name, *other_name; /* other_name may be NULL */
    const char *summary;           /* in the list of all commands */
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

/* Open the spool: GIVEN, or the one that chat-send would use. Ends the program on errors. At most
 * two spools, which stay open until spool_close_all(). */
chat_spool *spool_open(const char *given);
void spool_close_all(void);

/* End the program unless STATUS is CHAT_OK. */
void spool_need(enum chat_status status, const chat_spool *spool);

/* Report that there is no spool, and return the exit status. */
int spool_missing(const char *given);

/* List the rooms that contain messages. Returns false if there is no spool. */
bool spool_rooms(chat_spool *spool, struct chat_room **rooms, size_t *count);

/* Return the id that the next message will get, or 1 if there is no spool. */
int64_t spool_next_id(chat_spool *spool);

/* Open standard output, and write everything that was put. Ends the program if it cannot be
 * written. */
void spool_output(struct output *out);
void spool_flush(struct output *out);

/* Return COUNT in words: "1 message", "2 messages"; valid until the next call. */
const char *spool_messages(int64_t count);

/* Call this before a deletion: returns true if YES was given, or if the person at the terminal
 * answers yes. A usage error if standard input is not a terminal. */
bool spool_confirm(bool yes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A spool to which messages are restored. They keep their ids as long as it contains no other
 * messages: otherwise an id that it has already given to a message would be used twice. */
struct restore {
    chat_spool *spool;
    bool fresh;
    int64_t next_id;              /* after the last restored message */
    int64_t source;               /* the next id of the source, as far as it is known */
    char room[CHAT_NAME_MAX + 1]; /* an open room that existed, and the readers that it had */
    struct chat_reader *readers;
    size_t reader_count;
};

void restore_start(struct restore *restore, chat_spool *spool);

/* Return whether NEXT_ID, the next id of the source, is higher than all before. */
bool restore_skips(const struct restore *restore, int64_t next_id);

/* Reserve the ids below NEXT_ID, which a receiver may have seen: later messages of the spool get
 * higher ones. Call this before the messages are added and outside a transaction, so that a load
 * that is killed leaves no id to be used twice. */
enum chat_status restore_skip(struct restore *restore, int64_t next_id);

/* Call these instead of chat_begin(), chat_put() and chat_commit(). */
enum chat_status restore_begin(struct restore *restore);
enum chat_status restore_put(struct restore *restore, const struct chat_message *message);
enum chat_status restore_commit(struct restore *restore);

/* Call these between transactions, to open a room as it was. The reader NAME has read all messages
 * of its room that were put so far, up to the position PLACE, and reports MISSED lost messages. A
 * reader that already existed does not change. */
enum chat_status restore_open(struct restore *restore, const char *room,
                              const struct chat_bounds *bounds);
enum chat_status restore_reader(struct restore *restore, const char *name, int64_t place,
                                int64_t missed);

/* Free what RESTORE owns. */
void restore_end(struct restore *restore);

/* Pass every message that is in the rooms now to TAKE, one batch at a time, in order, until TAKE
 * returns false. A damaged message is skipped and reported on standard error. Returns whether there
 * was one. */
bool spool_walk(chat_spool *spool, const char *const *rooms, size_t count,
                bool (*take)(void *context, const chat_batch *batch), void *context);

#endif
