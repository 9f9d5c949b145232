/* json.c - fuzz the JSON lines that chat-send -J and chat-spool load read. A message that was
 * read is written and read again, and must be the same. The first byte chooses one of the two
 * readers. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../bin/common/cli.h"
#include "../../bin/common/json_in.h"
#include "../../bin/common/json_out.h"
#include "fuzz.h"

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Return the line for MESSAGE, without its newline; the caller frees it. */
static char *write_line(const struct chat_message *message, bool every, size_t *size)
{
    struct output out;
    int fd = memfd_create("line", MFD_CLOEXEC);
    expect(fd >= 0, "a file");
    output_open(&out, fd);
    json_out_message(message, every, &out);
    expect(output_flush(&out), "all is written");
    *size = (size_t)out.written;
    char *line = malloc(*size + 1);
    expect(line != NULL && pread(fd, line, *size, 0) == (ssize_t)*size, "memory");
    expect(*size > 0 && line[--*size] == '\n' && memchr(line, '\n', *size) == NULL, "one line");
    text_free(&out.pending);
    close(fd);
    return line;
}

static void read_again(const struct chat_message *m, bool every)
{
    size_t size;
    char *line = write_line(m, every, &size);
    struct json_in in = { .every = every };
    struct chat_message again = { .id = m->id };
    expect(json_in_read(&in, line, size, &again), "what is written can be read");
    expect(again.id == m->id && again.time == m->time && same_text(again.room, m->room) &&
               same_text(again.user, m->user) && same_text(again.host, m->host) &&
               same_text(again.key, m->key),
           "the same fields");
    expect(again.length == m->length &&
               (m->length == 0 || memcmp(again.body, m->body, m->length) == 0),
           "the same body");
    expect(!every || (again.place == m->place && again.due == m->due &&
                      again.expires == m->expires && again.attempts == m->attempts),
           "the same rest");
    json_in_free(&in);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1)
        return 0;
    struct json_in in = { .every = bytes[0] % 2 == 1 };
    struct chat_message m = { .id = 0 };
    static bool ready;
    if (!ready)
        setenv("TZ", "UTC", 1);
    ready = true;
    if (json_in_read(&in, (const char *)bytes + 1, size - 1, &m)) {
        expect(m.room == NULL || chat_room_valid(m.room) || chat_reader_valid(m.room), "a room");
        expect(m.user == NULL || chat_name_valid(m.user), "a sender");
        expect(m.host == NULL || chat_name_valid(m.host), "a host");
        expect(m.key == NULL || chat_name_valid(m.key), "a key");
        /* Every message has these. */
        m.room = m.room != NULL ? m.room : "room";
        m.user = m.user != NULL ? m.user : "user";
        m.host = m.host != NULL ? m.host : "host";
        read_again(&m, in.every);
    } else
        expect(in.reason[0] != '\0', "a reason");
    json_in_free(&in);
    return 0;
}
