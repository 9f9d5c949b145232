/* chatspool.h - a message queue in a file, for programs.
 *
 * A *spool* holds *rooms*; a room is a first-in, first-out queue of
 * *messages*. There is no daemon: every process works on the spool by itself.
 *
 * To send:     chat_open, chat_begin, chat_put ..., chat_commit, chat_close
 * To receive:  chat_open, chat_claim, hand the messages over, chat_settle, chat_close
 *
 * The library is for one thread of a process at a time, whatever the handles: a program with
 * threads holds a lock around each call. A handle does not belong to a child made by fork(), which
 * must not even close it. As long as the child lives without exec() it keeps the claims of its
 * parent, and its parent's turn. It can open a spool of its own only if it was forked
 * while none was open (CHAT_USAGE). The library never prints, never exits, and reads no
 * environment. While it waits for its turn on a busy spool it borrows SIGALRM.
 *
 * Texts are UTF-8 and end with NUL. Times are milliseconds since 1970, UTC.
 */

#ifndef CHATSPOOL_H
#define CHATSPOOL_H

#include <poll.h>
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
    CHAT_INTERRUPTED, /* a signal, or a descriptor of the caller's, ended the wait */
    CHAT_USAGE,       /* an argument is not allowed */
    CHAT_DATA,        /* not a spool, damaged, of a newer version; a message too long */
    CHAT_UNREACHABLE, /* the store is elsewhere and does not answer */
    CHAT_SYSTEM,      /* no memory, no descriptors */
    CHAT_CANTCREATE,  /* the spool can't be created */
    CHAT_IO,          /* reading or writing failed; the disk is full */
    CHAT_BUSY,        /* not now: locked too long, the room is full */
    CHAT_PERMISSION,  /* no permission, or the spool is not safe to use */
    CHAT_DAMAGED,     /* a message was damaged, and is in the room of those now: go on */
    CHAT_NOUSER       /* no such reader, or the room is not open */
};

/* The room where nobody names one, and the spool neither; and the room of damaged messages. */
#define CHAT_ROOM_DEFAULT "main"
#define CHAT_ROOM_DAMAGED "damaged"

/* The longest room name, sender and host, in bytes without the NUL. */
#define CHAT_NAME_MAX 255

/* The most bytes a body may have where the spool does not say otherwise, and the most it can say.
 */
#define CHAT_LENGTH_DEFAULT 67108864
#define CHAT_LENGTH_MAX 1000000000

/* The earliest and the latest time that a message can have: of the years 0000 and 9999, UTC. */
#define CHAT_TIME_MIN (-INT64_C(62167219200000))
#define CHAT_TIME_MAX INT64_C(253402300799999)

/* What ended by a signal has this and the number of the signal for an exit status. */
#define CHAT_SIGNALLED 256

struct chat_message {
    int64_t id;       /* unique in the spool, growing; chat_put gives it */
    const char *room; /* for chat_put NULL means the spool's default room */
    const char *user; /* who sent it */
    const char *host; /* and where */
    int64_t time;     /* when it was sent; for chat_put 0 means now */
    int64_t attempts; /* failed ones so far */
    int64_t failed;   /* when the last one failed; 0: none has */
    int failure;      /* and how: the exit status of its work, or CHAT_SIGNALLED and a signal */
    const char *key;  /* or NULL */
    const void *body;
    size_t length; /* of the body, in bytes */

    /* For chat_put, and from a query for every message: */
    int64_t due;        /* not before this time; 0: at once */
    int64_t expires;    /* dropped unseen from this time on; 0: never */
    const char *reader; /* who received it, where its room is open: "bob" for tea/bob; else NULL.
                         * ROOM is "tea" then, or "tea/bob" for what was sent to bob alone */
    int64_t place; /* its place in the room, the lowest is the oldest; 0: it gets one at the end of
                    * the room when it is due. One that is due later and has a place already is
                    * held back after a failure. chat_put takes it on the term of restoring only */
    bool claimed;  /* somebody works on it at this moment; not for chat_put */
};

