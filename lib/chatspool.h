/* chatspool.h - a message queue in a file, for programs.
 *
 * A *spool* holds *rooms*; a room is a first-in, first-out queue of
 * *messages*. There is no daemon: every process works on the spool by itself.
 *
 * To send:     chat_open, chat_begin, chat_put ..., chat_commit, chat_close
 * To receive:  chat_open, chat_claim, hand the messages over, chat_settle, chat_close
 *
 * The library is for one thread of a process at a time. A handle does not belong to a child made by
 * fork(): a child opens its own, and as long as it lives without exec() it keeps the claims of its
 * parent, and its parent's turn. The library never prints, never exits, and reads no
 * environment. While it waits for its turn on a busy spool it borrows SIGALRM.
 *
 * Texts are UTF-8 and end with NUL. Times are milliseconds since 1970, UTC.
 */

#ifndef CHATSPOOL_H
#define CHATSPOOL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chat_status {
    CHAT_OK = 0,
    CHAT_NONE,        /* there is no message (or the time is up) */
    CHAT_INTERRUPTED, /* a signal ended the wait */
    CHAT_USAGE,       /* an argument is not allowed */
    CHAT_DATA,        /* not a spool, damaged, of a newer version; a message too long */
    CHAT_UNREACHABLE, /* the store is elsewhere and does not answer */
    CHAT_SYSTEM,      /* no memory, no descriptors */
    CHAT_CANTCREATE,  /* the spool can't be created */
    CHAT_IO,          /* reading or writing failed; the disk is full */
    CHAT_BUSY,        /* not now: locked too long, the room is full */
    CHAT_PERMISSION   /* no permission, or the spool is not safe to use */
};

/* The longest room name, sender and host, in bytes without the NUL. */
#define CHAT_NAME_MAX 255

/* The most bytes a body may have where the spool does not say otherwise. */
#define CHAT_LENGTH_DEFAULT 67108864

struct chat_message {
    int64_t id; /* unique in the spool, growing; chat_put gives it */
    const char *room;
    const char *user; /* who sent it */
    const char *host; /* and where */
    int64_t time;     /* when it was sent; for chat_put 0 means now */
    int64_t attempts; /* failed ones so far */
    const char *key;  /* or NULL */
    const void *body;
    size_t length; /* of the body, in bytes */

    /* For chat_put only: */
    int64_t due;     /* not before this time; 0: at once */
    int64_t expires; /* dropped unseen from this time on; 0: never */
};

/* On which terms a message is put. All zero: on none. */
struct chat_terms {
    bool once;   /* not if a message with its key is in the room */
    int64_t max; /* only if the room holds fewer messages than this; 0: no limit */
    bool drop;   /* make room for it by dropping the oldest that nobody has claimed */
};

/* What becomes of a message whose work has failed. */
struct chat_failure {
    bool counted;     /* it is one more failed attempt */
    int64_t hold;     /* hold it back for so many milliseconds; it keeps its place */
    const char *dead; /* or move it to the end of this room */
};

/* Which messages a receiver wants. */
struct chat_query {
    const char *const *rooms; /* in the order of preference */
    size_t room_count;
    int64_t until;       /* none behind this mark (chat_mark); 0: no bound */
    size_t max_messages; /* at most so many, at least 1 */
    size_t max_bytes;    /* stop where their bodies have come to so many bytes */
};

/* Where a walk stands. All zero: at the beginning. */
struct chat_cursor {
    size_t room;
    int64_t place;
};

typedef struct chat_spool chat_spool;
typedef struct chat_batch chat_batch;

/* Tell the library, before anything else, that this process has one thread and that what the
 * library links is used by it alone. Makes it quicker; not for a program with plug-ins. */
void chat_alone(void);

/* Open the spool WHERE: a path, or a URL with the scheme of a networked store.
 * A spool file that does not exist yet is made by the first chat_begin, not here.
 * Stores a handle in *SPOOL whatever the status, so that chat_error can tell
 * the reason; NULL only where there was no memory for it. The caller closes it. */
enum chat_status chat_open(const char *where, chat_spool **spool);

/* Close SPOOL (or NULL): gives up its claims, rolls back what is not committed.
 * Its batches must have been released before. */
void chat_close(chat_spool *spool);

/* The reason why the last call on SPOOL failed: one line, lower case, no full
 * stop, subjects in single quotes, not escaped for a terminal. Owned by SPOOL,
 * good until its next call. SPOOL may be NULL ("out of memory"). */
const char *chat_error(const chat_spool *spool);

/* Whether NAME can name a room: 1 to 255 bytes of UTF-8, no control characters,
 * no '/', not starting with '-' or '.'. */
