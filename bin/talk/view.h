/* view.h - an open room as one person sees it: what was sent to all and to this person alone, in
 * order, and up to where it was shown. */

#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "chatspool.h"

enum { READER_SIZE = 2 * CHAT_NAME_MAX + 2 };

struct room {
    chat_spool *spool;
    const char *where;  /* the path or URL of the spool */
    struct pollfd *fds; /* room_wait() also waits for these */
    size_t fd_count;
    const char *name;         /* "tea" */
    const char *user, *host;  /* "alice" */
    char reader[READER_SIZE]; /* "tea/alice" */
    int64_t patience;         /* for a server that does not answer, as chat_set_timeout() has it */
    bool lost;                /* room_reopen() found no server */
    int64_t mark;             /* room_next() returns the messages up to this position */
    int64_t shown;            /* room_next() has returned all messages up to this position */
    int64_t saved;            /* the position that is noted on disk */
    bool any;      /* room_next() has returned a message since room_look() began a new look */
    bool replaced; /* another spool is in the place of the one that was read */
    struct side {  /* the messages to all, and those to this person alone */
        struct chat_cursor cursor;
        chat_batch *batch;
        size_t next;
        bool end;
    } sides[2];
};

/* Open the spool. */
enum chat_status room_open(struct room *room);

/* From now on do not try again to reach a server that does not answer, because a person may be
 * typing; the caller tries again later. Only room_send() tries for a few seconds, unless the server
 * is known to be lost. */
void room_be_quick(struct room *room);

/* Close the spool, and open it and the room again. After trouble it may be another spool. */
enum chat_status room_reopen(struct room *room);

/* Open the room unless it is open or holds a message. CHAT_NOUSER: it is plain and holds messages.
 */
enum chat_status room_enter(struct room *room);

/* Let room_next() begin with the unread messages or, if that is more, with the last LINES. *UNREAD
 * becomes the number of unread messages, and *SINCE the time when the first of them was sent. */
enum chat_status room_begin(struct room *room, int64_t lines, int64_t *unread, int64_t *since);

/* Look for messages. room_next() stops before messages that come later. */
enum chat_status room_look(struct room *room);

/* Return whether room_next() has returned all messages that room_look() has found. */
bool room_at_end(const struct room *room);

/* Set *MESSAGE to the next message, valid until the next call, and *ALONE to whether it is for this
 * person alone. CHAT_NONE: no more messages, call room_look(). CHAT_DAMAGED: a damaged one was
 * skipped. */
enum chat_status room_next(struct room *room, const struct chat_message **message, bool *alone);

/* Pass the last LINES of the messages to all that were shown to SHOW. */
typedef void room_show(void *context, const struct chat_message *message);
enum chat_status room_back(struct room *room, int64_t lines, room_show *show, void *context);

/* Sleep until there may be a message after those that room_look() has found. Like chat_wait(). */
enum chat_status room_wait(struct room *room, int64_t timeout, const sigset_t *unblocked);

/* Note on disk that the person has read all messages that room_next() has returned. */
enum chat_status room_save(struct room *room);

/* Return whether room_save() has something to note. */
bool room_unsaved(const struct room *room);

/* Send COUNT bodies to all, or to the reader TO alone (or NULL): all of them or none. After an
 * error the caller reads chat_error() and calls chat_rollback(). */
struct room_body {
    const void *bytes;
    size_t length;
};
enum chat_status room_send(struct room *room, const char *to, const struct room_body *bodies,
                           size_t count);

/* Free what the room has in memory. */
void room_leave(struct room *room);

#endif
