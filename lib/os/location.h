/* location.h - where a spool is, and whether that is safe.
 *
 * Files are looked at and opened relative to a descriptor of their directory, never through a
 * symbolic link. The database, its -wal and -shm are only looked at: closing any descriptor of
 * them would drop the locks that SQLite holds in this process (sqlite.org/howtocorrupt.html,
 * "Posix advisory locks canceled"). */

#ifndef LOCATION_H
#define LOCATION_H

#include <sys/types.h>

#include "chatspool.h"
#include "error.h"

struct stat;

struct location {
    char *path;       /* of the spool, absolute */
    const char *name; /* its last part, in path */
    int directory;    /* the descriptor of the directory, or -1 */
    bool shared;      /* with a group: what its members own is ours to use */
    gid_t group;      /* that one */
    int64_t size;     /* of the file that was checked last */
    struct error *error;
};

/* Make WHERE absolute. Touches nothing. */
enum chat_status location_find(struct location *location, const char *where, struct error *error);

void location_release(struct location *location);

/* Open the directory and check it. If it is missing, make it if CREATE is set (it is then on
 * disk), else return CHAT_NONE. Does nothing if it is already open. */
enum chat_status location_enter(struct location *location, bool create);

/* Check the spool's file whose name ends in SUFFIX ("" for the spool itself). CHAT_NONE: no such
 * file. CHAT_PERMISSION: it is not safe to use. */
enum chat_status location_check(struct location *location, const char *suffix);

/* Return whether the spool is on a file system that is mounted read-only, here at least. */
bool location_is_read_only(const struct location *location);

/* Return whether the disk has this number of bytes for unprivileged users, as far as it reports. */
bool location_has_space(const struct location *location, int64_t bytes);

/* Open the file that ends in SUFFIX to read, and check it. CHAT_NONE: no such file. Not for a
 * file that SQLite has locks on. The caller closes *DESCRIPTOR. */
enum chat_status location_read(struct location *location, const char *suffix, int *descriptor);

/* Open the file that ends in SUFFIX to read and write, with mode 0600 (or 0660 for a group) where
 * it is made now, and check it. The caller closes *DESCRIPTOR. */
enum chat_status location_open(struct location *location, const char *suffix, int *descriptor);

/* Likewise for a file that exists (CHAT_NONE if it does not), and for a file that does not exist
 * yet. */
enum chat_status location_use(struct location *location, const char *suffix, int *descriptor);
enum chat_status location_create(struct location *location, const char *suffix, int *descriptor);

/* Give the file or directory that ends in SUFFIX, if there is one, the time of now: what deletes
 * files by age leaves it alone then. */
void location_touch(const struct location *location, const char *suffix);

/* Remove the file that ends in SUFFIX, if there is one. */
void location_remove(const struct location *location, const char *suffix);

/* The name, in the directory, of the file that ends in SUFFIX. NAME has room for
 * LOCATION_NAME bytes; a name that is too long is cut, and refused by the system. */
#define LOCATION_NAME 1024
void location_name(const struct location *location, const char *suffix, char name[LOCATION_NAME]);

/* Return whether this process may write the spool's file, and its file system can be written. */
bool location_is_writable(const struct location *location);

/* Return whether this process is a member of a group. */
bool location_is_member(gid_t group);

/* Return whether we may use a file with this owner and mode: it belongs to this user or to root, or
 * if the spool is shared to its group, and no other user can write to it. */
bool location_trusts(const struct location *location, const struct stat *st);

/* Check what was opened as the spool's file that ends in SUFFIX, and store what fstat(2) says. */
enum chat_status location_check_descriptor(struct location *location, const char *suffix, int fd,
                                           struct stat *st);

/* Check the spool's file that ends in SUFFIX, also while SQLite has it open, and store its mode in
 * *FOUND. With CHANGE, take away every right that MODE does not give. */
enum chat_status location_narrow(struct location *location, const char *suffix, unsigned mode,
                                 bool change, unsigned *found);

/* --- location_make.c --- */

/* SQLite has buffers of 512 bytes for the names of files (MAX_PATHNAME in its os_unix.c). */
enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, LONGEST_PATH = 500 };

/* Return the mode that a new file (FILE_MODE) or directory (DIRECTORY_MODE) has here: make it with
 * that. */
unsigned location_mode(const struct location *location, unsigned mode);

/* Give the file FD the group and the mode that it has here, if this user has made it: as far as the
 * directory has not done so already, or the umask has undone it. Where both are right, no call is
 * made that a service with few rights may be killed for. ST is what fstat(2) says of FD, before and
 * after. Returns -1 with errno. */
int location_adopt(const struct location *location, int fd, struct stat *st, unsigned mode);

/* Open NAME, which this user may have made under a umask that does not let even this user open it.
 * Never through a link. Returns a descriptor, or -1 with errno. */
int location_open_made(int directory, const char *name, int flags);

/* Open the directory NAME, which is made if it is missing, and adopted while it is empty; store
 * what fstat(2) says of it. Returns a descriptor, or -1 with errno. */
int location_open_directory(const struct location *location, int directory, const char *name,
                            struct stat *st);

/* Make the directory PATH and those above it that are missing, each on disk before the next. */
int location_make_directory(const struct location *location, const char *path);

/* Change the mode of the file that FD refers to. Returns -1 with errno. */
int location_set_mode(int fd, mode_t mode);

/* Return whether a directory is empty, or holds nothing but the file ONLY. */
bool location_holds(int directory, const char *only);

/* --- location_share.c --- */

/* A file beside the spool says that its directory is writable by a group on purpose. Members can
 * put a file there, but none that belongs to the directory's owner; they can rename one of the
 * owner's, but none that begins like this. */
#define LOCATION_MARK_SUFFIX "-group"
#define LOCATION_MARK "chat-spool init --group "

/* Share the spool's directory with a group: one that is made now, or is empty. Does nothing where
 * it is shared with that group already. */
enum chat_status location_share(struct location *location, const char *group);

#endif