bool chat_room_valid(const char *name);

/* Whether NAME can be a sender or a host: 1 to 255 bytes of UTF-8 without
 * control characters. */
bool chat_name_valid(const char *name);

/* Decode the character that BYTES (SIZE of them, at least 1) begin with. Returns
 * its length and stores its code point, or returns 0 where they are not UTF-8
 * (overlong forms and surrogates are not). */
size_t chat_utf8(const void *bytes, size_t size, uint32_t *code_point);

/* Store in *BYTES how long a message of SPOOL may be. */
enum chat_status chat_limit(chat_spool *spool, int64_t *bytes);

/* Begin to send, make the spool if there is none, and wait for the turn of this
 * process: until chat_commit or chat_rollback nobody else can write.
 * CHAT_BUSY after 30 seconds. */
enum chat_status chat_begin(chat_spool *spool);

/* Add MESSAGE (its id and attempts are ignored) at the end of its room, and store the id it got in
 * *ID unless that is NULL. TERMS may be NULL; where they say that there is a message with its key
 * already, that one's id is stored, nothing is added, and the status is CHAT_OK.
 * CHAT_USAGE, CHAT_DATA (the body is longer than chat_limit) and CHAT_BUSY (the room is full)
 * leave what was put before as it was; after any other error only chat_rollback is left. */
enum chat_status chat_put(chat_spool *spool, const struct chat_message *message,
                          const struct chat_terms *terms, int64_t *id);

/* All that was put since chat_begin is on disk when this returns CHAT_OK, and
 * none of it is in the spool otherwise, but for one case: the system failed during
 * or after the commit. Then chat_error says that it may be stored. */
enum chat_status chat_commit(chat_spool *spool);

/* Forget all that was put since chat_begin. */
void chat_rollback(chat_spool *spool);

/* Store in *MARK the place of the newest message there is now in the rooms of QUERY or any other
 * (0: there is none), for chat_query.until. */
enum chat_status chat_mark(chat_spool *spool, const struct chat_query *query, int64_t *mark);

/* Take the oldest messages that nobody has claimed: as many as QUERY allows, all
 * from the first of its rooms that has one. Until they are settled or released, or this
 * process dies, nobody else gets them; no clock is involved.
 * CHAT_NONE: there are none. CHAT_DATA also where a message is damaged.
 * On CHAT_OK the caller owns *BATCH. */
enum chat_status chat_claim(chat_spool *spool, const struct chat_query *query, chat_batch **batch);

/* Look at the messages that nobody has claimed without taking them, from *CURSOR on,
 * and move *CURSOR behind them. CHAT_NONE at the end. On CHAT_OK the caller owns *BATCH. */
enum chat_status chat_walk(chat_spool *spool, const struct chat_query *query,
                           struct chat_cursor *cursor, chat_batch **batch);

/* The messages of BATCH, in order, owned by BATCH. */
size_t chat_batch_count(const chat_batch *batch);
const struct chat_message *chat_batch_message(const chat_batch *batch, size_t i);

/* The first COUNT messages of BATCH were handed over: delete them, on disk. All or none, but on a
 * full disk, where they are deleted little by little. Whatever the status, BATCH is still to be
 * released. */
enum chat_status chat_settle(chat_batch *batch, size_t count);

/* The work on the messages of BATCH has failed: do with them as FAILURE says, on disk, all or none.
 * Whatever the status, BATCH is still to be released, or kept. */
enum chat_status chat_fail(chat_batch *batch, const struct chat_failure *failure);

/* Free BATCH, but keep its claims until SPOOL is closed: its messages stay where they are, and
 * this handle is not given them again. */
enum chat_status chat_keep(chat_batch *batch);

/* Free BATCH (or NULL). What was claimed and not settled is the oldest of its
 * room again. */
void chat_release(chat_batch *batch);

/* Sleep until ROOM may hold fewer than MAX messages; otherwise as chat_wait. */
enum chat_status chat_wait_room(chat_spool *spool, const char *room, int64_t max, int64_t timeout,
                                const sigset_t *unblocked);

/* Sleep until chat_claim may find a message, at most TIMEOUT milliseconds (below
 * zero: no limit). No system call is made meanwhile. Signals in *UNBLOCKED, unless it
 * is NULL, are the caller's mask during the sleep, as for ppoll().
 * CHAT_OK: look again. CHAT_NONE: the time is up. CHAT_INTERRUPTED: a signal came. */
enum chat_status chat_wait(chat_spool *spool, const struct chat_query *query, int64_t timeout,
                           const sigset_t *unblocked);

#ifdef __cplusplus
}
#endif

#endif