/* On which terms a message is put. All zero: on none. */
struct chat_terms {
    bool once;    /* not if a message with its key is in the room */
    bool fresh;   /* with once: say by CHAT_NONE that one is there, and so nothing was added */
    bool replace; /* delete the messages with its key in the room that nobody has claimed */
    int64_t max;  /* only if the room holds fewer messages, or one is replaced; 0: no limit */
    bool drop;    /* make room for it by dropping the oldest that nobody has claimed */
    bool restore; /* as it was: MESSAGE's attempts; and unless its id is 0, its id and place too */
    bool whole;   /* never drop a message of the same transaction: then the room is full */
};

/* What becomes of a message whose work has failed. */
struct chat_failure {
    bool counted;     /* it is one more failed attempt, */
    int status;       /* that failed so: as chat_message.failure */
    int64_t hold;     /* hold it back for so many milliseconds, but not beyond CHAT_TIME_MAX; it
                       * keeps its place */
    const char *dead; /* or move it to the end of this room */
};

/* Which messages a receiver wants. */
struct chat_query {
    const char *const *rooms; /* in the order of preference; NULL: the spool's default room */
    size_t room_count;
    int64_t id;          /* this message only, in whatever room (no rooms are named then); 0: any */
    bool every;          /* delayed, held back and expired ones too; of a walk, claimed ones too */
    int64_t until;       /* none behind this mark (chat_mark); 0: no bound */
    int64_t before;      /* of chat_claim with EVERY: only those sent before this time; 0: all */
    int64_t after;       /* of chat_wait: wait for one behind this place (chat_cursor); 0: any */
    size_t max_messages; /* at most so many, at least 1 */
    size_t max_bytes;    /* stop where their bodies have come to so many bytes */
};

/* Where a walk stands. All zero: at the beginning. */
struct chat_cursor {
    size_t room;
    int64_t place, due, id; /* the last one seen, among those with a place or among those behind */
};

/* What an open room keeps. Of each pair one is 0. */
struct chat_bounds {
    int64_t keep;      /* so many of the last messages stay although all readers have them, */
    int64_t keep_time; /* or those that were sent in the last so many milliseconds */
    int64_t most;      /* never more than so many messages, */
    int64_t most_time; /* or none sent earlier than so many milliseconds ago; read or not */
};
#define CHAT_KEEP_DEFAULT 1000
#define CHAT_MOST_DEFAULT 1000000

/* What a room holds. */
struct chat_room {
    char name[CHAT_NAME_MAX + 1];
    int64_t depth, bytes;      /* all messages in it, and the sum of their bodies' lengths */
    int64_t claimed;           /* of those, somebody works on at this moment */
    int64_t delayed;           /* wait for their time, without a place */
    int64_t held;              /* wait for their time after a failure */
    int64_t expired;           /* are over, and not swept away yet */
    int64_t oldest;            /* when the first in the line was sent; 0: there is none */
    bool open;                 /* each of its readers gets every message */
    int64_t readers;           /* how many it has */
    struct chat_bounds bounds; /* of an open room */
};

/* A reader of an open room. */
struct chat_reader {
    char name[CHAT_NAME_MAX + 1]; /* without the room: "bob" */
    int64_t unread;               /* messages that it is not done with, and among them those that */
    int64_t claimed;              /* are being worked on, */
    int64_t held;                 /* and are held back after a failure */
    int64_t missed;               /* messages lost to chat_bounds.most, and not reported yet */
    bool here;                    /* a process waits or works as this reader */
    int64_t last;                 /* when it last was done with a message; 0: never */
    int64_t place;                /* up to this place it has seen everything */
};

/* Where a reader continues. */
struct chat_point {
    enum chat_point_kind {
        CHAT_POINT_START, /* with the oldest message that the room keeps */
        CHAT_POINT_END,   /* with what comes from now on */
        CHAT_POINT_TIME,  /* with the first message that was sent at VALUE or later */
        CHAT_POINT_ID,    /* behind the message with the id VALUE */
        CHAT_POINT_PLACE  /* behind the place VALUE */
    } kind;
    int64_t value;
    bool forward; /* never back: of two calls the later point stays */
};

