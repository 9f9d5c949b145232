/* options.c - fuzz the arguments of options: times, durations, numbers, formats, names. The first
 * byte chooses the kind. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../bin/common/cli.h"
#include "../../bin/common/format.h"
#include "../../bin/common/text.h"
#include "../../bin/common/when.h"
#include "chatspool.h"
#include "fuzz.h"

static const int64_t longest = INT64_C(253402300800000) * 2; /* two times of the year 9999 */

static void try_date(const char *text)
{
    char again[FORMAT_TIME];
    int64_t time, same;
    if (!when_date(text, &time) || time > CHAT_TIME_MAX) /* the caller refuses it */
        return;
    expect(time >= CHAT_TIME_MIN, "a date is one of our era");
    format_time_text(time, again);
    expect(when_date(again, &same) && same == time, "a date can be written and read again");
}

static void try_times(const char *text)
{
    int64_t time;
    try_date(text);
    if (ENDS_WELL(time = when_duration(text, "-t")))
        expect(time >= 0 && time <= longest, "a duration is not below 0");
    if (ENDS_WELL(time = when_time(text, "-d")))
        expect(time >= 1 && time <= longest, "a time is not 0");
    if (ENDS_WELL(time = cli_count(text, "-c")))
        expect(time >= 1, "a count is not 0");
}

static void write_message(const struct format *format)
{
    const struct chat_message m = { .id = 7,
                                    .room = "room",
                                    .user = "al\x1bice",
                                    .host = "",
                                    .time = 1,
                                    .body = "b\0\x9b\n",
                                    .length = 4 };
    struct output out;
    output_open(&out, open("/dev/null", O_WRONLY | O_CLOEXEC));
    format_message(format, &m, &out);
    expect(output_flush(&out), "all is written");
    text_free(&out.pending);
    close(out.fd);
}

static void try_format(const char *text, bool escape)
{
    const struct format format = { .style = STYLE_CUSTOM, .custom = text, .escape = escape };
    if (ENDS_WELL(format_check(text)))
        write_message(&format);
}

static void try_name(const char *text)
{
    bool room = chat_room_valid(text), name = chat_name_valid(text);
    expect(name || !room, "a room's name is a name");
    if (!name)
        return;
    struct text safe = { .bytes = NULL };
    text_add_escaped(&safe, text, strlen(text), true);
    expect(safe.size == strlen(text) && memcmp(safe.bytes, text, safe.size) == 0,
           "a name needs no escapes");
    text_free(&safe);
    expect(strlen(text) >= 1 && strlen(text) <= CHAT_NAME_MAX, "a name has 1 to 255 bytes");
    expect(!room || (strchr(text, '/') == NULL && strchr("-.", text[0]) == NULL),
           "a room's name is a plain file name");
}

/* Text escaped for a terminal is UTF-8 without control characters, and escaping it again changes
 * nothing. */
static void try_escape(const uint8_t *bytes, size_t size, bool one_line)
{
    struct text safe = { .bytes = NULL }, again = { .bytes = NULL };
    text_add_escaped(&safe, bytes, size, one_line);
    text_add_escaped(&again, safe.bytes, safe.size, one_line);
    expect(safe.size == again.size &&
               (safe.size == 0 || memcmp(safe.bytes, again.bytes, safe.size) == 0),
           "escaped text needs no escapes");
    for (size_t i = 0; i < safe.size; i++) {
        char c = safe.bytes[i];
        expect((c & 0xe0) != 0 || (!one_line && (c == '\n' || c == '\t')), "no C0");
        expect(c != 0x7f, "no DEL");
    }
    text_free(&safe);
    text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct program program = { .name = "fuzz", .synopsis = "" };
    static bool started;
    if (!started)
        cli_start(&program);
    started = true;
    if (size < 1)
        return 0;
    const char *text = fuzz_text(bytes + 1, size - 1);
    switch (bytes[0] % 6) {
    case 0:
    case 1:
        setenv("TZ", bytes[0] % 2 == 0 ? "UTC" : "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        try_times(text);
        break;
    case 2:
    case 3:
        try_format(text, bytes[0] % 2 == 0);
        break;
    case 4:
        try_name(text);
        break;
    default:
        try_escape(bytes + 1, size - 1, bytes[0] >= 128);
    }
    return 0;
}
