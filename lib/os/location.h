/* location.h - where a spool is, and whether that is safe.
 *
 * Files are examined and opened relative to a descriptor of their directory, never through a
 * symbolic link. The database, its -wal and -shm are only examined: closing any descriptor of them
 * would drop the locks that SQLite holds in this process (sqlite.org/howtocorrupt.html, "Posix
 * advisory locks canceled"). */

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
    bool shared;      /* with a group: files that belong to its members are safe to use */
    gid_t group;      /* the group that it is shared with */
    int64_t size;     /* of the file that was checked last */
    struct error *error;
};

/* Make WHERE absolute, and store it. Touches no file. */
enum chat_status location_find(struct location *location, const char *where, struct error *error);

void location_release(struct location *location);

/* Open the directory and check it. If it is missing: with CREATE, create it (it is then on disk);
 * else return CHAT_NONE. Does nothing if it is already open. */
enum chat_status location_enter(struct location *location, bool create);

/* Check the spool's file whose name ends in SUFFIX ("" for the spool itself). CHAT_NONE: no such
 * file. CHAT_PERMISSION: it is not safe to use. */
enum chat_status location_check(struct location *location, const char *suffix);

/* Return whether the spool is on a file system that is mounted read-only, at least for this
 * process. */
bool location_is_read_only(const struct location *location);

/* Return whether the disk has this number of bytes left for unprivileged users, as far as it
 * reports this. */
bool location_has_space(const struct location *location, int64_t bytes);

/* Open the file that ends in SUFFIX for reading, and check it. CHAT_NONE: no such file. Not for a
 * file that SQLite has locks on. The caller closes *DESCRIPTOR. */
enum chat_status location_read(struct location *location, const char *suffix, int *descriptor);

/* Open the file that ends in SUFFIX for reading and writing, and check it; create it if it is
 * missing, with mode 0600 (or 0660 for a group). The caller closes *DESCRIPTOR. */
enum chat_status location_open(struct location *location, const char *suffix, int *descriptor);

/* Likewise, but the file must exist (else CHAT_NONE); or it must not exist. */
enum chat_status location_use(struct location *location, const char *suffix, int *descriptor);
enum chat_status location_create(struct location *location, const char *suffix, int *descriptor);

/* Set the times of the file or directory that ends in SUFFIX to now, if it exists: so programs that
 * delete old files leave it alone. */
void location_touch(const struct location *location, const char *suffix);

/* Remove the file that ends in SUFFIX, if it exists. */
void location_remove(const struct location *location, const char *suffix);

/* Store in NAME the name of the file that ends in SUFFIX, in the directory. NAME has LOCATION_NAME
 * bytes; a name that is too long is cut, and the system refuses it. */
#define LOCATION_NAME 1024
void location_name(const struct location *location, const char *suffix, char name[LOCATION_NAME]);

/* Return whether this process may write the spool's file, and its file system is writable. */
bool location_is_writable(const struct location *location);

/* Return whether this process is a member of a group. */
bool location_is_member(gid_t group);

/* Return whether we may use a file with this owner and mode: it belongs to this user or to root, or
 * if the spool is shared to its group, and no other user can write to it. */
bool location_trusts(const struct location *location, const struct stat *st);

/* Check the spool's file that ends in SUFFIX, also while SQLite has it open, and store its mode in
 * *FOUND. With CHANGE, remove every right that MODE does not give. */
enum chat_status location_narrow(struct location *location, const char *suffix, unsigned mode,
                                 bool change, unsigned *found);

/* --- location_make.c --- */

/* SQLite has buffers of 512 bytes for file names (MAX_PATHNAME in its os_unix.c). */
enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, LONGEST_PATH = 500 };

/* Return the mode with which to create a file (FILE_MODE) or directory (DIRECTORY_MODE) here. */
unsigned location_mode(const struct location *location, unsigned mode);

/* Give the file FD the group and the mode that files have here, if this user created it: as far as
 * the directory has not done so already, or the umask has undone it. If both are right, no system
 * call is made that a service with few rights may be killed for. ST holds the result of fstat(2),
 * before and after. Returns -1 with errno. */
int location_adopt(const struct location *location, int fd, struct stat *st, unsigned mode);

/* Open NAME, which this user may have created under a umask that does not let even this user open
 * it. Never follows a link. Returns a descriptor, or -1 with errno. */
int location_open_made(int directory, const char *name, int flags);

/* Open the directory NAME, and store the result of fstat(2). If it is missing, create it; if it is
 * empty, adopt it. Returns a descriptor, or -1 with errno. */
int location_open_directory(const struct location *location, int directory, const char *name,
                            struct stat *st);

/* Create the directory PATH and the directories above it that are missing; each is on disk before
 * the next is created. Returns -1 with errno. */
int location_make_directory(const struct location *location, const char *path);

/* Change the mode of the file that FD refers to. Returns -1 with errno. */
int location_set_mode(int fd, mode_t mode);

/* Return whether a directory is empty, or holds nothing except the file ONLY. */
bool location_holds(int directory, const char *only);

/* --- location_share.c --- */

/* This file beside the spool records that its directory is writable by a group on purpose. Members
 * can create such a file, but not one that belongs to the owner of the directory. They can rename a
 * file of the owner's to this name, but no other file of the owner's begins like the mark. */
#define LOCATION_MARK_SUFFIX "-group"
#define LOCATION_MARK "chat-spool init --group "

/* Share the spool's directory with a group. The directory must be new or empty. Does nothing if it
 * is shared with that group already. */
enum chat_status location_share(struct location *location, const char *group);

#endif
