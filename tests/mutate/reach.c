/* Record which code of a program runs, for tests/mutate/reach. The program is compiled with
 * -fsanitize-coverage=trace-pc, so that each basic block calls a function here. A byte for each
 * address is in a file of the test, which all programs of the test share: it says what ran even if
 * a program is killed. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern char __executable_start[], etext[];

static unsigned char *reached;

void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
    if (reached)
        reached[((uintptr_t)__builtin_return_address(0) - (uintptr_t)__executable_start) >> 2] = 1;
}

/* Map the file DIR/FEATURE@NUMBER@SIZE: the number of the test in its file, and the size of the
 * program's code, which distinguishes the programs. A program that runs outside a test, or that
 * cannot map the file, records nothing. */
__attribute__((constructor)) static void open_record(void)
{
    const char *dir = getenv("CHAT_REACH"), *file = getenv("BATS_TEST_FILENAME"),
               *number = getenv("BATS_TEST_NUMBER");
    const char *feature = file ? strstr(file, "/tests/") : NULL;
    char path[1024];
    size_t size = (size_t)(etext - __executable_start);
    int saved = errno;

    if (!dir || !number || !feature)
        return;
    int length = snprintf(path, sizeof path, "%s/", dir);
    snprintf(path + length, sizeof path - (size_t)length, "%s@%s@%zx", feature + 7, number, size);
    for (char *slash = path + length; (slash = strchr(slash, '/'));)
        *slash = '-';
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) {
        struct stat is;

        if (fstat(fd, &is) == 0 &&
            (is.st_size > 0 ||
             (fchmod(fd, 0666) == 0 && ftruncate(fd, (off_t)(size / 4 + 1)) == 0))) {
            void *mapped = mmap(NULL, size / 4 + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

            if (mapped != MAP_FAILED)
                reached = mapped;
        }
        close(fd);
    }
    errno = saved;
}
