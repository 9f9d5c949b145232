/* chatspool.h - a message queue in a file, for programs.
 *
 * A *spool* holds *rooms*; a room is a first-in, first-out queue of
 * *messages*. There is no daemon: every process works on the spool itself.
 *
 * To send:     chat_open, chat_begin, chat_put ..., chat_commit, chat_close
 * To receive:  chat_open, chat_claim, deliver the messages, chat_settle, chat_close
 *
 * Only one thread of a process at a time may use the library, whatever the handles: a program with
 * several threads holds a mutex around each call. A handle does not belong to a child made by
 * fork(), which must not even close it. As long as the child lives without exec() it keeps the
 * claims of its parent, and its parent's write lock. It can open a spool of its own only if it was
 * forked while no spool was open (CHAT_USAGE). The library never prints, never exits, and reads no
 * environment variables. While it waits for the write lock it uses SIGALRM.
 *
 * NULL and 0 are safe in place of every argument and member. They mean the default where one is
 * named below, and else the call returns CHAT_USAGE, or does nothing. So does a call on a handle
 * whose chat_open failed; chat_error still returns that reason.
 *
 * Texts are UTF-8 and end with NUL. Times are milliseconds since 1970, UTC.
 */

#ifndef CHATSPOOL_H
#define CHATSPOOL_H

/* With -std=c17 the C library hides sigset_t, which is POSIX. */
#if defined __STRICT_ANSI__ && !defined _POSIX_C_SOURCE && !defined _XOPEN_SOURCE &&               \
    !defined _DEFAULT_SOURCE && !defined _GNU_SOURCE
#error "define _POSIX_C_SOURCE as 200809L before the first #include, or compile with -std=gnu17"
#endif

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; chat_version() returns the one of the library. */
#define CHAT_VERSION_MAJOR 0
#define CHAT_VERSION_MINOR 2
#define CHAT_VERSION_PATCH 0
#define CHAT_CHECK_VERSION(major, minor, patch)                                                    \
    (CHAT_VERSION_MAJOR > (major) ||                                                               \
     (CHAT_VERSION_MAJOR == (major) &&                                                             \
      (CHAT_VERSION_MINOR > (minor) ||                                                             \
       (CHAT_VERSION_MINOR == (minor) && CHAT_VERSION_PATCH >= (patch)))))

enum chat_status {
    CHAT_OK = 0,
    CHAT_NONE,        /* no such message, or the timeout is over */
    CHAT_INTERRUPTED, /* a signal, or a descriptor of the caller's, ended the wait */
    CHAT_USAGE,       /* an argument, or this call at this moment, is not allowed */
    CHAT_DATA,        /* not a spool, damaged, of a newer version; a message too long */
    CHAT_UNREACHABLE, /* the remote store does not answer */
    CHAT_SYSTEM,      /* no memory, no descriptors */
    CHAT_CANTCREATE,  /* the spool cannot be created */
    CHAT_IO,          /* reading or writing failed; the disk is full */
    CHAT_BUSY,        /* not now: a lock was held too long, or the room is full */
    CHAT_PERMISSION,  /* no permission, or the spool is not safe to use */
    CHAT_DAMAGED,     /* a message was damaged, and was quarantined or skipped: call again */
    CHAT_NOUSER       /* no such reader, or the room is not open */
};

/* The default room, unless the spool has another one; and the room of damaged messages. */
#define CHAT_ROOM_DEFAULT "main"
#define CHAT_ROOM_DAMAGED "damaged"

/* The maximum length of a room name, sender and host, in bytes without the NUL. */
#define CHAT_NAME_MAX 255

/* The maximum length of a body, in bytes: the default, and the highest value of the setting. */
#define CHAT_LENGTH_DEFAULT 67108864
#define CHAT_LENGTH_MAX 1000000000

/* The earliest and the latest time that a message can have: of the years 0000 and 9999, UTC. */
#define CHAT_TIME_MIN (-INT64_C(62167219200000))
#define CHAT_TIME_MAX INT64_C(253402300799999)

/* The failure of a command that died of a signal: this value plus the number of the signal. */
#define CHAT_SIGNALLED 256