/* What a spool says of itself. */
struct chat_settings {
    int64_t max_length;           /* the most bytes a body may have; up to CHAT_LENGTH_MAX */
    char room[CHAT_NAME_MAX + 1]; /* the default room */
    int64_t next_id;              /* 1 in a spool that never held a message; see chat_skip_ids */
};

/* Hears how far a long call is: DONE of TOTAL, of whatever unit. */
typedef void chat_progress(void *context, int64_t done, int64_t total);

/* Hears what chat_check has found, a line each, not escaped for a terminal. */
typedef void chat_finding(void *context, const char *text);

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

/* A store that is elsewhere and does not answer is tried to be reached for so many milliseconds by
 * each call that needs it (below zero: as long as is usual for it; INT64_MAX: for ever), and after
 * a connection was lost once more. Does nothing to a file. If a signal that is blocked comes
 * meanwhile, the call ends with CHAT_INTERRUPTED. */
void chat_patience(chat_spool *spool, int64_t patience);

/* Milliseconds since 1970 by the clock that SPOOL goes by: this machine's, or that of the server.
 */
int64_t chat_time(const chat_spool *spool);

/* The names of variables of the environment from which SPOOL may have been told a secret, and that
 * a child has no business with. The list ends with NULL; a constant. */
const char *const *chat_secrets(const chat_spool *spool);

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

/* Whether NAME can name a reader of an open room: ROOM/NAME, both valid names of rooms, in 255
 * bytes together. Such a name may stand for a room in chat_query.rooms and chat_message.room. */
bool chat_reader_valid(const char *name);

/* Whether NAME can be a sender or a host: 1 to 255 bytes of UTF-8 without
 * control characters. */
bool chat_name_valid(const char *name);

/* Decode the character that BYTES (SIZE of them, at least 1) begin with. Returns
 * its length and stores its code point, or returns 0 where they are not UTF-8
 * (overlong forms and surrogates are not). */
size_t chat_utf8(const void *bytes, size_t size, uint32_t *code_point);

/* Store in *SETTINGS what holds for SPOOL, and change it on disk (next_id is ignored). Where there
 * is no spool the first tells what a new one would have, and the second makes it. */
enum chat_status chat_settings(chat_spool *spool, struct chat_settings *settings);
enum chat_status chat_set(chat_spool *spool, const struct chat_settings *settings);

/* Make the spool, if there is none. With GROUP (a name, or NULL), for all members of that group:
 * its directory must be new or empty, or the spool be one of that group already. */
enum chat_status chat_create(chat_spool *spool, const char *group);

/* The engine that SPOOL is kept in, and its version, like "SQLite 3.40.1". Good until the next
 * call. */
const char *chat_engine(const chat_spool *spool);

/* Give no message an id below NEXT_ID from now on, and make the spool if there is none; *BEFORE
 * becomes the next id there was, which a spool with a higher one keeps. For messages that come from
 * another spool: an id that was given there is not given again here. Not between chat_begin and
 * chat_commit (CHAT_USAGE). CHAT_DATA: no spool has so high an id. */
enum chat_status chat_skip_ids(chat_spool *spool, int64_t next_id, int64_t *before);

/* Begin to send, make the spool if there is none, and wait for the turn of this
 * process: until chat_commit or chat_rollback nobody else can write.
 * CHAT_BUSY after 30 seconds. */
enum chat_status chat_begin(chat_spool *spool);

