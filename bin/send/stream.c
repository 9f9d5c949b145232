/* stream.c - sending many messages from standard input. */

#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/input.h"
#include "common/json_in.h"
#include "common/progress.h"
#include "common/where.h"

/* A batch is committed when it has this number of messages or bytes, or when the input pauses. */
enum { BATCH_MESSAGES = 16384, BATCH_BYTES = 2 * 1024 * 1024 };

struct stream {
    struct sending *sending;
    bool atomic;
    off_t start; /* offset of the input's first byte, if atomic */
    size_t most; /* the longest body allowed */
    struct records records;
    struct json_in json; /* number of the current line */
    struct piece {
        size_t start, size;
    } batch[BATCH_MESSAGES]; /* the position of its body in the buffer of records */
    size_t count, bytes;
    int64_t stored; /* committed messages */
    int64_t put;    /* and messages of the open transaction */
    bool open;
};

/* --- errors ---------------------------------------------------------------- */

/* Return for an error which part of the stream is stored. */
static const char *how_many(const struct stream *s)
{
    static char text[64];
    if (s->stored == 0) /* or print the library's error */
        return strstr(chat_error(s->sending->spool), "may be stored") != NULL
                   ? ""
                   : "; no message was stored";
    size_t rooms = s->sending->room_count > 1 ? s->sending->room_count : 1;
    long long messages = (long long)s->stored * (long long)rooms;
    snprintf(text, sizeof text, "; %lld message%s stored%s", messages,
             messages == 1 ? " was" : "s were",
             s->sending->terms.once ? " or already in the room" : "");
    return text;
}

static void check_stream(struct stream *s, enum chat_status status)
{
    if (status == CHAT_OK)
        return;
    progress_end();
    cli_fail_spool(status, s->sending->spool, how_many(s));
}

static noreturn void refuse_long(struct stream *s, int64_t number)
{
    char which[64];
    snprintf(which, sizeof which,
             s->sending->json ? "line %lld: the message" : "message %lld of the input",
             (long long)number);
    progress_end();
    cli_fail(EXIT_DATA, "%s is longer than %lld bytes%s", which, (long long)s->most, how_many(s));
}

static noreturn void refuse_input(struct stream *s)
{
    int errnum = errno;
    progress_end();
    cli_fail(EXIT_IO, "cannot read standard input: %s%s", cli_cause(errnum), how_many(s));
}

/* They will never fit, even if a receiver empties the room. */
static noreturn void refuse_many(struct stream *s, int64_t count)
{
    progress_end();
    cli_usage("option '-1' cannot send %lld messages to a room that '-m' limits to %lld",
              (long long)count, (long long)s->sending->terms.max);
}

/* --- all or none ----------------------------------------------------------- */

/* Return to the beginning of the input, which is a file. */
static void read_again(struct stream *s)
{
    lseek(s->records.fd, s->start, SEEK_SET);
    s->records.buffer.size = s->records.used = s->records.searched = 0;
    s->records.ended = false;
    s->count = s->bytes = 0;
}

static int64_t count_records(struct stream *s)
{
    size_t start, size;
    int64_t count = 0;
    enum record record;
    read_again(s);
    while ((record = records_next(&s->records, &start, &size)) == RECORD_FOUND) {
        count++;
        if (s->records.used >= BATCH_BYTES)
            records_drop(&s->records);
    }
    if (record == RECORD_TOO_LONG)
        refuse_long(s, count + 1);
    if (record == RECORD_FAILED)
        refuse_input(s);
    return count;
}

/* Return whether all lines together are at most one message. */
static bool has_one_key(const struct stream *s)
{
    return s->sending->terms.once || s->sending->terms.replace;
}

/* Return for how many messages the room must have space at once. With a key it is one message. */
static int64_t places_wanted(struct stream *s)
{
    if (!s->atomic || has_one_key(s))
        return 1;
    int64_t count = count_records(s);
    if (count > s->sending->terms.max)
        refuse_many(s, count);
    return count;
}

/* --- putting --------------------------------------------------------------- */

static void commit(struct stream *s)
{
    if (!s->open || s->put == 0)
        return;
    check_stream(s, sending_commit(s->sending));
    s->open = false;
    s->sending->deadline = 0; /* the next wait has the full time again */
    if (s->stored == 0) {
        progress_end();
        where_announce();
    }
    s->stored += s->put;
    s->put = 0;
    if (!s->sending->print_id)
        return;
    progress_end();
    sending_print_ids(s->sending, how_many(s));
}

/* The room is full: commit the messages so far, unless all have to be stored at once, and wait for
 * space. */
static void wait_for_room(struct stream *s)
{
    if (!s->atomic)
        commit(s);
    sending_rollback(s->sending);
    s->open = false;
    s->put = 0;
    enum chat_status status = sending_wait(s->sending, places_wanted(s));
    if (status == CHAT_BUSY) {
        progress_end();
        cli_fail(EXIT_BUSY, "%s%s", s->sending->full, how_many(s));
    }
    check_stream(s, status);
}

/* Return whether a COMMAND's message would go to the room that feeds it, without naming the
 * room. */
static bool feeds_itself(const struct stream *s, const struct chat_message *m)
{
    return m->room == NULL && s->sending->own[0] != '\0';
}

static bool check_replace(struct stream *s, const struct chat_message *m)
{
    if (!s->json.replace || m->key != NULL || s->sending->message.key != NULL)
        return true;
    snprintf(s->json.reason, sizeof s->json.reason, "'replace' needs a key");
    return false;
}

/* Return the number of the next line, with which the program ends. Store the lines before it,
 * unless all or none are stored. */
