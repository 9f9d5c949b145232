/* json_out.h - writing a message as a JSON line, which json_in.h reads. */

#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "chatspool.h"
#include "output.h"

/* Write an object of valid JSON without control characters, and a newline. NEXT_ID is the next id
 * of the spool. If it is not 0, the object also has the fields that only an administrator sees:
 * next_id, place, due, expires. 0 is for a receiver. */
void json_out_message(const struct chat_message *message, int64_t next_id, struct output *out);

/* Write the same object with the current STATE of the message and the process that claimed it. */
void json_out_state(const struct chat_message *message, int64_t next_id, const char *state,
                    const struct chat_holder *holder, struct output *out);

/* Write the line of a spool without messages: only its next id. */
void json_out_next_id(int64_t next_id, struct output *out);

/* The parts of an object: BEFORE is '{' for the first and ',' for the others. After the last one
 * the caller adds "}\n". A string may be NULL, and a time 0: both are written as null. */
void json_out_number(char before, const char *name, int64_t number, struct output *out);
void json_out_string(char before, const char *name, const char *value, struct output *out);
void json_out_time(char before, const char *name, int64_t time, struct output *out);

#endif
