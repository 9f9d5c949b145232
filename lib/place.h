/* place.h - where a spool lies, and whether that is safe.
 *
 * Files are looked at and opened relative to a descriptor of their directory, never
 * through a symbolic link. The database, its -wal and -shm are only looked at: closing any
 * descriptor of them would drop the locks that SQLite holds in this process
 * (sqlite.org/howtocorrupt.html, "Posix advisory locks canceled"). */

#ifndef PLACE_H
#define PLACE_H

#include "chatspool.h"
#include "error.h"

struct place {
    char *path;       /* of the spool, absolute */
    const char *name; /* its last part, in path */
    int directory;    /* the descriptor of the directory, or -1 */
    int64_t size;     /* of the file that was checked last */
    struct error *error;
};

/* Make WHERE absolute. Touches nothing. */
enum chat_status place_find(struct place *place, const char *where, struct error *error);

void place_release(struct place *place);

/* Open the directory and check it; where it is missing make it if CREATE says so (it is then
 * on disk), else return CHAT_NONE. Does nothing where it is open already. */
enum chat_status place_enter(struct place *place, bool create);

/* Check the spool's file whose name ends in SUFFIX ("" for the spool itself).
 * CHAT_NONE: there is none. CHAT_PERMISSION: it is not safe to use. */
enum chat_status place_check(struct place *place, const char *suffix);

/* Whether the disk has so many bytes for everybody, as far as it tells. */
bool place_has_room(const struct place *place, int64_t bytes);

/* Open the file that ends in SUFFIX to read, and check it. CHAT_NONE: there is none. Not for one
 * that SQLite has locks on. The caller closes *DESCRIPTOR. */
enum chat_status place_read(struct place *place, const char *suffix, int *descriptor);

/* Open the file that ends in SUFFIX to read and write, with mode 0600 where it is
 * made now, and check it. The caller closes *DESCRIPTOR. */
enum chat_status place_open(struct place *place, const char *suffix, int *descriptor);

/* The name, in the directory, of the file that ends in SUFFIX. NAME has room for
 * PLACE_NAME bytes; a name that is too long is cut, and refused by the system. */
#define PLACE_NAME 1024
void place_name(const struct place *place, const char *suffix, char name[PLACE_NAME]);

/* Whether UID may own what we use: this user, or root. */
bool place_trusts(unsigned uid);

#endif
