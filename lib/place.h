/* place.h - where a spool lies, and whether that is safe.
 *
 * Files are looked at and opened relative to a descriptor of their directory, never
 * through a symbolic link. The database, its -wal and -shm are only looked at: closing any
 * descriptor of them would drop the locks that SQLite holds in this process
 * (sqlite.org/howtocorrupt.html, "Posix advisory locks canceled"). */

#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

#include "chatspool.h"
#include "error.h"

struct stat;

struct place {
    char *path;       /* of the spool, absolute */
    const char *name; /* its last part, in path */
    int directory;    /* the descriptor of the directory, or -1 */
    bool shared;      /* with a group: what its members own is ours to use */
    gid_t group;      /* that one */
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

/* Open the file that ends in SUFFIX to read and write, with mode 0600 (or 0660 for a group) where
 * it is made now, and check it. The caller closes *DESCRIPTOR. */
enum chat_status place_open(struct place *place, const char *suffix, int *descriptor);

/* Remove the file that ends in SUFFIX, if there is one. */
void place_remove(const struct place *place, const char *suffix);

/* The name, in the directory, of the file that ends in SUFFIX. NAME has room for
 * PLACE_NAME bytes; a name that is too long is cut, and refused by the system. */
#define PLACE_NAME 1024
void place_name(const struct place *place, const char *suffix, char name[PLACE_NAME]);

/* Whether this process may write the spool's file, and its file system can be written. */
bool place_is_writable(const struct place *place);

/* Whether this process is a member of a group. */
bool place_is_member(gid_t group);

/* Whether what is owned like this, and has such a mode, is ours to use: it belongs to this user or
 * to root, or where the spool is shared to its group, and nobody else can write to it. */
bool place_trusts(const struct place *place, const struct stat *st);

/* The mode that a new file (0600) or directory (0700) has here: make it with that. */
unsigned place_mode(const struct place *place, unsigned mode);

/* Give what was just made the group and the mode that it has here, as far as the directory has not
 * done so already, or the umask has undone it: where both are right, no call is made that a service
 * with few rights may be killed for. It is NAME in DIRECTORY, or where NAME is "" that descriptor
 * itself. */
int place_adopt(const struct place *place, int directory, const char *name, unsigned mode);

/* --- place_share.c --- */

/* A file beside the spool says that its directory is writable by a group on purpose. Members can
 * put a file there, but none that belongs to the directory's owner; they can rename one of the
 * owner's, but none that begins like this. */
#define PLACE_MARK_SUFFIX "-group"
#define PLACE_MARK "chat-spool init --group "

/* Share the spool's directory with a group: one that is made now, or is empty. Does nothing where
 * it is shared with that group already. */
enum chat_status place_share(struct place *place, const char *group);

#endif
