/* json_in.c - reading a message from a JSON line. Only this file uses Jansson. */

#include "json_in.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base64.h"
#include "cli.h"
#include "when.h"

/* A body may contain NUL. This file checks that the line is an object. Integers that are too large
 * matter only in the fields that are read. */
enum {
    FLAGS = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
    NO_NUMBERS = JSON_DECODE_INT_AS_REAL,
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct json_in *in, const char *format,
                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(in->reason, sizeof in->reason, format, arguments);
    va_end(arguments);
    return false;
}

/* --- the line -------------------------------------------------------------- */

/* For lack of memory Jansson would silently truncate a string. */
static void *allocate(size_t size)
{
    void *bytes = malloc(size);
    if (bytes == NULL)
        cli_fail(EXIT_SYSTEM, "out of memory");
    return bytes;
}

static bool parse(struct json_in *in, const char *line, size_t size)
{
    json_error_t error;
    json_set_alloc_funcs(allocate, free);
    json_decref(in->object);
    in->object = json_loadb(line, size, in->every ? FLAGS : FLAGS | NO_NUMBERS, &error);
    if (in->object == NULL)
        return refuse(in, "%s", error.text);
    return json_is_object(in->object) || refuse(in, "not a JSON object");
}

/* --- its fields ------------------------------------------------------------ */

/* Return the text of VALUE, the field NAME, or NULL if it is not a string. */
static const char *text_of(struct json_in *in, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        refuse(in, "'%s' is not a string", name);
    else if (strlen(text) != json_string_length(value)) {
        refuse(in, "'%s' has a NUL byte", name);
        text = NULL;
    }
    return text;
}

/* Read the name of a room or of a reader. */
static bool address_valid(const char *text)
{
    return chat_room_valid(text) || chat_reader_valid(text);
}

static bool read_names(struct json_in *in, struct chat_message *m)
{
    const struct {
        const char *name, *cannot;
        bool (*valid)(const char *text);
        const char **text;
    } fields[] = {
        { "room", "name a room", address_valid, &m->room },
        { "user", "be a sender", chat_name_valid, &m->user },
        { "host", "be a host", chat_name_valid, &m->host },
        { "key", "be a key", chat_name_valid, &m->key },
        { "reader", "name a reader", address_valid, &m->reader }, /* with EVERY */
    };
    const size_t count = sizeof fields / sizeof fields[0] - !in->every;
    m->reader = NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(in->object, fields[i].name);
        *fields[i].text = NULL;
        if (value == NULL || (fields[i].text == &m->key && json_is_null(value)))
            continue;
        const char *text = *fields[i].text = text_of(in, fields[i].name, value);
        if (text == NULL)
            return false;
        if (!fields[i].valid(text))
            return refuse(in, "'%.100s' cannot %s", text, fields[i].cannot);
    }
    return true;
}

static bool read_time(struct json_in *in, const char *name, int64_t *time)
{
    const json_t *value = json_object_get(in->object, name);
    *time = 0;
    if (value == NULL || (in->every && json_is_null(value)))
        return true;
    const char *text = text_of(in, name, value);
    if (text == NULL)
        return false;
    if (!when_date(text, time))
        return refuse(in, "'%.100s' is not a time like 2026-11-22T13:40:07Z", text);
    if (*time > CHAT_TIME_MAX && !in->every)
        return refuse(in, "'%.100s' is after the year 9999", text);
    if (*time > CHAT_TIME_MAX) /* in a dump of an older version */
        *time = CHAT_TIME_MAX;
    return true;
}

enum { LARGEST = 62 }; /* bits: the ids of a spool */

static bool read_number(struct json_in *in, const char *name, int64_t *number)
{
    const json_t *value = json_object_get(in->object, name);
    *number = 0;
    if (value == NULL)
        return true;
    *number = json_integer_value(value);
    return (json_is_integer(value) && *number >= 0 && *number >> LARGEST == 0) ||
           refuse(in, "'%s' is out of range or not a number", name);
}