struct chat_message {
    int64_t id;       /* unique in the spool, ascending; chat_put assigns it */
    const char *room; /* NULL for chat_put: the spool's default room */
    const char *user; /* the sender; NULL for chat_put: the user of this process */
    const char *host; /* the sender's host; NULL for chat_put: this host */
    int64_t time;     /* when it was sent; 0 for chat_put: now */
    int64_t attempts; /* failed attempts so far */
    int64_t failed;   /* when the last attempt failed; 0: never */
    int failure;      /* and how: the exit status of the command, or CHAT_SIGNALLED and a signal */
    const char *key;  /* its key, or NULL */
    const void *body;
    size_t length; /* of the body, in bytes */

    /* For chat_put, and returned with chat_query.every: */
    int64_t due;        /* it is not delivered before this time; 0: at once */
    int64_t expires;    /* it is not delivered from this time on; 0: it does not expire */
    const char *reader; /* the reader that received it from an open room: "bob" for tea/bob; else
                         * NULL. ROOM is then "tea", or "tea/bob" for a message that was sent
                         * only to bob */
    /* Its position in the room: the lowest is the oldest message. 0: a delayed message, which joins
     * the end of the room when it is due. A message with a position that is due later is held back
     * after a failure. chat_put uses it only with chat_terms.restore. */
    int64_t place;
    bool claimed; /* a receiver is processing it; not for chat_put */
};

/* Conditions for chat_put(). All zero: unconditional. */
struct chat_terms {
    bool once;    /* add nothing if a message with the same key is in the room */
    bool fresh;   /* with once: return CHAT_NONE if nothing was added */
    bool replace; /* delete the unclaimed messages with the same key in the room */
    int64_t max;  /* add it if the room holds fewer messages, or one is replaced; 0: no limit */
    bool drop;    /* make space by deleting the oldest unclaimed messages */
    bool restore; /* keep the attempts of MESSAGE and, unless its id is 0, its id and position */
    bool whole;   /* never delete a message of the same transaction: then the room is full */
};

/* The treatment of messages whose command has failed, for chat_fail. */
struct chat_failure {
    bool counted;     /* count a failed attempt */
    int status;       /* the failure, as in chat_message.failure */
    int64_t hold;     /* milliseconds to hold it back, at most until CHAT_TIME_MAX; it keeps its
                       * position */
    const char *dead; /* or move it to the end of this room; NULL: hold it back */
};

/* The messages that a receiver wants. */
struct chat_query {
    const char *const *rooms; /* in order of preference; NULL: the spool's default room */
    size_t room_count;
    int64_t id;     /* only this message, in any room (then rooms is NULL); 0: any */
    bool every;     /* include delayed, held back and expired messages; for a walk, claimed
                     * ones, too */
    int64_t until;  /* no message behind this mark (chat_mark); 0: no bound */
    int64_t before; /* for chat_claim with EVERY: only messages sent before this time; 0: all */
    int64_t after;  /* for chat_wait: a message behind this position (chat_cursor); 0: any */
    size_t max_messages; /* the most messages that one call returns; 0: one */
    size_t max_bytes; /* no further message when their bodies have this many bytes; 0: no limit */
};

/* The state of a walk. All zero: at the beginning. */
struct chat_cursor {
    size_t room;
    int64_t place, due, id; /* the last message seen, with a position or among the others */
};

/* The bounds of an open room. One of each pair is 0. */
struct chat_bounds {
    int64_t keep;      /* keep this number of the latest messages although all readers have them, */
    int64_t keep_time; /* or the messages sent in this many last milliseconds */
    int64_t most;      /* never keep more than this number of messages, */
    int64_t most_time; /* or messages older than this many milliseconds, read or not */
};
#define CHAT_KEEP_DEFAULT 1000
#define CHAT_MOST_DEFAULT 1000000

/* The contents of a room. */
struct chat_room {
    char name[CHAT_NAME_MAX + 1];
    int64_t depth, bytes;      /* all messages in it, and the total length of their bodies */
    int64_t claimed;           /* messages being processed */
    int64_t delayed;           /* delayed messages */
    int64_t held;              /* messages that are held back after a failure */
    int64_t expired;           /* messages that have expired, but are not deleted yet */
    int64_t oldest;            /* when the first message in line was sent; 0: no message */
    bool open;                 /* the room is open: each of its readers gets every message */
    int64_t readers;           /* the number of its readers */
    struct chat_bounds bounds; /* of an open room */
};