/* Add MESSAGE (its id and attempts are ignored) at the end of its room, and store the id it got in
 * *ID unless that is NULL. TERMS may be NULL; where they say that there is a message with its key
 * already, that one's id is stored, nothing is added, and the status is CHAT_OK, or CHAT_NONE.
 * A store that is elsewhere may not look at the message before the next call, or the commit, where
 * nobody wants to know its id and TERMS say nothing.
 * CHAT_NONE, CHAT_USAGE, CHAT_DATA (the body is longer than chat_limit) and CHAT_BUSY (the room is
 * full) leave what was put before as it was; after any other error only chat_rollback is left. */
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
 * For a reader (ROOM/NAME): those that it has not read; it is made if there is none, and nobody
 * else who receives as this reader gets them. CHAT_NOUSER: ROOM is not open. To claim from an open
 * room without a reader is CHAT_USAGE, but with query.every: then all readers lose the messages.
 * CHAT_NONE: there are none. CHAT_DAMAGED: one was damaged, and has been moved to the room
 * CHAT_ROOM_DAMAGED; chat_error tells which; claim again.
 * On CHAT_OK the caller owns *BATCH. */
enum chat_status chat_claim(chat_spool *spool, const struct chat_query *query, chat_batch **batch);

/* Look at the messages that nobody has claimed without taking them, from *CURSOR on,
 * and move *CURSOR behind them. CHAT_NONE at the end. CHAT_DAMAGED: one is damaged, as chat_error
 * tells, and was passed; nothing was changed. On CHAT_OK the caller owns *BATCH.
 * Of an open room: all that it keeps. Of a reader: what it has not read; none is made. */
enum chat_status chat_walk(chat_spool *spool, const struct chat_query *query,
                           struct chat_cursor *cursor, chat_batch **batch);

/* Who has claimed a message. */
struct chat_holder {
    int64_t process; /* the id of the process here, or of the server's; 0: none, or not known */
    char name[128];  /* the name of its command, and where it is if that is elsewhere; "" */
};

/* Store in HOLDERS, which has one element for each message of BATCH, who has claimed it. BATCH is
 * from chat_walk with EVERY. Looks at all processes of this machine: those of other users, and of
 * other PID namespaces, stay unknown. */
enum chat_status chat_holders(const chat_batch *batch, struct chat_holder *holders);

/* The messages of BATCH, in order, owned by BATCH. */
size_t chat_batch_count(const chat_batch *batch);
const struct chat_message *chat_batch_message(const chat_batch *batch, size_t i);

/* How many messages the reader of BATCH has lost because its room may hold no more
 * (chat_bounds.most), and was not told of: when BATCH is settled, this was reported. */
int64_t chat_batch_missed(const chat_batch *batch);

/* The first COUNT messages of BATCH were handed over: delete them, on disk. All or none, but on a
 * full disk, where they are deleted little by little. Whatever the status, BATCH is still to be
 * released. */
enum chat_status chat_settle(chat_batch *batch, size_t count);

/* Have the messages of OTHER at the end of BATCH, to be settled together with one sync, and free
 * OTHER. CHAT_USAGE: they are not of one room, one handle and one connection; OTHER is left. */
enum chat_status chat_join(chat_batch *batch, chat_batch *other);

/* The work on the messages of BATCH has failed: do with them as FAILURE says, on disk, all or none.
 * Whatever the status, BATCH is still to be released, or kept. */
enum chat_status chat_fail(chat_batch *batch, const struct chat_failure *failure);

/* Move the messages of BATCH to the end of ROOM, on disk, all or none. Their attempts begin anew;
 * one that was held back is ready, one that is delayed stays so. Whatever the status, BATCH is
 * still to be released. */
enum chat_status chat_move(chat_batch *batch, const char *room);

/* As chat_move, to the front of ROOM: before all its messages that no receiver has claimed, in the
 * order of BATCH. A delayed message has no position yet, and joins the end of ROOM when it is due.
 */
enum chat_status chat_move_first(chat_batch *batch, const char *room);

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
 * CHAT_OK: look again. CHAT_NONE: the time is up. CHAT_INTERRUPTED: a signal came, or a
 * descriptor of chat_set_descriptors is ready. */
enum chat_status chat_wait(chat_spool *spool, const struct chat_query *query, int64_t timeout,
                           const sigset_t *unblocked);

