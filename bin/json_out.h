/* json_out.h - a message as a line of JSON, the one that json_in.h reads. */

#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "chatspool.h"
#include "output.h"

/* Always an object of valid JSON, without any control character, and a newline.
 * EVERY adds what a message has that is not to be seen when it is received: place, due, expires.
 * NEXT_ID, unless it is 0, adds the next id of the spool that the message is in. */
void json_out_message(const struct chat_message *message, bool every, int64_t next_id,
                      struct output *out);

/* The line of a spool without messages: its next id alone. */
void json_out_next_id(int64_t next_id, struct output *out);

/* The pieces of an object: BEFORE is '{' for the first and ',' for the others; behind the last the
 * caller puts
 * "}\n". A string may be NULL, and a time 0: null. */
void json_out_number(char before, const char *name, int64_t number, struct output *out);
void json_out_string(char before, const char *name, const char *value, struct output *out);
void json_out_time(char before, const char *name, int64_t time, struct output *out);

#endif