/* A reader of an open room. */
struct chat_reader {
    char name[CHAT_NAME_MAX + 1]; /* without the room: "bob" */
    int64_t unread;               /* messages that it has not finished, including those that */
    int64_t claimed;              /* are being processed, */
    int64_t held;                 /* and are held back after a failure */
    int64_t missed;               /* messages lost to chat_bounds.most, and not reported yet */
    int64_t apart;                /* how many of the unread messages no other reader shares */
    bool here;                    /* a process waits or receives as this reader */
    int64_t last;                 /* when it last finished a message; 0: never */
    int64_t place;                /* it has seen everything up to this position */
};

/* The point where a reader continues. */
struct chat_point {
    enum chat_point_kind {
        CHAT_POINT_START, /* with the oldest message that the room keeps */
        CHAT_POINT_END,   /* with messages that are sent from now on */
        CHAT_POINT_TIME,  /* with the first message that was sent at VALUE or later */
        CHAT_POINT_ID,    /* behind the message with the id VALUE */
        CHAT_POINT_PLACE  /* behind the position VALUE */
    } kind;
    int64_t value;
    bool forward;   /* never move backwards: the later one of two points wins */
    int64_t missed; /* without FORWARD: the number of lost messages that the reader is to report */
};

/* The settings of a spool. */
struct chat_settings {
    int64_t max_length;           /* the maximum length of a body, in bytes; up to
                                   * CHAT_LENGTH_MAX */
    char room[CHAT_NAME_MAX + 1]; /* the default room */
    int64_t next_id;              /* 1 in a spool that never held a message; see chat_skip_ids */
};

/* Report the progress of a long call: DONE of TOTAL, in any unit. CONTEXT is that of the call. */
typedef void chat_progress(void *context, int64_t done, int64_t total);

/* Report a problem that chat_check has found: TEXT is one line, not escaped for a terminal, valid
 * during the call. */
typedef void chat_finding(void *context, const char *text);

typedef struct chat_spool chat_spool;
typedef struct chat_batch chat_batch;

/* Return the version of the library, such as "0.2.0". The text is a constant. */
const char *chat_version(void);

/* Return a short text for STATUS, such as "permission denied". The text is a constant. chat_error
 * returns more. */
const char *chat_status_string(enum chat_status status);

/* Return the path of the spool that the commands use. The arguments are the values of
 * CHAT_SPOOL, XDG_STATE_HOME and HOME; each may be NULL. (The library reads no environment
 * variables.) The caller frees the path with free(). NULL: there is no memory (errno is ENOMEM),
 * or this user has no home directory (ENOENT). */
char *chat_default_spool(const char *spool, const char *state_home, const char *home);

/* Declare, before any other call, that this process has one thread and that no other code in it
 * uses the libraries that this library links. This makes the library faster; not for a program with
 * plug-ins. */
void chat_single_threaded(void);

/* Open the spool WHERE: a path, or a URL with the scheme of a remote store. The first chat_begin,
 * not this call, creates a spool file that does not exist. Stores a handle in *SPOOL whatever the
 * status, so that chat_error can return the reason; NULL only if there was no memory for it. The
 * caller closes the handle with chat_close. */
enum chat_status chat_open(const char *where, chat_spool **spool);

/* Set how long, in milliseconds, each call keeps trying to reach a remote store that does not
 * answer, also after a connection was lost (below zero: the usual time; INT64_MAX: no limit).
 * Has no effect on a file. If a blocked signal comes in that time, the call returns
 * CHAT_INTERRUPTED. */
void chat_set_timeout(chat_spool *spool, int64_t timeout);

/* Return the time by the clock of SPOOL, in milliseconds since 1970: the clock of this machine,
 * or of the server. */
int64_t chat_time(const chat_spool *spool);

/* Return the names of environment variables from which SPOOL may have read a password, and that a
 * child process does not need. The list ends with NULL, and is a constant. */
const char *const *chat_secrets(const chat_spool *spool);

/* Close SPOOL (or NULL): release its claims and roll back an open transaction. The caller has
 * released its batches before. */
void chat_close(chat_spool *spool);

/* Return the reason why the last call on SPOOL failed: one line, lower case, without a full stop,
 * subjects in single quotes, not escaped for a terminal. Owned by SPOOL, valid until its next call.
 * SPOOL may be NULL ("out of memory"). */
const char *chat_error(const chat_spool *spool);

/* Return whether NAME can name a room: 1 to 255 bytes of UTF-8, no control characters, no '/',
 * not starting with '-' or '.'. */
