/* json_out.c - writing a message as a JSON line.
 *
 * JSON requires C0 control characters to be escaped. DEL and C1 are escaped as well, so that the
 * line cannot control a terminal. */

#include "json_out.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "iso_time.h"

/* BEFORE separates this text from the text before it: '{' or ','. */
static void put_name(char before, const char *name, struct output *out)
{
    const char quoted[] = { before, '"' };
    output_put(out, quoted, sizeof quoted);
    output_put_string(out, name);
    output_put_string(out, "\":");
}

void json_out_number(char before, const char *name, int64_t number, struct output *out)
{
    char digits[24];
    put_name(before, name, out);
    snprintf(digits, sizeof digits, "%lld", (long long)number);
    output_put_string(out, digits);
}

static bool may_stand(uint32_t c)
{
    return c >= 0x20 && c != '"' && c != '\\' && !(c >= 0x7f && c <= 0x9f);
}

static void put_escape(uint32_t c, struct output *out)
{
    static const char digits[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        char pair[] = { '\\', (char)c };
        output_put(out, pair, sizeof pair);
    } else { /* only code points below 256 are ever escaped */
        char code[] = { '\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15] };
        output_put(out, code, sizeof code);
    }
}

/* A byte that is not UTF-8 becomes U+FFFD. This happens only in a damaged name, never in a body. */
static void put_quoted(const char *bytes, size_t size, struct output *out)
{
    size_t plain = 0, length; /* the first byte that was not written yet */
    output_put(out, "\"", 1);
    for (size_t i = 0; i < size; i += length) {
        uint32_t c;
        length = chat_utf8(bytes + i, size - i, &c);
        if (length > 0 && may_stand(c))
            continue;
        output_put(out, bytes + plain, i - plain);
        if (length > 0)
            put_escape(c, out);
        else
            output_put_string(out, "\\ufffd");
        length = length > 0 ? length : 1;
        plain = i + length;
    }
    output_put(out, bytes + plain, size - plain);
    output_put(out, "\"", 1);
}

void json_out_string(char before, const char *name, const char *value, struct output *out)
{
    put_name(before, name, out);
    if (value != NULL)
        put_quoted(value, strlen(value), out);
    else
        output_put_string(out, "null");
}

static void put_time(char before, const char *name, int64_t time, struct output *out)
{
    put_name(before, name, out);
    output_put(out, "\"", 1);
    format_time(time, out);
    output_put_string(out, "\"");
}

static bool is_utf8(const char *bytes, size_t size)
{
    size_t length;
    for (size_t i = 0; i < size; i += length) {
        uint32_t c;
        length = chat_utf8(bytes + i, size - i, &c);
        if (length == 0)
            return false;
    }
    return true;
}

static void put_base64(const char *bytes, size_t size, struct output *out)
{
    enum { PIECE = 3 * 1024 };
    char letters[BASE64_LENGTH(PIECE)];
    output_put(out, "\"", 1);
    for (size_t i = 0; i < size; i += PIECE) {
        size_t piece = size - i < PIECE ? size - i : PIECE;
        base64_encode(bytes + i, piece, letters);
        output_put(out, letters, BASE64_LENGTH(piece));
    }
    output_put(out, "\"", 1);
}

static void put_body(const char *bytes, size_t size, struct output *out)
{
    bool text = is_utf8(bytes, size);
    put_name(',', text ? "body" : "body_base64", out);
    if (text)
        put_quoted(bytes, size, out);
    else
        put_base64(bytes, size, out);
}

/* Write an optional time. */
void json_out_time(char before, const char *name, int64_t time, struct output *out)
{
    if (time > 0)
        put_time(before, name, time, out);
    else
        json_out_string(before, name, NULL, out);
}

void json_out_next_id(int64_t next_id, struct output *out)
{
    json_out_number('{', "next_id", next_id, out);
    output_put(out, "}\n", 2);
}

static void put_state(const char *state, const struct chat_holder *holder, struct output *out)
{
    json_out_string(',', "state", state, out);
    if (holder->process == 0)
        return;
    json_out_number(',', "pid", holder->process, out);
    json_out_string(',', "holder", holder->name, out);
}

/* STATE and HOLDER may be NULL: not written. */
static void put_message(const struct chat_message *m, int64_t next_id, const char *state,
                        const struct chat_holder *holder, struct output *out)
{
    json_out_number('{', "id", m->id, out);
    json_out_string(',', "room", m->room, out);
    if (m->reader != NULL)
        json_out_string(',', "reader", m->reader, out);
    json_out_string(',', "user", m->user, out);
    json_out_string(',', "host", m->host, out);
    put_time(',', "time", m->time, out);
    json_out_number(',', "attempts", m->attempts, out);
    if (m->failed > 0) {
        put_time(',', "failed", m->failed, out);
        json_out_number(',', "failure", m->failure, out);
    }
    json_out_string(',', "key", m->key, out);
    if (next_id > 0) {
        json_out_number(',', "place", m->place, out);
        json_out_time(',', "due", m->due, out);
        json_out_time(',', "expires", m->expires, out);
        if (state != NULL)
            put_state(state, holder, out);
        json_out_number(',', "next_id", next_id, out);
    }
    put_body(m->length > 0 ? m->body : "", m->length, out);
    output_put(out, "}\n", 2);
}

void json_out_message(const struct chat_message *m, int64_t next_id, struct output *out)
{
    put_message(m, next_id, NULL, NULL, out);
}

void json_out_state(const struct chat_message *m, int64_t next_id, const char *state,
                    const struct chat_holder *holder, struct output *out)
{
    put_message(m, next_id, state, holder, out);
}
