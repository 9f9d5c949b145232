/* ranges FILE: lock bytes through two descriptors of a file, which conflict like two processes, and
 * print what lock.c reports. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/os/holder.h"
#include "../../lib/os/lock.h"

static int here, there;

static const char *text_of(int errnum)
{
    return errnum == 0 ? "done" : errnum == EAGAIN ? "taken" : errnum == ETIMEDOUT ? "late" : "?";
}

static void claim(int fd, int64_t first, int64_t last)
{
    struct range taken = { 0, 0 };
    int errnum = lock_claim(fd, (struct range){ first, last }, &taken);
    printf("claim %lld to %lld: %s", (long long)first, (long long)last, text_of(errnum));
    if (errnum != 0)
        printf(" at %lld to %lld", (long long)taken.first, (long long)taken.last);
    putchar('\n');
}

static void print(void *context, struct range taken)
{
    printf(" %lld-%lld", (long long)taken.first, (long long)taken.last);
    ++*(int *)context;
}

/* Print which bytes the other descriptor has locked. */
static void taken(int64_t first, int64_t last)
{
    int n = 0;
    printf("%lld to %lld:", (long long)first, (long long)last);
    lock_each_taken(there, (struct range){ first, last }, print, &n);
    printf(" (%d)\n", n);
}

static void claims(void)
{
    claim(here, 10, 19);
    claim(here, 30, 30);
    claim(here, 40, 49);
    taken(1, 100);
    taken(15, 45);
    taken(20, 29);
    taken(19, 30);
    taken(30, 30);
    taken(31, 30);
    claim(there, 20, 29);
    claim(there, 5, 10);
    claim(there, 19, 19);
    claim(there, 31, 40);
    claim(here, 29, 31);
    unlock_claim(here, (struct range){ 12, 13 });
    unlock_claim(here, (struct range){ 30, 30 });
    taken(1, 100);
    claim(there, 12, 14);
    claim(there, 12, 13);
    claim(there, POSITION_MAX, POSITION_MAX);
    claim(here, POSITION_MAX, POSITION_MAX);
    unlock_claim(there, (struct range){ 1, POSITION_MAX });
}

/* Return how many milliseconds a call took. */
static int64_t since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

static void all_claims(void)
{
    struct timespec start;
    claim(here, 1, 1);   /* nothing is free before this, */
    claim(here, 21, 21); /* and only 20 before this */
    clock_gettime(CLOCK_MONOTONIC, &start);
    int errnum = lock_all_claims(there, 30);
    printf("all claims: %s, %s\n", text_of(errnum), since(&start) >= 30 ? "not before" : "early");
    /* The free positions are claimed now. */
    claim(here, 1, 9);
    claim(here, 14, 20);
    claim(here, 50, POSITION_MAX);
    claim(here, 10, 11);
    unlock_claim(here, (struct range){ 1, POSITION_MAX });
    printf("all claims: %s\n", text_of(lock_all_claims(there, 30)));
    claim(here, 10, 11);
    printf("write: %s, %d\n", text_of(lock_write(here, 0)), lock_write_taken(there));
    unlock_claim(there, (struct range){ 1, POSITION_MAX });
    claim(here, 1, POSITION_MAX);
    unlock_claim(here, (struct range){ 1, POSITION_MAX });
    printf("write: %d%d\n", lock_write_taken(there), lock_write_taken(here));
    clock_gettime(CLOCK_MONOTONIC, &start);
    errnum = lock_write(there, 20);
    printf("write: %s, %s\n", text_of(errnum), since(&start) >= 20 ? "not before" : "early");
    claim(there, 1, 1);
    unlock_write(here);
    printf("write: %s, %d\n", text_of(lock_write(there, 0)), lock_write_taken(there));
    unlock_write(there);
    printf("write: %d\n", lock_write_taken(here));
    unlock_claim(there, (struct range){ 1, 1 });
}

static void watch(const char *what, int size)
{
    int pidfds[4];
    bool all;
    int n = lock_watch_present(there, pidfds, size, &all);
    printf("%s: %d, %s\n", what, n, all ? "all" : "not all");
    while (n > 0)
        close(pidfds[--n]);
}

static void presence(void)
{
    const int64_t first = POSITION_MAX + 1, last = first + (INT64_C(1) << 61) - 1;
    watch("no process", 4);
    printf("present: %s\n", text_of(lock_presence(here)));
    watch("a process", 4);
    watch("a process too many", 0);
    /* The first byte is of PID 0, and the last one of another namespace. */
    claim(here, last, last);
    watch("another namespace", 4);
    unlock_claim(here, (struct range){ last, last });
    claim(here, first, first);
    watch("another namespace", 4);
    unlock_claim(here, (struct range){ first, last });
    watch("no process", 4);
    printf("reader 0 and 7: %s %s\n", text_of(lock_reader(here, 0)), text_of(lock_reader(here, 7)));
    for (int n = 0; n < 9; n++)
        printf("%d", lock_reader_taken(there, n));
    printf(" %d\n", lock_reader_taken(here, 7));
    printf("reader 7: %s\n", text_of(lock_reader(there, 7)));
    watch("no process", 4);
    claim(there, last + 1, last + 1);
}

static void name(int64_t first, int64_t last)
{
    struct stat st;
    char text[HOLDER_TEXT], own[64];
    fstat(here, &st);
    snprintf(own, sizeof own, "process %ld (ranges)", (long)getpid());
    bool found = holder_name(&st, (struct range){ first, last }, text);
    printf("%lld to %lld: %d, %s\n", (long long)first, (long long)last, found,
           strcmp(text, own) == 0 ? "this process" : text);
}

static struct range all[300];
static size_t count;

static void keep(void *context, int64_t process, struct range range)
{
    if (process == getpid() && context == all && count < 300)
        all[count++] = range;
}

static int order(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Find this process by its locks in /proc. */
static void holders(void)
{
    struct stat st;
    char text[64] = "";
    struct flock to_the_end = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5000 };
    name(1, POSITION_MAX);
    claim(here, 10, 19);
    claim(there, 30, 39);
    name(1, 9);
    name(1, 10);
    name(19, 25);
    name(20, 29);
    name(39, 50);
    name(40, 50);
    fcntl(here, F_OFD_SETLK, &to_the_end);
    name(4000, 4999);
    name(POSITION_MAX, POSITION_MAX);
    for (int64_t i = 0; i < 200; i++) /* more than are read at once */
        lock_claim(here, (struct range){ 100 + 2 * i, 100 + 2 * i }, &(struct range){ 0 });
    fstat(here, &st);
    holder_each(&st, keep, all);
    qsort(all, count, sizeof all[0], order);
    printf("%zu:", count);
    for (size_t i = 0; i < count; i++)
        if (i < 5 || i > count - 4)
            printf(" %lld-%lld", (long long)all[i].first, (long long)all[i].last);
    holder_command(getpid(), text, sizeof text);
    printf("\n'%s'", text);
    holder_command(getpid(), text, 4);
    printf(" '%s'\n", text);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (here = open(argv[1], O_RDWR | O_CREAT, 0600)) < 0 ||
        (there = open(argv[1], O_RDWR)) < 0)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    claims();
    all_claims();
    presence();
    close(here);
    close(there);
    here = open(argv[1], O_RDWR);
    there = open(argv[1], O_RDWR);
    holders();
    return 0;
}