bool chat_room_valid(const char *name);

/* Return whether NAME can name a reader of an open room: ROOM/NAME, both valid names of rooms,
 * together at most 255 bytes. Such a name is also allowed in chat_query.rooms and
 * chat_message.room. */
bool chat_reader_valid(const char *name);

/* Return whether NAME can be a sender or a host: 1 to 255 bytes of UTF-8 without control
 * characters. */
bool chat_name_valid(const char *name);

/* Decode the first character of BYTES, which has SIZE bytes, at least 1. Returns the length of the
 * character and stores its code point; or returns 0 if the bytes are not UTF-8 (overlong forms and
 * surrogates are not). */
size_t chat_utf8(const void *bytes, size_t size, uint32_t *code_point);

/* Store the settings of SPOOL in *SETTINGS, or change them on disk to *SETTINGS (next_id is
 * ignored). If there is no spool, chat_settings returns the settings of a new one, and
 * chat_set_settings creates it. */
enum chat_status chat_settings(chat_spool *spool, struct chat_settings *settings);
enum chat_status chat_set_settings(chat_spool *spool, const struct chat_settings *settings);

/* Create the spool if it does not exist. GROUP is NULL, or the name of a group whose members will
 * all use the spool: its directory must then be new or empty, unless the spool already belongs to
 * that group. */
enum chat_status chat_create(chat_spool *spool, const char *group);

/* Return the name and version of the store of SPOOL, such as "SQLite 3.40.1". Valid until the next
 * call. */
const char *chat_store_version(const chat_spool *spool);

/* Give no message an id below NEXT_ID from now on, and create the spool if it does not exist.
 * *BEFORE becomes the previous next id; a higher one stays. For messages from another spool: an id
 * that was given there is not given again here. Not between chat_begin and chat_commit
 * (CHAT_USAGE). CHAT_DATA: the id is too high for a spool. */
enum chat_status chat_skip_ids(chat_spool *spool, int64_t next_id, int64_t *before);

/* Begin a transaction that sends: create the spool if it does not exist, and take the write lock.
 * Until chat_commit or chat_rollback no other process can write. CHAT_BUSY: the lock was held for
 * 30 seconds. */
enum chat_status chat_begin(chat_spool *spool);

/* Add MESSAGE (its id and attempts are ignored) to the end of its room, and store its new id in
 * *ID, unless ID is NULL. TERMS may be NULL. If TERMS.once finds a message with the same key,
 * nothing is added, *ID becomes the id of that message, and the status is CHAT_OK or, with
 * TERMS.fresh, CHAT_NONE. If ID is NULL and TERMS are unconditional, a remote store may check the
 * message only at the next call, or at the commit. After CHAT_NONE, CHAT_USAGE, CHAT_DATA (the body
 * is longer than chat_settings.max_length) and CHAT_BUSY (the room is full) the earlier messages of
 * the transaction stay; after any other error only chat_rollback is allowed. */
enum chat_status chat_put(chat_spool *spool, const struct chat_message *message,
                          const struct chat_terms *terms, int64_t *id);

/* Commit the transaction. On CHAT_OK all messages since chat_begin are on disk. Otherwise none of
 * them is in the spool, with one exception: if the system failed during or after the commit,
 * chat_error reports that they may be stored. */
enum chat_status chat_commit(chat_spool *spool);

/* Roll the transaction back: forget all messages since chat_begin. */
void chat_rollback(chat_spool *spool);

/* Store in *MARK the position of the newest message that is now in the rooms of QUERY or any other
 * (0: no message), for chat_query.until. */
enum chat_status chat_mark(chat_spool *spool, const struct chat_query *query, int64_t *mark);

/* Claim the oldest unclaimed messages, up to the limits of QUERY, all from the first of its rooms
 * that has one. Until they are deleted or released, or this process dies, no other receiver gets
 * them; no clock is involved. For a reader (ROOM/NAME): claim messages that it has not read. The
 * reader is created if it does not exist, and no other receiver with this reader name gets the
 * messages. CHAT_NOUSER: ROOM is not open. Claiming from an open room without a reader is
 * CHAT_USAGE, except with query.every: then all readers lose the messages. CHAT_NONE: there is no
 * message. CHAT_DAMAGED: a message was damaged, and was moved to the room CHAT_ROOM_DAMAGED;
 * chat_error names it; call again. On CHAT_OK the caller owns *BATCH. */
