/* format.c - writing a message in the chosen format. */

#include "format.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json_out.h"

static void put_bytes(const struct format *format, const void *bytes, size_t size, bool one_line,
                      struct output *out)
{
    if (!format->escape) {
        output_put(out, bytes, size);
        return;
    }
    struct text safe = { .bytes = NULL };
    text_add_escaped(&safe, bytes, size, one_line);
    output_put(out, safe.bytes, safe.size);
    text_free(&safe);
}

static void put_body(const struct format *format, const struct chat_message *m, struct output *out)
{
    put_bytes(format, m->body, m->length, false, out);
}

static void put_name(const struct format *format, const char *name, struct output *out)
{
    put_bytes(format, name, strlen(name), true, out);
}

static void put_number(int64_t number, struct output *out)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)number);
    output_put_string(out, digits);
}

static void end_line(const struct chat_message *m, struct output *out)
{
    const char *body = m->body;
    if (m->length == 0 || body[m->length - 1] != '\n')
        output_put(out, "\n", 1);
}

static void put_local_time(int64_t time, struct output *out)
{
    int milliseconds;
    time_t seconds = split_time(time, &milliseconds);
    struct tm local;
    char text[64];
    if (localtime_r(&seconds, &local) == NULL)
        return;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S ", &local);
    output_put_string(out, text);
}

/* --- the user's format ----------------------------------------------------- */

static const char fields[] = "biruhtslnk%";

static void put_field(const struct format *format, char field, const struct chat_message *m,
                      struct output *out)
{
    int milliseconds;
    switch (field) {
    case 'b':
        put_body(format, m, out);
        break;
    case 'i':
        put_number(m->id, out);
        break;
    case 'r':
        put_name(format, m->room, out);
        break;
    case 'u':
        put_name(format, m->user, out);
        break;
    case 'h':
        put_name(format, m->host, out);
        break;
    case 't':
        format_time(m->time, out);
        break;
    case 's':
        put_number((int64_t)split_time(m->time, &milliseconds), out);
        break;
    case 'l':
        put_number((int64_t)m->length, out);
        break;
    case 'n':
        put_number(m->attempts, out);
        break;
    case 'k':
        put_name(format, m->key != NULL ? m->key : "", out);
        break;
    default:
        output_put(out, "%", 1);
    }
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    if (found == NULL)
        return -1;
    int value = (int)(found - digits);
    return value < 16 ? value : value - 6;
}

/* Decode the escape whose backslash is before TEXT. Stores the byte and returns the length, or 0 if
 * it is not an escape. */
static size_t unescape(const char *text, char *byte)
{
    static const char names[] = "nt0\\e", bytes[] = "\n\t\0\\\x1b";
    const char *name = text[0] != '\0' ? strchr(names, text[0]) : NULL;
    if (name != NULL) {
        *byte = bytes[name - names];
        return 1;
    }
    int high = text[0] == 'x' ? hex_digit(text[1]) : -1;
    int low = high >= 0 ? hex_digit(text[2]) : -1;
    *byte = (char)(high * 16 + low);
    return low >= 0 ? 3 : 0;
}

void format_check(const char *custom)
{
    for (const char *c = custom; *c != '\0'; c++) {
        char byte;
        if (*c == '%' && (c[1] == '\0' || strchr(fields, *++c) == NULL))
            cli_usage("no such field in the format '%s': '%%%.1s'", custom, *c == '%' ? "" : c);
        if (*c != '\\')
            continue;
        size_t length = unescape(c + 1, &byte);
        if (length == 0)
            cli_usage("no such escape in the format '%s': '%.2s'", custom, c);
        c += length;
    }
}

static void put_custom(const struct format *format, const struct chat_message *m,
                       struct output *out)
{
    for (const char *c = format->custom; *c != '\0'; c++) {
        char byte;
        if (*c == '%')
            put_field(format, *++c, m, out);
        else if (*c == '\\') {
            c += unescape(c + 1, &byte);
            output_put(out, &byte, 1);
        } else
            output_put(out, c, 1);
    }
}

void format_message(const struct format *format, const struct chat_message *m, struct output *out)
{
    switch (format->style) {
    case STYLE_CUSTOM:
        put_custom(format, m, out);
        break;
    case STYLE_EXACT:
        put_body(format, m, out);
        break;
    case STYLE_NULL:
        put_body(format, m, out);
        output_put(out, "", 1);
        break;
    case STYLE_VERBOSE:
        put_local_time(m->time, out);
        put_name(format, m->user, out);
        output_put(out, ": ", 2);
        put_body(format, m, out);
        end_line(m, out);
        break;
    case STYLE_JSON:
        json_out_message(m, 0, out);
        break;
    case STYLE_LINES:
        put_body(format, m, out);
        end_line(m, out);
        break;
    }
}
