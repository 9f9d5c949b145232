/* input.h - reading bodies: a whole file as one, or a stream cut into many. */

#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* Read FD to its end into BODY, but no more than MOST + 1 bytes. NAME is for the error that
 * ends the program. */
void input_read(int fd, const char *name, size_t most, struct text *body);

/* A stream cut into records: lines, or what stands between NUL bytes. */
struct records {
    int fd;
    char separator;
    size_t most;        /* the longest record that is wanted */
    struct text buffer; /* what was read and is not used up */
    size_t used;        /* of it */
    size_t searched;    /* of it, up to here there is no separator behind used */
    bool ended;
};

enum record {
    RECORD_FOUND,
    RECORD_PAUSE, /* no piece is available without waiting */
    RECORD_TOO_LONG,
    RECORD_END,
    RECORD_FAILED, /* see errno */
};

/* Find the next record: SIZE bytes from START in the buffer, without its separator. It stays
 * there until records_drop. */
enum record records_next(struct records *records, size_t *start, size_t *size);

/* The records found so far are done with. */
void records_drop(struct records *records);

/* After RECORD_PAUSE: wait for more input. */
void records_wait(struct records *records);

void records_free(struct records *records);

/* Return a descriptor that reads the contents of FD up to its end without ever waiting: FD
 * itself, if it is a regular file, or a copy in an unnamed file. Calls PROGRESS with the number
 * of SEPARATORs copied so far. Ends the program if that fails. */
int input_collect(int fd, char separator, void (*progress)(int64_t records));

#endif