enum chat_status chat_claim(chat_spool *spool, const struct chat_query *query, chat_batch **batch);

/* Return the unclaimed messages from *CURSOR on without claiming them, and move *CURSOR behind
 * them. CHAT_NONE: there are no more. CHAT_DAMAGED: a message is damaged, as chat_error reports,
 * and was skipped; nothing was changed. On CHAT_OK the caller owns *BATCH. For an open room: all
 * messages that it keeps. For a reader: messages that it has not read; no reader is created. */
enum chat_status chat_walk(chat_spool *spool, const struct chat_query *query,
                           struct chat_cursor *cursor, chat_batch **batch);

/* The process that has claimed a message. */
struct chat_holder {
    int64_t process; /* the id of the process here, or of the server's; 0: none, or not known */
    char name[128];  /* the name of its command, and where it is if that is elsewhere; "" */
};

/* Store in HOLDERS, which has one element for each message of BATCH, which process has claimed it.
 * BATCH comes from chat_walk with chat_query.every. Looks at all processes of this machine: those
 * of other users, and of other PID namespaces, stay unknown. */
enum chat_status chat_holders(const chat_batch *batch, struct chat_holder *holders);

/* Return the number of messages in BATCH, and message I of them, from 0 on, in order. BATCH owns
 * the message. NULL: there is no message I. */
size_t chat_batch_count(const chat_batch *batch);
const struct chat_message *chat_batch_message(const chat_batch *batch, size_t i);

/* Return how many messages the reader of BATCH has lost to chat_bounds.most since the last report.
 * chat_settle() marks them as reported. */
int64_t chat_batch_missed(const chat_batch *batch);

/* Delete the first COUNT messages of BATCH, which were delivered, on disk. Deletes all of them or
 * none, except on a full disk, where they are deleted in parts. Whatever the status, release BATCH
 * afterwards. */
enum chat_status chat_settle(chat_batch *batch, size_t count);

/* Append the messages of OTHER to BATCH, so that one chat_settle() deletes all of them with one
 * sync. Frees OTHER. CHAT_USAGE: the batches are not from one room, one handle and one connection;
 * OTHER is unchanged. */
enum chat_status chat_join(chat_batch *batch, chat_batch *other);

/* Treat the messages of BATCH, whose command has failed, according to FAILURE, on disk, all or
 * none. Whatever the status, release or keep BATCH afterwards. */
enum chat_status chat_fail(chat_batch *batch, const struct chat_failure *failure);

/* Move the messages of BATCH to the end of ROOM, on disk, all or none. Their attempts count from
 * 0 again; a message that was held back is ready, a message that is delayed stays delayed.
 * Whatever the status, release BATCH afterwards. */
enum chat_status chat_move(chat_batch *batch, const char *room);

/* Likewise, but move them to the front of ROOM: before all its messages that no receiver has
 * claimed, in the order of BATCH. A delayed message has no position yet, and joins the end of ROOM
 * when it is due. */
enum chat_status chat_move_first(chat_batch *batch, const char *room);

/* Free BATCH, but keep its claims until SPOOL is closed: its messages stay where they are, and
 * this handle does not get them again. */
enum chat_status chat_keep(chat_batch *batch);

/* Free BATCH (or NULL). Its claimed messages that were not deleted are the oldest of their room
 * again. */
void chat_release(chat_batch *batch);

/* Sleep until ROOM may hold fewer than MAX messages. TIMEOUT, UNBLOCKED and the statuses are those
 * of chat_wait. */
enum chat_status chat_wait_room(chat_spool *spool, const char *room, int64_t max, int64_t timeout,
                                const sigset_t *unblocked);

/* Sleep until chat_claim may find a message, at most TIMEOUT milliseconds (below zero: no limit),
 * without polling; chatspool(7) names the exceptions. *UNBLOCKED, unless UNBLOCKED is NULL, is the
 * signal mask during the sleep, as for ppoll(). CHAT_OK: look again. CHAT_NONE: the timeout is
 * over. CHAT_INTERRUPTED: a signal came, or a descriptor of chat_set_descriptors is ready. */
enum chat_status chat_wait(chat_spool *spool, const struct chat_query *query, int64_t timeout,
                           const sigset_t *unblocked);

