/* power.c - tools of power.bats.
 *
 * power cut DIRECTORY   cut the power of the file system there: from now on nothing reaches its
 *                       disk, and data that is only in its journal's memory is lost
 * power hold FILE       use the index of a WAL (-shm) as a process of SQLite does, until a signal
 *                       arrives; prints "held" when it does */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As in fs/ext4/ext4.h; other file systems use the same number, which comes from XFS. */
#define SHUTDOWN _IOR('X', 125, uint32_t)
enum { NO_LOG_FLUSH = 2 };

/* UNIX_SHM_DMS in SQLite's os_unix.c: each process that uses the index locks this byte. */
enum { ATTACHED_BYTE = 128 };

static int cut(const char *directory)
{
    uint32_t how = NO_LOG_FLUSH;
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? -1 : ioctl(fd, SHUTDOWN, &how);
}

static int hold(const char *file)
{
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ATTACHED_BYTE, .l_len = 1
    };
    int fd = open(file, O_RDWR);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0)
        return -1;
    puts("held");
    fflush(stdout);
    pause();
    return 0;
}

int main(int count, char **words)
{
    int result = -1;
    if (count == 3 && strcmp(words[1], "cut") == 0)
        result = cut(words[2]);
    if (count == 3 && strcmp(words[1], "hold") == 0)
        result = hold(words[2]);
    if (result < 0)
        perror(words[0]);
    return result < 0;
}
