/* check.h - find what is wrong with a spool, and repair it. */

#ifndef SQLITE_CHECK_H
#define SQLITE_CHECK_H

#include "internal.h"
#include "report.h"

/* The counters of a room, and the same numbers counted from its messages. */
struct counters {
    int64_t number;
    char name[CHAT_NAME_MAX + 1];
    int64_t depth, bytes, next_due, next_expiry;
    int64_t source, seen; /* of an open room, or a reader */
    int64_t found, found_bytes, misfiled;
    int64_t due, expires; /* the earliest times; 0: no message is due, or expires */
};

struct check {
    struct sqlite_store *store;
    struct report report;
    bool structure; /* the structure is damaged, */
    bool counts;    /* or the counters are wrong, */
    bool settings;  /* or the settings, */
    bool readers;   /* or the readers */
    struct counters *rooms;
    size_t room_count;
    int64_t *damaged; /* the positions of damaged messages */
    size_t damaged_count;
    int64_t last; /* the highest id or place */
    int64_t steps_left;
};

/* --- check_structure.c --- */

/* Limit the following statements to a number of steps that depends on the size of the spool; a
 * statement that takes more is reported as damage. */
void check_limit_steps(struct check *check);

/* Report what SQLite finds wrong with the structure of the spool. A status other than CHAT_OK: the
 * spool could not be read. */
enum chat_status check_structure(struct check *check);

/* Check the structure of the spool, which is connected. CHAT_DATA: it is damaged. */
enum chat_status check_sound(struct sqlite_store *s);

/* --- check_survey.c --- */

/* Report what is wrong with the spool as it is at one moment. A status other than CHAT_OK: the
 * spool could not be read. */
enum chat_status check_survey(struct check *check);

/* Release what CHECK holds, and begin again with the same store and callback. */
void check_forget(struct check *check);

/* --- check_repair.c --- */

/* Repair what the survey has found: the structure first, because the other repairs need it. */
enum chat_status check_repair(struct check *check);

#endif
