/* lock.c - the locks of a spool, in its lock file. */

#include "lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* timer_create(2) and musl have this name; glibc does not. */
#if defined __GLIBC__ && !defined sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static_assert(sizeof(off_t) == sizeof(int64_t),
              "the offset of a lock has 64 bits: compile with -D_FILE_OFFSET_BITS=64");
static_assert(sizeof(time_t) == sizeof(int64_t),
              "a time has 64 bits: compile with -D_TIME_BITS=64 and glibc 2.34 or later");

static struct flock lock_of(short type, int64_t first, int64_t last)
{
    return (struct flock){ .l_type = type,
                           .l_whence = SEEK_SET,
                           .l_start = (off_t)first,
                           .l_len = (off_t)(last - first + 1) };
}

static void unlock(int fd, int64_t first, int64_t last)
{
    struct flock lock = lock_of(F_UNLCK, first, last);
    fcntl(fd, F_OFD_SETLK, &lock);
}

static bool refused(int errnum)
{
    return errnum == EAGAIN || errnum == EACCES;
}

/* --- the write lock -------------------------------------------------------- */

static void wake_up(int signal)
{
    (void)signal; /* the handler only ends a system call */
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for LOCK until the deadline. From then on the timer fires repeatedly, because the first
 * alarm may come just before the system call begins. */
static int wait_for_lock(int fd, struct flock *lock, int64_t timeout)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
#ifdef SIGEV_THREAD_ID
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
#endif
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
        return errno;
    const struct itimerspec alarms = {
        .it_value = { timeout / 1000, (long)(timeout % 1000) * 1000000 },
        .it_interval = { 0, 100000000 },
    };
    int64_t deadline = milliseconds() + timeout;
    int result = 0;
    timer_settime(timer, 0, &alarms, NULL);
    while (fcntl(fd, F_OFD_SETLKW, lock) < 0) {
        result = errno;
        if (result != EINTR)
            break;
        result = ETIMEDOUT;
        if (milliseconds() >= deadline)
            break;
        result = 0;
    }
    timer_delete(timer);
    return result;
}

/* Lock these bytes; wait for them if necessary. */
static int lock_bytes(int fd, int64_t first, int64_t last, int64_t timeout)
{
    struct flock lock = lock_of(F_WRLCK, first, last);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (!refused(errno))
        return errno;

    struct sigaction action = { .sa_handler = wake_up }, old_action;
    sigset_t alarm_only, old_mask;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, &old_action);
    sigprocmask(SIG_UNBLOCK, &alarm_only, &old_mask);
    int result = wait_for_lock(fd, &lock, timeout);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    sigaction(SIGALRM, &old_action, NULL);
    return result;
}

int lock_write(int fd, int64_t timeout)
{
    return lock_bytes(fd, 0, 0, timeout);
}

void unlock_write(int fd)
{
    unlock(fd, 0, 0);
}

bool lock_write_taken(int fd)
{
    struct range taken;
    return lock_taken(fd, (struct range){ 0, 0 }, &taken);
}

/* --- claims ---------------------------------------------------------------- */

bool lock_taken(int fd, struct range wanted, struct range *taken)
{
    struct flock lock = lock_of(F_WRLCK, wanted.first, wanted.last);
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return false;
    taken->first = lock.l_start;
    /* A length of 0 means all bytes to the end: it is not a lock of ours. */
    taken->last = lock.l_len > 0 ? lock.l_start + lock.l_len - 1 : INT64_MAX;
    return true;
}

