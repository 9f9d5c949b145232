/* floor.c - the least that a durable message can cost: `floor FILE` writes 100 bytes in place, has
 * them brought to the disk, and exits. */

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    static const char bytes[100];
    int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT, 0600) : -1;
    return fd < 0 || pwrite(fd, bytes, sizeof bytes, 0) != sizeof bytes || fdatasync(fd) < 0;
}
