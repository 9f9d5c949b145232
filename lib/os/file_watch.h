/* file_watch.h - learn that a file was removed or replaced. */

#ifndef FILE_WATCH_H
#define FILE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* An inotify instance. It stays open between sleeps, because the kernel takes some 10 ms to close
 * an instance that has watches (it waits for an SRCU grace period). */
struct file_watch {
    int fd;   /* or -1 */
    int last; /* the highest watch descriptor that was given out */
};

/* Forget all events so far, and open the instance if it is not open. Returns its descriptor, which
 * WATCH keeps: it becomes ready for poll() when a watched file is removed. Returns -1 if this user
 * has no inotify instance left. */
int file_watch_begin(struct file_watch *watch);

/* Watch the inode that PATH has now; FLAGS may be IN_DONT_FOLLOW. Returns whether that is
 * possible. */
bool file_watch_add(struct file_watch *watch, const char *path, uint32_t flags);

void file_watch_end(struct file_watch *watch);

#endif