static int64_t end_at_line(struct stream *s)
{
    const int64_t number = s->stored + s->put + 1;
    if (!s->atomic)
        commit(s);
    progress_end();
    return number;
}

static noreturn void refuse_line(struct stream *s, const char *reason)
{
    char text[1024];
    snprintf(text, sizeof text, "%s", reason); /* valid only until the next call */
    const int64_t number = end_at_line(s);
    cli_fail(EXIT_DATA, "line %lld: %s%s", (long long)number, text, how_many(s));
}

/* Read the message from a JSON line. Ends the program if the line is not a message. */
static void read_json(struct stream *s, const char *line, size_t size, struct chat_message *m)
{
    bool read = json_in_read(&s->json, line, size, m) && check_replace(s, m);
    bool loops = read && feeds_itself(s, m);
    if (read && !loops && m->length <= s->most)
        return;
    if (!read)
        refuse_line(s, s->json.reason);
    const int64_t number = end_at_line(s);
    if (!loops)
        refuse_long(s, number);
    cli_fail(EXIT_USAGE,
             "line %lld names no room, and the message being processed is from the default "
             "room '%s'%s",
             (long long)number, s->sending->own, how_many(s));
}

/* An option overrides the line, and the line overrides the defaults. */
static void choose(struct chat_message *m, const struct sending *sending)
{
    const struct chat_message *common = &sending->message;
    if (m->room == NULL) /* or the rooms of '-r', see sending_put() */
        m->room = common->room;
    if (m->user == NULL || sending->user != NULL)
        m->user = common->user;
    if (m->host == NULL)
        m->host = common->host;
    if (common->key != NULL)
        m->key = common->key;
    m->due = common->due;
    m->expires = common->expires;
}

/* Returns CHAT_BUSY if the room is full. */
static enum chat_status put_piece(struct stream *s, const struct piece *piece)
{
    const char *bytes = s->records.buffer.bytes + piece->start;
    struct chat_message message = { .id = 0 };
    if (s->sending->json) /* check before other processes have to wait for the transaction */
        read_json(s, bytes, piece->size, &message);
    if (!s->open)
        check_stream(s, sending_begin(s->sending));
    s->open = true;
    const bool has_room = message.room != NULL && s->sending->room_count == 0;
    if (s->sending->json)
        choose(&message, s->sending);
    else {
        message = s->sending->message; /* its times are those of this batch since sending_begin() */
        message.body = bytes;
        message.length = piece->size;
    }
    struct chat_terms terms = s->sending->terms;
    terms.replace = terms.replace || s->json.replace;
    terms.once = terms.once && !terms.replace;
    enum chat_status status = sending_put(s->sending, &message, &terms);
    if (status == CHAT_BUSY)
        return status;
    if (status == CHAT_NOUSER && has_room) /* the line names the reader */
        refuse_line(s, chat_error(s->sending->spool));
    check_stream(s, status);
    s->put++;
    return CHAT_OK;
}

/* Returns false if the room was full and all of the input has to be put again from its
 * beginning. */
static bool put_batch(struct stream *s)
{
    for (size_t i = 0; i < s->count;) {
        if (put_piece(s, &s->batch[i]) == CHAT_OK) {
            i++;
            continue;
        }
        wait_for_room(s);
        if (s->atomic) {
            read_again(s);
            return false;
        }
    }
    s->count = s->bytes = 0;
    records_drop(&s->records);
    if (!s->atomic)
        commit(s);
    /* More messages than the limit would drop some of themselves. */
    else if (s->sending->terms.max > 0 && !has_one_key(s) && s->put > s->sending->terms.max)
        refuse_many(s, count_records(s));
    progress_sent(s->stored + s->put);
    return true;
}

static void add_to_batch(struct stream *s, size_t start, size_t size)
{
    s->batch[s->count++] = (struct piece){ start, size };
    s->bytes += size;
    if (s->count == BATCH_MESSAGES || s->bytes >= BATCH_BYTES)
        put_batch(s);
}

static void refuse(struct stream *s, enum record record)
{
    if (record == RECORD_TOO_LONG)
        refuse_long(s, s->stored + s->put + (int64_t)s->count + 1);
    if (record == RECORD_FAILED)
        refuse_input(s);
}

static void send_all(struct stream *s)
{
    for (;;) {
        size_t start, size;
        enum record record = records_next(&s->records, &start, &size);
        if (record == RECORD_FOUND) {
            add_to_batch(s, start, size);
            continue;
        }
        int errnum = errno;
        if (s->atomic)
            refuse(s, record);
        if (!put_batch(s))
            continue;
        errno = errnum;
        refuse(s, record);
        if (record == RECORD_END)
            break;
        records_wait(&s->records);
    }
    commit(s);
}

void stream_send(struct sending *sending, char separator, bool atomic)
{
    static struct stream s;
    struct chat_settings settings;
    enum chat_status status = chat_settings(sending->spool, &settings);
    if (status != CHAT_OK)
        cli_fail_spool(status, sending->spool, "");
    s.sending = sending;
    s.atomic = atomic;
    s.records.separator = separator;
    s.most = (size_t)settings.max_length;
    s.records.most = sending->json ? JSON_IN_LINE(s.most) : s.most;
    progress_start(!sending->quiet);
    s.records.fd = STDIN_FILENO;
    if (atomic) { /* other processes wait while a transaction is open, so it must not wait for input
                   */
        s.records.fd = input_collect(STDIN_FILENO, separator, progress_read);
        s.start = lseek(s.records.fd, 0, SEEK_CUR);
    }
    send_all(&s);
    progress_end();
    json_in_free(&s.json);
    records_free(&s.records);
}
