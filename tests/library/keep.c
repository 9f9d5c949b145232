/* keep.c - claim each message of a spool's default room separately, and keep it, like a run whose
 * COMMAND fails for every message. */

#include "common.h"

int main(int argc, char **argv)
{
    (void)argc;
    chat_spool *spool = open_spool(argv[1]);
    chat_batch *batch;
    while (chat_claim(spool, &one, &batch) == CHAT_OK)
        must(chat_keep(batch), spool, "keep");
    chat_close(spool);
    return 0;
}
