/* lock_all FILE: lock all of FILE, including bytes beyond its end, print "locked", and keep the
 * lock until killed. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
    if (fd < 0 || lockf(fd, F_LOCK, 0) < 0)
        return 1;
    puts("locked");
    fflush(stdout);
    for (;;)
        pause();
}
