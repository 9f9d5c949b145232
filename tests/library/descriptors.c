/* descriptors WHERE: wait for a message and for other descriptors at once, and print why each wait
 * ended. */

#include <poll.h>
#include <unistd.h>

#include "common.h"

static const char *const names[] = { "look again", "time is up", "interrupted" };

static void wait_for(chat_spool *spool, const struct pollfd *fds, const char *what)
{
    enum chat_status status = chat_wait(spool, &one, 2000, NULL);
    printf("%s: %s%s%s%s\n", what, status <= CHAT_INTERRUPTED ? names[status] : chat_error(spool),
           (fds[0].revents & POLLIN) != 0 ? ", input" : "",
           (fds[0].revents & POLLHUP) != 0 ? ", end of input" : "",
           (fds[1].revents & POLLERR) != 0 ? ", no reader" : "");
}

int main(int argc, char **argv)
{
    int input[2], output[2];
    if (argc != 2 || pipe(input) < 0 || pipe(output) < 0)
        return 64;
    chat_spool *spool = open_spool(argv[1]);
    struct pollfd fds[] = { { .fd = input[0], .events = POLLIN }, { .fd = output[1] } };
    chat_set_descriptors(spool, fds, 2);
    wait_for(spool, fds, "nothing");
    (void)!write(input[1], "x", 1);
    wait_for(spool, fds, "a byte");
    send_text(spool, "hello");
    wait_for(spool, fds, "a message");
    chat_batch *batch;
    must(chat_claim(spool, &one, &batch), spool, "claim");
    must(chat_settle(batch, 1), spool, "delete");
    chat_release(batch);
    (void)!read(input[0], &(char){ 0 }, 1);
    close(output[0]);
    wait_for(spool, fds, "the reader has gone");
    close(input[1]);
    fds[1].fd = -1;
    wait_for(spool, fds, "the writer has gone");
    chat_set_descriptors(spool, NULL, 0);
    wait_for(spool, (struct pollfd[]){ { .fd = -1 }, { .fd = -1 } }, "neither");
    chat_close(spool);
    return 0;
}
