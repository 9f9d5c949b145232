/* json_out.h - a message as a JSON line, which json_in.h reads. */

#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "chatspool.h"
#include "output.h"

/* Always an object of valid JSON, without any control character, and a newline.
 * NEXT_ID is that of the spool, for who looks after one: it is added, and what a receiver does not
 * see of the message: place, due, expires. 0: for a receiver. */
void json_out_message(const struct chat_message *message, int64_t next_id, struct output *out);

/* Write such an object that also has the STATE of the message at this moment, and the process that
 * has claimed it. */
void json_out_state(const struct chat_message *message, int64_t next_id, const char *state,
                    const struct chat_holder *holder, struct output *out);

/* The line of a spool without messages: its next id alone. */
void json_out_next_id(int64_t next_id, struct output *out);

/* The pieces of an object: BEFORE is '{' for the first and ',' for the others; behind the last the
 * caller puts
 * "}\n". A string may be NULL, and a time 0: null. */
void json_out_number(char before, const char *name, int64_t number, struct output *out);
void json_out_string(char before, const char *name, const char *value, struct output *out);
void json_out_time(char before, const char *name, int64_t time, struct output *out);

#endif
