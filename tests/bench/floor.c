/* floor.c - the lower limit for a durable message: `floor FILE` overwrites 100 bytes, syncs them to
 * the disk, and exits. */

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    static const char bytes[100];
    int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT, 0600) : -1;
    return fd < 0 || pwrite(fd, bytes, sizeof bytes, 0) != sizeof bytes || fdatasync(fd) < 0;
}