/* Have chat_wait, chat_wait_room and chat_watch sleep on the COUNT descriptors in FDS, too, as
 * poll(2) does: for the input of a person, or for the reader of an output (events 0: POLLERR and
 * POLLHUP alone). They return CHAT_INTERRUPTED when one of these is ready; its revents tells what
 * for. A call that did not sleep sets all revents to 0. FDS and the descriptors stay the caller's;
 * FDS is used until the next call of this function, or chat_close. */
void chat_set_descriptors(chat_spool *spool, struct pollfd *fds, size_t count);

/* Sleep until something in SPOOL may have changed; otherwise as chat_wait. What came since the last
 * call is a change, so there is no gap between a look and this. */
enum chat_status chat_watch(chat_spool *spool, int64_t timeout, const sigset_t *unblocked);

/* The rooms of SPOOL that hold a message, by name in the order of strcmp(): an array of *COUNT that
 * the caller frees with free(). CHAT_NONE: there is no spool. */
enum chat_status chat_list(chat_spool *spool, struct chat_room **rooms, size_t *count);

/* Open ROOM, and make it if there is none: each of its readers gets every message from now on, and
 * those that are in it. Where it is open already, its bounds change. */
enum chat_status chat_open_room(chat_spool *spool, const char *room,
                                const struct chat_bounds *bounds);

/* End the reader NAME (ROOM/NAME), with what was sent to it alone; or end all readers of the room
 * NAME, which is plain then and has the messages that it kept. CHAT_NOUSER: no such reader, or the
 * room is not open. CHAT_NONE: there is no spool. */
enum chat_status chat_forget(chat_spool *spool, const char *name);

/* Let READER (ROOM/NAME) continue at POINT, and make it if there is none. It is done with all that
 * is before that, and gets all that is behind, whatever it has read. CHAT_NOUSER: ROOM is not open.
 * CHAT_NONE: the room does not keep a message with that id. */
enum chat_status chat_seek(chat_spool *spool, const char *reader, const struct chat_point *point);

/* The readers of the open ROOM, by name in the order of strcmp(): an array of *COUNT that the
 * caller frees with free(). With an ID, those that are done with the message of that id.
 * CHAT_NOUSER: the room is not open. CHAT_NONE: there is no spool. */
enum chat_status chat_readers(chat_spool *spool, const char *room, int64_t id,
                              struct chat_reader **readers, size_t *count);

/* Look for what is wrong with SPOOL: its files, its structure, every checksum, every counter. Each
 * finding is told. CHAT_DATA: there were some. To REPAIR it: damaged messages are moved to the
 * room CHAT_ROOM_DAMAGED with all that can be read of them, counters are set right, and a broken
 * structure is built anew from what can be read; each is told, too. CHAT_OK then means that all is
 * well now. CHAT_NONE: there is no spool. */
enum chat_status chat_check(chat_spool *spool, bool repair, chat_finding *told, void *context);

/* Write all of SPOOL, as it is at this moment, to the new spool FILE, while others go on. Nobody
 * has a claim in it. A FILE that is there is replaced, at the end, in one step. CHAT_NONE: no
 * spool. */
enum chat_status chat_backup(chat_spool *spool, const char *file, chat_progress *progress,
                             void *context);

/* Put the messages and settings of FILE, a backup of SPOOL, in the place of all that SPOOL holds,
 * in one transaction, while others go on; what they send later is added to it. SPOOL is made if
 * there is none, and replaced if it cannot be opened. The next id never goes back.
 * A claim of others is waited for (CHAT_BUSY after 30 seconds), and no new one is granted
 * meanwhile. CHAT_DATA: FILE is no spool or is damaged, and nothing was changed. */
enum chat_status chat_restore(chat_spool *spool, const char *file, chat_progress *progress,
                              void *context);

/* Delete what has expired and give all free room back to the disk, in portions, while others go
 * on; *FREED becomes how many bytes. CHAT_NONE: there is no spool. */
enum chat_status chat_compact(chat_spool *spool, chat_progress *progress, void *context,
                              int64_t *freed);

#ifdef __cplusplus
}
#endif

#endif