/* Make chat_wait, chat_wait_room and chat_watch also wait for the COUNT descriptors in FDS, as
 * poll(2) does: for example for the input of a person, or (events 0: only POLLERR and POLLHUP) for
 * the end of an output's reader. These functions return CHAT_INTERRUPTED when one of the
 * descriptors is ready, with its events in revents. A call that did not sleep sets all revents to
 * 0. The caller owns FDS and the descriptors; FDS is used until the next call of this function, or
 * chat_close. */
void chat_set_descriptors(chat_spool *spool, struct pollfd *fds, size_t count);

/* Sleep until something in SPOOL may have changed. TIMEOUT, UNBLOCKED and the statuses are those of
 * chat_wait. A change since the last call counts, so no change is missed between a look and this
 * call. */
enum chat_status chat_watch(chat_spool *spool, int64_t timeout, const sigset_t *unblocked);

/* Store the rooms of SPOOL that hold a message, by name in the order of strcmp(), in an array of
 * *COUNT elements that the caller frees with free(). CHAT_NONE: there is no spool. */
enum chat_status chat_list(chat_spool *spool, struct chat_room **rooms, size_t *count);

/* Open ROOM, and create it if it does not exist: each of its readers gets every message from now
 * on, and the messages that are in it. If it is already open, change its bounds. */
enum chat_status chat_open_room(chat_spool *spool, const char *room,
                                const struct chat_bounds *bounds);

/* End the reader NAME (ROOM/NAME), and delete messages that were sent only to it; or end all
 * readers of the room NAME, which becomes plain and has the messages that it kept. CHAT_NOUSER:
 * no such reader, or the room is not open. CHAT_NONE: there is no spool. */
enum chat_status chat_forget(chat_spool *spool, const char *name);

/* Let READER (ROOM/NAME) continue at POINT, and create it if it does not exist. It has finished
 * all messages before that point, and gets all behind it, whatever it has read. CHAT_NOUSER:
 * ROOM is not open. CHAT_NONE: the room does not keep a message with that id. */
enum chat_status chat_seek(chat_spool *spool, const char *reader, const struct chat_point *point);

/* Store the readers of the open ROOM, by name in the order of strcmp(), in an array of *COUNT
 * elements that the caller frees with free(). With an ID above 0, only those that have finished the
 * message with that id. CHAT_NOUSER: the room is not open. CHAT_NONE: there is no spool. */
enum chat_status chat_readers(chat_spool *spool, const char *room, int64_t id,
                              struct chat_reader **readers, size_t *count);

/* Check SPOOL: its files, its structure, every checksum, every counter. Calls REPORT, unless it is
 * NULL, for each problem, with CONTEXT. CHAT_DATA: there are problems. With REPAIR: move damaged
 * messages to the room CHAT_ROOM_DAMAGED with all that can be read of them, correct counters, and
 * rebuild a broken structure from what can be read; REPORT is called for each repair, too. CHAT_OK
 * then means that the spool is sound. CHAT_NONE: there is no spool. */
enum chat_status chat_check(chat_spool *spool, bool repair, chat_finding *report, void *context);

/* Write all of SPOOL, as it is at this moment, to the new spool FILE, while other processes use it.
 * The copy has no claims. An existing FILE is replaced, at the end, in one step. PROGRESS may be
 * NULL. CHAT_NONE: there is no spool. */
enum chat_status chat_backup(chat_spool *spool, const char *file, chat_progress *progress,
                             void *context);

/* Replace the contents of SPOOL by the messages and settings of FILE, a backup of it, in one
 * transaction, while other processes use it; later messages are added. A SPOOL that does not exist
 * is created, and one that cannot be opened is replaced. The next id never goes back. Waits until
 * no message is claimed (CHAT_BUSY: that took more than 30 seconds), and grants no new claim until
 * it ends. PROGRESS may be NULL. CHAT_DATA: FILE is not a spool or is damaged, and nothing was
 * changed. */
enum chat_status chat_restore(chat_spool *spool, const char *file, chat_progress *progress,
                              void *context);

/* Delete expired messages and return all free space to the disk, in portions, while other processes
 * use the spool; *FREED becomes the number of bytes. PROGRESS may be NULL. CHAT_NONE: there is no
 * spool. */
enum chat_status chat_compact(chat_spool *spool, chat_progress *progress, void *context,
                              int64_t *freed);

#ifdef __cplusplus
}
#endif

#endif
