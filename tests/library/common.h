/* Functions that the test programs of the library share. */

#include <chatspool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const rooms[] = { "main" };
static const struct chat_query one = {
    .rooms = rooms, .room_count = 1, .max_messages = 1, .max_bytes = 1
};

static inline void must(enum chat_status status, const chat_spool *spool, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "%s: status %d: %s\n", what, status, chat_error(spool));
    exit(1);
}

static inline chat_spool *open_spool(const char *where)
{
    chat_spool *spool;
    enum chat_status status = chat_open(where, &spool);
    must(status, spool, "open");
    return spool;
}

/* List the rooms, and forget the list. */
static inline enum chat_status list_rooms(chat_spool *spool)
{
    struct chat_room *list = NULL;
    size_t count;
    enum chat_status status = chat_list(spool, &list, &count);
    free(list);
    return status;
}

static inline void send_to(chat_spool *spool, const char *room, const char *text)
{
    const struct chat_message message = {
        .room = room, .user = "u", .host = "h", .body = text, .length = strlen(text)
    };
    must(chat_begin(spool), spool, "begin");
    must(chat_put(spool, &message, NULL, NULL), spool, "put");
    must(chat_commit(spool), spool, "commit");
}

static inline void send_text(chat_spool *spool, const char *text)
{
    send_to(spool, "main", text);
}
