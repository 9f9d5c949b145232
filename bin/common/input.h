/* input.h - reading bodies: a whole file as one, or a stream split into many. */

#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* Read FD to its end into BODY, at most MOST + 1 bytes. The error that ends the program contains
 * NAME. */
void input_read(int fd, const char *name, size_t most, struct text *body);

/* A stream split into records: lines, or the bytes before each NUL. */
struct records {
    int fd;
    char separator;
    size_t most;        /* the longest record that is accepted */
    struct text buffer; /* bytes that were read and not used yet */
    size_t used;        /* of it */
    size_t searched;    /* no separator from "used" up to this offset */
    bool ended;
};

enum record {
    RECORD_FOUND,
    RECORD_PAUSE, /* the next piece is not available without waiting */
    RECORD_TOO_LONG,
    RECORD_END,
    RECORD_FAILED, /* see errno */
};

/* Find the next record: SIZE bytes from START in the buffer, without its separator. The record is
 * valid until records_drop(). */
enum record records_next(struct records *records, size_t *start, size_t *size);

/* Drop the records found so far. */
void records_drop(struct records *records);

/* After RECORD_PAUSE: wait for more input. */
void records_wait(struct records *records);

void records_free(struct records *records);

/* Return a descriptor that reads the contents of FD up to its end without ever waiting: FD itself
 * if it is a regular file, otherwise a copy in an unnamed file. Calls PROGRESS with the number of
 * SEPARATORs copied so far. Ends the program on errors. */
int input_collect(int fd, char separator, void (*progress)(int64_t records));

#endif
