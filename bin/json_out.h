/* json_out.h - a message as a line of JSON, the one that json_in.h reads. */

#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "chatspool.h"
#include "output.h"

/* Always an object of valid JSON, without any control character, and a newline. */
void json_out_message(const struct chat_message *message, struct output *out);

#endif