/* The kernel reports one lock that is in the way; the rest of the range is on both sides of it. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as there are processes, at most
void lock_each_taken(int fd, struct range wanted, void (*report)(void *context, struct range taken),
                     void *context)
{
    struct range taken;
    while (wanted.first <= wanted.last && lock_taken(fd, wanted, &taken)) {
        if (taken.first < wanted.first)
            taken.first = wanted.first;
        if (taken.last > wanted.last)
            taken.last = wanted.last;
        lock_each_taken(fd, (struct range){ wanted.first, taken.first - 1 }, report, context);
        report(context, taken);
        wanted.first = taken.last + 1;
    }
}

int lock_claim(int fd, struct range wanted, struct range *taken)
{
    struct flock lock = lock_of(F_WRLCK, wanted.first, wanted.last);
    for (int tries = 0; tries < 100; tries++) {
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return 0;
        if (!refused(errno))
            return errno;
        if (lock_taken(fd, wanted, taken))
            return EAGAIN;
    } /* it was free again each time: leave it to the other process */
    *taken = wanted;
    return EAGAIN;
}

/* Claim what no other process has claimed. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as there are processes, at most
static void claim_free(int fd, struct range wanted)
{
    struct range taken = wanted;
    if (wanted.first > wanted.last || lock_claim(fd, wanted, &taken) != EAGAIN)
        return;
    claim_free(fd, (struct range){ wanted.first, taken.first - 1 });
    if (taken.last < wanted.last)
        claim_free(fd, (struct range){ taken.last + 1, wanted.last });
}

int lock_all_claims(int fd, int64_t timeout)
{
    claim_free(fd, (struct range){ 1, POSITION_MAX });
    return lock_bytes(fd, 1, POSITION_MAX, timeout);
}

void unlock_claim(int fd, struct range claimed)
{
    unlock(fd, claimed.first, claimed.last);
}

/* --- the upgrade ----------------------------------------------------------- */

#define UPGRADE (POSITION_MAX + 1 + (INT64_C(1) << 61) + (INT64_C(1) << 60))

int lock_upgrade(int fd, int64_t timeout)
{
    return lock_bytes(fd, UPGRADE, UPGRADE, timeout);
}

void unlock_upgrade(int fd)
{
    unlock(fd, UPGRADE, UPGRADE);
}

/* --- presence ---------------------------------------------------------------
 *
 * The kernel does not report the owner of a lock (l_pid is -1), and a process cannot wait for a
 * lock and for a bell at the same time. So a process that has claims locks a byte whose offset
 * encodes its PID namespace and PID, and a waiting process watches those processes by pidfd. */

enum { PID_BITS = 22 }; /* PID_MAX_LIMIT of Linux is 2^22 */

static int64_t presence_base(void)
{
    struct stat st;
    uint64_t namespace = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino & 0xffffffff : 0;
    return POSITION_MAX + 1 + (int64_t)(namespace << PID_BITS);
}

int lock_presence(int fd)
{
    int64_t byte = presence_base() + getpid();
    /* Shared, because another handle of this process may lock the same byte. */
    struct flock lock = lock_of(F_RDLCK, byte, byte);
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

/* The bytes behind those of all processes. */
#define HERE (POSITION_MAX + 1 + (INT64_C(1) << 61))

int lock_reader(int fd, int64_t number)
{
    struct flock lock = lock_of(F_RDLCK, HERE + number, HERE + number); /* shared */
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

bool lock_reader_taken(int fd, int64_t number)
{
    struct range taken;
    return lock_taken(fd, (struct range){ HERE + number, HERE + number }, &taken);
}

struct watch {
    int *pidfds;
    int count, size;
    int64_t base;
    bool all;
};

/* Watch the process whose lock shows that it has claims. */
static void watch_one(void *context, struct range taken)
{
    struct watch *watch = context;
    int64_t pid = taken.first - watch->base;
    int pidfd = -1;
    if (watch->count < watch->size && pid >= 0 && pid >> PID_BITS == 0)
        pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (pidfd >= 0)
        watch->pidfds[watch->count++] = pidfd;
    else
        watch->all = false;
}

int lock_watch_present(int fd, int pidfds[], int size, bool *all)
{
    struct watch watch = { .pidfds = pidfds, .size = size, .base = presence_base(), .all = true };
    lock_each_taken(fd, (struct range){ POSITION_MAX + 1, HERE - 1 }, watch_one, &watch);
    *all = watch.all;
    return watch.count;
}
