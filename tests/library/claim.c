/* claim.c - claim the oldest message of a spool's default room, print the status, and run until
 * standard input ends. */

#include "common.h"

int main(int argc, char **argv)
{
    (void)argc;
    chat_spool *spool = open_spool(argv[1]);
    chat_batch *batch = NULL;
    enum chat_status status = chat_claim(spool, &one, &batch);
    printf("%d\n", (int)status);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    chat_release(batch);
    chat_close(spool);
    return 0;
}