/* Read the time when the message is due or expires: at least 1, because 0 means no time, and any
 * time before 1970 is past. */
static bool read_term(struct json_in *in, const char *name, int64_t *time)
{
    if (!read_time(in, name, time))
        return false;
    if (*time < 1 && json_is_string(json_object_get(in->object, name)))
        *time = 1;
    return true;
}

/* Read the fields that only a restored message has. */
static bool read_rest(struct json_in *in, struct chat_message *m)
{
    int64_t failure = 0;
    bool read = read_term(in, "failed", &m->failed) && read_number(in, "failure", &failure);
    m->failure = failure <= INT_MAX ? (int)failure : 0;
    return read && read_number(in, "id", &m->id) && read_number(in, "attempts", &m->attempts) &&
           read_number(in, "place", &m->place) && read_term(in, "due", &m->due) &&
           read_term(in, "expires", &m->expires) && read_number(in, "next_id", &in->next_id);
}

static bool read_replace(struct json_in *in)
{
    const json_t *value = json_object_get(in->object, "replace");
    in->replace = json_is_true(value);
    return value == NULL || json_is_boolean(value) || refuse(in, "'replace' is not true or false");
}

/* Read the line of an open room. */
static bool read_opened(struct json_in *in)
{
    struct chat_bounds *b = &in->bounds;
    in->opened = text_of(in, "open", json_object_get(in->object, "open"));
    return in->opened != NULL && read_number(in, "keep", &b->keep) &&
           read_number(in, "keep_time", &b->keep_time) && read_number(in, "max", &b->most) &&
           read_number(in, "max_time", &b->most_time) && read_number(in, "next_id", &in->next_id);
}

/* Read the line of a reader. The name of the reader is the room of the message read so far. */
static bool read_reader(struct json_in *in, const struct chat_message *m)
{
    in->reader = m->reader;
    if (!chat_reader_valid(in->reader))
        return refuse(in, "'%.100s' cannot name a reader", in->reader);
    return read_number(in, "place", &in->place) && read_number(in, "missed", &in->missed) &&
           read_number(in, "next_id", &in->next_id);
}

static bool read_body(struct json_in *in, struct chat_message *m)
{
    const json_t *body = json_object_get(in->object, "body");
    const json_t *coded = json_object_get(in->object, "body_base64");
    const json_t *value = body != NULL ? body : coded;
    in->alone = in->next_id > 0 && json_object_size(in->object) == 1;
    if (in->alone)
        return true;
    if (value == NULL)
        return refuse(in, "'body' is missing");
    if (body != NULL && coded != NULL)
        return refuse(in, "'body' and 'body_base64' exclude each other");
    if (!json_is_string(value))
        return refuse(in, "'%s' is not a string", body != NULL ? "body" : "body_base64");
    m->body = json_string_value(value);
    m->length = json_string_length(value);
    if (body != NULL)
        return true;
    if (!base64_decode(m->body, m->length, &in->decoded))
        return refuse(in, "'body_base64' is not base64");
    m->body = in->decoded.bytes;
    m->length = in->decoded.size;
    return true;
}

bool json_in_read(struct json_in *in, const char *line, size_t size, struct chat_message *m)
{
    in->next_id = 0;
    if (size == 0)
        return refuse(in, "it is empty");
    in->opened = in->reader = NULL;
    if (!parse(in, line, size))
        return false;
    if (in->every && json_object_get(in->object, "open") != NULL)
        return read_opened(in);
    if (in->every && json_object_get(in->object, "room") == NULL &&
        json_object_get(in->object, "reader") != NULL)
        return read_names(in, m) && read_reader(in, m);
    return read_names(in, m) && read_time(in, "time", &m->time) &&
           (in->every ? read_rest(in, m) : read_replace(in)) && read_body(in, m);
}

void json_in_free(struct json_in *in)
{
    json_decref(in->object);
    text_free(&in->decoded);
    *in = (struct json_in){ .every = in->every };
}
