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
    const char *where;  /* it is, and */
    struct pollfd *fds; /* what to sleep on as well, */
    size_t fd_count;
    const char *name;         /* "tea" */
    const char *user, *host;  /* "alice" */
    char reader[READER_SIZE]; /* "tea/alice" */
    int64_t mark;             /* room_next() returns the messages up to this place */
    int64_t shown, saved;     /* it has returned all up to this one; that is noted on disk */
    bool any;                 /* it has returned one since room_look() */
    bool replaced; /* room_look() has found another spool in the place of the one before */
    struct side {  /* of the messages to all, and of those to this person alone */
        struct chat_cursor cursor;
        chat_batch *batch;
        size_t next;
        bool end;
    } sides[2];
};

/* Open the spool. */
enum chat_status room_open(struct room *room);

/* Close the spool and open it again, with its room: after trouble, it may be another one. */
enum chat_status room_reopen(struct room *room);

/* Open the room, if it never had a message, and see that it is open. CHAT_NOUSER: it is plain. */
enum chat_status room_enter(struct room *room);

/* Let room_next() begin with the messages that were not read, or with the last LINES if that is
 * more. *UNREAD becomes how many were not read, and *SINCE when the first of them was sent. */
enum chat_status room_begin(struct room *room, int64_t lines, int64_t *unread, int64_t *since);

/* Look for messages: room_next() stops before those that come later. */
enum chat_status room_look(struct room *room);

/* Set *MESSAGE to the next message, good until the next call, and *ALONE to whether it is for this
 * person alone. CHAT_NONE: there is none, call room_look(). CHAT_DAMAGED: one was passed. */
enum chat_status room_next(struct room *room, const struct chat_message **message, bool *alone);

/* Hand the last LINES messages to all, of those that were shown, to SHOW. */
typedef void room_show(void *context, const struct chat_message *message);
enum chat_status room_back(struct room *room, int64_t lines, room_show *show, void *context);

/* Sleep until there may be a message behind those that room_look() has found. As chat_wait(). */
enum chat_status room_wait(struct room *room, int64_t timeout, const sigset_t *unblocked);

/* Note on disk that all messages were read that room_next() has returned. */
enum chat_status room_save(struct room *room);

/* Whether there is something to note. */
bool room_unsaved(const struct room *room);

/* Send COUNT bodies to all, or to the reader TO alone (or NULL): all of them or none. After an
 * error the caller reads chat_error() and calls chat_rollback(). */
struct room_body {
    const void *bytes;
    size_t length;
};
enum chat_status room_send(struct room *room, const char *to, const struct room_body *bodies,
                           size_t count);

/* Give up what is in memory. */
void room_leave(struct room *room);

#endif
